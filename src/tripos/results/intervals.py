"""Mean with standard error and interval, the method chosen by what the values are.

| values | items independent | items in clusters |
|---|---|---|
| all 0 or 1 | Wilson | Wilson on the effective number of items, t with G - 1 degrees of freedom |
| within 0..1 | Wilson on the variance-equivalent number of items, t with n - 1 | the same, t with G - 1 |
| anything else | t with n - 1 | cluster-robust t with G - 1 |

Why not a t interval for graded scores within 0..1: next to a bound it leaves 0..1 and covers too little. In 3,000 experiments of
100 items of which 95 % score 1 and 5 % score 0.5, t covered 88 % and the Wilson form 97 %; of 20 items Beta(8, 1), 93 % and 94 %, at
equal width. `benchmarks/simulate_coverage.py` measures the whole table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tripos.results.distributions import normal_quantile, t_quantile
from tripos.results.items import Floats, Grouping, Labels, Values, as_floats, grouping, is_binary, variance_of_mean, within_unit

SAME = 1e-12
"""Scores within 0..1 that differ by less are equal, rounded differently."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over items and how sure it is.

    `stderr`, `lower`, `upper` are None where the data cannot tell (one item, one cluster). `n_clusters` is None when no clusters
    were stated. `n_missing` items were not measured and are left out of everything else. `method` is one of `wilson`,
    `wilson_clustered`, `wilson_graded`, `wilson_graded_clustered`, `constant_bound`, `t`, `t_clustered`, `undefined`.
    """

    mean: float
    stderr: float | None
    lower: float | None
    upper: float | None
    n_items: int
    n_clusters: int | None
    n_missing: int
    level: float
    method: str


def check_level(level: float) -> None:
    """Raises ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}; 0.95 asks for a 95 % interval")


def wilson(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); within 0..1, and never a point for finite `trials` > 0."""
    check_level(level)
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"wilson needs trials > 0 and successes in 0..trials, got {successes} of {trials}")
    return _wilson(successes / trials, trials, normal_quantile((1 + level) / 2))


def _wilson(mean: float, trials: float, critical: float) -> tuple[float, float]:
    """(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    square = critical * critical / trials
    centre = mean + square / 2
    half = critical * math.sqrt(mean * (1 - mean) / trials + square / (4 * trials))
    lower, upper = (centre - half) / (1 + square), (centre + half) / (1 + square)
    return (0.0 if mean == 0 else max(0.0, min(lower, mean))), (1.0 if mean == 1 else min(1.0, max(upper, mean)))


def constant_bound(value: float, low: float, high: float, trials: float, level: float) -> tuple[float, float]:
    """Interval of a mean when all observed values equal `value`, of values that can reach `low`..`high`.

    Values not yet seen may differ with a probability up to e = z²/(n + z²), Wilson's upper limit at 0 of n; at worst all of them sit
    at an end of the range. At value 0 or 1 of 0..1 this is Wilson's interval.
    """
    square = normal_quantile((1 + level) / 2) ** 2
    unseen = square / (trials + square)
    return value - unseen * (value - low), value + unseen * (high - value)


def mean_interval(values: Values, clusters: Labels | None = None, level: float = 0.95, *, bounded: bool | None = None) -> Estimate | None:
    """Mean of item values with standard error and interval; None when nothing was measured.

    Args:
        values: one number an item (`item_means` reduces attempts); None or NaN was not measured, is left out and counted.
        clusters: one label an item; a label None is an item on its own. Clusters of one item each change nothing.
        level: coverage of the interval.
        bounded: whether values are scores that cannot leave 0..1; None means so if all lie there. Pass False for measurements
            (seconds, watts) that happen to be small.

    Raises ValueError for infinite values, a wrong number of labels or a level outside 0..1.
    """
    check_level(level)
    array = as_floats(values)
    measured = ~np.isnan(array)
    groups = grouping(clusters, measured)
    kept = array[measured]
    if not len(kept):
        return None
    variance = variance_of_mean(kept, groups)
    lower, upper, method = _interval(kept, groups, level, within_unit(kept) if bounded is None else bounded)
    return Estimate(
        mean=float(kept.mean()),
        stderr=None if variance is None else math.sqrt(variance),
        lower=lower,
        upper=upper,
        n_items=len(kept),
        n_clusters=None if groups is None else groups.count,
        n_missing=len(array) - len(kept),
        level=level,
        method=method,
    )


def _interval(values: Floats, groups: Grouping | None, level: float, bounded: bool) -> tuple[float | None, float | None, str]:
    if groups is not None and groups.count == len(values):
        groups = None
    mean, n = float(values.mean()), len(values)
    if bounded and not within_unit(values):
        raise ValueError(f"bounded=True, but values reach from {values.min():g} to {values.max():g}, outside 0..1")
    binary = bounded and is_binary(values)
    if bounded and values.max() - values.min() < SAME:
        lower, upper = constant_bound(float(values[0]), 0.0, 1.0, n if groups is None else groups.effective_count, level)
        return lower, upper, "wilson" if binary and groups is None else "constant_bound"
    if binary and groups is None:
        lower, upper = wilson(float(values.sum()), n, level)
        return lower, upper, "wilson"
    variance, df = cautious_variance(values, groups), (n if groups is None else groups.count) - 1
    if variance is None:
        return None, None, "undefined"
    suffix = "" if groups is None else "_clustered"
    critical = t_quantile((1 + level) / 2, df)
    if bounded:
        variance += _tie_allowance(values, groups)
        # A mean within 0..1 with variance V is as sure as a proportion of mean (1 - mean) / V items (the design effect of survey
        # statistics; Franco, Little, Louis and Slud 2019, J. Survey Statistics and Methodology 7:334).
        lower, upper = _wilson(mean, mean * (1 - mean) / variance, critical)
        return lower, upper, ("wilson" if binary else "wilson_graded") + suffix
    half = critical * math.sqrt(variance)
    return mean - half, mean + half, "t" + suffix


def cautious_variance(values: Floats, groups: Grouping | None) -> float | None:
    """Variance of the mean for an interval: a clustered one is never taken to be less than that of independent items.

    With few clusters the estimate may come out near 0 by chance (every cluster half right), which would be an interval of no width.
    """
    variance = variance_of_mean(values, groups)
    if variance is None or groups is None:
        return variance
    return max(variance, variance_of_mean(values) or 0.0)


def _tie_allowance(values: Floats, groups: Grouping | None) -> float:
    """Variance added because many equal scores hide how the rare others spread.

    Where most items score the same (a rubric near its ceiling), the few that differ decide the variance and are too few to do so. As
    in Agresti-Coull intervals one more unit is imagined, as far from the frequent value as the farthest seen, and counted by the share
    of units at that value. Values held by less than a tenth of the items are no ties: continuous scores get no allowance.
    """
    n = len(values)
    levels, counts = np.unique(values, return_counts=True)
    sizes = np.ones(n) if groups is None else groups.sizes.astype(np.float64)
    totals = values if groups is None else groups.sums(values)
    largest = 0.0
    for level in levels[counts * 10 >= n] if counts.max() > 1 else ():
        distance = np.abs(totals - level * sizes)
        largest = max(largest, float((distance < SAME * n).mean()) * float(distance.max()) ** 2)
    return largest * len(totals) / (len(totals) - 1) / n**2
