"""Reading stored judge replies again, without asking: after a better parser, or to recover verdicts that could not be read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.benchmarks.benchmark import benchmarks
from tripos.core.errors import ConfigError
from tripos.core.identity import digest, settings_of
from tripos.core.records import JudgeAudit, Outcome, Verdict
from tripos.results.result_file import ResultFile, key_of
from tripos.runs.plan import compose
from tripos.runs.stored import SCORER, spec_of
from tripos.store.events import Scored, Took, audits_of
from tripos.store.reading import Reader, RunRow, TrialRecord
from tripos.store.writer import Writer

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Reparsed:
    """What a second reading changed. Means are over the records that have a score."""

    records: int
    reread: int
    recovered: int
    changed: int
    accuracy_before: float | None
    accuracy_after: float | None
    mean_score_before: float | None
    mean_score_after: float | None


def reparse(file: ResultFile, out: Path, reader: Reader | None, writer: Writer | None) -> Reparsed:
    """Reads every stored judge reply of a results file again and writes the file with the new verdicts to `out`.

    The replies come from the store where it has the run (`reader`), with every call; else from the file itself, which keeps
    the last reply alone. With a `writer` the new verdicts become events of the run as well.

    Raises:
        ConfigError: no record of the file was scored by a judge, or the scorer cannot read replies.
    """
    if not file.records:
        raise ConfigError(f"{file.path} holds no records")
    run = _run(file, reader)
    scorer = _scorer(file, run)
    stored = {} if run is None or reader is None else dict(_keyed(reader, run.run_id, run.overlay))
    before, after, changed, recovered, read = [], [], 0, 0, 0
    lines = []
    for record in file.records:
        before.append(record)
        trial = stored.get(key_of(record))
        started_at, began = time.time(), time.perf_counter()
        verdict = _read(scorer, record, trial, reader)
        took = Took(None, 0, int((time.perf_counter() - began) * 1e6) + 1)
        new = record
        if verdict is not None:
            read += 1
            new = _with(record, verdict)
            recovered += record.get("is_correct") is None and verdict.is_correct is not None
            if (record.get("is_correct"), record.get("score")) != (verdict.is_correct, verdict.value):
                changed += 1
                if writer is not None and trial is not None and trial.scored is not None:
                    writer.write(str(record["run_id"]), [_event(trial, verdict, started_at, took)])
        after.append(new)
        lines.append(_encode(new) + b"\n")
    if not read:
        raise ConfigError(f"{file.path}: no stored judge reply could be read; was it scored by a judge?")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    temporary.write_bytes(b"".join(lines))
    temporary.replace(out)
    means = (_mean(rows, name) for name in ("is_correct", "score") for rows in (before, after))
    return Reparsed(len(file.records), read, recovered, changed, *means)


def _scorer(file: ResultFile, run: RunRow | None) -> Any:
    """The scorer that graded the file, with the settings of its run."""
    config = msgspec.json.decode(run.config, type=dict[str, Any]) if run is not None else (file.summary or {}).get("config")
    if config:
        _, benchmark = compose(spec_of({**config, "benchmark": file.benchmark}, run.run_id if run is not None else str(file.path)))
    else:  # lines without store and summary: all that is known is the benchmark
        benchmark = benchmarks.get(file.benchmark).build()
    scorer = benchmark.scorer
    if not hasattr(scorer, "reread"):
        raise ConfigError(f"{file.path}: {file.benchmark} is not scored by a judge, there is nothing to read again")
    if config and config.get(SCORER, own := digest(settings_of(scorer))) != own:
        raise ConfigError(f"{file.path} was rescored by a scorer with other settings than the benchmark's own; use `tripos rescore` again")
    return scorer


def _run(file: ResultFile, reader: Reader | None) -> RunRow | None:
    """The run of the file in the store, None where it is not there or the file is of several."""
    runs = file.run_ids
    if reader is None or len(runs) != 1:
        return None
    known = {r.run_id: r for r in reader.runs()}
    return known.get(runs.pop())


def _keyed(reader: Reader, run_id: str, overlay: str) -> Iterator[tuple[tuple[str, str, int], TrialRecord]]:
    for trial in reader.trials(run_id, overlay):
        yield (trial.planned.record_id, trial.planned.prompt_variant_id, trial.planned.attempt), trial


def _read(scorer: Any, record: dict[str, Any], trial: TrialRecord | None, reader: Reader | None) -> Verdict | None:
    finish = record.get("finish_reason")
    if trial is not None and trial.scored is not None and reader is not None:
        audits = audits_of(trial.scored, reader.fetch)
        reference = trial.planned.reference
    else:
        reply = (record.get("scoring_metadata") or {}).get("raw_judge_output")
        audits = (JudgeAudit(prompt="", reply=reply),) if reply else ()
        reference = (record.get("scoring_metadata") or {}).get("reference")
    verdict: Verdict | None = scorer.reread(reference, audits, finish_reason=finish) if audits else None
    return verdict


def _with(record: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    details = {**(record.get("scoring_metadata") or {}), **verdict.details}
    if verdict.metrics:
        details["metrics"] = verdict.metrics
    fields = {"is_correct": verdict.is_correct, "score": verdict.value, "outcome": verdict.outcome.value, "scoring_metadata": details}
    cured = {"error": None, "error_kind": None} if record.get("outcome") == Outcome.JUDGE_FAILED else {}
    return {**record, **fields, **cured}


def _event(trial: TrialRecord, verdict: Verdict, started_at: float, took: Took) -> Scored:
    assert trial.scored is not None
    verdict = msgspec.structs.replace(verdict, audits=())
    return msgspec.structs.replace(trial.scored, verdict=verdict, error=None, graded=trial.answer_name, started_at=started_at, took=took)


def _mean(rows: list[dict[str, Any]], name: str) -> float | None:
    values = [float(r[name]) for r in rows if r.get(name) is not None]
    return sum(values) / len(values) if values else None
