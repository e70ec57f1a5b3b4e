"""The unit of analysis: one number per item, items perhaps in clusters (questions that share a passage or a source).

Attempts at one item are not independent items: reduce them with `item_means` before any interval or test.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Values = Sequence[float | None] | Sequence[float] | Sequence[int] | Sequence[bool] | NDArray[Any]
Labels = Sequence[Hashable | None] | NDArray[Any]


class _Alone:
    """Stands for a missing label: equal to nothing but itself."""


class ItemMeans(NamedTuple):
    """One row an item, in order of first appearance. An item without a measured attempt has mean NaN and 0 attempts."""

    items: list[Hashable]
    means: Floats
    attempts: Codes


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which cluster each item belongs to: `codes[i]` in 0..count-1; `sizes[c]` items in cluster c."""

    codes: Codes
    sizes: Codes

    @property
    def count(self) -> int:
        return len(self.sizes)

    def sums(self, values: Floats) -> Floats:
        """The sum of `values` in each cluster, shape (count,)."""
        return np.asarray(np.bincount(self.codes, weights=values, minlength=self.count), dtype=np.float64)

    @property
    def effective_count(self) -> float:
        """Kish's n² / Σ size²: how many independent items these are if a cluster says one thing only."""
        return float(self.sizes.sum()) ** 2 / float((self.sizes.astype(np.float64) ** 2).sum())


def as_floats(values: Values) -> Floats:
    """A one-dimensional float array; None becomes NaN ("not measured"). Raises ValueError for infinities or other shapes."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"expected a flat list of values, got an array of shape {array.shape}")
    if np.isinf(array).any():
        raise ValueError(
            f"{int(np.isinf(array).sum())} of {len(array)} values are infinite; leave them out as None if they were not measured"
        )
    return array


def label_codes(labels: Labels) -> tuple[Codes, list[Hashable]]:
    """Number labels in order of first appearance. A label None stands for itself alone: each gets a number of its own."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu":
        unique, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rank[inverse].astype(np.int64), unique[order].tolist()
    listed = labels.tolist() if isinstance(labels, np.ndarray) else labels
    numbers: dict[Hashable, int] = {}
    keys = (_Alone() if label is None else label for label in listed)
    codes = np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.int64, count=len(listed))
    return codes, [None if isinstance(label, _Alone) else label for label in numbers]


def grouping(clusters: Labels | None, keep: NDArray[np.bool_]) -> Grouping | None:
    """The clusters of the items kept, or None when no clusters are stated.

    Raises ValueError when labels and items differ in number.
    """
    if clusters is None:
        return None
    if len(clusters) != len(keep):
        raise ValueError(f"{len(clusters)} cluster labels for {len(keep)} items: give one label an item")
    codes, _ = label_codes(clusters)
    if not keep.all():
        _, renumbered = np.unique(codes[keep], return_inverse=True)
        codes = renumbered.astype(np.int64)
    return Grouping(codes, np.bincount(codes).astype(np.int64))


def item_means(items: Labels, values: Values) -> ItemMeans:
    """Reduce attempts to items: the mean of each item's measured attempts.

    Args:
        items: one item label an attempt (any hashable).
        values: one value an attempt; None or NaN was not measured and is left out of its item's mean.
    """
    array = as_floats(values)
    if len(items) != len(array):
        raise ValueError(f"{len(items)} item labels for {len(array)} attempts: give one label an attempt")
    codes, labels = label_codes(items)
    measured = ~np.isnan(array)
    attempts = np.bincount(codes[measured], minlength=len(labels)).astype(np.int64)
    totals = np.bincount(codes[measured], weights=array[measured], minlength=len(labels))
    means = np.full(len(labels), np.nan)
    np.divide(totals, attempts, out=means, where=attempts > 0)
    return ItemMeans(labels, means, attempts)


def is_binary(values: Floats) -> bool:
    """Whether every value is exactly 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())


def within_unit(values: Floats) -> bool:
    """Whether every value lies in 0..1."""
    return bool(values.size == 0 or (values.min() >= 0 and values.max() <= 1))


def inner(first: Floats, second: Floats) -> float:
    """Σ first · second. Not by `@`: above 10,000 values its last digits depend on how many cores the machine has."""
    return float((first * second).sum())


def variance_of_mean(values: Floats, groups: Grouping | None = None) -> float | None:
    """Estimated variance of the mean of `values`; None when there is only one item or one cluster.

    Independent items: Σ(x - x̄)² / (n (n - 1)). Clusters: G / (G - 1) · Σ_c (Σ_{i in c} (x_i - x̄))² / n² (the CR1 sandwich for a
    mean; Miller 2024, arXiv 2411.00640, with the small-sample factor). Both agree when every cluster has one item.
    """
    n = len(values)
    count = n if groups is None else groups.count
    if count < 2:
        return None
    residuals = values - values.mean()
    totals = residuals if groups is None else groups.sums(residuals)
    return inner(totals, totals) * count / (count - 1) / n**2
