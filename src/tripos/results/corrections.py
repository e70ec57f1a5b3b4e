"""p-values adjusted for the whole family of comparisons made in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np

from tripos.core.errors import ConfigError, unknown
from tripos.results.items import Floats

Correction = Literal["none", "bonferroni", "holm", "bh", "by"]


def adjust(p_values: Sequence[float | None], correction: str) -> list[float | None]:
    """Adjusted p-values in the order given; None (no test was possible) is no member of the family and stays None.

    With m tests and p_(1) <= … <= p_(m):
    * none: p; bonferroni: min(1, m p)
    * holm: max_{j<=i} min(1, (m - j + 1) p_(j)) (Holm 1979), family-wise error
    * bh: min_{j>=i} min(1, m p_(j) / j) (Benjamini & Hochberg 1995), false discovery rate
    * by: bh times Σ 1/i (Benjamini & Yekutieli 2001), under any dependence

    Raises ConfigError for an unknown correction and ValueError for a p-value outside 0..1 (NaN included).
    """
    if correction not in get_args(Correction):
        raise ConfigError(unknown("p-value correction", correction, get_args(Correction)))
    family = np.array([p for p in p_values if p is not None], dtype=np.float64)
    outside = family[~((family >= 0) & (family <= 1))]
    if len(outside):
        raise ValueError(f"p-values must lie in 0..1, got {outside[0]}; pass None where no test was possible")
    adjusted = iter(_METHODS[correction](family).tolist() if len(family) else [])
    return [None if p is None else next(adjusted) for p in p_values]


def _bonferroni(family: Floats) -> Floats:
    return np.minimum(1.0, family * len(family))


def _holm(family: Floats) -> Floats:
    order = np.argsort(family, kind="stable")
    steps = np.minimum(1.0, family[order] * np.arange(len(family), 0, -1))
    return _restored(np.maximum.accumulate(steps), order)


def _benjamini_hochberg(family: Floats) -> Floats:
    return _step_up(family, 1.0)


def _benjamini_yekutieli(family: Floats) -> Floats:
    return _step_up(family, float((1 / np.arange(1, len(family) + 1)).sum()))


def _step_up(family: Floats, factor: float) -> Floats:
    order = np.argsort(family, kind="stable")
    steps = family[order] * (factor * len(family)) / np.arange(1, len(family) + 1)
    return _restored(np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1]), order)


def _restored(sorted_values: Floats, order: np.ndarray) -> Floats:
    restored = np.empty_like(sorted_values)
    restored[order] = sorted_values
    return restored


_METHODS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda family: family,
    "bonferroni": _bonferroni,
    "holm": _holm,
    "bh": _benjamini_hochberg,
    "by": _benjamini_yekutieli,
}
