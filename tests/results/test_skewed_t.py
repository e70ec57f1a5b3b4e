"""Student's t with and without the correction for skewness, against SciPy and against a plain reading of the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tripos.results.skewed_t import SkewedT, skewness

samples = st.lists(st.floats(-100, 100), min_size=3, max_size=40).filter(lambda v: max(v) - min(v) > 1e-2)


def of(values: np.ndarray) -> SkewedT:
    return SkewedT(float(values.mean()), float(stats.sem(values)), len(values), skewness(values - values.mean()))


@given(samples)
def test_skewness_is_scipys(values: list[float]) -> None:
    array = np.array(values)
    assert skewness(array - array.mean()) == pytest.approx(float(stats.skew(array, bias=False)), rel=1e-9, abs=1e-9)


@given(samples)
def test_without_skewness_it_is_the_t_test(values: list[float]) -> None:
    result = SkewedT(float(np.mean(values)), float(stats.sem(values)), len(values), 0.0)
    assert result.p_value() == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-9, abs=1e-15)
    ends = stats.t.interval(0.95, len(values) - 1, loc=result.mean, scale=result.stderr)
    assert result.interval(0.95) == pytest.approx(ends, rel=1e-9, abs=1e-9)


@given(samples, st.sampled_from([0.8, 0.95]))
def test_the_tail_side_is_johnsons(values: list[float], level: float) -> None:
    """t1 = (x̄ - m + μ3 / 6 s² n + μ3 (x̄ - m)² / 3 s⁴) / (s / √n) with x̄ - m = t s / √n in the small terms, as in the quantile."""
    array = np.array(values)
    n, s = len(array), float(array.std(ddof=1))
    third = float(stats.skew(array, bias=False)) * s**3
    quantile = float(stats.t.ppf((1 + level) / 2, n - 1))
    shift = third / (6 * s**2 * n) + third * (quantile * s / np.sqrt(n)) ** 2 / (3 * s**4)
    lower, upper = stats.t.interval(level, n - 1, loc=array.mean(), scale=stats.sem(array))
    expected = (lower + min(shift, 0), upper + max(shift, 0))
    assert of(array).interval(level) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(samples, st.sampled_from([0.8, 0.95]))
def test_the_interval_leaves_out_nought_when_the_p_value_rejects_it(values: list[float], level: float) -> None:
    result = of(np.array(values))
    lower, upper = result.interval(level)
    if min(abs(lower), abs(upper)) > 1e-9:
        assert (lower > 0 or upper < 0) == (result.p_value() <= 1 - level)


def test_a_long_tail_of_gains_makes_a_loss_less_sure_and_a_gain_no_surer() -> None:
    losses = SkewedT(-0.05, 0.02, 30, 2.0)
    straight = SkewedT(-0.05, 0.02, 30, 0.0)
    assert losses.p_value() > 2 * straight.p_value()
    assert SkewedT(0.05, 0.02, 30, 2.0).p_value() == pytest.approx(straight.p_value())


def test_no_spread() -> None:
    assert (SkewedT(0.1, 0.0, 5, 0.0).p_value(), SkewedT(0.0, 0.0, 5, 0.0).p_value()) == (0.0, 1.0)


def test_exponential_data_reject_a_true_mean_less_often() -> None:
    generator = np.random.default_rng(4)
    plain = corrected = 0
    for _ in range(2_000):
        values = generator.exponential(size=30) - 1
        plain += stats.ttest_1samp(values, 0).pvalue <= 0.05
        corrected += of(values).p_value() <= 0.05
    assert plain / 2_000 > 0.06 and corrected / 2_000 < 0.058
