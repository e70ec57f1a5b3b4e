"""Results as tables for analysis: Arrow, pandas, polars. One row a line of the results file.

Columns are the fields of the file with their types (an unmeasured value is null, so a column that was never measured is still a
column of numbers), then one `metrics.<name>` a further metric. What is nested (`scoring_metadata`) is JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.results.result_file import METRIC, ResultFile, read_results

Source = Path | str | ResultFile | Sequence[dict[str, Any]]
"""A results file, by path or read, or its records."""

TEXTS = (
    "record_id", "benchmark", "model", "backend", "model_answer", "error", "scoring_metadata", "run_id", "trial_hash", "candidate_id",
    "prompt_variant_id", "slice_id", "subject", "outcome", "finish_reason", "error_kind",
)  # fmt: skip
FLAGS = ("is_correct", "simulated")
COUNTS = ("prompt_tokens", "completion_tokens", "attempt", "seed")
NUMBERS = (
    "score", "latency_seconds", "cost_usd", "ttft", "energy_joules", "power_watts", "gpu_utilization_pct", "throughput_tok_per_sec",
    "mfu_pct", "mbu_pct", "ipw", "ipj", "started_at", "judge_cost_usd",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


def to_arrow(source: Source) -> Any:
    """A `pyarrow.Table`.

    Raises:
        ConfigError: pyarrow is not installed, the file is no results file, or a field has a value of another type.
    """
    pa = _pyarrow()
    records = records_of(source)
    table = rows(records)
    names = columns(records)
    schema = pa.schema([(name, _type(pa, name, table)) for name in names])
    try:
        return pa.Table.from_pylist(table, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ConfigError(f"a field of the results is not of its type: {error}") from error


def to_pandas(source: Source) -> Any:
    """A `pandas.DataFrame`; numbers that were not measured are NaN, whole numbers and flags keep their type (nullable).

    Raises:
        ConfigError: pandas is not installed, or as `to_arrow`.
    """
    try:
        pd: Any = import_module("pandas")
    except ImportError as error:
        raise ConfigError("to_pandas needs pandas: pip install pandas") from error
    nullable = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}
    return to_arrow(source).to_pandas(types_mapper=lambda kind: nullable.get(str(kind)))


def to_polars(source: Source) -> Any:
    """A `polars.DataFrame`.

    Raises:
        ConfigError: polars is not installed, or as `to_arrow`.
    """
    try:
        pl: Any = import_module("polars")
    except ImportError as error:
        raise ConfigError("to_polars needs polars: pip install polars") from error
    return pl.from_arrow(to_arrow(source))


def records_of(source: Source) -> Sequence[dict[str, Any]]:
    """The records of a source, in order."""
    if isinstance(source, (str, Path)):
        return read_results(Path(source)).records
    return source.records if isinstance(source, ResultFile) else source


def columns(records: Iterable[dict[str, Any]]) -> list[str]:
    """Names of the columns: fields in the order of the file, then metrics by name."""
    fields: dict[str, None] = {}
    metrics: set[str] = set()
    for record in records:
        fields.update(dict.fromkeys(record))
        metrics |= metrics_of(record).keys()
    return [*fields, *(METRIC + name for name in sorted(metrics))]


def rows(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flat rows: nested values as JSON text, metrics beside the fields."""
    return list(_flat(records))


def _flat(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        row = {k: _encode(v).decode() if isinstance(v, (dict, list, tuple)) else v for k, v in record.items()}
        yield row | {METRIC + name: value for name, value in metrics_of(record).items()}


def metrics_of(record: dict[str, Any]) -> dict[str, float | None]:
    """The further metrics of a record."""
    metadata = record.get("scoring_metadata")
    found = metadata.get("metrics") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _type(pa: Any, name: str, table: list[dict[str, Any]]) -> Any:
    if name in TEXTS:
        return pa.string()
    if name in FLAGS:
        return pa.bool_()
    if name in COUNTS:
        return pa.int64()
    if name in NUMBERS or name.startswith(METRIC):
        return pa.float64()
    kinds = {type(v) for row in table if (v := row.get(name)) is not None}
    known = {frozenset({bool}): pa.bool_(), frozenset({int}): pa.int64(), frozenset({float}): pa.float64()}
    return known.get(frozenset(kinds), pa.float64() if kinds and kinds <= {int, float} else pa.string())


def _pyarrow() -> Any:
    try:
        return import_module("pyarrow")
    except ImportError as error:
        raise ConfigError("tables need pyarrow: pip install pyarrow") from error
