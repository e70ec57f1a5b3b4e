"""What a person gets of an imported log: the run in the store, its results file and summary, and the tool's figures beside ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.interop.imported import Check, ImportedLog, Recount
from tripos.interop.record import record
from tripos.runs.columns import Columns
from tripos.runs.results_file import line_of
from tripos.runs.spec import slug
from tripos.runs.stored import header_of
from tripos.runs.summary import Summary, figures, notices, write_summary
from tripos.store.reading import Reader, RunRow, TrialRecord
from tripos.store.writer import Writer


@dataclass(frozen=True)
class Imported:
    """One imported log. `new` is False when the store had it: then only the files were laid again, as they were."""

    tool: str
    source: Path
    run_id: str
    new: bool
    path: Path
    summary: Summary
    checks: tuple[Check, ...]

    @property
    def explained(self) -> bool:
        """Whether every figure of the log equals ours or differs for a known reason."""
        return all(c.explained for c in self.checks)


def import_log(log: ImportedLog, writer: Writer, reader: Reader, output_dir: Path) -> Imported:
    """Records a log and lays its results file and summary. All figures are computed from the store, not from the log.

    Raises:
        ConfigError: the log or the directory is unusable.
        StoreError: the store cannot be written.
    """
    recorded = record(log, writer, reader)
    run = reader.run(recorded.run_id)
    path = _place(output_dir, log, run.run_id)
    header = header_of(run)
    columns, recount = Columns(header.hardware), Recount(log.reported)

    def lines() -> Iterator[bytes]:
        for trial in reader.trials(run.run_id, run.overlay):
            columns.take(trial)
            recount.take(*_counted(trial))
            text = line_of(header, trial, reader)
            if text is not None:
                yield text

    _lay(path, lines())
    checks = tuple(recount.checks())
    summary = _summary(log, run, columns.close(), checks)
    write_summary(summary, path)
    return Imported(log.tool, log.path, run.run_id, recorded.new, path, summary, checks)


def _counted(trial: TrialRecord) -> tuple[tuple[str, str], str, Any]:
    p = trial.planned
    verdict = trial.scored.verdict if trial.scored is not None and trial.answered is not None else None
    return (p.record_id, p.prompt_variant_id), p.slice_id, verdict


def _place(folder: Path, log: ImportedLog, run_id: str) -> Path:
    """`{benchmark}_{model}.jsonl`, or with the run id where another run has that name: the same log always finds its own file."""
    plain = folder / f"{slug(log.benchmark)[:100]}_{slug(log.model)[:100]}.jsonl"
    return plain if _owner(plain) in (None, run_id) else plain.with_name(f"{plain.stem}.{run_id}.jsonl")


def _owner(path: Path) -> str | None:
    """The run that a results file belongs to; "" for a file that is none of ours, None where there is no file."""
    try:
        with path.open("rb") as file:
            return str(msgspec.json.decode(file.readline(), type=dict).get("run_id", ""))
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        return ""


def _lay(path: Path, lines: Iterator[bytes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb", buffering=1 << 16) as file:
            file.writelines(lines)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another directory with --output-dir") from error


def _summary(log: ImportedLog, run: RunRow, columns: Columns, checks: tuple[Check, ...]) -> Summary:
    head = {"benchmark": run.benchmark, "category": run.category, "backend": run.backend, "model": run.model}
    summary: Summary = head | figures(columns, log.planned) | {"started_at": log.started_at, "ended_at": log.ended_at}
    summary |= {
        "status": run.status,
        "simulated": bool(run.simulated),
        "run_id": run.run_id,
        "overlay": run.overlay,
        "dataset": log.dataset,
        "config": msgspec.json.decode(run.config),
        "provenance": msgspec.json.decode(run.provenance),
        "reported": [c._asdict() | {"explained": c.explained} for c in checks],
    }
    unexplained = [c for c in checks if not c.explained]
    summary["notices"] = [
        *notices(summary),
        *log.notes,
        *(f"{c.name}: the log states {c.reported:.6g}, its samples give {c.ours:.6g}, and nothing explains it" for c in unexplained),
    ]
    return summary
