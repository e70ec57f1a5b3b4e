"""`run --until ±0.02`: when is a run sure enough to stop?

Results come in the order in which they finish; the interval is only valid in the order in which they were planned, and
that order must be a random one (`order_key`), because quick or early samples need not be like the others. So results wait
here for those planned before them. Any number of looks is allowed: see `results.sequential`.

Samples that share a source (a passage, a repository) resemble each other, so their clusters are taken as wholes: they are planned
one after the other, clusters in random order, and one counts when its last sample is in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tripos.core.errors import ConfigError

if TYPE_CHECKING:
    from tripos.results.sequential import ConfidenceSequence

_WIDTH = re.compile(r"(?:±|\+/?-)?\s*(\d*\.?\d+)\s*(%?)")


class Until:
    """Stops a run at a half width of the interval of its mean score.

    Args:
        half_width: of the interval, in 0..0.5.
        per_item: consecutive places (attempts) that are averaged into one item.
        sizes: of the clusters, in items, in the order in which they are planned; None where each item is on its own.
        alpha: chance that the final interval misses the true mean, however often it was looked at.

    Attributes:
        sure: whether the interval is narrow enough.
        items: how many items it rests on.
        least: about how many clusters (or items on their own) it takes at the very least, were all of one value.

    Not thread-safe: one thread tells (`ended`), others may read `sure`. Memory grows with what is finished out of order alone.
    """

    def __init__(self, half_width: float, *, per_item: int = 1, sizes: Sequence[int] | None = None, alpha: float = 0.05) -> None:
        from tripos.results.sequential import ConfidenceSequence

        _check(half_width)
        self.half_width, self.per_item, self.sure = half_width, per_item, False
        self.items = 0
        self._usual = sum(sizes) / len(sizes) if sizes else 1.0  # items of a cluster: weights are 1 on average
        heaviest = max(sizes) / self._usual if sizes else 1.0
        grid = max(1_000, round(20 / half_width))
        self._sequence: ConfidenceSequence = ConfidenceSequence(alpha=alpha, target=half_width, grid=grid, heaviest=heaviest)
        self.least = math.ceil(math.log(2 / alpha) * heaviest / half_width)
        self._sizes = iter(sizes) if sizes else None
        self._left = self._next_size()
        self._cluster: list[float] = []
        self._early: dict[int, float | None] = {}
        self._next = 0
        self._item: list[float] = []

    def ended(self, place: int, value: float | None) -> bool:
        """Takes the result of the candidate planned at `place` (0, 1, 2, …); None was not scored and is left out.

        Returns whether the interval is narrow enough now; once it is, it stays so.

        Raises:
            ValueError: a place is told twice, or a value lies outside 0..1.
        """
        if place < self._next or place in self._early:
            raise ValueError(f"place {place} has been told before")
        self._early[place] = value
        while not self.sure and self._next in self._early:
            self._take(self._early.pop(self._next))
            self._next += 1
        return self.sure

    @property
    def interval(self) -> tuple[float, float]:
        """(lower, upper) of the mean, valid at any time."""
        return self._sequence.interval()

    @property
    def mean(self) -> float | None:
        """Over the items that the interval rests on; None before the first."""
        return self._sequence.mean

    @property
    def clusters(self) -> int | None:
        """How many clusters it rests on; None where each item is on its own."""
        return self._sequence.count if self._sizes is not None else None

    def _take(self, value: float | None) -> None:
        if value is not None:
            self._item.append(value)
        if (self._next + 1) % self.per_item:
            return
        if self._item:
            self._cluster.append(sum(self._item) / len(self._item))
            self._item = []
        self._left -= 1
        if self._left:
            return
        self._left = self._next_size()
        if self._cluster:
            count = len(self._cluster)
            self._sequence.update(sum(self._cluster) / count, count / self._usual)
            self.items += count
            self._cluster = []
            lower, upper = self._sequence.interval()
            self.sure = (upper - lower) / 2 <= self.half_width + 1e-12

    def _next_size(self) -> int:
        return 1 if self._sizes is None else next(self._sizes, 0)


def half_width(text: str) -> float:
    """The number of `±0.02`, `+-0.02`, `0.02` or `2%`.

    Raises:
        ConfigError: it is none of these, or as wide as all scores.
    """
    found = _WIDTH.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"--until {text!r}: write the half width of the interval, as in --until ±0.02 or --until 2%")
    return _check(float(found[1]) / (100 if found[2] else 1))


def _check(half_width: float) -> float:
    if not 0 < half_width < 0.5:
        raise ConfigError(f"--until {half_width:g}: the half width of an interval of scores lies between 0 and 0.5, as in --until ±0.02")
    return half_width
