"""The speedup and its interval."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.kernels.isolation.inside.pairs import NOISY_WIDTH, ROUNDS, T_QUANTILES, _rank, median, settled, speedup, wants_more

RATIOS = st.floats(1e-4, 1e4)
MEASURED = st.lists(st.lists(RATIOS, min_size=1, max_size=9), min_size=2, max_size=10)


@given(MEASURED)
def test_the_interval_holds_the_speedup_and_turns_round_with_the_sides(rounds: list[list[float]]) -> None:
    result = speedup(rounds)
    assert result.low is not None and result.high is not None
    assert result.low <= result.ratio * (1 + 1e-9) and result.ratio <= result.high * (1 + 1e-9)
    odd = [ratios for ratios in rounds if len(ratios) % 2]  # the middle of an even number is a mean, which has no reciprocal
    if len(odd) >= 2:
        there, back = speedup(odd), speedup([[1 / ratio for ratio in ratios] for ratios in odd])
        assert back.low is not None and there.high is not None
        assert math.isclose(there.ratio, 1 / back.ratio, rel_tol=1e-9)
        assert math.isclose(math.log(there.high), -math.log(back.low), rel_tol=1e-6, abs_tol=1e-6)


@given(MEASURED, st.floats(0.01, 100))
def test_a_candidate_twice_as_fast_doubles_everything(rounds: list[list[float]], factor: float) -> None:
    once, scaled = speedup(rounds), speedup([[factor * ratio for ratio in ratios] for ratios in rounds])
    for a, b in zip((once.ratio, once.low, once.high), (scaled.ratio, scaled.low, scaled.high), strict=True):
        assert a is not None and b is not None
        assert math.isclose(math.log(b), math.log(a) + math.log(factor), rel_tol=1e-6, abs_tol=1e-6)


@given(MEASURED)
def test_one_wild_pair_in_a_round_of_three_changes_nothing(rounds: list[list[float]]) -> None:
    three = [[1.0, 1.0, ratios[0]] for ratios in rounds]
    assert speedup(three).ratio == 1.0


def test_one_round_has_no_interval_and_is_noisy() -> None:
    result = speedup([[2.0, 2.0, 2.0]])
    assert (result.ratio, result.low, result.high, result.pairs, result.rounds) == (2.0, None, None, 3, 1)
    assert result.noisy


def test_a_wide_interval_is_noisy() -> None:
    assert speedup([[1.0], [1.5], [0.7]]).noisy
    narrow = speedup([[2.0], [2.001], [1.999]])
    assert not narrow.noisy and narrow.high is not None and narrow.low is not None
    assert narrow.high - narrow.low < NOISY_WIDTH * narrow.ratio


def test_quantiles_are_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom, quantile in enumerate(T_QUANTILES, start=1):
        assert quantile == pytest.approx(stats.t.ppf(0.975 if freedom < ROUNDS else 0.9875, freedom), rel=1e-4)


def simulated(source: random.Random, shift: float, spread: float, outliers: float, pairs: int) -> list[list[float]]:
    """As many rounds as are wanted of a true speedup of 1: their memory lies differently, their pairs scatter, some pairs are far off."""

    def ratio(here: float) -> float:
        return math.exp(here + source.gauss(0, spread) + (source.random() < outliers) * source.gauss(0, 6 * spread))

    rounds: list[list[float]] = []
    while wants_more(rounds, 10):
        here = source.gauss(0, shift)
        rounds.append([ratio(here) for _ in range(pairs)])
    return rounds


def test_five_rounds_more_are_wanted_where_five_are_noisy() -> None:
    quiet, wild = [[1.0], [1.001], [0.999], [1.0], [1.0]], [[1.0], [1.5], [0.7], [1.0], [1.2]]
    assert all(wants_more(quiet[:count], 10) for count in range(5)) and not wants_more(quiet, 10)
    assert all(wants_more(wild + quiet[:count], 10) for count in range(5)) and not wants_more(wild + quiet, 10)
    assert not wants_more(wild, 5) and wants_more(wild[:4], 5)


@pytest.mark.parametrize(
    ("shift", "spread", "outliers", "pairs"),
    [(0.01, 0.01, 0.1, 15), (0.01, 0.05, 0.1, 15), (0.01, 0.05, 0.6, 5), (0.03, 0.01, 0.1, 15), (0.06, 0.05, 0.1, 15)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(shift: float, spread: float, outliers: float, pairs: int) -> None:
    """Of all; and of those that are narrow enough to count, where these are not a few lucky ones (in the last setting they are)."""
    source = random.Random(1)
    results = [speedup(simulated(source, shift, spread, outliers, pairs)) for _ in range(3000)]
    narrow = [result for result in results if not result.noisy]
    for chosen in (results, narrow) if shift < 0.06 else (results,):
        covered = sum((result.low or 0) <= 1.0 <= (result.high or 0) for result in chosen) / len(chosen)
        assert covered > 0.95 - 3 * math.sqrt(0.95 * 0.05 / len(chosen)), (covered, len(chosen))


def test_ranks_are_those_of_the_sign_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for count in (5, 6, 7, 20, 101, 400):
        rank = _rank(count)
        if rank is None:
            assert 2 * stats.binom.cdf(0, count, 0.5) > 0.05
        else:
            assert 2 * stats.binom.cdf(rank, count, 0.5) <= 0.05 < 2 * stats.binom.cdf(rank + 1, count, 0.5)


def test_a_round_settles_when_its_middle_is_known() -> None:
    assert not settled([1.0] * 5, 0.01)  # five values have no 95 % interval of the median
    assert settled([1.0] * 6, 0.01)
    assert settled([1.0, 1.001, 0.999] * 10, 0.01)
    assert not settled([0.5, 1.0, 2.0] * 10, 0.01)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_half_lies_on_each_side_of_the_median(values: list[float]) -> None:
    middle = median(values)
    assert 2 * sum(value <= middle for value in values) >= len(values) <= 2 * sum(value >= middle for value in values)
