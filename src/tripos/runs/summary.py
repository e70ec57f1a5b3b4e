"""The summary of a run: the seed's file, what it leaves out, and nothing that was not measured.

Computed from the store, so it can be made again at any time and says the same.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.records import Outcome
from tripos.results.intervals import mean_interval
from tripos.results.metric_stats import metric_stats
from tripos.runs.lines import measured
from tripos.runs.plan import Plan
from tripos.runs.provenance import provenance
from tripos.runs.results_file import wanted
from tripos.runs.spec import public
from tripos.runs.tally import Tally
from tripos.store.events import completion_of
from tripos.store.reading import Reader, TrialRecord

Summary = dict[str, Any]

_STATS = {
    "accuracy_stats": "is_correct",
    "score_stats": "score",
    "latency_stats": "latency_seconds",
    "ttft_stats": "ttft",
    "prompt_tokens_stats": "prompt_tokens",
    "completion_tokens_stats": "completion_tokens",
    "energy_stats": "energy_joules",
    "power_stats": "power_watts",
    "gpu_utilization_stats": "gpu_utilization_pct",
    "throughput_stats": "throughput_tok_per_sec",
    "mfu_stats": "mfu_pct",
    "mbu_stats": "mbu_pct",
    "ipw_stats": "ipw",
    "ipj_stats": "ipj",
}


@dataclass
class _Columns:
    """What is collected over the trials, as plain columns."""

    items: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    clusters: dict[tuple[str, str], str] = field(default_factory=dict)
    subjects: dict[str, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    dimensions: dict[str, dict[str, list[float | None]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    values: dict[str, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    metrics: dict[str, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    readable: list[float] = field(default_factory=list)
    details: list[tuple[Outcome, dict[str, float | None]]] = field(default_factory=list)
    truncated_answers: int = 0


def summarise(plan: Plan, reader: Reader, status: str, tally: Tally) -> Summary:
    """The summary as plain data, in the seed's shape and order, then our additions."""
    columns = _Columns()
    for trial in wanted(plan, reader):
        _take(columns, trial, plan, reader)
    spec, run = plan.spec, reader.run(plan.run_id)
    done = sum(columns.outcomes.values())
    unscored = sum(n for name, n in columns.outcomes.items() if not Outcome(name).of_model)
    correct = int(sum(v for v in columns.values["is_correct"] if v is not None))
    estimate = _estimate(columns)
    summary: Summary = {
        "benchmark": spec.benchmark,
        "category": plan.entry.category,
        "backend": spec.backend,
        "model": spec.model.name,
        "total_samples": plan.planned,
        "scored_samples": done - unscored,
        "correct": correct,
        "accuracy": estimate["mean"],
        "errors": unscored,
        "mean_latency_seconds": _mean(columns.values["latency_seconds"]),
        "total_cost_usd": _total(columns.values["cost_usd"]),
        "per_subject": _groups(columns.subjects),
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }
    for name, column in _STATS.items():
        stats = metric_stats(columns.values[column])
        summary[name] = msgspec.to_builtins(stats) if stats is not None else None
    summary["total_energy_joules"] = _total(columns.values["energy_joules"])
    summary |= _additions(plan, columns, estimate, tally, done, status)
    summary["notices"] = notices(summary)
    return summary


def _take(columns: _Columns, trial: TrialRecord, plan: Plan, reader: Reader) -> None:
    p = trial.planned
    if trial.answered is None and trial.failed is None:
        return
    verdict = trial.scored.verdict if trial.scored is not None and trial.answered is not None else None
    fallback = Outcome.INFRASTRUCTURE_FAILED if trial.answered is None else Outcome.JUDGE_FAILED
    outcome = verdict.outcome if verdict is not None else fallback
    right = None if verdict is None or verdict.is_correct is None else float(verdict.is_correct)
    columns.outcomes[outcome.value] += 1
    if trial.failed is not None and trial.answered is None:
        columns.errors[trial.failed.error_kind] += 1
    if trial.scored is not None and trial.scored.error:
        columns.errors["judge"] += 1
    if right is not None:
        item = (p.record_id, p.prompt_variant_id)
        columns.items[item].append(right)
        if p.cluster is not None:
            columns.clusters[item] = p.cluster
        if outcome is Outcome.SCORED:
            columns.readable.append(right)
    columns.subjects[p.subject or "general"].append(right)
    for name in plan.benchmark.per_subject:
        columns.dimensions[name][p.dimensions.get(name, "(none)")].append(right)
    _take_values(columns, trial, plan, right)
    if verdict is not None:
        for metric, value in verdict.metrics.items():
            columns.metrics[metric].append(value)
        columns.details.append((outcome, verdict.metrics))


def _take_values(columns: _Columns, trial: TrialRecord, plan: Plan, right: float | None) -> None:
    values = columns.values
    values["is_correct"].append(right)
    values["score"].append(trial.scored.verdict.value if trial.scored is not None and trial.answered is not None else None)
    answered = trial.answered
    if answered is None:
        return
    columns.truncated_answers += answered.finish_reason == "length"
    completion = completion_of(answered, lambda text: text if isinstance(text, str) else "[]")
    values["latency_seconds"].append(answered.latency_seconds)
    values["ttft"].append(answered.ttft_seconds)
    values["prompt_tokens"].append(answered.usage.prompt_tokens)
    values["completion_tokens"].append(answered.usage.completion_tokens)
    values["cost_usd"].append(answered.cost_usd)
    values["judge_cost_usd"].append(trial.scored.judge_cost_usd if trial.scored is not None else None)
    values["retries"].append(float(len(answered.retries)))
    for name, value in measured(plan.spec.model, completion, None if right is None else bool(right), answered.telemetry).items():
        values[name].append(value)


def _estimate(columns: _Columns) -> dict[str, Any]:
    """Accuracy over items (mean of an item's attempts), with its 95 % interval."""
    import numpy as np

    if not columns.items:
        return {"mean": None, "stderr": None, "lower": None, "upper": None, "n_items": 0, "method": None}
    means = np.array([sum(v) / len(v) for v in columns.items.values()])
    clusters = None
    if columns.clusters:
        clusters = np.array([columns.clusters.get(i, f"\0{n}") for n, i in enumerate(columns.items)])
    estimate = mean_interval(means, clusters)
    plain: dict[str, Any] = msgspec.to_builtins(estimate)
    return plain


def _additions(plan: Plan, columns: _Columns, estimate: dict[str, Any], tally: Tally, done: int, status: str) -> Summary:
    counters = plan.endpoint.counters
    right = sum(v for v in columns.values["is_correct"] if v is not None)
    missing = plan.planned - sum(1 for v in columns.values["is_correct"] if v is not None)
    added: Summary = {
        "status": status,
        "planned": plan.planned,
        "answered": sum(1 for _ in columns.values["latency_seconds"]),
        "unscored": plan.planned - sum(1 for v in columns.values["is_correct"] if v is not None),
        "not_reached": plan.planned - done,
        "outcomes": {o.value: columns.outcomes.get(o.value, 0) for o in Outcome},
        "error_kinds": dict(columns.errors),
        "failures": [{"record_id": e.record_id, "kind": e.error_kind, "error": e.error} for e in tally.failures],
        "accuracy_three_ways": {
            "headline": estimate["mean"],
            "readable_only": _mean(columns.readable),
            "bounds": [right / plan.planned, (right + missing) / plan.planned] if plan.planned else None,
        },
        "accuracy_interval": estimate,
        "metrics": {name: _mean(values) for name, values in columns.metrics.items()},
        "per_dimension": {name: _groups(groups) for name, groups in columns.dimensions.items()},
        "judge_cost_usd": _total(columns.values["judge_cost_usd"]),
        "requests": {"sent": counters.requests, "failed": dict(counters.errors), "peak_in_flight": plan.endpoint.limiter.peak},
        "reused": tally.reused,
        "warmup_samples": plan.spec.warmup_samples,
        "truncated_answers": columns.truncated_answers,
        "simulated": plan.endpoint.engine.simulated,
        "run_id": plan.run_id,
        "overlay": plan.overlay,
        "dataset": dict(plan.benchmark.samples.fingerprint()),
        "config": public(plan.spec) | {"model": public(plan.spec.model) | {"options": {}}},
        "provenance": provenance(plan.endpoint.engine),
    }
    aggregate = getattr(plan.benchmark.scorer, "aggregate", None)
    if aggregate is not None:
        added["aggregates"] = aggregate(columns.details)
    return added


def notices(summary: Summary) -> list[str]:
    """What a reader must not overlook."""
    found = []
    if summary["simulated"]:
        found.append("SIMULATED: no model was asked.")
    if summary["truncated_answers"]:
        found.append(
            f"{summary['truncated_answers']} answers were cut at max_tokens ({summary['outcomes']['truncated']} of them count as wrong): "
            "raise --max-tokens before you compare."
        )
    ours = summary["unscored"]
    if ours and summary["planned"]:
        low, high = summary["accuracy_three_ways"]["bounds"]
        found.append(f"{ours} of {summary['planned']} are unscored: accuracy over all planned lies between {low:.4f} and {high:.4f}.")
    return found


def write_summary(summary: Summary, path: Path) -> Path:
    """Writes `{path}.summary.json`, atomically."""
    target = path.with_name(path.name + ".summary.json")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    temporary.replace(target)
    return target


def _groups(groups: dict[str, list[float | None]]) -> dict[str, dict[str, float | None]]:
    rows = {}
    for name in sorted(groups):
        scored = [v for v in groups[name] if v is not None]
        rows[name] = {
            "accuracy": sum(scored) / len(scored) if scored else None,
            "total": float(len(groups[name])),
            "scored": float(len(scored)),
            "correct": float(sum(scored)),
        }
    return rows


def _mean(values: list[Any]) -> float | None:
    measured_values = [v for v in values if v is not None]
    return sum(measured_values) / len(measured_values) if measured_values else None


def _total(values: list[Any]) -> float | None:
    measured_values = [v for v in values if v is not None]
    return sum(measured_values) if measured_values else None
