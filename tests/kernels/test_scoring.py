"""What a speedup is worth, and how a series of times is summed up."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels.scoring import case_score, credited_speedup, tier_weight, timing_detail, weighted_score

speedups = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("speedup", "score"),
    [(-1, 0), (0, 0), (0.5, 30), (0.999, 59.94), (1, 60), (1.1, 61), (2, 70), (3, 80), (5, 100), (10, 100), (math.inf, 100)],
)
def test_the_published_table(speedup: float, score: float) -> None:
    assert case_score(speedup) == pytest.approx(score)


def test_what_was_not_measured_has_no_score() -> None:
    assert case_score(None) is None and case_score(math.nan) is None
    assert weighted_score("t2", None) is None
    assert credited_speedup(None, noisy=False) is None


@pytest.mark.parametrize(
    ("tier", "weight"), [("t1", 1.0), ("t2", 1.5), ("t3", 2.0), ("t4", 2.5), ("t5", 3.0), ("t6", 1.0), ("level3", 1.0), ("", 1.0)]
)
def test_weights_of_tiers(tier: str, weight: float) -> None:
    assert tier_weight(tier) == weight
    assert weighted_score(tier, 2.0) == pytest.approx(70 * weight)


@given(speedups, speedups)
def test_faster_never_scores_less(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 0 <= (case_score(low) or 0.0) <= (case_score(high) or 0.0) <= 100


@given(st.floats(0, 10), st.floats(0, 1e-6))
def test_the_score_has_no_jump(speedup: float, step: float) -> None:
    assert abs((case_score(speedup + step) or 0.0) - (case_score(speedup) or 0.0)) <= 60 * step + 1e-9


@given(speedups)
def test_noise_is_never_a_win_and_never_a_loss(speedup: float) -> None:
    noisy, steady = case_score(speedup, noisy=True), case_score(speedup)
    assert noisy == min(steady or 0.0, 60.0)


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_a_credited_speedup_is_a_finite_positive_ratio_or_nothing(speedup: float, noisy: bool) -> None:
    credited = credited_speedup(speedup, noisy=noisy)
    if not math.isfinite(speedup) or speedup <= 0:
        assert credited is None
    else:
        assert credited == (min(speedup, 1.0) if noisy else speedup)


def test_a_series_of_times_is_summed_up_under_the_published_keys() -> None:
    detail = timing_detail([3.0, 1.0, 2.0, 2.0], "judge_clock")
    assert list(detail) == [
        "median_ms", "mean_ms", "min_ms", "max_ms", "std_ms", "cv", "stable", "timing_method", "all_trials_ms",
    ]  # fmt: skip
    assert detail["median_ms"] == 2.0 and detail["all_trials_ms"] == [3.0, 1.0, 2.0, 2.0]
    assert detail["cv"] == pytest.approx(math.sqrt(0.5) / 2, abs=1e-6) and detail["stable"] is False
    assert timing_detail([1.0, 1.05, 1.0], "judge_clock")["stable"] is True


def test_one_measurement_is_not_called_stable() -> None:
    detail = timing_detail([1.0], "judge_clock")
    assert detail["cv"] is None and detail["stable"] is None


@pytest.mark.parametrize("times", [[], [1.0, math.nan], [-1.0], [math.inf]])
def test_what_is_no_time_is_refused(times: list[float]) -> None:
    with pytest.raises(ConfigError, match="finite and not negative"):
        timing_detail(times, "judge_clock")


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_the_sums_agree_with_the_standard_library(times: list[float]) -> None:
    detail = timing_detail(times, "x")
    assert detail["median_ms"] == pytest.approx(statistics.median(times))
    assert detail["mean_ms"] == pytest.approx(statistics.fmean(times), abs=1e-6)
    assume(max(times) < 1e4 * min(times))
    assert detail["std_ms"] == pytest.approx(statistics.pstdev(times), rel=1e-6, abs=2e-6)
