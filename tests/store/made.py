"""Events made by hand, and a look at the tables that follow from them."""

from __future__ import annotations

from typing import Any

from tripos.core.records import Extraction, Outcome, Usage, Verdict
from tripos.store.database import Database
from tripos.store.events import Answered, Event, Failed, Measured, RunEnded, RunStarted, Scored, TrialPlanned
from tripos.store.schema import PROJECTIONS
from tripos.store.writer import Writer

RUN = "0123456789ab"
OVERLAY = "overlay-1"


def started(planned: int | None = 1) -> RunStarted:
    return RunStarted(
        run_key="key", suite="", benchmark="quiz", category="test", model="m", engine="fake", backend="direct", overlay=OVERLAY,
        simulated=False, planned=planned, config={"seed": 1}, dataset={"rows": 2}, provenance={"host": "h"},
    )  # fmt: skip


def ended(status: str = "complete") -> RunEnded:
    return RunEnded(status=status, counts={"planned": 1})


def planned(name: str, *, subject: str | None = None, prompt: str = "Why?") -> TrialPlanned:
    return TrialPlanned(
        record_id=f"q-{name}", candidate_id=name, trial_hash=f"hash-{name}", subject=subject, reference_hash="r", prompt=prompt
    )


def answered(name: str, text: str = "B", **more: Any) -> Answered:
    return Answered(candidate_id=name, text=text, finish_reason="stop", usage=Usage(prompt_tokens=3, completion_tokens=1), **more)


def failed(name: str, error: str = "gone") -> Failed:
    return Failed(candidate_id=name, error_kind="connection", error=error)


def scored(name: str, right: bool = True, *, graded: str | None = None, overlay: str = OVERLAY, **metrics: float | None) -> Scored:
    verdict = Verdict(value=float(right), is_correct=right, outcome=Outcome.SCORED, metrics=metrics)
    return Scored(
        candidate_id=name,
        overlay=overlay,
        reference_hash="r",
        extraction=Extraction(answer="B"),
        verdict=verdict,
        started_at=1.0,
        graded=graded,
    )


def measured(name: str, joules: float | None) -> Measured:
    return Measured(shares={name: (joules, None, 50.0)}, account={"seconds": 1.0})


def trial(name: str, right: bool = True) -> list[Event]:
    """Everything that one sample leaves behind."""
    return [planned(name), answered(name), scored(name, right)]


def fill(url: str, *batches: list[Event], run_id: str = RUN) -> str:
    """Writes batches with a writer of its own; returns the id of its stream."""
    database = Database(url)
    writer = Writer(database)
    for batch in batches:
        writer.write(run_id, batch)
        writer.flush()
    writer.close()
    database.close()
    return writer.stream_id


def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All derived rows."""
    return {table: database.execute(f"SELECT * FROM {table} ORDER BY {key}") for table, key in PROJECTIONS.items()}
