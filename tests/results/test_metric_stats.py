"""Summaries of what was measured, and the bounds of what was not."""

from __future__ import annotations

import statistics
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.results.metric_stats import metric_stats
from tripos.results.missing import Bounds, bounds, delta_bounds

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@given(numbers)
def test_figures_agree_with_the_standard_library(values: list[float]) -> None:
    result = metric_stats(values)
    assert result is not None
    assert result.mean == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert result.median == pytest.approx(statistics.median(values), abs=1e-6)
    assert (result.min, result.max) == (min(values), max(values))
    assert result.std == pytest.approx(statistics.stdev(values) if len(values) > 1 else 0.0, rel=1e-6, abs=1e-6)


@given(numbers.filter(lambda values: len(values) > 1))
def test_percentiles_interpolate_linearly(values: list[float]) -> None:
    result = metric_stats(values)
    assert result is not None
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    assert [result.p90, result.p95, result.p99] == pytest.approx([cuts[89], cuts[94], cuts[98]], rel=1e-9, abs=1e-6)


@given(numbers, st.integers(0, 5))
def test_what_was_not_measured_is_counted_and_changes_nothing(values: list[float], holes: int) -> None:
    whole, with_holes = metric_stats(values), metric_stats([*values, *[None] * holes])
    assert whole is not None and with_holes is not None
    assert with_holes.missing == holes
    assert asdict(with_holes) | {"missing": 0} == asdict(whole)


def test_a_measured_nought_counts() -> None:
    result = metric_stats([0.0, 2.0])
    assert result is not None and (result.mean, result.count) == (1.0, 2)


def test_nothing_measured_is_none() -> None:
    assert metric_stats([]) is None and metric_stats([None, float("nan")]) is None


def test_figures_are_plain_floats() -> None:
    result = metric_stats(np.array([1.0, 2.0]))
    assert result is not None and {type(value) for value in asdict(result).values()} == {float, int}


def test_bounds_hold_whatever_the_missing_items_are() -> None:
    assert bounds(21, 21, 19) == Bounds(21 / 40, 1.0)
    assert bounds(0, 0, 3) == Bounds(0.0, 1.0)
    assert bounds(0, 0, 0) is None
    assert bounds(-4, 2, 2, low=-5, high=5) == Bounds(-3.5, 1.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_bounds_enclose_the_mean_that_would_have_been(rows: list[tuple[float, bool]]) -> None:
    scored = [value for value, was_scored in rows if was_scored]
    limits = bounds(sum(scored), len(scored), len(rows) - len(scored))
    assert limits is not None
    assert limits.worst - 1e-9 <= sum(value for value, _ in rows) / len(rows) <= limits.best + 1e-9


def test_bounds_of_a_difference_take_the_worst_of_both() -> None:
    limits = delta_bounds(Bounds(0.5, 0.6), Bounds(0.55, 0.8))
    assert (limits.worst, limits.best) == pytest.approx((-0.05, 0.3))


@pytest.mark.parametrize(("total", "scored", "missing", "message"), [(3, 2, 0, "cannot add up to 3"), (0, -1, 0, "must not be negative")])
def test_impossible_counts_are_refused(total: float, scored: int, missing: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bounds(total, scored, missing)
