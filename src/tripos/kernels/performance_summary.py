"""Totals over performance rows: the published runner's, and those that can be compared between selections of cases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tripos.kernels.aggregate import Row
from tripos.kernels.case import tier_order
from tripos.kernels.outcome import OURS, OUTCOMES
from tripos.kernels.scoring import credited_speedup, tier_weight

if TYPE_CHECKING:
    from tripos.results.intervals import Estimate

FAST_P = (0.0, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Thresholds of the fast_p curve; up to 2 they are KernelBench's."""


def performance_summary(rows: Sequence[Row]) -> Row:
    """Summary of performance rows.

    The published runner's fields keep their meaning: `total_weighted_score` is a plain sum and `avg_speedup` the arithmetic mean over
    passed rows as measured (None instead of 0 where there is none). Ours: `normalised_total` and its bounds, the geometric mean of the
    speedups of correct kernels, the fast_p curve over all cases, how many are faster beyond doubt, and every outcome's count.
    """
    planned = [row for row in rows if row.get("outcome") is not None]
    passed = [row for row in rows if row["status"] == "pass"]
    stable = Counter(row.get("measurement_stable") for row in passed)
    verdicts = Counter(row.get("verdict") for row in passed)
    outcomes = Counter(row["outcome"] for row in planned)
    tiers = sorted({row["tier"] for row in rows}, key=tier_order)
    return {
        "total_cases": len(rows),
        "passed_cases": len(passed),
        "failed_cases": len(rows) - len(passed),
        "total_weighted_score": _sum(rows),
        "avg_speedup": _average(passed),
        "stable_measurements": stable[True],
        "unstable_measurements": stable[False],
        "tier_stats": {tier: _tier([row for row in rows if row["tier"] == tier]) for tier in tiers},
        **totals(planned),
        "geometric_mean_speedup": geometric_mean_speedup(planned),
        "fast_p": fast_p_curve(planned),
        "faster_cases": verdicts["faster"],
        "slower_cases": verdicts["slower"],
        "undecided_cases": verdicts["undecided"],
        "outcomes": {name: outcomes[name] for name in OUTCOMES if outcomes[name]},
        "suspicious_cases": [row["case"] for row in planned if row.get("suspicion")],
        "unmatched_solutions": [row["case"] for row in rows if row.get("outcome") is None],
        "tier_weights": {tier: tier_weight(tier) for tier in tiers},
    }


def totals(rows: Sequence[Row]) -> Row:
    """`normalised_total`: Σ weight · score / Σ weight over all planned cases, 0 to 100, a case without a score counted as 0.

    Cases that were not judged or not timed for a reason that is ours are counted in `unmeasured_cases`; with 0 and with 100 points
    for each of them the total is `normalised_bounds`. All None for no cases.
    """
    weights = math.fsum(tier_weight(row["tier"]) for row in rows)
    if not weights:
        return {"normalised_total": None, "normalised_bounds": None, "unmeasured_cases": 0}
    known = math.fsum(tier_weight(row["tier"]) * row["score"] for row in rows if row["score"] is not None)
    open_weight = math.fsum(tier_weight(row["tier"]) for row in rows if row["score"] is None)
    low, high = known / weights, (known + 100 * open_weight) / weights
    return {
        "normalised_total": round(low, 2),
        "normalised_bounds": [round(low, 2), round(high, 2)],
        "unmeasured_cases": sum(row["score"] is None for row in rows),
    }


def geometric_mean_speedup(rows: Sequence[Row]) -> Row | None:
    """Geometric mean of the credited speedups of correct kernels with its 95 % interval (t on the log scale, over cases).

    Correct ones without a time are counted in `n_missing`; None when nothing was timed. It says nothing of cases that were not solved.
    """
    from tripos.results.speedups import geometric_mean

    return _shown(geometric_mean([credited_of(row) for row in rows if row["status"] == "pass"]))


def fast_p_curve(rows: Sequence[Row]) -> dict[str, Row | None]:
    """For each threshold p the share of all planned cases that are correct and strictly more than p times as fast as the reference,
    with its interval. Cases that we failed to judge are counted in `n_missing`."""
    from tripos.results.speedups import fast_p

    correct = [None if row["outcome"] in OURS else row["status"] == "pass" for row in rows]
    known = [None if verdict is None else float(verdict) for verdict in correct]
    speedups = [credited_of(row) for row in rows]
    return {f"{p:g}": _shown(fast_p(known, speedups, p)) for p in FAST_P}


def credited_of(row: Row) -> float | None:
    """The speedup of a row that means and curves are made of (`scoring.credited_speedup`)."""
    return credited_speedup(row.get("speedup"), noisy=bool(row.get("noisy"))) if row["status"] == "pass" else None


def _tier(rows: Sequence[Row]) -> Row:
    passed = [row for row in rows if row["status"] == "pass"]
    planned = [row for row in rows if row.get("outcome") is not None]
    return {
        "total": len(rows),
        "passed": len(passed),
        "total_weighted_score": _sum(rows),
        "avg_speedup": _average(passed),
        **totals(planned),
        "geometric_mean_speedup": geometric_mean_speedup(planned),
    }


def _sum(rows: Sequence[Row]) -> float:
    return round(math.fsum(row["weighted_score"] for row in rows if row["weighted_score"] is not None), 2)


def _average(passed: Sequence[Row]) -> float | None:
    speedups = [row["speedup"] for row in passed if row["speedup"] is not None]
    return round(math.fsum(speedups) / len(speedups), 4) if speedups else None


def _shown(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    said = asdict(estimate)
    kept = {name: said[name] for name in ("mean", "lower", "upper", "stderr", "level", "method", "n_missing")}
    return {**kept, "n_cases": estimate.n_items}
