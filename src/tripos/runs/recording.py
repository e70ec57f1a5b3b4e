"""Recorded answers for the replay engine: a results file, or a run of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Usage
from tripos.engines.replay import Lookup
from tripos.runs.spec import RunSpec
from tripos.store.database import Database
from tripos.store.reading import Reader


def lookup_of(recording: str, spec: RunSpec) -> Lookup:
    """Finds answers by (record id, attempt).

    Args:
        recording: a results file (`.jsonl`), a store, or a store and the beginning of a run id: `tripos.db#1a2b`. A store
            without a run id means its newest run of the same benchmark that is not itself a replay.

    Raises:
        ConfigError: there is no such recording.
    """
    place, _, run_id = recording.partition("#")
    path = Path(place)
    if not path.is_file() and "://" not in place:
        raise ConfigError(f"--replay {place}: there is no such file")
    if path.suffix in (".jsonl", ".json"):
        return _of_file(path)
    reader = Reader(Database(place, read_only=True))
    if run_id:
        chosen = reader.run(run_id).run_id
    else:
        runs = [r for r in reader.runs() if r.benchmark == spec.benchmark and r.engine != "replay"]
        if not runs:
            raise ConfigError(f"--replay {place}: it holds no run of {spec.benchmark}")
        chosen = runs[0].run_id
    return lambda record_id, attempt: reader.lookup(chosen, record_id, attempt)


def _of_file(path: Path) -> Lookup:
    places: dict[tuple[str, int], int] = {}
    file = path.open("rb")
    while True:
        place, text = file.tell(), file.readline()
        if not text:
            break
        record = _record(text, path)
        if not record.get("error_kind") or record.get("model_answer"):
            places[str(record["record_id"]), int(record.get("attempt") or 0)] = place
    if not places:
        raise ConfigError(f"--replay {path}: it holds no answers")

    def lookup(record_id: str, attempt: int) -> Completion | None:
        place = places.get((record_id, attempt))
        if place is None:
            return None
        file.seek(place)
        return _completion(_record(file.readline(), path))

    return lookup


def _record(text: bytes, path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = msgspec.json.decode(text)
        record["record_id"], record["model_answer"]
    except (msgspec.DecodeError, TypeError, KeyError) as error:
        raise ConfigError(f"--replay {path}: not a results file ({error})") from error
    return record


def _completion(record: dict[str, Any]) -> Completion:
    return Completion(
        text=record["model_answer"],
        finish_reason=record.get("finish_reason"),
        usage=Usage(prompt_tokens=record.get("prompt_tokens"), completion_tokens=record.get("completion_tokens")),
        cost_usd=record.get("cost_usd"),
        latency_seconds=record.get("latency_seconds"),
        ttft_seconds=record.get("ttft"),
        started_at=record.get("started_at"),
        model=record.get("model"),
        simulated=bool(record.get("simulated")),
    )
