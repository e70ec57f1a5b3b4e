"""Our quantiles and tails agree with SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tripos.results.distributions import fair_binomial_two_sided, normal_cdf, normal_quantile, t_cdf, t_quantile

DEGREES = [1, 1.5, 2, 3, 5, 9, 10, 30, 99, 499, 501, 999, 1000, 1001, 99_999, 10**6]


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("probability", [0.0005, 0.005, 0.025, 0.05, 0.2, 0.5, 0.8, 0.95, 0.975, 0.995, 0.9995])
def test_t_quantile_agrees_with_scipy(probability: float, df: float) -> None:
    assert t_quantile(probability, df) == pytest.approx(stats.t.ppf(probability, df), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [-40.0, -4.2, -1.96, -0.3, 0.0, 0.01, 0.5, 1.0, 2.0, 8.0])
def test_t_cdf_agrees_with_scipy(t: float, df: float) -> None:
    assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), rel=1e-9)


def test_t_cdf_at_infinity_is_certain() -> None:
    assert (t_cdf(float("-inf"), 5), t_cdf(float("inf"), 5)) == (0.0, 1.0)


@pytest.mark.parametrize("z", [-38.0, -8.0, -1.0, 0.0, 1.3])
def test_normal_cdf_is_exact_in_the_tail(z: float) -> None:
    assert normal_cdf(z) == pytest.approx(stats.norm.cdf(z), rel=1e-9)


def test_normal_quantile_agrees_with_scipy() -> None:
    assert normal_quantile(0.975) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)


@pytest.mark.parametrize(("probability", "df"), [(0.0, 5), (1.0, 5), (0.5, 0), (0.5, -1)])
def test_t_quantile_refuses_what_has_no_quantile(probability: float, df: float) -> None:
    with pytest.raises(ValueError, match="0 < probability < 1"):
        t_quantile(probability, df)


@given(st.integers(0, 3000), st.data())
def test_fair_coin_p_value_agrees_with_binomtest(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials, 0.5).pvalue if trials else 1.0
    assert fair_binomial_two_sided(successes, trials) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("successes", "trials"), [(149_000, 300_000), (150_000, 300_000), (10, 100_000)])
def test_fair_coin_p_value_of_many_tosses(successes: int, trials: int) -> None:
    expected = min(1.0, 2 * stats.binom.cdf(successes, trials, 0.5))
    assert fair_binomial_two_sided(successes, trials) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_fair_coin_refuses_more_successes_than_tosses() -> None:
    with pytest.raises(ValueError, match=r"0\.\.3"):
        fair_binomial_two_sided(4, 3)
