"""A moderate simulation of what `benchmarks/simulate_coverage.py` measures at length: intervals cover, tests do not cry wolf."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tripos.results.intervals import mean_interval
from tripos.results.paired import paired

EXPERIMENTS = 400
ALLOWED = 3 * math.sqrt(0.95 * 0.05 / EXPERIMENTS)  # three Monte-Carlo standard errors
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

SCORES: dict[str, tuple[Draw, float]] = {
    "0/1 at 0.8": (lambda g, n: (g.random(n) < 0.8).astype(float), 0.8),
    "0/1 at 0.9": (lambda g, n: (g.random(n) < 0.9).astype(float), 0.9),
    "graded": (lambda g, n: g.beta(8, 1, n), 8 / 9),
    "four attempts": (lambda g, n: g.binomial(4, g.random(n)) / 4, 0.5),
}
DIFFERENCES: dict[str, tuple[Draw, float]] = {
    "0/1 null": (lambda g, n: g.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.8, 0.1]), 0.0),
    "0/1 better": (lambda g, n: g.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.7, 0.2]), 0.1),
    "graded null": (lambda g, n: g.choice([-0.5, -0.25, 0.0, 0.25, 0.5], n, p=[0.1, 0.1, 0.6, 0.1, 0.1]), 0.0),
    "graded better": (lambda g, n: np.clip(g.normal(0.05, 0.1, n), -0.5, 0.5), 0.05),
}


def draw_clustered(draw: Draw, generator: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = generator.integers(0, n // 4, n)
    copies = generator.random(n) < 0.6
    return np.where(copies, draw(generator, n)[labels], draw(generator, n)), labels


@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("data", SCORES)
def test_the_interval_of_a_mean_covers_it(data: str, n: int, clustered: bool) -> None:
    draw, truth = SCORES[data]
    generator = np.random.default_rng(n)
    covered = 0
    for _ in range(EXPERIMENTS):
        values, labels = draw_clustered(draw, generator, n) if clustered else (draw(generator, n), None)
        result = mean_interval(values, labels)
        assert result is not None and result.lower is not None and result.upper is not None
        covered += result.lower <= truth <= result.upper
    assert covered / EXPERIMENTS >= 0.95 - ALLOWED


@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("data", DIFFERENCES)
def test_a_comparison_covers_the_difference_and_seldom_cries_wolf(data: str, n: int, clustered: bool) -> None:
    draw, truth = DIFFERENCES[data]
    generator = np.random.default_rng(n + 1)
    covered = rejected = 0
    for _ in range(EXPERIMENTS):
        differences, labels = draw_clustered(draw, generator, n) if clustered else (draw(generator, n), None)
        before = np.where(differences < 0, 1.0, 0.0) if data.startswith("0/1") else np.full(n, 0.5)
        result = paired(before, before + differences, labels, seed=1, resamples=399)
        assert result is not None and result.lower is not None and result.upper is not None
        covered += result.lower - 1e-9 <= truth <= result.upper + 1e-9
        rejected += result.p_value <= 0.05
    assert covered / EXPERIMENTS >= 0.95 - ALLOWED
    if truth == 0:
        assert rejected / EXPERIMENTS <= 0.05 + ALLOWED
