"""From an interval to a decision: better, worse, equivalent or undecided, and how many more pairs would decide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tripos.results.distributions import normal_quantile
from tripos.results.power import OUT_OF_REACH

Decision = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`more_pairs`: about how many further pairs would decide if the difference seen is true; None when decided or out of reach."""

    decision: Decision
    more_pairs: int | None


def verdict(
    delta: float,
    lower: float | None,
    upper: float | None,
    pairs: int,
    *,
    margin: float = 0.0,
    p_value: float | None = None,
    level: float = 0.95,
    power: float = 0.8,
) -> Verdict:
    """Decide from the interval of a mean paired difference (treatment minus baseline, more is better).

    * equivalent: the whole interval lies strictly within ±`margin`, the largest difference that does not matter. A two-sided interval
      of level 1 - α makes this the two one-sided tests at α/2 each, stricter than the usual 1 - 2α.
    * better / worse: the interval excludes 0, and `p_value`, if given (pass the one adjusted for the family), is at most 1 - level.
    * undecided: neither. `more_pairs` is the cheaper way out (excluding 0, or fitting within the margin), at the given power.

    Raises ValueError for a negative margin.
    """
    if margin < 0:
        raise ValueError(f"margin must not be negative, got {margin}: it is the largest difference that does not matter")
    if lower is None or upper is None:
        return Verdict("undecided", None)
    if -margin < lower and upper < margin:
        return Verdict("equivalent", None)
    significant = p_value is None or p_value <= 1 - level
    if lower > 0 and significant:
        return Verdict("better", None)
    if upper < 0 and significant:
        return Verdict("worse", None)
    return Verdict("undecided", _more_pairs(delta, (upper - lower) / 2, pairs, margin, level, power))


def _more_pairs(delta: float, half_width: float, pairs: int, margin: float, level: float, power: float) -> int | None:
    """Half widths shrink with √pairs; the target leaves room for chance: it is z_{1-α/2} / (z_{1-α/2} + z_power) of the distance."""
    distance = max(abs(delta), margin - abs(delta))
    critical = normal_quantile((1 + level) / 2)
    target = distance * critical / (critical + normal_quantile(power))
    if half_width <= 0 or half_width * math.sqrt(pairs) >= target * math.sqrt(OUT_OF_REACH):
        return None
    return max(1, math.ceil(pairs * (half_width / target) ** 2) - pairs)
