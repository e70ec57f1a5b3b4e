"""Reading results files: ours, and those of the tool whose format the seed describes.

A file may hold two lines of one record (an attempt that failed and was asked again): the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError

Key = tuple[str, str, int]
METRIC = "metrics."
"""What stands before the name of a scorer's further metric, where that alone would not tell it from a field."""


@dataclass(frozen=True)
class ResultFile:
    """The records of a file, in order, and its summary if one lies beside it."""

    path: Path
    records: list[dict[str, Any]]
    summary: dict[str, Any] | None

    @property
    def benchmark(self) -> str:
        """Benchmark of the records."""
        return str(self.records[0].get("benchmark", "")) if self.records else str((self.summary or {}).get("benchmark", ""))

    @property
    def model(self) -> str:
        """Model of the records."""
        return str(self.records[0].get("model", "")) if self.records else str((self.summary or {}).get("model", ""))

    @property
    def run_ids(self) -> set[str]:
        """The runs that the records name."""
        return {str(record["run_id"]) for record in self.records if record.get("run_id")}


def read_results(path: Path) -> ResultFile:
    """Reads a results file.

    Raises:
        ConfigError: it is not there, not readable or not a results file; names the line.
    """
    if path.name.endswith(".summary.json"):
        raise ConfigError(f"{path} is a summary; give the results file beside it ({path.name.removesuffix('.summary.json')})")
    newest: dict[Key, dict[str, Any]] = {}
    try:
        for number, text in enumerate(_lines(path), 1):
            record = _record(text, path, number)
            newest[key_of(record)] = record
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return ResultFile(path, list(newest.values()), read_summary(path))


def key_of(record: dict[str, Any]) -> Key:
    """What makes a line one of its kind: record, prompt variant, attempt."""
    return str(record["record_id"]), str(record.get("prompt_variant_id") or "default"), int(record.get("attempt") or 0)


def read_summary(path: Path) -> dict[str, Any] | None:
    """The summary beside a results file, by either of its two names; None if there is none.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    for candidate in (path.with_name(path.name + ".summary.json"), path.with_suffix(".summary.json")):
        if candidate.is_file():
            try:
                summary: dict[str, Any] = msgspec.json.decode(candidate.read_bytes(), type=dict)
                return summary
            except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
                raise ConfigError(f"cannot read {candidate}: {error}") from error
    return None


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (text for text in file if text.strip())


def _record(text: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        record: dict[str, Any] = msgspec.json.decode(text, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        cut = "" if text.endswith(b"\n") else "; the line is cut off: run the same command again, it lays the file anew"
        raise ConfigError(f"{path}, line {number}: not a JSON object ({error}){cut}") from error
    if "record_id" not in record:
        raise ConfigError(f"{path}, line {number}: no record_id; this is not a results file")
    return record


def values_of(records: Sequence[dict[str, Any]], metric: str) -> list[float | None]:
    """Each record's value of a metric, see `metric_of`; None too for a record without it, as long as another one has it.

    Raises:
        ConfigError: no record has such a number; names those there are.
    """
    answered = [record for record in records if not record.get("error")]
    if answered and not any(_has(record, metric) for record in records):
        raise _none_has(answered, metric)
    return [metric_of(record, metric) if _has(record, metric) else None for record in records]


def _has(record: dict[str, Any], metric: str) -> bool:
    name = "is_correct" if metric == "accuracy" else metric
    return name in record or name.removeprefix(METRIC) in _further(record)


def _further(record: dict[str, Any]) -> dict[str, Any]:
    """The scorer's own metrics."""
    found: dict[str, Any] = (record.get("scoring_metadata") or {}).get("metrics") or {}
    return found


def _none_has(records: Sequence[dict[str, Any]], metric: str) -> ConfigError:
    numbers = sorted({"accuracy"}.union(*map(_numbers, records)))
    return ConfigError(f"no metric {metric!r} in the records; there are: {', '.join(numbers)}")


def _numbers(record: dict[str, Any]) -> set[str]:
    """The names by which a record's numbers are asked for."""
    further = {f"{METRIC}{key}" if key in record or key == "accuracy" else key for key in _further(record)}
    return further | {k for k, v in record.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


def metric_of(record: dict[str, Any], metric: str) -> float | None:
    """A record's value of a metric; `accuracy` is `is_correct`, `metrics.X` the scorer's own X. None where it was not measured.

    Raises:
        ConfigError: the record has no such number; names those it has.
    """
    name = "is_correct" if metric == "accuracy" else metric
    further = _further(record)
    inner = name.removeprefix(METRIC)
    value = record[name] if name in record else further.get(inner)
    if not _has(record, metric) and not record.get("error"):
        raise _none_has([record], metric)
    if value is not None and not isinstance(value, (int, float)):
        raise ConfigError(f"{metric!r} is no number in the records (found {value!r})")
    return None if value is None else float(value)
