"""An interval that may be looked at after every sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.results.sequential import ConfidenceSequence


def until(draw: object, half_width: float, target: float | None) -> int:
    sequence = ConfidenceSequence(target=target)
    while True:
        sequence.update(draw())  # type: ignore[operator]
        lower, upper = sequence.interval()
        if upper - lower <= 2 * half_width:
            return sequence.count


def capital_by_the_book(values: list[float], mean: float, alpha: float) -> float:
    """The largest hedged capital ever held against `mean`, straight from the paper's definition."""
    up = down = 1.0
    largest = 0.0
    seen: list[float] = []
    squares = 0.25
    for time, value in enumerate(values, 1):
        stake = math.sqrt(2 * math.log(2 / alpha) / (squares / time * time * math.log(time + 1)))
        up *= 1 + min(stake, 0.5 / mean) * (value - mean)
        down *= 1 - min(stake, 0.5 / (1 - mean)) * (value - mean)
        largest = max(largest, up / 2, down / 2)
        seen.append(value)
        squares += (value - (0.5 + sum(seen)) / (len(seen) + 1)) ** 2
    return largest


def test_nothing_seen_says_nothing() -> None:
    sequence = ConfidenceSequence()
    assert sequence.interval() == (0.0, 1.0) and sequence.mean is None


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=80), st.sampled_from([0.05, 0.2]))
def test_the_interval_is_what_the_gamblers_have_not_refuted(values: list[float], alpha: float) -> None:
    sequence = ConfidenceSequence(alpha, grid=50)
    sequence.extend(values)
    lower, upper = sequence.interval()
    candidates = [m / 50 for m in range(1, 50)]
    kept = [m for m in candidates if capital_by_the_book(values, m, alpha) < (1 - 1e-9) / alpha]
    if kept:
        assert lower <= kept[0] and upper >= kept[-1]
        refuted = [m for m in candidates if capital_by_the_book(values, m, alpha) > (1 + 1e-9) / alpha]
        assert not [m for m in refuted if lower < m < upper]


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_never_widens_and_stays_in_the_unit(values: list[float]) -> None:
    sequence = ConfidenceSequence()
    before = sequence.interval()
    for value in values:
        sequence.update(value)
        after = sequence.interval()
        assert 0 <= before[0] <= after[0] < after[1] <= before[1] <= 1
        before = after


@pytest.mark.parametrize("target", [None, 0.05])
@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_the_level_holds_at_every_look(probability: float, target: float | None) -> None:
    generator = np.random.default_rng(11)
    missed = 0
    for _ in range(150):
        sequence = ConfidenceSequence(0.1, grid=200, target=target)
        sequence.extend((generator.random(400) < probability).astype(float).tolist())
        lower, upper = sequence.interval()  # the running intersection: it remembers every look
        missed += not lower <= probability <= upper
    assert missed <= 150 * 0.1 + 3 * math.sqrt(150 * 0.1 * 0.9)


def test_a_usual_interval_would_not_hold_it() -> None:
    generator = np.random.default_rng(11)
    values = generator.random((150, 400)) < 0.5
    n = np.arange(1, 401)
    means = values.cumsum(axis=1) / n
    outside = np.abs(means - 0.5) > 1.645 * np.sqrt(means * (1 - means) / n)
    assert outside[:, 20:].any(axis=1).mean() > 0.3


def test_a_target_saves_samples() -> None:
    generator = np.random.default_rng(1)
    plain = until(lambda: float(generator.random() < 0.7), 0.05, None)
    tuned = until(lambda: float(generator.random() < 0.7), 0.05, 0.05)
    fixed_plan = 0.7 * 0.3 * (1.96 / 0.05) ** 2
    assert fixed_plan < tuned < 2.2 * fixed_plan < plain


def test_certain_values_narrow_fast() -> None:
    sequence = ConfidenceSequence(target=0.02)
    sequence.extend([1.0] * 300)
    lower, upper = sequence.interval()
    assert upper == 1.0 and lower > 0.96


def test_values_that_contradict_themselves_keep_an_interval() -> None:
    sequence = ConfidenceSequence()
    sequence.extend([0.0] * 500 + [1.0] * 5000)
    lower, upper = sequence.interval()
    assert 0 <= lower < upper <= 1 and sequence.count == 5500


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_what_is_not_a_score_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"values in 0\.\.1"):
        ConfidenceSequence().update(value)


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 1}, {"grid": 1}, {"target": 0}, {"target": 0.5}])
def test_impossible_sequences_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        ConfidenceSequence(**options)  # type: ignore[arg-type]


def drawn_clusters(generator: np.random.Generator, count: int) -> list[tuple[float, int]]:
    """(mean, size) of clusters: most small, some twelve times as large and harder; items of a cluster resemble each other."""
    sizes = np.where(generator.random(count) < 0.2, 12, generator.integers(1, 4, count))
    rates = generator.beta(0.8, 0.4, count) * np.where(sizes == 12, 0.6, 1.0)
    return [(float((generator.random(size) < rate).mean()), int(size)) for size, rate in zip(sizes.tolist(), rates, strict=True)]


LARGEST, MEAN_SIZE = 12, 0.2 * 12 + 0.8 * 2
OVER_ITEMS = (0.2 * 12 * 0.6 + 0.8 * 2 * 1.0) * (2 / 3) / MEAN_SIZE
"""The true mean over items, of large and small clusters; over clusters it is 0.613."""


@pytest.mark.parametrize("target", [None, 0.05])
def test_whole_clusters_of_unequal_size_hold_the_level_at_every_look(target: float | None) -> None:
    generator = np.random.default_rng(5)
    missed, items_as_units = 0, 0
    for _ in range(150):
        clusters = drawn_clusters(generator, 150)
        by_cluster = ConfidenceSequence(0.1, grid=200, target=target, heaviest=LARGEST / MEAN_SIZE)
        by_item = ConfidenceSequence(0.1, grid=200, target=target)
        for mean, size in clusters:
            by_cluster.update(mean, size / MEAN_SIZE)
            by_item.extend([1.0] * round(mean * size) + [0.0] * round(size - mean * size))
        ends = [sequence.interval() for sequence in (by_cluster, by_item)]  # the running intersection: it remembers every look
        missed += not ends[0][0] <= OVER_ITEMS <= ends[0][1]
        items_as_units += not ends[1][0] <= OVER_ITEMS <= ends[1][1]
    assert missed <= 150 * 0.1 + 3 * math.sqrt(150 * 0.1 * 0.9)
    assert items_as_units > 150 * 0.2, "taken one by one, items that resemble each other promise far too much"


def test_whole_clusters_say_something_too() -> None:
    generator = np.random.default_rng(6)
    sequence = ConfidenceSequence(target=0.1, heaviest=LARGEST / MEAN_SIZE)
    for mean, size in drawn_clusters(generator, 1_500):
        sequence.update(mean, size / MEAN_SIZE)
    lower, upper = sequence.interval()
    assert upper - lower < 0.2 and lower < OVER_ITEMS < upper
    assert sequence.mean == pytest.approx(OVER_ITEMS, abs=0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from([None, 0.1]))
def test_clusters_of_one_size_are_items(values: list[float], target: float | None) -> None:
    plain, weighed = ConfidenceSequence(target=target), ConfidenceSequence(target=target, heaviest=1.0)
    plain.extend(values)
    for value in values:
        weighed.update(value, 1.0)
    assert (plain.interval(), plain.mean) == (weighed.interval(), weighed.mean)


def test_a_weight_beyond_what_was_announced_is_refused() -> None:
    for weight in (0.0, -1.0, 2.1, float("nan")):
        with pytest.raises(ValueError, match="weight"):
            ConfidenceSequence(heaviest=2.0).update(0.5, weight)
    with pytest.raises(ValueError, match="heaviest"):
        ConfidenceSequence(heaviest=0.0)
