"""What an item not seen could do: Gaffke's test of a bounded mean, against exact, simulated and independent figures."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tripos.results.unseen import unseen_interval, unseen_p_value

differences = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=40)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=60), st.floats(0.1, 1))
def test_when_all_differences_have_one_sign_the_chance_is_a_product(values: list[float], reach: float) -> None:
    """P(Σ E_i s_i <= r E) = E exp(-Σ E_i s_i / r) = Π 1 / (1 + s_i / r)."""
    expected = float(np.prod(1 / (1 + np.array(values) / reach)))
    assert 0.97 * expected <= unseen_p_value(np.array(values), reach) <= 1.12 * expected


@given(st.integers(1, 80), st.floats(0.01, 1))
def test_equal_differences_are_the_chance_to_see_none_of_the_others(n: int, value: float) -> None:
    """If a share q of items differed by -1/2 so that the mean were 0, n items would miss them all with probability (1 - q)^n."""
    share = value / (value + 0.5)
    assert unseen_p_value(np.full(n, value), 0.5) == pytest.approx((1 - share) ** n, rel=0.05)


@pytest.mark.parametrize(("wins", "losses"), [(9, 1), (14, 6), (30, 20), (3, 0), (60, 38)])
def test_two_values_are_the_binomial_test(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue
    assert unseen_p_value(np.array([1.0] * wins + [-1.0] * losses), 1.0) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_the_saddle_point_agrees_with_random_weights(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(0.1, 0.25, int(generator.integers(5, 60)))
    side = np.sign(values.sum()) * values
    weights = generator.exponential(size=(200_000, len(values) + 1))
    simulated = float((weights[:, :-1] @ side <= 0.5 * weights[:, -1]).mean())
    assert unseen_p_value(values, 0.5) == pytest.approx(simulated, rel=0.05, abs=0.002)


@given(differences, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_interval_holds_what_is_not_rejected(values: list[float], alpha: float) -> None:
    array = np.array(values)
    lower, upper = unseen_interval(array, None, 0.5, alpha)
    assert lower < array.mean() < upper
    assert unseen_p_value(array - lower, 0.5) == pytest.approx(alpha, rel=1e-4)
    assert unseen_p_value(array - upper, 0.5) == pytest.approx(alpha, rel=1e-4)


@given(differences)
def test_the_other_direction_is_the_mirror_image(values: list[float]) -> None:
    array = np.array(values)
    lower, upper = unseen_interval(array, None, 0.5, 0.05)
    assert unseen_interval(-array, None, 0.5, 0.05) == pytest.approx((-upper, -lower), abs=1e-9)
    assert unseen_p_value(-array, 0.5) == pytest.approx(unseen_p_value(array, 0.5), rel=1e-9)


def test_no_difference_is_no_evidence() -> None:
    assert unseen_p_value(np.zeros(10), 0.5) == 1.0


def test_a_farther_reach_and_fewer_items_are_less_sure() -> None:
    values = np.random.default_rng(2).normal(0.1, 0.1, 40)
    by_reach = [unseen_p_value(values, reach) for reach in (0.1, 0.25, 0.5, 1.0)]
    by_number = [unseen_p_value(np.full(n, 0.1), 0.5) for n in (80, 40, 20, 10)]
    assert by_reach == sorted(by_reach) and by_number == sorted(by_number)


def test_bins_of_many_items_change_nothing_that_matters() -> None:
    generator = np.random.default_rng(3)
    rare = np.zeros(50_000)
    rare[:7], rare[7] = generator.uniform(0.3, 0.9, 7), -0.4
    alone = unseen_p_value(rare[:900], 0.5)
    assert unseen_p_value(rare, 0.5) == pytest.approx(alone, rel=1e-3)
    spread = generator.normal(0.002, 0.2, 50_000).clip(-1, 1)
    z = (spread.sum() - 0.5) / np.sqrt((spread**2).sum() + 0.25)
    assert unseen_p_value(spread, 0.5) == pytest.approx(stats.norm.sf(z), rel=0.02)


def test_a_million_items_take_a_moment() -> None:
    values = np.random.default_rng(0).normal(0.001, 0.2, 1_000_000)
    began = time.process_time()
    unseen_p_value(values, 0.5)
    unseen_interval(values, None, 0.5, 0.05)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("gain", "n", "level"), [(0.5, 20, 0.051), (0.5, 60, 0.051), (0.25, 100, 0.051), (0.75, 50, 0.14), (1.0, 20, 0.23), (1.0, 100, 0.23)]
)
def test_the_level_holds_where_a_rare_gain_makes_up_for_many_losses(gain: float, n: int, level: float) -> None:
    """Enumerated: gains are binomial, all else is one loss; at the worst share of gains. Beyond half the scale it is bounded only."""
    worst = 0.0
    for share in np.geomspace(0.2 / n, 0.5, 60):
        loss = -gain * share / (1 - share)
        samples = [np.array([gain] * k + [loss] * (n - k)) for k in range(min(n, 25) + 1)]
        low = [k for k, sample in enumerate(samples) if sample.sum() < 0 and unseen_p_value(sample, 0.5) <= 0.05]
        worst = max(worst, float(stats.binom.pmf(low, n, share).sum()))
    assert worst <= level
