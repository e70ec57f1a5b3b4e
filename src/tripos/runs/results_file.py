"""The JSONL file of a run: appended line by line, laid anew from the store when a run goes on or lines were replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tripos.core.errors import ConfigError
from tripos.runs.lines import Header, line
from tripos.runs.plan import Plan
from tripos.store.events import audits_of, completion_of
from tripos.store.reading import Reader, TrialRecord


class ResultsFile:
    """Appends lines to `path`; every line goes to the operating system as a whole.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            _lock(self._file, alone=False)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with -o") from error

    def append(self, text: bytes) -> None:
        """Adds one line."""
        self._file.write(text)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def make_way(path: Path, run_id: str) -> Path | None:
    """Moves the results of another run aside with their summary, so that nothing paid for is lost. Returns where they went.

    Raises:
        ConfigError: the path is no results file, cannot be written, or is being written by another run right now.
    """
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise ConfigError(f"cannot write {path}: it is there and is no file; choose another place with -o")
        with path.open("rb") as file:
            first = file.readline()
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with -o") from error
    if not first:
        return None
    if not first.lstrip().startswith(b"{"):
        raise ConfigError(f"{path} is there and is no results file; choose another place with -o")
    owner = _owner(first)
    if owner == run_id:
        return None
    with path.open("rb") as file:
        if not _lock(file, alone=True):
            raise ConfigError(f"{path} is being written by another run ({owner}); choose another place with -o")
    stem = f"{path.stem}.{owner or 'earlier'}"
    aside = path.with_name(f"{stem}{path.suffix}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{stem}.{number}{path.suffix}")
    path.rename(aside)
    if summary_of(path).exists():
        summary_of(path).rename(summary_of(aside))
    return aside


def _lock(file: BinaryIO, *, alone: bool) -> bool:
    """Marks a file as in use until it is closed; False where `alone` and somebody else uses it. Does nothing on systems without locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _owner(first: bytes) -> str | None:
    """The run that the first line of a results file names; None where it names none, or none that can be part of a file name."""
    try:
        owner = msgspec.json.decode(first, type=dict).get("run_id")
    except (msgspec.DecodeError, UnicodeDecodeError):  # cut off, or of another tool
        return None
    return owner if isinstance(owner, str) and owner.replace("-", "").isalnum() else None


def summary_of(path: Path) -> Path:
    """Where the summary of a results file is."""
    return path.with_name(path.name + ".summary.json")


def wanted(plan: Plan, reader: Reader) -> Iterator[TrialRecord]:
    """The trials of the store that belong to what this plan asked for (a run may have more samples than this command)."""
    ids, attempts = plan.selection.ids, plan.spec.attempts
    asked = ids if ids is not None else {s.record_id for s in plan.selection}
    for trial in reader.trials(plan.run_id, plan.overlay):
        p = trial.planned
        if p.attempt < attempts and p.prompt_variant_id in plan.variants and p.record_id in asked:
            yield trial


def lay(plan: Plan, header: Header, reader: Reader) -> int:
    """Writes the file anew from the store: one line a trial that was answered or failed. Atomic. Returns the lines."""
    path = plan.spec.output_path()
    count = 0
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb", buffering=1 << 16) as file:
            for trial in wanted(plan, reader):
                text = line_of(header, trial, reader)
                if text is not None:
                    file.write(text)
                    count += 1
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with -o") from error
    return count


def line_of(header: Header, trial: TrialRecord, reader: Reader) -> bytes | None:
    """The line of a stored trial, the same bytes as when it was live; None while it is neither answered nor failed."""
    if trial.answered is None and trial.failed is None:
        return None
    completion = completion_of(trial.answered, reader.fetch) if trial.answered is not None else None
    audits = audits_of(trial.scored, reader.fetch) if trial.scored is not None else ()
    return line(
        header,
        trial.planned,
        completion,
        trial.scored if completion is not None else None,
        judge_reply=audits[-1].reply if audits else None,
        failed=trial.failed,
        telemetry=trial.answered.telemetry if trial.answered is not None else {},
    )
