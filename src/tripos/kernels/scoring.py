"""What a speedup is worth: 60 points for being as fast as the reference, up to 40 more for being five times as fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tripos.core.errors import ConfigError

TIER_WEIGHTS = {"t1": 1.0, "t2": 1.5, "t3": 2.0, "t4": 2.5, "t5": 3.0}
AS_FAST, FULL_AT = 60.0, 5.0
STABLE_CV = 0.10


def tier_weight(tier: str) -> float:
    """Weight of a case in totals; 1.0 for any tier but t1 to t5."""
    return TIER_WEIGHTS.get(tier, 1.0)


def case_score(speedup: float | None, *, noisy: bool = False) -> float | None:
    """Points of a correct kernel, 0 to 100: 60 s below s = 1, then 60 + 10 (s - 1) up to s = 5.

    Args:
        speedup: reference time / solution time; None or NaN was not measured, and neither is the score then.
        noisy: the time could not be pinned down. Noise never counts as faster: at most the 60 points of "no faster".
    """
    if speedup is None or math.isnan(speedup):
        return None
    if speedup <= 0:
        return 0.0
    if speedup < 1:
        return AS_FAST * speedup
    bonus = 0.0 if noisy else min(speedup - 1, FULL_AT - 1) / (FULL_AT - 1) * (100 - AS_FAST)
    return AS_FAST + bonus


def weighted_score(tier: str, speedup: float | None, *, noisy: bool = False) -> float | None:
    """`case_score` times the tier's weight; None where not measured."""
    score = case_score(speedup, noisy=noisy)
    return None if score is None else score * tier_weight(tier)


def credited_speedup(speedup: float | None, *, noisy: bool) -> float | None:
    """The speedup that rankings, means and fast_p are made of: as measured, but at most 1 where the measurement is noisy. None for
    what is no ratio of two times (not finite, zero, negative)."""
    if speedup is None or not math.isfinite(speedup) or speedup <= 0:
        return None
    return min(speedup, 1.0) if noisy else float(speedup)


def timing_detail(times_ms: Sequence[float], timing_method: str) -> dict[str, Any]:
    """Statistics of repeated measurements of one side, in milliseconds: the published runner's keys.

    `std_ms` is of the population, `cv` = std / mean, `stable` means cv <= 0.10. One measurement shows no spread: both are None.

    Raises:
        ConfigError: no measurement, or one that is negative or not finite.
    """
    if not times_ms or any(not math.isfinite(t) or t < 0 for t in times_ms):
        raise ConfigError(f"a timing needs measurements that are finite and not negative, got {list(times_ms)[:5]}")
    ordered = sorted(times_ms)
    n = len(ordered)
    mean = math.fsum(ordered) / n
    std = math.sqrt(math.fsum((t - mean) ** 2 for t in ordered) / n)
    cv = None if n == 1 or mean == 0 else std / mean
    return {
        "median_ms": (ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        "mean_ms": round(mean, 6),
        "min_ms": ordered[0],
        "max_ms": ordered[-1],
        "std_ms": round(std, 6),
        "cv": None if cv is None else round(cv, 6),
        "stable": None if cv is None else cv <= STABLE_CV,
        "timing_method": timing_method,
        "all_trials_ms": [round(t, 6) for t in times_ms],
    }
