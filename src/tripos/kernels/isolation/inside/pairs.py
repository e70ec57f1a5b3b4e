"""Paired times of baseline and candidate: the speedup, its interval, when a round may stop, and whether more are wanted.

A *pair* is the two measured one right after the other on the same inputs, so that what slows the machine slows both; a
*round* is many pairs of the same two processes. Where a process's memory happens to lie makes it a per cent or more faster
or slower for as long as it lives, so one round, however long, can be wrong; the unit of the interval is therefore the
round (Kalibera and Jones, Rigorous benchmarking in reasonable time, ISMM 2013): the mean of the rounds' median log ratios
with Student's t interval, carried back to the ratio. Five rounds that agree by luck would make that interval too narrow, and
only narrow ones count (wide ones are `noisy`); so it is widened to hold the sign-test interval of the median of all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 5
NOISY_WIDTH = 0.10  # of the interval, relative to the speedup: wider is `noisy`
# Two-sided quantiles of Student's t for 1, 2, … degrees of freedom: 95 % up to five rounds; 97.5 % beyond, where there was a look before.
T_QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 3.1634, 2.9687, 2.8412, 2.7515, 2.685)


@dataclass(frozen=True)
class Speedup:
    """Ratio of baseline time to candidate time: above 1 is faster. `low` and `high`: its 95 % interval; None with one round."""

    ratio: float
    low: float | None
    high: float | None
    pairs: int
    rounds: int

    @property
    def noisy(self) -> bool:
        """The interval is too wide to mean anything, or there is none."""
        return self.low is None or self.high is None or self.high - self.low > NOISY_WIDTH * self.ratio


def speedup(rounds: Sequence[Sequence[float]]) -> Speedup:
    """Of the ratios of one round or more, up to ten; each round has one ratio or more."""
    logs = [math.log(median(ratios)) for ratios in rounds]
    count, pairs = len(logs), sum(len(ratios) for ratios in rounds)
    mean = sum(logs) / count
    if count == 1:
        return Speedup(math.exp(mean), None, None, pairs, 1)
    spread = math.sqrt(sum((each - mean) ** 2 for each in logs) / (count - 1) / count)
    half = T_QUANTILES[count - 2] * spread
    low, high = math.exp(mean - half), math.exp(mean + half)
    everything, rank = sorted(ratio for ratios in rounds for ratio in ratios), _rank(pairs)
    if rank is not None:
        low, high = min(low, everything[rank]), max(high, everything[-1 - rank])
    return Speedup(math.exp(mean), low, high, pairs, count)


def wants_more(rounds: Sequence[Sequence[float]], most: int) -> bool:
    """Whether another round is to be measured: up to five, and up to `most` if what these say is noisy.

    Looked at once in between only: to go on until the interval happens to be narrow would favour those that are too narrow.
    """
    return len(rounds) < most and (len(rounds) != ROUNDS or speedup(rounds).noisy)


def settled(ratios: Sequence[float], precision: float) -> bool:
    """Whether more pairs in this round would tell little: the sign-test interval of the median is no wider than `precision`."""
    ordered, rank = sorted(ratios), _rank(len(ratios))
    return rank is not None and ordered[-1 - rank] - ordered[rank] <= precision * median(ordered)


def median(values: Sequence[float]) -> float:
    """Of one value or more; the mean of the two middle ones of an even number."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _rank(count: int) -> int | None:
    """Index of the ends of the 95 % order-statistic interval of the median; None where there are too few (Conover, section 3.2)."""
    cumulative, rank = 0.0, None
    for index in range(count // 2):
        cumulative += math.exp(math.lgamma(count + 1) - math.lgamma(index + 1) - math.lgamma(count - index + 1) - count * math.log(2))
        if 2 * cumulative > 0.05:
            break
        rank = index
    return rank
