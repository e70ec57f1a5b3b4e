"""Several backends as one result: counts are added, rows carry their backend, nothing is averaged twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tripos.kernels.aggregate import Row, counts_beyond
from tripos.kernels.case import tier_order

_COUNTS = ("total_cases", "passed_cases", "total_attempts", "successful_attempts")


def combine(payloads: Mapping[str, Mapping[str, Any]]) -> tuple[Row, list[Row]]:
    """Summary and rows of `backend: payload`, in their order.

    A backend that could not run has its cases among its rows, failed, so it lowers the combined rates; its reason stands in
    `environment_error` under its name (None when all could run).
    """
    summaries = {backend: payload["summary"] for backend, payload in payloads.items()}
    rows = [{**row, "backend": backend} for backend, payload in payloads.items() for row in payload["results"]]
    tiers = sorted({tier for summary in summaries.values() for tier in summary["tier_stats"]}, key=tier_order)
    stats = {tier: _added([s["tier_stats"][tier] for s in summaries.values() if tier in s["tier_stats"]]) for tier in tiers}
    total = _added(list(summaries.values()))
    errors = {backend: str(s["environment_error"]) for backend, s in summaries.items() if s["environment_error"]}
    summary = {
        "total_cases": total["total_cases"],
        "passed_cases": total["passed_cases"],
        "failed_cases": total["total_cases"] - total["passed_cases"],
        "case_pass_rate": total["case_pass_rate"],
        "total_attempts": total["total_attempts"],
        "successful_attempts": total["successful_attempts"],
        "attempt_pass_rate": total["attempt_pass_rate"],
        "total_wall_time": sum(s["total_wall_time"] for s in summaries.values()),
        "tier_stats": stats,
        "skipped_cases": [{**skipped, "backend": backend} for backend, s in summaries.items() for skipped in s["skipped_cases"]],
        "environment_error": errors or None,
        **counts_beyond(rows),
    }
    return summary, rows


def combine_performance(payloads: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Performance rows of all backends, each with its backend; a payload without any adds none."""
    return [{**row, "backend": backend} for backend, p in payloads.items() for row in p.get("performance_results") or ()]


def _added(parts: list[Mapping[str, Any]]) -> Row:
    total: Row = {name: sum(part[name] for part in parts) for name in _COUNTS}
    total["case_pass_rate"] = total["passed_cases"] / total["total_cases"] if total["total_cases"] else None
    total["attempt_pass_rate"] = total["successful_attempts"] / total["total_attempts"] if total["total_attempts"] else None
    return total
