"""Student's t for a mean, more cautious on the side of a long tail.

A few large values on one side pull the mean and its standard error together: samples in which they happen to be rare give a mean that
is too far from them and a standard error that is too small, so that t rejects a true mean too often. Johnson (1978, JASA 73:536)
takes this out by the sample's skewness: on the side of the tail the quantile t becomes t + a (1 + 2 t²) / 6 with
a = skewness / √units. On the other side, where the correction would make an interval shorter, t stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tripos.results.distributions import t_cdf, t_quantile
from tripos.results.items import Floats, inner


@dataclass(frozen=True, slots=True)
class SkewedT:
    """A mean with its standard error, of at least two independent units of the given skewness."""

    mean: float
    stderr: float
    units: int
    skewness: float

    @property
    def lean(self) -> float:
        """Skewness / √units: how far the distribution of the mean is from normal."""
        return self.skewness / math.sqrt(self.units)

    def p_value(self) -> float:
        """Two-sided, for a mean of 0; it is at most 1 - level where `interval` leaves out 0."""
        if not self.stderr:
            return 0.0 if self.mean else 1.0
        t, tail = abs(self.mean) / self.stderr, max(0.0, math.copysign(self.lean, -self.mean * self.lean))
        if tail > 1e-9:  # the q with q + tail (1 + 2 q²) / 6 = t, free of cancellation
            t = 2 * (t - tail / 6) / (1 + math.sqrt(max(0.0, 1 + 4 * tail / 3 * (t - tail / 6))))
        return 2 * t_cdf(-t, self.units - 1) if t > 0 else 1.0

    def interval(self, level: float) -> tuple[float, float]:
        """The means that are not rejected at 1 - level."""
        t = t_quantile((1 + level) / 2, self.units - 1)
        more = abs(self.lean) * (1 + 2 * t * t) / 6
        below, above = (t + more, t) if self.lean < 0 else (t, t + more)
        return self.mean - below * self.stderr, self.mean + above * self.stderr


def skewness(residuals: Floats) -> float:
    """Adjusted Fisher-Pearson skewness of residuals that add up to 0; 0 for fewer than three or without spread."""
    n, squares = len(residuals), inner(residuals, residuals)
    if n < 3 or squares == 0:
        return 0.0
    moment = float((residuals**3).sum()) / n / math.pow(squares / n, 1.5)
    return moment * math.sqrt(n * (n - 1)) / (n - 2)
