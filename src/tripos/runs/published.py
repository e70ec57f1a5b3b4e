"""Are the numbers of a results file and its summary those of the record? Every one is derived again from events."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from tripos.benchmarks.benchmark import benchmarks
from tripos.core.errors import ConfigError
from tripos.results.result_file import ResultFile, key_of, read_results
from tripos.runs.columns import Columns
from tripos.runs.lines import Header
from tripos.runs.results_file import line_of
from tripos.runs.spec import ModelSpec
from tripos.runs.summary import Summary, figures, notices, write_summary
from tripos.store.reading import Reader

_NOT_DERIVED = {"scoring_metadata"}  # a second reading of judge replies adds to it


def differences(path: Path, reader: Reader) -> list[str]:
    """What a results file and its summary say otherwise than the record; empty when nothing.

    Raises:
        ConfigError: the file or its summary is missing, or was not written from a store.
        StoreError: the store does not hold its run.
    """
    results, summary = _stated(path)
    found, derived = _derived(results, summary, reader)
    return found + _compared({name: summary.get(name) for name in derived}, derived, "summary")


def renew(path: Path, reader: Reader) -> None:
    """Writes the summary of a results file anew, after verdicts of its run have changed in the store.

    Raises:
        ConfigError, StoreError: as `differences`.
    """
    results, summary = _stated(path)
    _, derived = _derived(results, summary, reader)
    unscored = {r["record_id"] for r in results.records if r.get("is_correct") is None}
    summary |= derived | {"failures": [f for f in summary.get("failures", ()) if f["record_id"] in unscored]}
    write_summary(summary | {"notices": notices(summary)}, path)


def _stated(path: Path) -> tuple[ResultFile, Summary]:
    results = read_results(path)
    summary = results.summary
    if summary is None or not {"run_id", "overlay", "planned"} <= summary.keys():
        raise ConfigError(f"{path}: there is no summary beside it that names a run; only files written by `tripos run` can be verified")
    return results, summary


def _derived(results: ResultFile, summary: Summary, reader: Reader) -> tuple[list[str], Summary]:
    """What the lines say otherwise than the record, and the figures that follow from the record."""
    run = reader.run(str(summary["run_id"]))
    hardware = _hardware(summary)
    aggregate = _aggregate(summary)
    columns = Columns(hardware, tuple(summary.get("per_dimension", ())), keep_details=aggregate is not None)
    published = {key_of(record): record for record in results.records}
    found: list[str] = []
    for trial in reader.trials(run.run_id, str(summary["overlay"])):
        p = trial.planned
        record = published.pop((p.record_id, p.prompt_variant_id, p.attempt), None)
        if record is None:
            continue
        columns.take(trial)
        header = Header(
            benchmark=run.benchmark, model=run.model, backend=run.backend, run_id=run.run_id, seed=record.get("seed", 0), hardware=hardware
        )
        text = line_of(header, trial, reader)
        found += _line(record, msgspec.json.decode(text) if text is not None else {})
    found += [f"record {key[0]}: the store does not hold it" for key in published]
    derived = figures(columns.close(), int(summary["planned"]))
    if aggregate is not None:
        derived["aggregates"] = aggregate(columns.details)
    plain: Summary = msgspec.json.decode(msgspec.json.encode(derived))
    return found, plain


def _hardware(summary: Summary) -> ModelSpec:
    stated = (summary.get("config") or {}).get("model") or {}
    numbers = {f.name: stated[f.name] for f in fields(ModelSpec) if isinstance(stated.get(f.name), (int, float))}
    return ModelSpec(name=str(summary.get("model", "")), **numbers)


def _aggregate(summary: Summary) -> Any:
    if "aggregates" not in summary:
        return None
    return getattr(benchmarks.get(str(summary["benchmark"])).build().scorer, "aggregate", None)


def _line(published: dict[str, Any], derived: dict[str, Any]) -> list[str]:
    names = [n for n in derived if n in published and n not in _NOT_DERIVED and not _same(published[n], derived[n])]
    if not derived:
        return [f"record {published['record_id']}: the store holds no answer"]
    return [f"record {published['record_id']}, {n}: {_short(published[n])} in the file, {_short(derived[n])} in the store" for n in names]


def _compared(published: Any, derived: Any, where: str) -> list[str]:
    if isinstance(published, dict) and isinstance(derived, dict):
        names = sorted({*published, *derived})
        return [line for name in names for line in _compared(published.get(name), derived.get(name), f"{where}, {name}")]
    if _same(published, derived):
        return []
    return [f"{where}: {_short(published)} was published, {_short(derived)} follows from the store"]


def _same(a: Any, b: Any) -> bool:
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    return math.isclose(a, b, rel_tol=1e-9) if numbers else bool(a == b)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
