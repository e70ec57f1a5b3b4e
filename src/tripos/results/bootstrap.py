"""Percentile bootstrap of a mean over items or clusters, seeded and in bounded memory.

By name only: at 20 items it covers no better than the default intervals, and at few distinct values it is coarser.
"""

from __future__ import annotations

import math

import numpy as np

from tripos.results.distributions import normal_cdf, t_quantile
from tripos.results.items import Codes, Floats

MAX_UNITS = 4096
"""More units than this are first put at random into so many groups of equal number, and the groups are resampled."""
FEW_LEVELS = 64
"""Up to so many distinct units, counts of each are drawn at once (multinomial) instead of the units."""
_CHUNK_DRAWS = 1 << 20


def bootstrap_interval(
    sums: Floats, sizes: Codes | None = None, *, level: float, seed: int, resamples: int = 9_999
) -> tuple[float, float] | None:
    """Interval of Σ sums / Σ sizes when whole units are drawn with replacement; None for fewer than two units.

    Args:
        sums: the sum of the values in each unit (an item's value when items are independent), shape (units,).
        sizes: the number of items in each unit; None means one each.
        level, seed, resamples: coverage, seed of the draws, number of resampled means.

    The percentiles are expanded for small samples: α/2 becomes Φ(-t_{α/2, n-1} √(n/(n-1))) (Hesterberg 2015, arXiv 1411.5279).
    The order of the units does not matter. Time and memory O(units + resamples · min(units, 4096)) and 32 MB.
    """
    units = len(sums)
    if units < 2:
        return None
    counts = np.ones(units) if sizes is None else sizes.astype(np.float64)
    tail = normal_cdf(-t_quantile((1 + level) / 2, units - 1) * math.sqrt(units / (units - 1)))
    generator = np.random.default_rng(seed)
    pairs, frequency = (
        np.unique(np.column_stack([sums, counts]), axis=0, return_counts=True) if units <= MAX_UNITS else _levels(sums, counts)
    )
    if len(pairs) <= FEW_LEVELS:
        drawn = generator.multinomial(units, frequency / units, size=resamples) @ pairs
        means = drawn[:, 0] / drawn[:, 1]
    else:
        means = _resampled_means(np.repeat(pairs, frequency, axis=0), generator, resamples)
    lower, upper = np.quantile(means, [tail, 1 - tail])
    return float(lower), float(upper)


def _levels(sums: Floats, counts: Floats) -> tuple[Floats, Codes]:
    """Distinct (sum, size) pairs with their frequency, sorted; faster than np.unique over rows when there are many."""
    order = np.lexsort((counts, sums))
    pairs = np.column_stack([sums[order], counts[order]])
    starts = np.flatnonzero(np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)])
    return pairs[starts], np.diff(np.r_[starts, len(pairs)])


def _resampled_means(pairs: Floats, generator: np.random.Generator, resamples: int) -> Floats:
    if len(pairs) > MAX_UNITS:
        group = generator.permutation(len(pairs)) % MAX_UNITS
        pairs = np.column_stack([np.bincount(group, weights=column, minlength=MAX_UNITS) for column in pairs.T])
    units = len(pairs)
    means = np.empty(resamples)
    chunk = max(1, _CHUNK_DRAWS // units)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        drawn = generator.integers(0, units, size=(rows, units), dtype=np.int32)
        means[start : start + rows] = pairs[drawn, 0].sum(axis=1) / pairs[drawn, 1].sum(axis=1)
    return means
