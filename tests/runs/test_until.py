"""A run may stop early without lying: results count in planned order, and the interval holds at every look."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.runs.until import Until, half_width


def told_in(order: list[int], values: list[float | None], **how: int) -> Until:
    until = Until(0.1, **how)
    for place in order:
        until.ended(place, values[place])
    return until


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_the_order_of_finishing_does_not_matter(seed: int, per_item: int) -> None:
    rng = random.Random(seed)
    values = [rng.choice([0.0, 1.0, None]) for _ in range(60)]
    order = list(range(60))
    rng.shuffle(order)
    shuffled, straight = told_in(order, values, per_item=per_item), told_in(sorted(order), values, per_item=per_item)
    assert (shuffled.interval, shuffled.items, shuffled.mean) == (straight.interval, straight.items, straight.mean)


def test_quick_answers_do_not_run_ahead() -> None:
    until = Until(0.1)
    for place in range(1, 2000):
        assert not until.ended(place, 1.0)
    assert until.items == 0 and until.interval == (0.0, 1.0)
    assert until.ended(0, 0.0), "with the first one in, the rest counts at once"


def test_it_stops_when_narrow_enough_and_stays_stopped() -> None:
    rng = random.Random(5)
    until = Until(0.05)
    place = 0
    while not until.ended(place, float(rng.random() < 0.8)):
        place += 1
    lower, upper = until.interval
    assert upper - lower <= 0.1 + 1e-9 and lower <= 0.8 <= upper
    assert 300 < until.items < 1500
    before = until.interval
    assert until.ended(place + 1, 0.0) and until.interval == before


def test_the_interval_seldom_misses_however_often_one_looks() -> None:
    misses = 0
    for seed in range(60):
        rng, until, place = random.Random(seed), Until(0.1), 0
        while not until.ended(place, float(rng.random() < 0.7)):
            place += 1
        lower, upper = until.interval
        misses += not lower <= 0.7 <= upper
    assert misses <= 6, "at most 5 % are expected; 7 of 60 would be a chance of 1 in 30"


def test_attempts_are_averaged_and_failures_left_out() -> None:
    until = Until(0.1, per_item=2)
    for place, value in enumerate([1.0, 0.0, None, 1.0, None, None]):
        until.ended(place, value)
    assert (until.items, until.mean) == (2, 0.75)


def test_whole_clusters_count_when_their_last_item_is_in() -> None:
    until = Until(0.1, per_item=2, sizes=[2, 1, 3])
    for place, value in enumerate([1.0, 1.0, 0.0]):
        until.ended(place, value)
    assert (until.items, until.clusters) == (0, 0), "its second item has another attempt to come"
    until.ended(3, 1.0)
    assert (until.items, until.clusters, until.mean) == (2, 1, 0.75)
    for place, value in enumerate([None, None, 1.0, 1.0, None, None, 0.0, 0.0], 4):
        until.ended(place, value)
    assert (until.items, until.clusters) == (4, 2), "what was not scored at all weighs nothing"
    assert until.mean == pytest.approx((1.0 + 0.5 + 1.0 + 0.0) / 4)


@pytest.mark.parametrize("sizes", [[1] * 300, [4] * 300, ([1] * 9 + [11]) * 60])
def test_how_many_clusters_it_takes_at_the_least_is_known_before(sizes: list[int]) -> None:
    until, place = Until(0.05, sizes=sizes), 0
    while not until.ended(place, 1.0):
        place += 1
    assert until.clusters is not None and until.least == pytest.approx(until.clusters, rel=0.15)


@given(st.integers(0, 10_000))
def test_clusters_of_one_item_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.choice([0.0, 1.0, None]) for _ in range(60)]
    alone, units = told_in(list(range(60)), values), Until(0.1, sizes=[1] * 60)
    for place, value in enumerate(values):
        units.ended(place, value)
    assert (units.interval, units.mean, units.items) == (alone.interval, alone.mean, alone.items)
    assert alone.clusters is None


def test_what_cannot_be_is_refused() -> None:
    until = Until(0.1)
    until.ended(0, 1.0)
    with pytest.raises(ValueError, match="told before"):
        until.ended(0, 1.0)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        until.ended(1, 1.5)
    with pytest.raises(ConfigError, match=r"0 and 0\.5"):
        Until(0.5)


@pytest.mark.parametrize(
    ("text", "value"), [("±0.02", 0.02), ("+-0.02", 0.02), ("+/-.02", 0.02), ("0.02", 0.02), ("2%", 0.02), ("± 2 %", 0.02)]
)
def test_ways_to_write_it(text: str, value: float) -> None:
    assert half_width(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["0.5", "0", "70%"])
def test_a_width_beyond_all_scores_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"0 and 0\.5"):
        half_width(text)


@pytest.mark.parametrize("text", ["", "±", "two", "-0.02", "0.02.1", "1e-2"])
def test_other_ways_are_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"±0\.02"):
        half_width(text)
