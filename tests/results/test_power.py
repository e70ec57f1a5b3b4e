"""What a comparison could have seen, and what follows from what it saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from tripos.results.paired import paired
from tripos.results.power import difference_sd, equivalence_p_value, minimum_detectable_effect, pairs_needed
from tripos.results.verdict import verdict


def test_mde_is_found_with_the_power_promised() -> None:
    effect = minimum_detectable_effect(1 / np.sqrt(200), 199, alpha=0.05, power=0.8)
    assert TTestPower().power(effect, 200, 0.05) == pytest.approx(0.8, abs=0.003)


def test_pairs_needed_reach_the_power_promised() -> None:
    pairs = pairs_needed(0.05, 0.4)
    assert pairs is not None
    assert TTestPower().power(0.05 / 0.4, pairs, 0.05) == pytest.approx(0.8, abs=0.005)


@given(st.floats(0.001, 0.9), st.floats(0.01, 2))
def test_the_effect_that_n_pairs_detect_needs_n_pairs(delta: float, sd: float) -> None:
    pairs = pairs_needed(delta, sd)
    assert pairs is not None and pairs >= 2
    if pairs > 2:
        assert (
            minimum_detectable_effect(sd / np.sqrt(pairs))
            <= delta * (1 + 1e-9)
            < minimum_detectable_effect(sd / np.sqrt(pairs - 1)) * (1 + 1e-9)
        )


def test_no_difference_needs_no_finite_number_of_pairs() -> None:
    assert pairs_needed(0, 0.5) is None


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40))
def test_discordance_gives_the_deviation_of_the_differences(wins: int, losses: int, ties: int) -> None:
    differences = np.array([1] * wins + [-1] * losses + [0] * ties)
    assert difference_sd(wins, losses, len(differences)) == pytest.approx(differences.std(ddof=1), abs=1e-12)


def test_tost_agrees_with_statsmodels() -> None:
    generator = np.random.default_rng(5)
    before = generator.normal(0, 1, 40)
    after = before + generator.normal(0.05, 0.3, 40)
    difference = after - before
    ours = equivalence_p_value(float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(40)), 0.2, 39)
    assert ours == pytest.approx(ttost_paired(after, before, -0.2, 0.2)[0], rel=1e-9)


def test_tost_without_spread_is_certain() -> None:
    assert (equivalence_p_value(0.01, 0, 0.02, 9), equivalence_p_value(0.03, 0, 0.02, 9)) == (0.0, 1.0)


@pytest.mark.parametrize("call", [lambda: equivalence_p_value(0, 1, 0, 9), lambda: verdict(0, -1, 1, 10, margin=-0.1)])
def test_a_margin_must_make_sense(call: object) -> None:
    with pytest.raises(ValueError, match="margin must"):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    "call", [lambda: minimum_detectable_effect(1, alpha=0), lambda: pairs_needed(1, 1, power=1), lambda: difference_sd(3, 3, 5)]
)
def test_impossible_demands_are_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("delta", "lower", "upper", "margin", "p_value", "decision"),
    [
        (0.05, 0.01, 0.09, 0.0, None, "better"),
        (-0.05, -0.09, -0.01, 0.0, None, "worse"),
        (0.0, -0.01, 0.01, 0.02, None, "equivalent"),
        (0.005, 0.001, 0.009, 0.02, 0.01, "equivalent"),  # proven, and proven too small to matter
        (0.05, 0.01, 0.09, 0.02, 0.03, "better"),
        (0.05, 0.01, 0.09, 0.02, 0.2, "undecided"),  # not after correction for the family
        (0.01, -0.03, 0.05, 0.02, None, "undecided"),
        (0.01, -0.02, 0.02, 0.02, None, "undecided"),  # touching the margin is not within it
        (0.3, None, None, 0.02, 0.5, "undecided"),
    ],
)
def test_verdict(delta: float, lower: float | None, upper: float | None, margin: float, p_value: float | None, decision: str) -> None:
    assert verdict(delta, lower, upper, 100, margin=margin, p_value=p_value).decision == decision


@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.3), st.floats(0, 0.1))
def test_mirrored_intervals_get_mirrored_verdicts(delta: float, half: float, margin: float) -> None:
    mirror = {"better": "worse", "worse": "better"}
    one = verdict(delta, delta - half, delta + half, 100, margin=margin)
    other = verdict(-delta, -delta - half, -delta + half, 100, margin=margin)
    assert other.decision == mirror.get(one.decision, one.decision) and other.more_pairs == one.more_pairs


def test_an_undecided_comparison_says_how_much_would_decide() -> None:
    result = verdict(0.02, -0.02, 0.06, 500)
    assert result.more_pairs == pytest.approx(500 * (0.04 / (0.02 * 1.96 / 2.8016)) ** 2 - 500, rel=0.01)


def test_a_wide_margin_may_be_the_cheaper_way_out() -> None:
    narrow, wide = verdict(0.001, -0.02, 0.022, 500), verdict(0.001, -0.02, 0.022, 500, margin=0.02)
    assert narrow.more_pairs is not None and wide.more_pairs is not None and wide.more_pairs < narrow.more_pairs / 100


def test_nothing_seen_and_no_margin_cannot_be_decided_by_more() -> None:
    assert verdict(0, -0.02, 0.02, 500).more_pairs is None


def test_the_promised_number_of_pairs_decides() -> None:
    generator = np.random.default_rng(7)
    first = paired(before := generator.random(50), before + generator.normal(0.05, 0.3, 50))
    assert first is not None
    needed = 50 + (verdict(0.05, first.lower, first.upper, 50).more_pairs or 0)
    decided = 0
    for _ in range(100):
        before = generator.random(needed)
        result = paired(before, before + generator.normal(0.05, 0.3, needed), resamples=999)
        decided += result is not None and verdict(result.delta, result.lower, result.upper, needed).decision == "better"
    assert 65 <= decided <= 95
