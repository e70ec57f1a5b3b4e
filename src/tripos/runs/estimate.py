"""What a run will take, before it is paid. Nothing is asked.

Prompt tokens are counted as characters / 4 (stated as an estimate; a tokenizer would have to be fetched). Completion
tokens are the mean of what this model gave on this benchmark before, where the store knows it; else between 0 and the
limit. A judge reads prompt and answer and some 400 tokens of instructions, and writes between nothing and its own limit; it is
asked twice an answer at most, and at least once where the scorer always asks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from tripos.core.records import Message, Usage, text_of
from tripos.engines.prices import cost_usd
from tripos.runs.plan import compose, variants_of
from tripos.runs.selection import select
from tripos.runs.spec import RunSpec
from tripos.store.reading import Reader

_CHARACTERS_A_TOKEN = 4
_LOOKED_AT = 500
_JUDGE_INSTRUCTIONS = 400
"""Tokens of a judge's prompt beside question, reference and answer, roughly."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bounds of one run. Costs are None where the price is unknown, times where nothing was measured before."""

    benchmark: str
    model: str
    samples: int
    calls: int
    prompt_tokens: int
    completion_tokens_low: int
    completion_tokens_high: int
    cost_usd_low: float | None
    cost_usd_high: float | None
    judge_calls_low: int
    judge_calls_high: int
    judge_cost_usd_low: float | None
    judge_cost_usd_high: float | None
    seconds: float | None
    basis: str

    def plain(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def estimate(spec: RunSpec, reader: Reader | None) -> Estimate:
    """Estimates one run from its rendered prompts and from what the store remembers.

    Raises:
        TriposError: the benchmark cannot be loaded.
    """
    _, benchmark = compose(spec)
    selection = select(benchmark, spec)
    variants = variants_of(spec, benchmark)
    characters = looked_at = 0
    for sample in islice(selection, _LOOKED_AT):
        characters += sum(_characters(prompt(sample)) for prompt in variants.values()) + len(benchmark.system or "") * len(variants)
        looked_at += 1
    calls = selection.total * spec.attempts * len(variants)
    prompt_tokens = round(characters / max(looked_at * len(variants), 1) / _CHARACTERS_A_TOKEN * calls)
    tokens, seconds = _before(spec, reader)
    low, high = (round(tokens * calls),) * 2 if tokens is not None else (0, calls * spec.params.max_tokens)
    needs = benchmark.scorer.needs
    judged = (calls if "judge" in needs else 0, calls * 2 if needs & {"judge", "judge?"} else 0)
    judge, question = spec.judge, prompt_tokens + calls * _JUDGE_INSTRUCTIONS
    return Estimate(
        benchmark=spec.benchmark,
        model=spec.model.name,
        samples=selection.total,
        calls=calls,
        prompt_tokens=prompt_tokens,
        completion_tokens_low=low,
        completion_tokens_high=high,
        cost_usd_low=_cost(spec.model.name, calls, prompt_tokens, low),
        cost_usd_high=_cost(spec.model.name, calls, prompt_tokens, high),
        judge_calls_low=judged[0],
        judge_calls_high=judged[1],
        judge_cost_usd_low=_cost(judge.model.name, judged[0], question + low, 0),
        judge_cost_usd_high=_cost(judge.model.name, judged[1], 2 * (question + high), judged[1] * judge.max_tokens),
        seconds=seconds * calls / int(spec.max_workers) if seconds is not None and spec.max_workers != "auto" else None,
        basis=f"{looked_at * len(variants)} prompts at {_CHARACTERS_A_TOKEN} characters a token; "
        + ("answers as in earlier runs" if tokens is not None else "answers between none and --max-tokens"),
    )


def _cost(model: str, calls: int, prompt_tokens: int, completion_tokens: int) -> float | None:
    """US dollars of so many tokens over so many calls of the same length: prices may depend on the length of one prompt."""
    if not calls:
        return 0.0
    one = cost_usd(model, Usage(prompt_tokens=round(prompt_tokens / calls), completion_tokens=round(completion_tokens / calls)))
    return None if one is None else one * calls


def _characters(rendered: str | list[Message]) -> int:
    return len(rendered) if isinstance(rendered, str) else sum(len(text_of(m.content)) for m in rendered)


def _before(spec: RunSpec, reader: Reader | None) -> tuple[float | None, float | None]:
    """(mean completion tokens, mean latency in seconds) of this model on this benchmark in the store."""
    if reader is None:
        return None, None
    rows = reader.database.execute(
        """SELECT avg(k.completion_tokens), avg(k.latency_seconds) FROM trial t JOIN run r ON r.run_id = t.run_id
        JOIN candidate k ON k.candidate_id = t.candidate_id WHERE r.benchmark = ? AND r.model = ? AND k.status = 'answered'""",
        (spec.benchmark, spec.model.name),
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)
