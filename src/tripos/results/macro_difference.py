"""The paired difference in which every part (subject, slice) weighs the same, beside the one in which every item does.

Each part is compared by itself; the macro difference is the mean of the parts' differences, and its interval is put together from
theirs as in `macro` (MOVER; parts that share sources make it wider). The p-value is that of a normal estimate with this very interval,
so the two say the same: it is at most 1 - level exactly where the interval leaves out 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tripos.results.distributions import normal_cdf, normal_quantile
from tripos.results.intervals import constant_bound
from tripos.results.items import Codes, Floats, within_unit
from tripos.results.macro import Macro, macro_average, shared_sources
from tripos.results.paired import Paired, paired


class _Part(NamedTuple):
    """The difference within a part, as `macro_average` reads it."""

    mean: float
    stderr: float | None
    lower: float | None
    upper: float | None


class MacroDifference(NamedTuple):
    """`pairs` has the counts of all items and the means over the `parts`; `missing` further parts have no pair."""

    pairs: Paired
    parts: int
    missing: int


def macro_difference(
    before: Floats, after: Floats, parts: Codes, clusters: Codes | None = None, *, level: float = 0.95, bounded: bool | None = None
) -> MacroDifference | None:
    """Treatment minus baseline, averaged over parts; None where nothing was measured on both sides.

    Args:
        before, after, clusters, level, bounded: as of `paired`, an item a place.
        parts: the number of each item's part.
    """
    within = within_unit(before[~np.isnan(before)]) and within_unit(after[~np.isnan(after)]) if bounded is None else bounded
    found: list[Paired] = []
    differences, sources = [], []
    numbers = np.unique(parts)
    for number in numbers:
        here = parts == number
        own = paired(before[here], after[here], None if clusters is None else clusters[here], level=level, bounded=within)
        if own is None:
            continue
        found.append(own)
        measured = here & ~np.isnan(before) & ~np.isnan(after)
        differences.append(after[measured] - before[measured])
        sources.append(np.arange(len(parts))[measured] if clusters is None else clusters[measured])
    inflation = shared_sources(differences, sources) if clusters is not None else 1.0
    macro = macro_average([_part(p, level, bounded=within) for p in found], inflation=inflation)
    if macro is None:
        return None
    return MacroDifference(_joined(found, macro, level), len(found), len(numbers) - len(found))


def _part(own: Paired, level: float, *, bounded: bool) -> _Part:
    """A part of a single source has no interval; of scores within 0..1 it gets that of a single item."""
    if own.lower is None and bounded:
        return _Part(own.delta, own.stderr, *constant_bound(own.delta, -1.0, 1.0, 1, level))
    return _Part(own.delta, own.stderr, own.lower, own.upper)


def _joined(found: list[Paired], macro: Macro, level: float) -> Paired:
    p_value = _p_value(macro, level)
    known = p_value is not None
    notice = "a part with a single item or source has no interval, so their average has none"
    return Paired(
        n_pairs=sum(p.n_pairs for p in found),
        n_missing=sum(p.n_missing for p in found),
        n_clusters=None,
        baseline_mean=math.fsum(p.baseline_mean for p in found) / len(found),
        treatment_mean=math.fsum(p.treatment_mean for p in found) / len(found),
        delta=macro.mean,
        stderr=macro.stderr,
        lower=macro.lower if known else None,
        upper=macro.upper if known else None,
        level=level,
        p_value=1.0 if p_value is None else p_value,
        method="normal" if known else "undefined",
        interval_method="mover" if known else "undefined",
        wins=sum(p.wins for p in found),
        losses=sum(p.losses for p in found),
        ties=sum(p.ties for p in found),
        correlation=None,
        unpaired_stderr=None,
        mde=None,
        n_needed=None,
        notices=() if known else (notice,),
    )


def _p_value(macro: Macro, level: float) -> float | None:
    """Two-sided, for a mean of 0; None where the parts have no interval, or one without width."""
    if macro.lower is None or macro.upper is None:
        return None
    reach = macro.mean - macro.lower if macro.mean > 0 else macro.upper - macro.mean
    if not reach > 0:
        return None
    return 2 * normal_cdf(-normal_quantile((1 + level) / 2) * abs(macro.mean) / reach)
