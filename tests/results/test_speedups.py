"""Means of ratios at the ends of what a float can say."""

from __future__ import annotations

import math

import pytest

from tripos.results.speedups import geometric_mean


@pytest.mark.parametrize("ratios", [[1e308], [1e308, 1e308], [1.7976931348623157e308] * 3, [1e308, 1e-300], [1e-320, 5e-324], [1e308, 1.0]])
def test_extreme_ratios_have_finite_means(ratios: list[float]) -> None:
    found = geometric_mean(ratios)
    assert found is not None
    known = [value for value in (found.mean, found.stderr, found.lower, found.upper) if value is not None]
    assert all(math.isfinite(value) for value in known)
    expected = math.fsum(map(math.log, ratios)) / len(ratios)
    assert math.log(found.mean) == pytest.approx(expected, abs=0.5)
