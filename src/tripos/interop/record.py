"""From a log to the record: an imported run is the same events as a run of our own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.identity import digest
from tripos.core.records import Outcome, Verdict
from tripos.interop.imported import VERSION, ImportedLog, ImportedTrial
from tripos.results.direction import BETTER
from tripos.scoring.judge import judge_cost
from tripos.store.events import Event, Failed, RunEnded, RunStarted, Scored, Took, TrialPlanned, answered
from tripos.store.reading import Reader
from tripos.store.writer import Writer

_UNSCORED = Verdict(value=None, is_correct=None, outcome=Outcome.JUDGE_FAILED)
_encode = msgspec.json.Encoder(order="sorted").encode


class Recorded(NamedTuple):
    """`new` is False when the store held this log already, so that nothing was written."""

    run_id: str
    new: bool


def record(log: ImportedLog, writer: Writer, reader: Reader) -> Recorded:
    """Writes a log as a run, once: the same log again changes nothing. Durable when it returns.

    Raises:
        ConfigError: a sample cannot be read, or a record and attempt occur twice; nothing is written then.
        StoreError: the store cannot be written.
    """
    if any(r.run_id == log.run_id and r.status in ("complete", "partial") for r in reader.runs()):
        return Recorded(log.run_id, False)
    _check(log)
    writer.write(log.run_id, [_started(log)])
    counts: dict[str, int] = {}
    for trial in log.trials():
        events = list(_events(log, trial, writer))
        outcome = _outcome(trial)
        counts[outcome] = counts.get(outcome, 0) + 1
        writer.write(log.run_id, events)
    whole = sum(counts.values()) == log.planned and all(Outcome(o).of_model for o in counts)
    writer.write(log.run_id, [RunEnded(status="complete" if whole else "partial", counts={"planned": log.planned, **counts})])
    writer.flush()
    return Recorded(log.run_id, True)


def _check(log: ImportedLog) -> None:
    """Reads everything once before the first event, so that a damaged log leaves no half a run."""
    seen: set[tuple[str, str, int]] = set()
    for trial in log.trials():
        key = (trial.record_id, trial.prompt_variant_id, trial.attempt)
        if key in seen:
            raise ConfigError(f"{log.path}: record {trial.record_id!r}, attempt {trial.attempt}, is there twice; which one counts?")
        seen.add(key)


def _started(log: ImportedLog) -> RunStarted:
    origin = {"tool": log.tool, "version": log.tool_version, "path": str(log.path), "sha256": log.content, "importer": VERSION}
    return RunStarted(
        run_key=log.run_key,
        suite="",
        benchmark=log.benchmark,
        category=log.category,
        model=log.model,
        engine=log.engine,
        backend=log.backend,
        overlay=log.overlay,
        simulated=log.simulated,
        planned=log.planned,
        config={
            "benchmark": log.benchmark,
            "model": {"name": log.model},
            "params": log.params,
            "seed": log.seed,
            "scorer": log.scorer,
            BETTER: log.better,
        },
        dataset=log.dataset,
        provenance={"imported": origin, "started_at": log.started_at, "ended_at": log.ended_at, "notes": list(log.notes)},
    )


def _events(log: ImportedLog, trial: ImportedTrial, writer: Writer) -> Iterator[Event]:
    prompt = _encode(trial.prompt).decode()
    asked = {"model": log.model, "engine": log.engine, "params": log.params, "record": trial.record_id, "prompt": prompt}
    item = f"{log.run_key}/{trial.record_id}/{trial.prompt_variant_id}/{trial.attempt}"
    planned = TrialPlanned(
        record_id=trial.record_id,
        prompt_variant_id=trial.prompt_variant_id,
        attempt=trial.attempt,
        candidate_id=hashlib.sha256(item.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        trial_hash=digest(asked),
        subject=trial.subject,
        slice_id=trial.slice_id,
        dimensions=trial.dimensions,
        reference=trial.reference,
        reference_hash=hashlib.sha256(_encode(trial.reference)).hexdigest()[:16],
        prompt=writer.stow(prompt),
    )
    yield planned
    if trial.completion is None:
        yield Failed(candidate_id=planned.candidate_id, error_kind=trial.error_kind, error=trial.error or "the log does not say why")
        return
    yield answered(planned.candidate_id, trial.completion, writer.stow, trial.telemetry)
    verdict = trial.verdict if trial.verdict is not None else _UNSCORED
    began, ended = trial.scoring or (None, None)
    yield Scored(
        candidate_id=planned.candidate_id,
        overlay=log.overlay,
        reference_hash=planned.reference_hash,
        extraction=trial.extraction,
        verdict=msgspec.structs.replace(verdict, audits=()),
        audits=writer.stow(msgspec.json.encode(verdict.audits).decode()) if verdict.audits else None,
        error=trial.error,
        started_at=began,
        judge_cost_usd=judge_cost(verdict.audits),
        took=Took(None, 0, int((ended - began) * 1e6) + 1) if began is not None and ended is not None else None,
    )


def _outcome(trial: ImportedTrial) -> str:
    if trial.completion is None:
        return Outcome.INFRASTRUCTURE_FAILED.value
    return (trial.verdict if trial.verdict is not None else _UNSCORED).outcome.value
