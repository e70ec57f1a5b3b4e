"""pass@k (any of k attempts) and all-k, written pass^k (every one of k attempts), without bias from n > k attempts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from tripos.results.intervals import Estimate, mean_interval
from tripos.results.items import Floats, Labels

Counts = Sequence[int] | NDArray[np.int64]


def pass_at_k_items(attempts: Counts, correct: Counts, k: int) -> Floats:
    """Per item the chance that k attempts drawn from its n contain a correct one: 1 - C(n - c, k) / C(n, k) (Chen et al. 2021).

    Args:
        attempts, correct: n and c of each item.

    Raises ValueError when an item has fewer than k attempts or more correct than attempts. Exact integer arithmetic.
    """
    return _per_item(attempts, correct, k, lambda n, c: 1 - comb(n - c, k) / comb(n, k))


def all_k_items(attempts: Counts, correct: Counts, k: int) -> Floats:
    """Per item the chance that k attempts drawn from its n are all correct: C(c, k) / C(n, k) (pass^k, reliability)."""
    return _per_item(attempts, correct, k, lambda n, c: comb(c, k) / comb(n, k))


def pass_at_k(attempts: Counts, correct: Counts, k: int, clusters: Labels | None = None, level: float = 0.95) -> Estimate | None:
    """pass@k of a benchmark: mean and interval over items; None for no items. Errors as `pass_at_k_items`."""
    return mean_interval(pass_at_k_items(attempts, correct, k), clusters, level, bounded=True)


def all_k(attempts: Counts, correct: Counts, k: int, clusters: Labels | None = None, level: float = 0.95) -> Estimate | None:
    """pass^k of a benchmark: mean and interval over items; None for no items. Errors as `pass_at_k_items`."""
    return mean_interval(all_k_items(attempts, correct, k), clusters, level, bounded=True)


def _per_item(attempts: Counts, correct: Counts, k: int, chance: Callable[[int, int], float]) -> Floats:
    tried, right = np.asarray(attempts, dtype=np.int64), np.asarray(correct, dtype=np.int64)
    if tried.shape != right.shape or tried.ndim != 1:
        raise ValueError(f"attempts and correct must be two lists of one length, got shapes {tried.shape} and {right.shape}")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if len(tried) and tried.min() < k:
        item = int(tried.argmin())
        raise ValueError(f"item {item} has {tried[item]} attempts, which cannot say anything about k={k}; choose k up to {tried[item]}")
    if ((right < 0) | (right > tried)).any():
        item = int(((right < 0) | (right > tried)).argmax())
        raise ValueError(f"item {item} has {right[item]} correct of {tried[item]} attempts")
    pairs, inverse = np.unique(np.column_stack([tried, right]), axis=0, return_inverse=True)
    chances = np.array([chance(int(n), int(c)) for n, c in pairs], dtype=np.float64)
    return chances[inverse.reshape(-1)]
