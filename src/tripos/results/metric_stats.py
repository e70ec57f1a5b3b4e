"""The summary of a measured quantity: latency, tokens, energy, a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tripos.results.items import Values, as_floats


@dataclass(frozen=True, slots=True)
class MetricStats:
    """`std` is the sample deviation (n - 1; 0 for one value); percentiles interpolate linearly. In the unit of the values.

    `count` values were measured, `missing` were not and are in none of the figures.
    """

    mean: float
    median: float
    min: float
    max: float
    std: float
    p90: float
    p95: float
    p99: float
    count: int
    missing: int


def metric_stats(values: Values) -> MetricStats | None:
    """Summarise the measured values; None when there are none. A measured 0 counts, None and NaN do not.

    Raises ValueError for infinite values.
    """
    array = as_floats(values)
    measured = array[~np.isnan(array)]
    if not len(measured):
        return None
    median, p90, p95, p99 = np.quantile(measured, [0.5, 0.9, 0.95, 0.99]).tolist()
    return MetricStats(
        mean=float(measured.mean()),
        median=median,
        min=float(measured.min()),
        max=float(measured.max()),
        std=float(measured.std(ddof=1)) if len(measured) > 1 else 0.0,
        p90=p90,
        p95=p95,
        p99=p99,
        count=len(measured),
        missing=len(array) - len(measured),
    )
