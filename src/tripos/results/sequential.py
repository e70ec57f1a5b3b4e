"""An interval that may be looked at after every sample: the confidence sequence for `run --until ±0.02`.

A usual 95 % interval, looked at after every sample until it seems narrow or decided, misses far more often than 5 %. This one
misses with probability at most `alpha` over all looks together (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random
variables by betting", JRSS B 86:1, arXiv 2010.09686, theorem 3: the hedged capital process).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tripos.results.items import Floats


@dataclass(slots=True)
class ConfidenceSequence:
    """Anytime-valid interval of the mean of values in 0..1, fed one by one.

    For each candidate mean m, two gamblers bet that the values lie above, or below, m; if m is true their capital is unlikely
    (probability `alpha`) ever to reach 1/alpha. The interval is what has not been refuted so far: it never widens.

    Valid for independent values and whenever each has the true mean given those before it. So feed samples in their planned,
    shuffled order, not as they finish: quick answers finish first and need not be representative.

    A value may weigh more than another: whole clusters of items, each with the mean and the number of its items, in random order. The
    interval is then that of the mean over items, Σ weight · value / Σ weight. The gamblers bet on weight · (value - m), which is 0 on
    average over clusters if m is that mean (a ratio of two means), whatever the sizes, their relation to the values, and how items of a
    cluster resemble each other. It is bounded by the heaviest weight, so stakes are at most half the capital at the worst value of
    the heaviest cluster: this is the same theorem, for a variable between -heaviest · m and heaviest · (1 - m).

    Args:
        alpha: probability that the sequence ever misses the true mean (0.05 for a 95 % sequence).
        grid: candidate means are 1/grid apart; ends are rounded outward to it, so the level holds at any grid.
        heaviest: the largest weight there can be, known before any value. Weights should be about 1 on average; the level holds at any.
        target: half width that the caller wants to stop at, if any. The bets are then tuned to it and reach it with a fifth to
            two thirds of the samples (about 1.7 times what a fixed plan needs); the level holds whatever the target.

    An update costs O(grid points not yet refuted), about 20 µs at the start and less as the interval shrinks. Memory O(grid).
    """

    alpha: float = 0.05
    grid: int = 1_000
    target: float | None = None
    heaviest: float = 1.0
    count: int = field(default=0, init=False)
    _total: float = field(default=0.0, init=False, repr=False)
    _weight: float = field(default=0.0, init=False, repr=False)
    _squares: float = field(default=0.25, init=False, repr=False)  # a prior value with the largest variance possible
    _first: int = field(default=0, init=False, repr=False)  # grid index of the first candidate not refuted
    _means: Floats = field(init=False, repr=False)
    _log_up: Floats = field(init=False, repr=False)
    _log_down: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must lie strictly between 0 and 1, got {self.alpha}")
        if self.grid < 2:
            raise ValueError(f"grid must be at least 2, got {self.grid}")
        if self.target is not None and not 0 < self.target < 0.5:
            raise ValueError(f"target must lie strictly between 0 and 0.5, got {self.target}: it is half the width of the interval wanted")
        if not 0 < self.heaviest < math.inf:
            raise ValueError(f"heaviest must be a positive number, got {self.heaviest}: it is the largest weight there can be")
        self._means = np.arange(self.grid + 1) / self.grid
        self._log_up = np.zeros(self.grid + 1)
        self._log_down = np.zeros(self.grid + 1)

    @property
    def mean(self) -> float | None:
        """The (weighted) mean so far; None before the first value."""
        return self._total / self._weight if self.count else None

    def update(self, value: float, weight: float = 1.0) -> None:
        """Take in one value of 0..1, or the mean of a cluster with its weight.

        Raises ValueError outside (NaN included): a sample not scored is no value; a weight lies in 0..`heaviest`.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"a confidence sequence takes values in 0..1, got {value}; leave out what was not scored")
        if not 0 < weight <= self.heaviest * (1 + 1e-12):
            raise ValueError(f"a weight lies in 0..heaviest ({self.heaviest:g}), got {weight}")
        if len(self._means):
            self._bet(value, weight)
        self.count += 1
        self._total += weight * value
        self._weight += weight
        # Predictable plug-ins with half a prior observation at 1/2 (eq. 24): only values before the next one may steer its bet.
        self._squares += (weight * (value - (0.5 + self._total) / (self._weight + 1))) ** 2

    def extend(self, values: Iterable[float]) -> None:
        """`update` with each value in turn."""
        for value in values:
            self.update(value)

    def interval(self) -> tuple[float, float]:
        """(lower, upper) of the mean at this moment; (0, 1) before the first value.

        Candidates between the last refuted grid point and the first that is not are kept. Should everything be refuted (probability
        below alpha when the values are what they claim to be), the last candidate's neighbourhood is returned.
        """
        last = self._first + max(1, len(self._means)) - 1
        return max(0, self._first - 1) / self.grid, min(self.grid, last + 1) / self.grid

    def _bet(self, value: float, weight: float) -> None:
        time = self.count + 1
        variance = self._squares / time
        if self.target is None:
            stake = math.sqrt(2 * math.log(2 / self.alpha) / (variance * time * math.log(time + 1)))
        else:
            # The best fixed stake for n samples, √(2 log(2/α) / (variance n)), at the n where the half width is the target.
            stake = self.target / variance
        surplus = weight * (value - self._means)
        with np.errstate(divide="ignore"):
            up = np.minimum(stake, 0.5 / self.heaviest / self._means)  # never stake more than half the capital
            down = np.minimum(stake, 0.5 / self.heaviest / (1 - self._means))
        self._log_up += np.log1p(up * surplus)
        self._log_down += np.log1p(-down * surplus)
        # Half the capital lies with each gambler, so one alone must reach 2/alpha.
        alive = np.flatnonzero(np.maximum(self._log_up, self._log_down) < math.log(2 / self.alpha))
        if not len(alive):
            self._keep_nearest()
        elif alive[0] > 0 or alive[-1] < len(self._means) - 1:
            self._keep(int(alive[0]), int(alive[-1]) + 1)

    def _keep(self, start: int, stop: int) -> None:
        self._first += start
        self._means = self._means[start:stop].copy()
        self._log_up = self._log_up[start:stop].copy()
        self._log_down = self._log_down[start:stop].copy()

    def _keep_nearest(self) -> None:
        start = int(np.argmin(np.maximum(self._log_up, self._log_down)))
        self._first += start
        self._means, self._log_up, self._log_down = (np.empty(0) for _ in range(3))
