"""The summary of a run: the seed's file, what it leaves out, and nothing that was not measured.

Computed from the store, so it can be made again at any time and says the same.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.records import Outcome
from tripos.results.intervals import mean_interval
from tripos.results.metric_stats import metric_stats
from tripos.runs.breaker import Guarded
from tripos.runs.columns import Columns, mean, total
from tripos.runs.measuring import telemetry_summary
from tripos.runs.plan import Plan
from tripos.runs.provenance import provenance
from tripos.runs.results_file import summary_of, wanted
from tripos.runs.spec import public
from tripos.runs.stopping import Stopping
from tripos.runs.tally import Tally
from tripos.runs.until import Until
from tripos.store.reading import Reader

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


def summarise(plan: Plan, reader: Reader, status: str, tally: Tally, stopping: Stopping) -> Summary:
    """The summary as plain data: the seed's keys first, then ours."""
    aggregate = getattr(plan.benchmark.scorer, "aggregate", None)
    columns = Columns(plan.spec.model, plan.benchmark.per_subject, keep_details=aggregate is not None)
    for trial in wanted(plan, reader):
        columns.take(trial)
    columns.close()
    run = reader.run(plan.run_id)
    spec, judge = plan.spec, plan.instruments.judge
    head: Summary = {"benchmark": spec.benchmark, "category": plan.entry.category, "backend": spec.backend, "model": spec.model.name}
    summary = (
        head
        | figures(columns, columns.everyone.total if status == "until" else plan.planned)
        | {"started_at": run.started_at, "ended_at": run.ended_at}
    )
    if aggregate is not None:
        summary["aggregates"] = aggregate(columns.details)
    summary |= {
        "status": status,
        "failures": [{"record_id": e.record_id, "kind": e.error_kind, "error": e.error} for e in tally.failures],
        "requests": _requests(plan),
        "reused": tally.reused,
        "warmup_samples": spec.warmup_samples,
        "simulated": plan.endpoint.engine.simulated,
        "run_id": plan.run_id,
        "overlay": plan.overlay,
        "judge": public(judge.identity()) if judge is not None else None,
        "judge_absent": judge is None and "judge?" in plan.benchmark.scorer.needs,
        "telemetry": telemetry_summary(reader.measured(plan.run_id), summary["accuracy"], _correct_per_joule(columns)),
        "dataset": dict(plan.benchmark.samples.fingerprint()),
        "config": public(spec) | {"model": public(spec.model) | {"options": public_options(spec.model.options)}},
        "provenance": provenance(plan.endpoint.engine),
    }
    until = stopping.until
    summary["until"] = _until(until) | {"of": plan.planned} if until is not None else None
    summary["given_up"] = stopping.breaker.plain() if status == "given_up" else None
    summary["judge_given_up"] = judge.ask.breaker.plain() if judge is not None and isinstance(judge.ask, Guarded) else None
    summary["notices"] = notices(summary)
    return summary


def figures(columns: Columns, planned: int) -> Summary:
    """Everything that follows from the columns alone."""
    estimate = _estimate(columns)
    everyone = columns.everyone
    unscored = planned - everyone.scored
    found: Summary = {
        "total_samples": planned,
        "scored_samples": everyone.scored,
        "correct": round(everyone.correct),
        "accuracy": estimate["mean"],
        "errors": everyone.total - everyone.scored,
        "mean_latency_seconds": mean(columns.values["latency_seconds"]),
        "total_cost_usd": total(columns.values["cost_usd"]),
        "per_subject": {name: columns.subjects[name].plain() for name in sorted(columns.subjects)},
    }
    for name, column in _STATS.items():
        stats = metric_stats(columns.values[column])
        found[name] = msgspec.to_builtins(stats) if stats is not None else None
    return found | {
        "total_energy_joules": total(columns.values["energy_joules"]),
        "planned": planned,
        "answered": columns.answered,
        "unscored": unscored,
        "not_reached": planned - everyone.total,
        "outcomes": {o.value: columns.outcomes.get(o.value, 0) for o in Outcome},
        "error_kinds": dict(columns.errors),
        "accuracy_three_ways": {
            "headline": estimate["mean"],
            "readable_only": columns.readable.correct / columns.readable.scored if columns.readable.scored else None,
            "bounds": [everyone.correct / planned, (everyone.correct + unscored) / planned] if planned else None,
        },
        "accuracy_interval": estimate,
        "attempts": _attempts(columns),
        "metrics": {name: mean(values) for name, values in columns.metrics.items()},
        "per_dimension": {name: {value: groups[value].plain() for value in sorted(groups)} for name, groups in columns.dimensions.items()},
        "judge_cost_usd": total(columns.values["judge_cost_usd"]),
        "truncated_answers": columns.cut_at_max_tokens,
    }


def _estimate(columns: Columns) -> dict[str, Any]:
    """Accuracy over items (mean of an item's attempts), with its 95 % interval."""
    if not columns.items:
        return {"mean": None, "stderr": None, "lower": None, "upper": None, "n_items": 0, "method": None}
    plain: dict[str, Any] = msgspec.to_builtins(mean_interval(columns.items, columns.clusters or None))
    return plain


def _attempts(columns: Columns) -> dict[str, Any] | None:
    """pass@k (any of k attempts) and pass^k (all of k), by k up to the fewest scored attempts of an item; None below two."""
    from tripos.results.passk import all_k_items, pass_at_k_items

    fewest = min((attempts for attempts, _ in columns.tries), default=0)
    if fewest < 2:
        return None
    tried, right = [n for n, _ in columns.tries], [c for _, c in columns.tries]
    items = list(columns.tries.values())
    found: dict[str, Any] = {"fewest": fewest, "pass_at_k": {}, "all_k": {}}
    for k in range(1, fewest + 1):
        for name, chances in (("pass_at_k", pass_at_k_items(tried, right, k)), ("all_k", all_k_items(tried, right, k))):
            found[name][str(k)] = sum(c * n for c, n in zip(chances.tolist(), items, strict=True)) / sum(items)
    return found


def _correct_per_joule(columns: Columns) -> float | None:
    """Correct samples per joule, over the scored samples whose energy is known."""
    import numpy as np

    ipj, joules = (np.frombuffer(columns.values[name] or array("d", [math.nan])) for name in ("ipj", "energy_joules"))
    known = ~np.isnan(ipj)
    return float((ipj * joules)[known].sum() / joules[known].sum()) if known.any() else None


def _until(until: Until) -> dict[str, Any]:
    lower, upper = until.interval
    return {
        "half_width": until.half_width,
        "sure": until.sure,
        "items": until.items,
        "clusters": until.clusters,
        "mean": until.mean,
        "lower": lower,
        "upper": upper,
    }


def _requests(plan: Plan) -> dict[str, Any]:
    counters = plan.endpoint.counters
    return {"sent": counters.requests, "failed": dict(counters.errors), "peak_in_flight": plan.endpoint.limiter.peak}


def public_options(options: dict[str, Any]) -> dict[str, Any]:
    """An engine's options without what cannot stand in a file."""
    return {name: value for name, value in options.items() if isinstance(value, (str, int, float, bool))}


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
    unread = summary["outcomes"]["wrong_format"]
    if summary.get("judge_absent") and unread:
        found.append(
            f"There was no judge to read unclear answers: {unread} count as wrong_format. Compare only with runs that had none either."
        )
    found += given_up_notices(summary)
    until = summary.get("until")
    if until and summary["status"] == "until":
        span = f"[{until['lower']:.4f}, {until['upper']:.4f}], valid at any time"
        found.append(f"stopped on purpose after {summary['planned']} of {until['of']}: accuracy {until['mean']:.4f} within {span}.")
    ours = summary["unscored"]
    if ours and summary["planned"]:
        low, high = summary["accuracy_three_ways"]["bounds"]
        found.append(f"{ours} of {summary['planned']} are unscored: accuracy over all planned lies between {low:.4f} and {high:.4f}.")
    return found


def given_up_notices(summary: Summary) -> Iterator[str]:
    """Which server was left alone, why, and what that leaves undone."""
    run, judge = summary.get("given_up"), summary.get("judge_given_up")
    if run:
        left = f"{summary['not_reached']} of {summary['planned']} were not asked"
        yield f"given up after {run['in_a_row']} samples in a row failed alike ({run['error']}): {left}; the same command goes on."
    if judge and summary["outcomes"]["judge_failed"]:
        why = f"{judge['in_a_row']} requests in a row failed alike ({judge['error']})"
        left = f"{summary['outcomes']['judge_failed']} answers are kept without a verdict"
        yield f"the judge was given up after {why}: {left}; the same command has them judged."


def write_summary(summary: Summary, path: Path) -> Path:
    """Writes `{path}.summary.json`, atomically."""
    target = summary_of(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    temporary.replace(target)
    return target
