"""Grading answers of benchmarks that need no instruments, rates of cheats, and phrasings read back out of a text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product

from tripos.benchmarks.benchmark import Benchmark
from tripos.core.records import Completion, Sample, Verdict
from tripos.scoring.answers import visible
from tripos.scoring.scorer import Answer, Instruments


def score(made: Benchmark, sample: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    """Transform and scorer, as the runner applies them."""
    seen = visible(text)
    answer = Answer(seen, Completion(text=text, finish_reason=finish_reason), made.transform(sample, seen))
    verdict = made.scorer.score(sample, answer, Instruments())
    assert isinstance(verdict, Verdict)
    return verdict


def rates(
    made: Benchmark, samples: Iterable[Sample], opponents: Callable[[Sample], dict[str, str]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Share of samples that each opponent passes, and its mean value."""
    passed: Counter[str] = Counter()
    values: Counter[str] = Counter()
    count = 0
    for sample in samples:
        count += 1
        for name, text in opponents(sample).items():
            verdict = score(made, sample, text)
            assert verdict.value is not None
            passed[name] += int(bool(verdict.is_correct))
            values[name] += verdict.value  # type: ignore[assignment]
    return {name: passed[name] / count for name in values}, {name: values[name] / count for name in values}


def phrasings(template: str) -> Iterator[str]:
    """Every text that `{this|that}` can become (not nested)."""
    parts = re.split(r"\{([^{}]*)\}", template)
    yield from ("".join(choice) for choice in product(*(part.split("|") if n % 2 else [part] for n, part in enumerate(parts))))


def readers(template: str, **groups: str) -> list[re.Pattern[str]]:
    """Patterns that read a template's fields back: `$name` becomes the group `name` of that expression, `.+` if not given."""
    made = []
    for text in phrasings(template):
        pattern = re.sub(r"\\\$([a-z]+)", lambda m: f"(?P<{m[1]}>{groups.get(m[1], '.+')})", re.escape(text))
        made.append(re.compile(pattern, re.IGNORECASE))
    return made


def read(patterns: Iterable[re.Pattern[str]], text: str) -> dict[str, str] | None:
    """The fields of the first pattern that is the whole text."""
    for pattern in patterns:
        if found := pattern.fullmatch(text):
            return found.groupdict()
    return None
