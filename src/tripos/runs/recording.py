"""Recorded answers for the replay engine: a results file, or a run of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Usage
from tripos.engines.replay import Recording
from tripos.runs.spec import RunSpec
from tripos.store.database import Database
from tripos.store.reading import Reader


def open_recording(recording: str, spec: RunSpec) -> Recording:
    """The recorded answers of the model and benchmark of a run.

    Args:
        recording: a results file (`.jsonl`), a store, or a store and the beginning of a run id: `tripos.db#1a2b`. A store
            without a run id means its newest run of the same benchmark and model that is not itself a replay.

    Raises:
        ConfigError: there is no such recording, or it holds answers of another model or benchmark.
        StoreError: the store cannot be read, or no run of it begins so.
    """
    place, _, run_id = recording.partition("#")
    path = Path(place)
    if path.is_dir():
        raise ConfigError(f"--replay {place} is a directory; name a results file or a store in it")
    if not path.is_file() and "://" not in place:
        raise ConfigError(f"--replay {place}: there is no such file")
    return RecordedFile(path, spec) if path.suffix in (".jsonl", ".json") else RecordedRun(place, run_id, spec)


class RecordedRun:
    """One run of a store."""

    def __init__(self, place: str, run_id: str, spec: RunSpec) -> None:
        self._reader = Reader(Database(place, read_only=True))
        wanted = spec.benchmark, spec.model.name
        runs = [self._reader.run(run_id)] if run_id else [r for r in self._reader.runs() if r.engine != "replay"]
        run = next((r for r in runs if (r.benchmark, r.model) == wanted), None)
        if run is None:
            raise ConfigError(_other(place, spec, {(r.benchmark, r.model) for r in runs}))
        self.run_id = run.run_id
        self.source = f"{place}#{run.run_id}"
        self.identity = f"run {run.run_id}"  # its answers never change; only what failed may be answered later
        self.simulated = bool(run.simulated)

    def lookup(self, record_id: str, attempt: int, variant: str) -> Completion | None:
        """See `Recording`."""
        return self._reader.lookup(self.run_id, record_id, attempt, variant)

    def close(self) -> None:
        """Closes the connection."""
        self._reader.database.close()


class RecordedFile:
    """A results file, ours or that of OpenJarvis. Only places are held, not answers.

    Beside the fields of a results file, a line may have `turns`, the turns of an agent as in `Completion`.
    """

    def __init__(self, path: Path, spec: RunSpec) -> None:
        self.source = str(path)
        self.simulated = False
        self._content = hashlib.sha256()
        self._places: dict[tuple[str, int, str], int] = {}
        self._file = path.open("rb")
        others = set()
        for place, record in self._records():
            of = str(record.get("benchmark", spec.benchmark)), str(record.get("model", spec.model.name))
            if of != (spec.benchmark, spec.model.name):
                others.add(of)
            elif _has_answer(record):
                name = str(record["record_id"]), int(record.get("attempt") or 0), str(record.get("prompt_variant_id") or "default")
                self._places[name] = place
                self.simulated = self.simulated or bool(record.get("simulated"))
        self.identity = f"file {self._content.hexdigest()}"
        if not self._places:
            self.close()
            raise ConfigError(_other(str(path), spec, others))

    def lookup(self, record_id: str, attempt: int, variant: str) -> Completion | None:
        """See `Recording`."""
        place = self._places.get((record_id, attempt, variant))
        if place is None:
            return None
        self._file.seek(place)
        return _completion(msgspec.json.decode(self._file.readline()))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        place = 0
        for number, text in enumerate(self._file, 1):
            self._content.update(text)
            record = _record(text, f"--replay {self.source}, line {number}") if text.strip() else None
            if record is not None:
                yield place, record
            place += len(text)


def _other(place: str, spec: RunSpec, found: set[tuple[str, str]]) -> str:
    have = "; ".join(f"{benchmark} by {model}" for benchmark, model in sorted(found)[:8])
    return f"--replay {place}: it holds no answers " + (f"of {spec.model.name} to {spec.benchmark}, but {have}" if have else "at all")


def _record(text: bytes, where: str) -> dict[str, Any] | None:
    """One line; None for the last one if it was cut off while it was written."""
    try:
        record = msgspec.json.decode(text)
        answer = record["model_answer"]
        record["record_id"]
    except (ValueError, TypeError, KeyError) as error:
        if not text.endswith(b"\n"):
            return None
        raise ConfigError(f"{where}: not a line of a results file ({error})") from error
    if answer is not None and not isinstance(answer, str):
        raise ConfigError(f"{where}: model_answer is no text")
    turns = record.get("turns") or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ConfigError(f"{where}: turns is no list of objects")
    return dict(record)


def _has_answer(record: dict[str, Any]) -> bool:
    """An empty answer is one; a request that failed is none, and the model must not be blamed for it."""
    if record["model_answer"]:
        return True
    return record["model_answer"] == "" and (not record.get("error") or record.get("error_kind") == "judge")


def _completion(record: dict[str, Any]) -> Completion:
    ours = "run_id" in record

    def measured(name: str) -> Any:
        return record.get(name) if ours else record.get(name) or None  # the seed writes 0 for what was not measured

    return Completion(
        text=record["model_answer"],
        finish_reason=record.get("finish_reason"),
        usage=Usage(prompt_tokens=measured("prompt_tokens"), completion_tokens=measured("completion_tokens")),
        cost_usd=measured("cost_usd"),
        latency_seconds=measured("latency_seconds"),
        ttft_seconds=measured("ttft"),
        started_at=record.get("started_at"),
        model=record.get("model"),
        simulated=bool(record.get("simulated")),
        turns=tuple(record.get("turns") or ()),
    )
