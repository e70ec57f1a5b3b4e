"""Student's t for a mean, and the same corrected for skewness; both together, whichever is more cautious.

A few large values far on one side pull the mean and its standard error together, so that t leans: it rejects a true mean too often
on the side away from them. Hall's monotone transformation takes the lean out (Hall 1992, JRSS B 54:221).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tripos.results.distributions import t_cdf, t_quantile
from tripos.results.items import Floats


@dataclass(frozen=True, slots=True)
class SkewedT:
    """A mean with its standard error, of `units` independent units of the given (moment) skewness."""

    mean: float
    stderr: float
    units: int
    skewness: float

    @property
    def lean(self) -> float:
        """Skewness / √units: how far the mean is from normal."""
        return self.skewness / math.sqrt(self.units)

    def p_value(self) -> float:
        """Two-sided for a mean of 0: the larger of that of t and of h(t) = t + a t²/3 + a² t³/27 + a/6 with a = `lean`."""
        if not self.stderr:
            return 0.0 if self.mean else 1.0
        t = self.mean / self.stderr
        corrected = t + self.lean * t**2 / 3 + self.lean**2 * t**3 / 27 + self.lean / 6
        nearest = min(abs(t), math.copysign(1.0, t) * corrected)
        return 1.0 if nearest <= 0 else 2 * t_cdf(-nearest, self.units - 1)

    def interval(self, level: float) -> tuple[float, float]:
        """The means that `p_value` does not reject at 1 - level: from the lower to the upper of both methods' ends."""
        critical = t_quantile((1 + level) / 2, self.units - 1)
        above, below = max(critical, self._solved(critical)), min(-critical, self._solved(-critical))
        return self.mean - above * self.stderr, self.mean - below * self.stderr

    def _solved(self, h: float) -> float:
        """The t of a corrected h; (1 + a t/3)³ = 1 + a (h - a/6)."""
        a = self.lean
        if abs(a) < 1e-6:
            return h - a / 6 - a * h * h / 3
        return 3 / a * (math.cbrt(1 + a * (h - a / 6)) - 1)


def skewness(sums: Floats) -> float:
    """Third over second central moment^1.5 of residuals that add up to 0; 0 when they do not vary."""
    second = float(sums @ sums) / len(sums)
    return float((sums**3).sum()) / len(sums) / second**1.5 if second > 0 else 0.0
