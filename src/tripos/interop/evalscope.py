"""An output directory of evalscope: `reports/<model>/<dataset>.json`, `reviews/<model>/<dataset>_<subset>.jsonl` and
`predictions/<model>/…`. A subset is a slice; every value of a sample's score is a metric, its main one the score.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Message, Usage
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import NO_SCORE, ImportedLog, ImportedTrial, Reported, are_shares, graded, scale_notes
from tripos.interop.loose_json import content_of, number, positive, read_document, read_lines, whole

_FINISH = {"max_tokens": "length", "model_length": "length"}


def recognises(peek: Peek) -> bool:
    """A directory with reports and reviews."""
    return peek.is_dir and (peek.path / "reports").is_dir() and (peek.path / "reviews").is_dir()


def read(path: Path) -> list[ImportedLog]:
    """One log a report that has reviews.

    Raises:
        ConfigError: there is none.
    """
    found = [log for report in sorted(path.glob("reports/*/*.json")) if (log := _log(path, report)) is not None]
    if not found:
        raise ConfigError(f"{path}: no report in it has reviews, so there is nothing to compare")
    return found


def _log(root: Path, path: Path) -> ImportedLog | None:
    report = read_document(path, dict)
    dataset, model = str(report.get("dataset_name") or path.stem), str(report.get("model_name") or path.parent.name)
    reviews = _parts(root / "reviews" / path.parent.name, dataset, [p.stem for p in path.parent.glob("*.json")])
    if not reviews:
        return None
    predictions = {s: p for s, p in _parts(root / "predictions" / path.parent.name, dataset, []).items() if s in reviews}
    rows = [r for p in reviews.values() for r in read_lines(p)]
    every = [_values(r) for r in rows]
    primary = (
        next((n for r in rows if (n := _score(r).get("main_score_name"))), None) or next(iter(every[0]), "score") if every else "score"
    )
    shares = are_shares(primary, (v.get(primary) for v in every))
    return ImportedLog(
        tool="evalscope",
        tool_version=None,
        path=path,
        content=content_of(path, *reviews.values(), *predictions.values()),
        benchmark=dataset,
        model=model,
        planned=max(len(rows), whole(report.get("num")) or 0),
        trials=lambda: _trials(reviews, predictions, primary, shares),
        scorer=primary,
        reported=_reported(report, every),
        notes=scale_notes(primary, shares),
    )


def _parts(folder: Path, dataset: str, others: list[str]) -> dict[str, Path]:
    """{subset: file} of a dataset; files of datasets whose name merely begins so are left out."""
    longer = [o for o in others if o != dataset and o.startswith(f"{dataset}_")]
    files = [p for p in sorted(folder.glob("*.jsonl")) if p.stem.startswith(f"{dataset}_") or p.stem == dataset]
    kept = [p for p in files if not any(p.stem.startswith(f"{o}_") or p.stem == o for o in longer)]
    return {p.stem.removeprefix(dataset).lstrip("_") or "default": p for p in kept}


def _score(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (row.get("sample_score") or {}).get("score") or {}
    return found


def _values(row: dict[str, Any]) -> dict[str, float | None]:
    return {str(k): float(v) if isinstance(v, bool) else number(v) for k, v in (_score(row).get("value") or {}).items()}


def _trials(reviews: dict[str, Path], predictions: dict[str, Path], primary: str, shares: bool) -> Iterator[ImportedTrial]:
    several = len(reviews) > 1
    for subset, path in reviews.items():
        answers = {str(r.get("index")): r for r in read_lines(predictions[subset])} if subset in predictions else {}
        attempts: dict[str, int] = {}
        for row in read_lines(path):
            group = str((row.get("sample_score") or {}).get("group_id", row.get("index")))
            attempts[group] = attempts.get(group, -1) + 1
            name = f"{subset}/{group}" if several else group
            yield _trial(name, attempts[group], subset, row, answers.get(str(row.get("index"))) or {}, primary, shares)


def _trial(name: str, attempt: int, subset: str, row: dict[str, Any], answer: dict[str, Any], primary: str, shares: bool) -> ImportedTrial:
    score, output = _score(row), answer.get("model_output") or {}
    finish = next((c.get("stop_reason") for c in output.get("choices") or ()), None)
    finish = _FINISH.get(str(finish), finish)
    messages = [m for m in row.get("messages") or () if isinstance(m, dict)]
    asked = messages[:-1] if messages and messages[-1].get("role") == "assistant" else messages
    values = _values(row)
    failed = bool(output.get("error")) and not score.get("prediction")
    details = {k: score[k] for k in ("explanation", "metadata") if score.get(k)}
    return ImportedTrial(
        record_id=name,
        attempt=attempt,
        slice_id=subset,
        prompt=tuple(Message(role=str(m.get("role", "user")), content=m.get("content") or "") for m in asked),
        reference=row.get("target") or None,
        completion=None if failed else _completion(score, output, finish),
        extraction=Extraction(answer=score.get("extracted_prediction"), how="as evalscope extracted it"),
        verdict=None if failed else graded(values, primary, shares=shares, finish_reason=finish, details=details),
        error=str(output["error"])[:2000] if failed else None if values.get(primary) is not None else NO_SCORE,
    )


def _completion(score: dict[str, Any], output: dict[str, Any], finish: str | None) -> Completion:
    usage, pace = output.get("usage") or {}, output.get("perf_metrics") or {}
    return Completion(
        text=str(score.get("prediction") or ""),
        finish_reason=finish,
        usage=Usage(
            prompt_tokens=whole(usage.get("input_tokens")),
            completion_tokens=whole(usage.get("output_tokens")),
            reasoning_tokens=whole(usage.get("reasoning_tokens")),
            cached_tokens=whole(usage.get("input_tokens_cache_read")),
        ),
        latency_seconds=positive(output.get("time")),
        ttft_seconds=positive(pace.get("ttft")),
        model=output.get("model"),
        request_id=output.get("id"),
    )


def _reported(report: dict[str, Any], every: list[dict[str, float | None]]) -> tuple[Reported, ...]:
    held = set(every[0]) if every else set()
    found = []
    for metric in report.get("metrics") or ():
        name, value, count = str(metric.get("name", "")), number(metric.get("score")), whole(metric.get("num"))
        ours = next((n for n in (name, name.removeprefix("mean_")) if n in held), None)
        if value is None or ours is None:
            continue
        why = f"the figure is of {count} samples, the reviews hold {len(every)}" if count not in (None, len(every)) else ""
        found.append(Reported(name=name, value=value, ours=ours, digits=4, why=why))
    return tuple(found)


formats.register("evalscope", Format("evalscope: an output directory with reports/ and reviews/", recognises, read))
