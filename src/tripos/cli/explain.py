"""`tripos explain`: one record on one screen."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec

from tripos.core.errors import ConfigError, unknown
from tripos.reports.tables import clean, out, print_json
from tripos.results.stored_record import SHORTEST_ID
from tripos.runs.spec import DEFAULT_STORE
from tripos.store.database import Database
from tripos.store.events import audits_of, completion_of
from tripos.store.reading import Reader, RunRow, TrialRecord

_LONGEST = 4000


@click.command("explain")
@click.argument("record_id", metavar="RECORD")
@click.option("--run", "run_id", help="Run id, or its beginning.  [default: the newest run that has the record]")
@click.option("--store", default=DEFAULT_STORE, show_default=True)
@click.option("--attempt", default=0, show_default=True)
@click.option("--prompt-variant", "variant", help="Way of asking.  [default: default, or the first that the run has]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(record_id: str, run_id: str | None, store: str, attempt: int, variant: str | None, as_json: bool) -> int:
    """Prompt, answer, parse, score and why, of one record.

    RECORD is a record id of the benchmark, or a candidate id (6 digits will do).
    """
    reader = Reader(Database(store, read_only=True))
    run, trial = _find(reader, record_id, run_id, attempt, variant)
    facts = _facts(reader, run, trial)
    if as_json:
        print_json(facts)
        return 0
    console = out()
    for title, value in facts.items():
        text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        console.rule(title, align="left")
        console.print(
            clean(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n… {len(text) - _LONGEST} more characters"), markup=False
        )
    return 0


def _find(reader: Reader, record_id: str, run_id: str | None, attempt: int, variant: str | None) -> tuple[RunRow, TrialRecord]:
    runs = [reader.run(run_id)] if run_id else reader.runs()
    seen: dict[str, list[str]] = {}
    named: tuple[RunRow, TrialRecord] | None = None  # by its candidate id
    for run in runs:
        found = None
        for trial in reader.trials(run.run_id, run.overlay):
            p = trial.planned
            seen.setdefault(p.record_id, []).append(f"attempt {p.attempt} of variant {p.prompt_variant_id}")
            if named is None and len(record_id) >= SHORTEST_ID and p.candidate_id.startswith(record_id):
                named = run, trial
            if (p.record_id, p.attempt) == (record_id, attempt) and variant in (None, p.prompt_variant_id):
                found = trial if found is None or p.prompt_variant_id == "default" else found
        if found is not None:
            return run, found
    if record_id in seen:
        there = ", ".join(sorted(set(seen[record_id]))[:20])
        raise ConfigError(f"{reader.database.name}: record {record_id!r} has no such attempt or variant; it has: {there}")
    if named is not None:
        return named
    raise ConfigError(f"{reader.database.name}: {unknown('record', record_id, seen)}")


def _facts(reader: Reader, run: RunRow, trial: TrialRecord) -> dict[str, Any]:
    p, scored = trial.planned, trial.scored
    where = {"benchmark": run.benchmark, "model": run.model, "run_id": run.run_id}
    facts: dict[str, Any] = {
        "record": {"record_id": p.record_id, "attempt": p.attempt, "prompt_variant_id": p.prompt_variant_id, **where},
        "prompt": "\n\n".join(f"[{m['role']}] {m.get('content', '')}" for m in msgspec.json.decode(reader.fetch(p.prompt))),
        "reference": p.reference,
    }
    if trial.answered is not None:
        c = completion_of(trial.answered, reader.fetch)
        facts["answer" + (" (SIMULATED)" if c.simulated else "")] = c.text
        facts["generation"] = {
            "finish_reason": c.finish_reason, "usage": c.usage, "latency_seconds": c.latency_seconds, "ttft_seconds": c.ttft_seconds,
            "cost_usd": c.cost_usd, "started_at": _time(c.started_at), "queued_seconds": c.queued_seconds, "retries": c.retries,
        }  # fmt: skip
        if c.turns:
            facts["turns"] = c.turns
    if trial.failed is not None:
        facts["failed"] = {"kind": trial.failed.error_kind, "error": trial.failed.error, "retries": trial.failed.retries}
    if scored is not None and trial.answered is not None:
        facts["parse"] = scored.extraction
        facts["score"] = {"is_correct": scored.verdict.is_correct, "value": scored.verdict.value, "outcome": scored.verdict.outcome}
        facts["why"] = {"details": scored.verdict.details, "metrics": scored.verdict.metrics, "error": scored.error}
        audits = audits_of(scored, reader.fetch)
        if audits:
            facts["judge"] = audits
    return facts


def _time(at: float | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
