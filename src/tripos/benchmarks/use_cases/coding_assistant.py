"""coding_assistant: mend a small module after a bug report.

The seed names the benchmark and nothing more ("Bug-fix coding assistant (test-based)"); upstream it is 30 interview classics
whose tests are never called, so that the unchanged file scores 30 of 30. Ours are generated: a reference module of our own
(six families, names and constants redrawn), a mutation of its syntax tree, a report made from one failing call. Hidden
checks are other random calls, compared with what the reference gives. A mutant is asked about only if at least two hidden
checks fail, at least one call passes, and the reference passes all.

`is_correct` = all hidden checks pass, which leaves no room for a regression. `value` = (pass rate - b) / (1 - b), not below
0, where b is the pass rate of the file as shown: handing it back is worth 0. One sample in ten is a control without a bug
(dimension `control`): the report is mistaken, the docstring says so, and unchanged behaviour is right; there the value is the pass rate.

Difficulty: easy, one bug that at least 30 % of the calls run into; middle, one bug that at most half of them run into; hard, two bugs
in one of the larger modules, of which the report shows one failing call.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.coding import repair
from tripos.benchmarks.use_cases.coding.report import check_of, example_of, told, transcript
from tripos.core.records import Sample
from tripos.scoring.code_tests import encode_checks
from tripos.scoring.fenced import fenced
from tripos.scoring.hidden_checks import HiddenChecks, PythonCode

VERSION = 1  # of the generator; raise it when samples change
CANARY = "tripos-coding-assistant-2c8e6a55-1e0f-47c7-8b7d-93f3ad1f6d10"  # generated examination material: not for training
CONTROL_EVERY = 10


@benchmark(
    "coding_assistant",
    category="use-case",
    summary="Bug-fix coding assistant (test-based)",
    size="endless (generated)",
    licence="Apache-2.0",
    official="ours (generated): all hidden checks pass; value: the gain over the file as shown",
    deviates="upstream: 30 interview classics whose tests are never called",
    calibrated="0.1.0",
)
def coding_assistant(options: Options) -> Benchmark:
    """Composes the benchmark. The run's seed makes the samples."""
    refuse("coding_assistant", options, "data", "split", "subset", "shots", "judge")
    source = Generated("coding_assistant", VERSION, options.seed, make)
    return Benchmark(
        samples=source,
        prompt=prompt,
        transform=PythonCode(),
        scorer=HiddenChecks(),
        calibration=lambda: _calibration(source),
        per_subject=("family", "control"),
        default_n=60,
        perfect=lambda sample: fenced(sample.reference["solution"]),
    )


def make(rng: Random, index: int) -> Sample:
    """Sample `index`: difficulties take turns, and so do families; samples 4, 14, 24, … are controls."""
    level = repair.LEVELS[index % 3]
    family = repair.FAMILIES[index // 3 % len(repair.FAMILIES)]
    control = index % CONTROL_EVERY == 4
    task = repair.draw_repair(rng, family, level, control=control)
    call, actual, claimed = task.visible
    parts = [told(rng, call, actual, claimed), f"The file, `solution.py`:\n\n```python\n{task.shown}```", transcript(call, actual, claimed)]
    return Sample(
        record_id="",
        input="\n\n".join([*parts, rng.choice(_RULES), rng.choice(_ASKS)]),
        reference={
            "solution": task.reference,
            "checks": encode_checks([check_of(call, outcomes) for call, outcomes in task.hidden]),
            "passed_before": list(task.passed_before),
            "shown": task.shown,
        },
        subject=level,
        dimensions={"difficulty": level, "family": family, "control": "no bug" if control else "bug"},
        metadata={"name": call.name, "mutations": list(task.kinds), "example": example_of(call, claimed), "canary": CANARY},
    )


_RULES = (
    "The docstring says what is meant; where a report and the docstring disagree, the docstring is right. Look for every place where "
    "the code "
    "departs from it. If there is none, hand the file back unchanged.",
    "Take the docstring as the specification. Reports can be wrong, and there may be more wrong than was reported: make the code do "
    "what the "
    "docstring says in all cases, and leave it alone if it already does.",
    "What counts is the docstring. Mend whatever contradicts it, reported or not; if nothing does, the report is mistaken and the file "
    "stays as "
    "it is.",
)
_ASKS = (
    "Reply with the whole corrected file in one ```python block. Keep all names and signatures.",
    "Give the complete file after your correction in a single ```python block, with unchanged names and signatures.",
    "Answer with the full content of the file, corrected, in one ```python block; names and signatures must stay.",
)


def prompt(sample: Sample) -> str:
    """Report, file, failing call and what is asked, as generated."""
    return sample.question


def _calibration(source: Generated) -> Iterator[Case]:
    indexes = range(2 * len(repair.FAMILIES) + 3)
    for index in indexes:
        sample = source.sample(index)
        yield Case("reference", sample, "This is the corrected file.\n\n" + fenced(sample.reference["solution"]), passes=True)
        if sample.dimensions["control"] == "no bug":
            yield Case("unchanged", sample, fenced(sample.reference["shown"]), passes=True)
            yield Case("empty", sample, "", passes=False)
    for sample in (source.sample(index) for index in indexes if index % 6 == 0):
        name, shown = sample.metadata["name"], sample.reference["shown"]
        others = [source.sample(index).reference["solution"] for index in indexes if index % 5 == 1]
        yield Case("empty", sample, "", passes=False)
        yield Case("refusal", sample, "I am sorry, but I cannot help with this file.", passes=False)
        yield Case("echo", sample, prompt(sample), passes=False)
        yield Case("unchanged", sample, fenced(shown), passes=False)
        yield Case("garbage", sample, fenced(f"def {name}(v:\n    retrun v v\n"), passes=False)
        yield Case("names only", sample, fenced(f"{name} = None\n"), passes=False)
        yield Case("dump", sample, "\n".join(fenced(code) for code in (sample.reference["solution"], *others)), passes=False)
        yield Case("majority", sample, fenced(f"{name} = lambda *args: 0\n"), passes=False)
        yield Case("crash", sample, fenced(f"def {name}(*args):\n    raise RuntimeError(args)\n"), passes=False)
        if sample.metadata["example"]:
            yield Case("example only", sample, fenced(shown + _by_heart(name, *sample.metadata["example"])), passes=False)


def _by_heart(name: str, args: list[object], wanted: object) -> str:
    """A patch that answers the reported call and leaves the bug where it is."""
    return (
        f"\n_mended = {name}\n\ndef {name}(*args):\n    if args == {tuple(args)!r}:\n        return {wanted!r}\n    return _mended(*args)\n"
    )
