"""`tripos estimate`: what a run or a suite will take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tripos.cli import options
from tripos.cli.run import suite_of
from tripos.cli.store import reader_of
from tripos.reports.tables import print_json, print_table, say

if TYPE_CHECKING:
    from tripos.runs.estimate import Estimate


@click.command("estimate")
@click.option("-c", "--config", help="Suite: a TOML file, or the name of a shipped one.")
@click.option("--model-filter", help="Only models whose name contains this text.")
@options.what
@options.model
@options.how
@options.where
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: str | None, model_filter: str | None, as_json: bool, **flags: Any) -> int:
    """Calls, tokens, cost and time before paying. Nothing is asked."""
    from tripos.runs.estimate import estimate

    suite = suite_of(config, model_filter, flags)
    reader = reader_of(suite.runs[0].store)
    found = [estimate(spec, reader) for spec in suite.runs]
    if as_json:
        print_json({"runs": [e.plain() for e in found]})
        return 0
    rows = [[e.benchmark, e.model, e.calls, e.prompt_tokens, *_spans(e), e.seconds] for e in found]
    columns = ["Benchmark", "Model", "Calls", "Prompt tokens", "Completion tokens", "Cost", "Judge calls", "Judge cost", "Seconds"]
    print_table("Estimate", columns, rows, right=range(2, 9))
    if len(found) > 1:
        say(_together(found))
    say(f"{found[0].basis}. A cost of – means that the price is not known (local models have none).")
    return 0


def _spans(e: Estimate) -> tuple[Any, ...]:
    tokens = _span(e.completion_tokens_low, e.completion_tokens_high)
    judged = _span(e.judge_calls_low, e.judge_calls_high), _dollars(e.judge_cost_usd_low, e.judge_cost_usd_high)
    return tokens, _dollars(e.cost_usd_low, e.cost_usd_high), *judged


def _together(found: list[Estimate]) -> str:
    """What all runs take; where a price is not known, over how many the sum is."""
    calls = f"together: {sum(e.calls for e in found)} calls"
    known = [e for e in found if None not in (e.cost_usd_low, e.judge_cost_usd_low, e.cost_usd_high, e.judge_cost_usd_high)]
    if not known:
        return f"{calls}, at prices that are not known"
    low = sum((e.cost_usd_low or 0.0) + (e.judge_cost_usd_low or 0.0) for e in known)
    high = sum((e.cost_usd_high or 0.0) + (e.judge_cost_usd_high or 0.0) for e in known)
    rest = f", and the cost of {len(found) - len(known)} runs at prices that are not known" if len(known) < len(found) else ""
    return f"{calls}, {_dollars(low, high)} with the judge{rest}"


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _dollars(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"${low:.2f}" if low == high else f"${low:.2f} to ${high:.2f}"
