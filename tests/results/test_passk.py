"""pass@k without bias, pass^k, speedups."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tripos.results.passk import all_k, all_k_items, pass_at_k, pass_at_k_items
from tripos.results.speedups import fast_p, geometric_mean


@given(st.integers(1, 8), st.data())
def test_both_are_the_share_of_all_draws_of_k_attempts(attempts: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, attempts)), data.draw(st.integers(1, attempts))
    draws = list(combinations([1] * correct + [0] * (attempts - correct), k))
    assert pass_at_k_items([attempts], [correct], k)[0] == pytest.approx(sum(any(d) for d in draws) / len(draws), rel=1e-12)
    assert all_k_items([attempts], [correct], k)[0] == pytest.approx(sum(all(d) for d in draws) / len(draws), rel=1e-12)


@given(st.integers(1, 300), st.data())
def test_pass_at_k_is_the_product_formula_of_chen_et_al(attempts: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, attempts)), data.draw(st.integers(1, attempts))
    expected = 1.0 if attempts - correct < k else 1 - np.prod(1 - k / np.arange(attempts - correct + 1, attempts + 1))
    assert pass_at_k_items([attempts], [correct], k)[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=30))
def test_pass_at_one_and_all_one_are_the_mean(correct: list[int]) -> None:
    attempts = [10] * len(correct)
    assert pass_at_k_items(attempts, correct, 1) == pytest.approx(np.array(correct) / 10)
    assert all_k_items(attempts, correct, 1) == pytest.approx(np.array(correct) / 10)


def test_items_are_the_unit_of_the_interval() -> None:
    result = pass_at_k([4, 4, 4], [4, 2, 0], 2)
    assert result is not None
    assert (result.n_items, result.mean) == (3, pytest.approx((1 + 5 / 6 + 0) / 3))
    reliable = all_k([4, 4, 4], [4, 2, 0], 2)
    assert reliable is not None and reliable.mean == pytest.approx((1 + 1 / 6 + 0) / 3)
    assert pass_at_k([], [], 1) is None


@pytest.mark.parametrize(
    ("attempts", "correct", "k", "message"),
    [
        ([5, 3], [1, 1], 4, "item 1 has 3 attempts"),
        ([5], [6], 1, "item 0 has 6 correct of 5"),
        ([5], [1], 0, "k must be at least 1"),
        ([5, 5], [1], 1, "one length"),
    ],
)
def test_impossible_counts_are_refused(attempts: list[int], correct: list[int], k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pass_at_k_items(attempts, correct, k)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30).filter(lambda v: max(v) / min(v) > 1.01))
def test_geometric_mean_and_its_interval_on_the_log_scale(ratios: list[float]) -> None:
    result = geometric_mean(ratios)
    assert result is not None
    low, high = stats.t.interval(0.95, len(ratios) - 1, loc=np.log(ratios).mean(), scale=stats.sem(np.log(ratios)))
    assert result.mean == pytest.approx(stats.gmean(ratios), rel=1e-9)
    assert math.log(result.lower or 0) == pytest.approx(low, rel=1e-7, abs=1e-9)
    assert math.log(result.upper or 0) == pytest.approx(high, rel=1e-7, abs=1e-9)


def test_halving_and_doubling_cancel() -> None:
    result = geometric_mean([0.5, 2.0, None])
    assert result is not None and (result.mean, result.n_missing, result.method) == (pytest.approx(1.0), 1, "log_t")


def test_a_geometric_mean_refuses_nought() -> None:
    with pytest.raises(ValueError, match="positive ratios, got -1"):
        geometric_mean([2.0, -1.0])
    assert geometric_mean([None]) is None


def test_fast_p_counts_all_problems_and_is_strict() -> None:
    result = fast_p([1, 1, 1, 0], [2.0, 1.0, 0.5, 9.0], 1.0)
    assert result is not None and (result.mean, result.n_items) == (0.25, 4)


def test_a_correct_solution_without_a_time_is_missing_not_slow() -> None:
    result = fast_p([1, 1, 0, None], [2.0, None, None, 3.0], 1.0)
    assert result is not None and (result.mean, result.n_items, result.n_missing) == (0.5, 2, 2)


def test_fast_nought_is_the_share_correct() -> None:
    result = fast_p([1, 1, 0], [None, 0.1, 2.0], 0)
    assert result is not None and result.mean == pytest.approx(2 / 3)


def test_fast_p_refuses_unequal_lists() -> None:
    with pytest.raises(ValueError, match="2 verdicts but 1 speedups"):
        fast_p([1, 0], [1.0], 1)
