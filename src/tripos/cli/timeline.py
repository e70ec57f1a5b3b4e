"""`tripos timeline`: what happened to one record, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tripos.reports.tables import clean, out, print_json, print_table, shown
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.results.timeline import RecordTimelineView, TimelineStageRecord

_LONGEST = 600
_LONGEST_NOTE, _LONGEST_ANSWER = 160, 40
_SHORTEST_WAIT_MS = 1.0


@click.command("timeline")
@click.argument("record")
@click.option("--run", "run_ids", multiple=True, help="Only this run (id or its beginning); may be repeated.")
@click.option("-b", "--benchmark", help="Only this benchmark.")
@click.option("-m", "--model", "models", multiple=True, help="Only this model; may be repeated.")
@click.option("--attempt", type=click.IntRange(min=0), help="Which attempt of a record.")
@click.option("--prompt-variant", "variant", help="Which way of asking.")
@click.option("--trial", is_flag=True, help="All attempts of the trial.")
@click.option("--scores", default="default", show_default=True, help="Scoring, by name or hash.")
@click.option("--store", default=DEFAULT_STORE, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    record: str,
    run_ids: tuple[str, ...],
    benchmark: str | None,
    models: tuple[str, ...],
    attempt: int | None,
    variant: str | None,
    trial: bool,
    scores: str,
    store: str,
    as_json: bool,
) -> int:
    """Stages of RECORD with start and end: preparation, waits, every try, turn and tool, answer, parse, judge calls, score.

    RECORD is a record id of the benchmark, or a candidate id or trial hash (6 digits will do).
    """
    from tripos.results.projections import Projections
    from tripos.results.timeline_view import view

    repo = Projections(store, run_ids=run_ids or None, benchmark=benchmark, models=models or None, scores=scores)
    found = view(repo, record, "trial" if trial else "candidate", attempt=attempt, variant=variant)
    if as_json:
        print_json(found)
    else:
        _print(found)
    return 0


def _print(view: RecordTimelineView) -> None:
    spec = view.trial_spec
    mark = " (SIMULATED)" if spec.simulated else ""
    title = f"{spec.benchmark_id} {spec.item_id} x {spec.model_id}{mark}, run {spec.run_id}, {view.record_type} {view.record_id[:12]}"
    stages = view.timeline.stages
    times = [t for s in stages for t in (s.started_at, s.ended_at) if t is not None]
    zero = min(times) if times else None
    told = [s for s in stages if not (s.stage == "queueing" and s.duration_ms is not None and s.duration_ms < _SHORTEST_WAIT_MS)]
    print_table(title, ["Stage", "", "Start s", "End s", "Took", "By", "Note"], [_row(s, zero) for s in told], right=(2, 3, 4))
    console = out()
    if zero is not None:
        left_out = "; waits under 1 ms are left out" if len(told) < len(stages) else ""
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(zero))
        console.print(f"0 s is {began}, in all {_time(1000 * (max(times) - zero))}; – was not measured{left_out}", markup=False)
    if view.conversation is not None:
        for event in view.conversation.events:
            content = event.arguments if event.content is None else event.content
            said = content if isinstance(content, str) else msgspec.json.encode(content).decode()
            console.rule(f"{event.kind} {event.role}" + (f" {event.tool_name}" if event.tool_name else ""), align="left")
            console.print(_short(said), markup=False)
    _scores(view)


def _row(stage: TimelineStageRecord, zero: float | None) -> list[Any]:
    start, end = (None if t is None or zero is None else f"{t - zero:.3f}" for t in (stage.started_at, stage.ended_at))
    note = "; ".join(clean(part) for part in _notes(stage) if part)
    return [stage.stage, stage.status, start, end, _time(stage.duration_ms), stage.component_id, note[:_LONGEST_NOTE]]


def _notes(stage: TimelineStageRecord) -> Iterator[str | None]:
    """What is worth a look, in words; `--json` has all of it."""
    facts = stage.metadata
    for name in ("attempt", "turn", "try"):
        if facts.get(name) is not None:
            yield f"{name} {facts[name]}"
    yield facts.get("label")
    if stage.stage == "queueing":
        yield _wait(facts)
    yield stage.error
    if stage.error is None:
        yield facts.get("finish_reason")
    usage = facts.get("usage") or {}
    if usage.get("completion_tokens") is not None:
        yield f"{shown(usage.get('prompt_tokens'))} + {usage['completion_tokens']} tokens"
    if facts.get("ttft_ms") is not None:
        yield f"first token after {_time(facts['ttft_ms'])}"
    for name in ("parsed_answer", "parsed"):
        if facts.get(name) is not None:
            yield f"read {_one_line(facts[name])}"
    yield facts.get("outcome")
    for name, what in (("cost_usd", ""), ("judge_cost_usd", "judge ")):
        if facts.get(name) is not None:
            yield f"{what}${facts[name]:.6f}"
    yield "several readings" if facts.get("ambiguous") else None
    yield "SIMULATED" if facts.get("simulated") else None
    yield f"limit: {facts['limit']}" if facts.get("limit") and stage.error is None else None


def _wait(facts: dict[str, Any]) -> str:
    slept, wanted = facts.get("backoff_ms"), facts.get("retry_after_seconds")
    if slept is None:
        return f"for {facts.get('why')}"
    asked = f" (the server asked for {_time(1000 * wanted)})" if wanted is not None else ""
    return f"back-off {_time(slept)}{asked}, then for a free slot"


def _time(ms: float | None) -> str | None:
    """A duration in the unit that suits it."""
    if ms is None:
        return None
    if ms < 1:
        return f"{1000 * ms:.0f} µs"
    return f"{ms:.1f} ms" if ms < 1000 else f"{ms / 1000:.2f} s" if ms < 120_000 else f"{ms / 60_000:.1f} min"


def _one_line(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_ANSWER else f"{text[:_LONGEST_ANSWER]}…"


def _scores(view: RecordTimelineView) -> None:
    console = out()
    for parse in view.extractions:
        console.rule("parse", align="left")
        console.print(
            f"{shown(parse.parsed_answer)} (rule: {shown(parse.extractor_id)})" if parse.success else str(parse.failure_reason),
            markup=False,
        )
    if view.evaluation is not None:
        console.rule(f"score under {view.evaluation.evaluation_hash}", align="left")
        values = ", ".join(f"{m.metric_id} {shown(m.value)}" for m in view.evaluation.metric_scores)
        console.print(f"{view.evaluation.outcome}: {values}", markup=False)
    for call in view.judge_audit.calls if view.judge_audit is not None else ():
        console.rule(f"judge {call.model or ''} {call.label or ''}".rstrip(), align="left")
        console.print(_short(call.reply or call.error or ""), markup=False)
    kinds = ", ".join(e.event_type for e in view.related_events)
    console.print(f"{len(view.related_events)} events: {kinds}", markup=False)


def _short(text: str) -> str:
    return clean(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n… {len(text) - _LONGEST} more characters (--json has all)")
