"""A mean comes with an honest interval, at every size and at every edge."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from tripos.results.intervals import Estimate, constant_bound, mean_interval, wilson

scores = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=60)
zero_one = st.lists(st.sampled_from([0, 1]), min_size=1, max_size=200)


def estimate(values: object, clusters: object = None, **options: object) -> Estimate:
    result = mean_interval(values, clusters, **options)  # type: ignore[arg-type]
    assert result is not None
    return result


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.999]))
def test_wilson_agrees_with_statsmodels(trials: int, data: st.DataObject, level: float) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    assert wilson(successes, trials, level) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(zero_one)
def test_independent_zero_one_scores_get_wilson(values: list[int]) -> None:
    result = estimate(values)
    assert (result.lower, result.upper) == pytest.approx(proportion_confint(sum(values), len(values), method="wilson"), rel=1e-9, abs=1e-12)
    assert result.method == "wilson"


def test_ten_of_ten_is_not_certainty() -> None:
    result = estimate([1] * 10)
    assert result.lower == pytest.approx(0.7224672) and result.upper == 1.0


def test_nineteen_of_twenty_does_not_exceed_one() -> None:
    assert (estimate([1] * 19 + [0]).upper or 2) < 1


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=50).filter(lambda v: max(v) - min(v) > 1e-3 and (min(v) < 0 or max(v) > 1)))
def test_unbounded_values_get_a_t_interval(values: list[float]) -> None:
    result = estimate(values)
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (result.lower, result.upper) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert result.stderr == pytest.approx(stats.sem(values), rel=1e-9) and result.method == "t"


def test_small_measurements_are_not_taken_for_scores_when_told() -> None:
    assert estimate([0.2, 0.4, 0.9], bounded=False).method == "t"
    assert estimate([0.2, 0.4, 0.9]).method == "wilson_graded"


def test_scores_said_to_be_bounded_must_be() -> None:
    with pytest.raises(ValueError, match=r"reach from 0\.5 to 3"):
        mean_interval([0.5, 3.0], bounded=True)


def test_nothing_measured_is_none_not_zero() -> None:
    assert mean_interval([]) is None
    assert mean_interval([None, float("nan")]) is None


def test_missing_items_are_left_out_and_counted() -> None:
    result = estimate([1, None, 0, float("nan")], clusters=["a", "b", "c", "d"])
    assert (result.n_items, result.n_missing, result.n_clusters, result.mean) == (2, 2, 2, 0.5)


def test_one_item() -> None:
    right, measured = estimate([1]), estimate([12.5])
    assert (right.stderr, right.upper) == (None, 1.0) and 0 < (right.lower or 0) < 0.3
    assert (measured.mean, measured.stderr, measured.lower, measured.upper, measured.method) == (12.5, None, None, None, "undefined")


def test_one_cluster_says_nothing_about_its_spread() -> None:
    result = estimate([1, 0, 1], clusters=["a", "a", "a"])
    assert (result.stderr, result.lower, result.upper, result.method) == (None, None, None, "undefined")


def test_equal_graded_scores_keep_a_wide_interval() -> None:
    result = estimate([0.5] * 10)
    assert result.stderr == 0 and (result.lower, result.upper) == pytest.approx((0.5 * 0.7224672, 1 - 0.5 * 0.7224672))


def test_equal_scores_in_few_clusters_are_no_surer_than_the_clusters() -> None:
    clustered, alone = estimate([1] * 40, clusters=[i // 10 for i in range(40)]), estimate([1] * 4)
    assert (clustered.lower, clustered.upper) == pytest.approx((alone.lower, alone.upper))


def test_equal_sums_of_clusters_are_not_certainty() -> None:
    result = estimate([1, 0] * 10, clusters=[i // 2 for i in range(20)])
    assert (result.upper or 0) - (result.lower or 0) > 0.3


@given(zero_one)
def test_the_constant_bound_at_an_end_is_wilson(values: list[int]) -> None:
    assert constant_bound(1.0, 0, 1, len(values), 0.95) == pytest.approx(wilson(len(values), len(values)), rel=1e-12)


@given(scores, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_score_interval_lies_in_the_unit_and_holds_the_mean(values: list[float], level: float) -> None:
    result = estimate(values, level=level)
    assert result.lower is not None and result.upper is not None
    assert 0 <= result.lower <= result.mean + 1e-12 and result.mean - 1e-12 <= result.upper <= 1


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=2, max_size=60))
def test_a_clustered_score_interval_lies_in_the_unit_and_holds_the_mean(rows: list[tuple[float, int]]) -> None:
    result = estimate([value for value, _ in rows], [label for _, label in rows])
    if result.lower is not None and result.upper is not None:
        assert 0 <= result.lower <= result.mean + 1e-12 and result.mean - 1e-12 <= result.upper <= 1


@given(scores, st.randoms(use_true_random=False))
def test_order_does_not_matter(values: list[float], shuffler: random.Random) -> None:
    rows = [(value, position % 3) for position, value in enumerate(values)]
    before = estimate([v for v, _ in rows], [f"source {c}" for _, c in rows])
    shuffler.shuffle(rows)
    after = estimate([v for v, _ in rows], [-c for _, c in rows])
    assert (after.mean, after.n_clusters) == pytest.approx((before.mean, before.n_clusters))
    assert after.lower == pytest.approx(before.lower, abs=1e-6) and after.upper == pytest.approx(before.upper, abs=1e-6)


@given(zero_one)
def test_right_and_wrong_are_mirror_images(values: list[int]) -> None:
    result, mirrored = estimate(values), estimate([1 - value for value in values])
    assert (result.lower, result.upper) == pytest.approx((1 - (mirrored.upper or 0), 1 - (mirrored.lower or 0)))


@given(scores)
def test_clusters_of_one_item_change_nothing(values: list[float]) -> None:
    alone, clustered = estimate(values), estimate(values, list(range(len(values))))
    assert (alone.lower, alone.upper, alone.stderr) == (clustered.lower, clustered.upper, clustered.stderr)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(2, 5))
def test_more_of_the_same_is_surer(values: list[float], times: int) -> None:
    few, many = estimate(values), estimate(values * times)
    assert (many.upper or 0) - (many.lower or 0) <= (few.upper or 0) - (few.lower or 0) + 1e-12


def test_shared_sources_widen_the_interval() -> None:
    values, sources = [1] * 30 + [0] * 30, [i // 6 for i in range(60)]
    alone, shared = estimate(values), estimate(values, sources)
    assert (shared.upper or 0) - (shared.lower or 0) > 2 * ((alone.upper or 0) - (alone.lower or 0))


def test_everything_is_a_plain_float() -> None:
    result = estimate(np.array([1, 0, 1]))
    assert {type(v) for v in (result.mean, result.stderr, result.lower, result.upper)} == {float}


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_the_unit_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
        mean_interval([1, 0], level=level)


def test_wilson_refuses_more_successes_than_trials() -> None:
    with pytest.raises(ValueError, match="5 of 3"):
        wilson(5, 3)


@pytest.mark.parametrize(("n", "worst"), [(20, 0.90), (100, 0.92), (1000, 0.93)])
def test_wilson_covers_on_average_and_dips_only_as_far_as_counting_must(n: int, worst: float) -> None:
    """Enumerated, not simulated: counts are discrete, so any interval of a proportion waves around its level as p moves."""
    intervals = np.array([wilson(successes, n) for successes in range(n + 1)])
    coverage = []
    for p in np.linspace(0.05, 0.95, 181):
        held = (intervals[:, 0] <= p) & (p <= intervals[:, 1])
        coverage.append(float(stats.binom.pmf(np.arange(n + 1), n, p)[held].sum()))
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.006) and min(coverage) > worst
