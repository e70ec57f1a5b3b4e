"""Results in the published OpenJarvis format, to the letter: its 22 fields in order, 0.0 for what was not measured, the summary with
its keys beside. This is the one place where "not measured" is written as zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tripos.interop.exporting import Exported, Exporter, exporters, written

FIELDS = (
    "record_id", "benchmark", "model", "backend", "model_answer", "is_correct", "score", "latency_seconds", "prompt_tokens",
    "completion_tokens", "cost_usd", "error", "scoring_metadata", "ttft", "energy_joules", "power_watts", "gpu_utilization_pct",
    "throughput_tok_per_sec", "mfu_pct", "mbu_pct", "ipw", "ipj",
)  # fmt: skip
_NULLABLE = ("is_correct", "score", "error")
_COUNTS = ("prompt_tokens", "completion_tokens")
_TEXTS = ("record_id", "benchmark", "model", "backend", "model_answer")
_BACKENDS = {"direct": "jarvis-direct", "agent": "jarvis-agent"}
_STATS = {
    "accuracy_stats": "is_correct", "energy_stats": "energy_joules", "power_stats": "power_watts",
    "gpu_utilization_stats": "gpu_utilization_pct", "throughput_stats": "throughput_tok_per_sec", "mfu_stats": "mfu_pct",
    "mbu_stats": "mbu_pct", "ipw_stats": "ipw", "ipj_stats": "ipj",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


def write(run: Exported, path: Path) -> list[Path]:
    """The JSON Lines file and `{path}.summary.json`."""
    with written(path) as file:
        file.writelines(_encode(record_of(r)) + b"\n" for r in run.records)
    summary = path.with_name(path.name + ".summary.json")
    with written(summary) as file:
        file.write(msgspec.json.format(_encode(summary_of(run)), indent=2) + b"\n")
    return [path, summary]


def record_of(ours: dict[str, Any]) -> dict[str, Any]:
    """A line with the 22 fields."""
    return {name: _field(name, ours.get(name)) for name in FIELDS}


def _field(name: str, value: Any) -> Any:
    if name in _NULLABLE:
        return value
    if name == "scoring_metadata":
        return value or {}
    if name in _TEXTS:
        return _BACKENDS.get(str(value), value or "") if name == "backend" else str(value or "")
    if name in _COUNTS:
        return value or 0
    return float(value or 0.0)


def summary_of(run: Exported) -> dict[str, Any]:
    """The summary as its page has it: accuracy is correct / scored lines, statistics are null where nothing was measured."""
    records, ours = run.records, run.summary or {}
    scored = [r for r in records if r.get("is_correct") is not None]
    correct = sum(bool(r["is_correct"]) for r in scored)
    seconds, cost = _known(records, "latency_seconds"), _known(records, "cost_usd")
    found: dict[str, Any] = {
        "benchmark": run.benchmark,
        "category": str(ours.get("category") or ""),
        "backend": _field("backend", records[0].get("backend")),
        "model": run.model,
        "total_samples": len(records),
        "scored_samples": len(scored),
        "correct": correct,
        "accuracy": round(correct / len(scored), 4) if scored else 0.0,
        "errors": sum(bool(r.get("error")) for r in records),
        "mean_latency_seconds": round(sum(seconds) / len(seconds), 4) if seconds else 0.0,
        "total_cost_usd": round(sum(cost), 6),
        "per_subject": _subjects(records),
        "started_at": float(ours.get("started_at") or min(_known(records, "started_at"), default=0.0)),
        "ended_at": float(ours.get("ended_at") or 0.0),
    }
    found |= {name: _stats(_known(records, column)) for name, column in _STATS.items()}
    return found | {"total_energy_joules": sum(_known(records, "energy_joules"))}


def _known(records: Iterable[dict[str, Any]], name: str) -> list[float]:
    return [float(v) for r in records if (v := r.get(name)) is not None]


def _subjects(records: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(str(record.get("subject") or "general"), []).append(record)
    return {name: _group(members) for name, members in sorted(groups.items())}


def _group(members: list[dict[str, Any]]) -> dict[str, float]:
    right = _known(members, "is_correct")
    share = round(sum(right) / len(right), 4) if right else 0.0
    return {"accuracy": share, "total": float(len(members)), "scored": float(len(right)), "correct": sum(right)}


def _stats(values: list[float]) -> dict[str, float] | None:
    """mean, median, min, max and the sample standard deviation (n - 1; 0 for one value)."""
    if not values:
        return None
    n, ordered = len(values), sorted(values)
    mean = math.fsum(values) / n
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return {"mean": mean, "median": median, "min": ordered[0], "max": ordered[-1], "std": spread}


exporters.register("openjarvis", Exporter("OpenJarvis results and summary, 0.0 where not measured", write))
