"""`tripos timeline`: what happened to one record, stage by stage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tripos.reports.tables import clean, out, print_json, print_table, shown
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.results.timeline import RecordTimelineView

_LONGEST = 600


@click.command("timeline")
@click.argument("record")
@click.option("--run", "run_ids", multiple=True, help="Only this run (id or its beginning); may be repeated.")
@click.option("-b", "--benchmark", help="Only this benchmark.")
@click.option("-m", "--model", "models", multiple=True, help="Only this model; may be repeated.")
@click.option("--attempt", type=click.IntRange(min=0), help="Which attempt of a record.")
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
    trial: bool,
    scores: str,
    store: str,
    as_json: bool,
) -> int:
    """Stages of RECORD with start and end: waiting, failed tries, answer, parse, judge, score.

    RECORD is a record id of the benchmark, or a candidate id or trial hash (6 digits will do).
    """
    from tripos.results.projections import Projections
    from tripos.results.timeline_view import view

    repo = Projections(store, run_ids=run_ids or None, benchmark=benchmark, models=models or None, scores=scores)
    found = view(repo, record, "trial" if trial else "candidate", attempt=attempt)
    if as_json:
        print_json(found)
    else:
        _print(found)
    return 0


def _print(view: RecordTimelineView) -> None:
    spec = view.trial_spec
    mark = " (SIMULATED)" if spec.simulated else ""
    title = f"{spec.benchmark_id} {spec.item_id} x {spec.model_id}{mark}, run {spec.run_id}, {view.record_type} {view.record_id[:12]}"
    times = [t for s in view.timeline.stages for t in (s.started_at, s.ended_at) if t is not None]
    zero = min(times) if times else None
    rows = [_row(s, zero) for s in view.timeline.stages]
    print_table(title, ["Stage", "", "Start s", "End s", "Took ms", "By", "Note"], rows, right=(2, 3, 4))
    console = out()
    if zero is not None:
        console.print(f"0 s is {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(zero))}; – was not measured", markup=False)
    if view.conversation is not None:
        for event in view.conversation.events:
            said = event.content if isinstance(event.content, str) else msgspec.json.encode(event.content or event.arguments).decode()
            console.rule(f"{event.kind} {event.role}" + (f" {event.tool_name}" if event.tool_name else ""), align="left")
            console.print(_short(said), markup=False)
    _scores(view)


def _row(stage: Any, zero: float | None) -> list[Any]:
    start, end = (None if t is None or zero is None else round(t - zero, 3) for t in (stage.started_at, stage.ended_at))
    note = stage.error or ", ".join(
        f"{name} {shown(value)}" for name, value in stage.metadata.items() if value not in (None, False, {}, "")
    )
    took = None if stage.duration_ms is None else round(stage.duration_ms, 1)
    return [stage.stage, stage.status, start, end, took, stage.component_id, note[:160]]


def _scores(view: RecordTimelineView) -> None:
    console = out()
    for parse in view.extractions:
        console.rule("parse", align="left")
        console.print(
            f"{shown(parse.parsed_answer)} (by {shown(parse.extractor_id)})" if parse.success else str(parse.failure_reason), markup=False
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
