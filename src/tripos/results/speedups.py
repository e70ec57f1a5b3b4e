"""Ratios: geometric mean with an interval on the log scale, and fast_p of kernels."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np

from tripos.results.intervals import Estimate, mean_interval
from tripos.results.items import Labels, Values, as_floats

_LARGEST = sys.float_info.max


def geometric_mean(ratios: Values, clusters: Labels | None = None, level: float = 0.95) -> Estimate | None:
    """exp of the mean log ratio, with the t (or cluster-robust t) interval of the log carried back; None when nothing was measured.

    `stderr` is on the ratio's scale by the delta method: mean · stderr(log). None and NaN are left out and counted. What lies beyond the
    largest float is given as that.
    Raises ValueError for a ratio of zero or less, which has no logarithm.
    """
    array = as_floats(ratios)
    if (array <= 0).any():
        raise ValueError(f"a geometric mean needs positive ratios, got {float(array[array <= 0][0])}; leave out what was not timed")
    logs = mean_interval(np.log(array), clusters, level, bounded=False)
    if logs is None:
        return None
    mean = _exp(logs.mean)
    return replace(
        logs,
        mean=mean,
        stderr=None if logs.stderr is None else min(mean * logs.stderr, _LARGEST),
        lower=None if logs.lower is None else _exp(logs.lower),
        upper=None if logs.upper is None else _exp(logs.upper),
        method=f"log_{logs.method}",
    )


def _exp(log: float) -> float:
    return math.exp(min(log, math.log(_LARGEST)))


def fast_p(correct: Values, speedups: Values, threshold: float, level: float = 0.95) -> Estimate | None:
    """Share of all problems solved correctly and strictly faster than `threshold` times the reference (KernelBench's fast_p).

    Args:
        correct: 1 or 0 a problem, None where it was not judged.
        speedups: reference time / solution time; only looked at where correct.

    A wrong solution counts as not fast whatever its time. A correct one without a time cannot be placed (unless threshold is 0, where
    correct is enough): it is left out and shown in `n_missing`. Raises ValueError for lists of different length.
    """
    right, ratio = as_floats(correct), as_floats(speedups)
    if len(right) != len(ratio):
        raise ValueError(f"{len(right)} verdicts but {len(ratio)} speedups: give one of each a problem, None where not measured")
    fast = np.where(right == 0, 0.0, np.where(np.isnan(ratio), np.nan, ratio > threshold))
    if threshold == 0:
        fast = np.where(right == 0, 0.0, 1.0)
    return mean_interval(np.where(np.isnan(right), np.nan, fast), level=level, bounded=True)
