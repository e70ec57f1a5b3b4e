"""Results of lighteval: `results/<model>/results_<time>.json` with `details/<model>/<time>/details_<task>_<time>.parquet`.

Every number a sample's `metric` holds is a metric, the first of them the score. Details have no tokens and no times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Message
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import NO_SCORE, ImportedLog, ImportedTrial, Reported, are_shares, graded, scale_notes, stated
from tripos.interop.loose_json import content_of, number, read_document, whole


class _Results(msgspec.Struct):
    config_general: dict[str, Any]
    results: dict[str, dict[str, Any]]
    config_tasks: dict[str, dict[str, Any]] = {}


def recognises(peek: Peek) -> bool:
    """A results file; the details belong to it."""
    return peek.suffix == ".json" and peek.path.name.startswith("results") and {"config_general", "results"} <= peek.keys


def read(path: Path) -> list[ImportedLog]:
    """One log a task that has details.

    Raises:
        ConfigError: none has (they are written with --save-details).
    """
    results = read_document(path, _Results)
    found = [
        _log(path, task, details, results)
        for task in results.results
        if task != "all" and (details := _details_of(path, task, results)) is not None
    ]
    if not found:
        raise ConfigError(f"{path}: there are no details of its samples, so there is nothing to compare; it needs --save-details")
    return found


def _details_of(path: Path, task: str, results: _Results) -> Path | None:
    stamp = path.stem.removeprefix("results_")
    name, _, shots = task.rpartition("|")
    folders = [p / "details" for p in path.parents[1:4]]
    for folder in folders:
        for candidate in sorted(folder.glob(f"**/{stamp}/details_*_{stamp}.parquet")) if folder.is_dir() else ():
            stem = candidate.stem.removeprefix("details_").removesuffix(f"_{stamp}")
            if re.sub(r"[|:_]", "_", stem) == re.sub(r"[|:_]", "_", f"{name}_{shots}"):
                return candidate
    return None


def _log(path: Path, task: str, details: Path, results: _Results) -> ImportedLog:
    rows = _rows(details)
    every = [_values(r) for r in rows]
    primary = next((n for v in every for n in v), "score")
    setting = results.config_tasks.get(task) or {}
    better = _better(setting)
    shares = are_shares(primary, (v.get(primary) for v in every), better)
    general = results.config_general
    model = str(general.get("model_name") or (general.get("model_config") or {}).get("model_name") or path.parent.name)
    return ImportedLog(
        tool="lighteval",
        tool_version=None,
        path=details,
        content=content_of(path, details),
        benchmark=task,
        model=model,
        planned=max(len(rows), whole(setting.get("effective_num_docs")) or 0),
        trials=lambda: _trials(rows, primary, shares, model == "dummy"),
        scorer=primary,
        better=better,
        params=(general.get("model_config") or {}).get("generation_parameters") or {},
        dataset={k: setting[k] for k in ("hf_repo", "hf_subset", "hf_revision") if k in setting},
        seed=whole((general.get("model_config") or {}).get("seed")),
        reported=_reported(results.results[task], every),
        notes=scale_notes(primary, shares, better),
        simulated=model == "dummy",
    )


def _better(setting: dict[str, Any]) -> dict[str, str]:
    """Of each metric of a task; a group of metrics says it name by name."""
    found: dict[str, Any] = {}
    for metric in setting.get("metrics") or ():
        higher = metric.get("higher_is_better")
        found |= higher if isinstance(higher, dict) else {str(metric.get("metric_name")): higher}
    return stated(found)


def _rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: not readable as Parquet ({error})") from error
    if not rows or not {"doc", "metric", "model_response"} <= rows[0].keys():
        raise ConfigError(f"{path}: no columns doc, metric and model_response; these are no details of lighteval")
    return rows


def _values(row: dict[str, Any]) -> dict[str, float | None]:
    return {str(k): float(v) if isinstance(v, bool) else number(v) for k, v in (row["metric"] or {}).items()}


def _trials(rows: list[dict[str, Any]], primary: str, shares: bool, simulated: bool) -> Iterator[ImportedTrial]:
    for row in rows:
        doc, response, values = row["doc"], row["model_response"], _values(row)
        choices, gold = doc.get("choices") or [], doc.get("gold_index")
        right = [choices[i] for i in (gold if isinstance(gold, list) else [gold]) if isinstance(i, int) and 0 <= i < len(choices)]
        likelihoods = response.get("logprobs") or []
        texts = response.get("text") or []
        details: dict[str, Any] = {"choices": choices} if likelihoods else {}
        answer, how = next(iter(response.get("text_post_processed") or []), None), "post-processed text"
        if likelihoods:
            details["loglikelihoods"] = likelihoods
            answer, how = max(range(len(likelihoods)), key=likelihoods.__getitem__), "largest log-likelihood"
        yield ImportedTrial(
            record_id=str(doc["id"]),
            prompt=(Message(role="user", content=str(doc.get("query") or "")),),
            reference=right[0] if len(right) == 1 else right,
            completion=Completion(text=str(texts[0]) if texts else "", simulated=simulated),
            extraction=Extraction(answer=answer, how=how if answer is not None else ""),
            verdict=graded(values, primary, shares=shares, details=details),
            error=None if values.get(primary) is not None else NO_SCORE,
        )


def _reported(figures: dict[str, Any], every: list[dict[str, float | None]]) -> tuple[Reported, ...]:
    held = set(every[0]) if every else set()
    found = []
    for name, value in figures.items():
        metric, figure = name.partition(":")[0], number(value)
        if figure is not None and metric in held:
            found.append(Reported(name=name, value=figure, ours=metric))
    return tuple(found)


formats.register("lighteval", Format("lighteval: results_*.json with its details", recognises, read))
