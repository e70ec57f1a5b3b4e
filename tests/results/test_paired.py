"""Is the treatment better on the same items? Exact where it can be, never contradicting itself."""

from __future__ import annotations

import random
import time
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from tripos.core.errors import ConfigError
from tripos.results.bootstrap import bootstrap_interval
from tripos.results.paired import Paired, bonett_price, paired
from tripos.results.permutation import sign_flip

binary_pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=80)
graded_pairs = st.lists(st.tuples(st.floats(0, 1, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False)), min_size=1, max_size=40)


def compare(baseline: object, treatment: object, clusters: object = None, **options: object) -> Paired:
    result = paired(baseline, treatment, clusters, **options)  # type: ignore[arg-type]
    assert result is not None
    return result


class TestZeroOneScores:
    @given(binary_pairs)
    def test_p_is_exact_mcnemar(self, pairs: list[tuple[int, int]]) -> None:
        result = compare(*zip(*pairs, strict=True))
        table = [[sum(p == (i, j) for p in pairs) for j in (0, 1)] for i in (0, 1)]
        assert result.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
        assert (result.wins, result.losses) == (table[0][1], table[1][0]) and result.method == "mcnemar_exact"

    def test_fifty_times_nought_against_fifty_times_one_is_no_coincidence(self) -> None:
        result = compare([0] * 50, [1] * 50)
        assert result.p_value == pytest.approx(2**-49)
        assert (result.delta, result.upper) == (1.0, 1.0) and (result.lower or 0) > 0.8

    def test_equal_answers_are_no_evidence_and_no_certainty(self) -> None:
        result = compare([1, 0] * 25, [1, 0] * 25)
        assert (result.p_value, result.delta, result.ties) == (1.0, 0.0, 50)
        assert result.lower == pytest.approx(-0.0713476) and result.upper == pytest.approx(0.0713476)
        assert result.mde is None and result.n_needed is None

    def test_one_tie_among_a_hundred_gains_changes_little(self) -> None:
        assert compare([0] * 100, [1] * 100).p_value == pytest.approx(2**-99)
        assert compare([0] * 100, [1] * 99 + [0]).p_value == pytest.approx(2**-98)

    def test_nine_to_one_is_not_significant_where_an_uncorrected_mcnemar_says_so(self) -> None:
        result = compare([0] * 9 + [1] + [1] * 90, [1] * 9 + [0] + [1] * 90)
        assert result.p_value == pytest.approx(0.021484375)

    def test_the_interval_is_bonett_and_prices_worked_by_hand(self) -> None:
        lower, upper = bonett_price(20, 5, 98)
        half = 1.959963984540054 * np.sqrt((27 / 100 - 0.15**2) / 100)
        assert (lower, upper) == pytest.approx((0.15 - half, 0.15 + half))


class TestGradedScores:
    @settings(max_examples=40)
    @given(st.lists(st.sampled_from([-0.75, -0.5, -0.25, 0.0, 0.1, 0.25, 0.6]), min_size=1, max_size=10))
    def test_p_is_the_share_of_all_sign_patterns(self, differences: list[float]) -> None:
        sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=len(differences))]
        expected = sum(value >= abs(sum(differences)) - 1e-12 for value in sums) / len(sums)
        assert sign_flip(np.array(differences), seed=1).p_value == pytest.approx(expected, rel=1e-12)

    def test_p_agrees_with_scipys_permutation_test(self) -> None:
        differences = np.random.default_rng(4).normal(0.4, 1, 14)
        expected = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
        assert sign_flip(differences, seed=0).p_value == pytest.approx(expected, rel=1e-9)

    def test_random_flips_agree_with_enumeration(self) -> None:
        differences = np.random.default_rng(4).normal(0.4, 1, 18)
        sums = np.zeros(1)
        for difference in differences:
            sums = np.concatenate([sums + difference, sums - difference])
        exact = float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())
        result = sign_flip(differences, seed=0, resamples=50_000)
        assert result.method == "sign_flip_monte_carlo"
        assert result.p_value == pytest.approx(exact, rel=0.1)

    def test_a_constant_gain_is_evidence_of_as_much_as_so_many_items_can_show(self) -> None:
        """20 signs of one kind are no coincidence; but an item not seen may differ, and 20 items cannot rule out one in seven."""
        result = compare([0.25] * 20, [0.5] * 20)
        assert (result.delta, result.method) == (0.25, "constant_bound")
        assert result.p_value == pytest.approx(2 * stats.norm.sf(np.sqrt(20 * 0.25)), rel=1e-9) and 0 < (result.lower or 0) < 0.06
        seconds = compare([0.25] * 20, [0.5] * 20, bounded=False)
        assert (seconds.p_value, seconds.method) == (pytest.approx(2**-19), "sign_flip_exact")

    def test_equal_graded_scores_are_no_evidence_and_no_certainty(self) -> None:
        result = compare([0.2, 0.7, 0.5] * 10, [0.2, 0.7, 0.5] * 10)
        assert (result.p_value, result.delta, result.ties) == (1.0, 0.0, 30)
        assert (result.lower or 0) < 0 < (result.upper or 0)

    def test_seven_clear_gains_are_enough(self) -> None:
        result = compare([0.8, 0.5, 0.5, 0.9, 0.7, 0.4, 0.5], [1.0, 1.0, 0.8, 1.0, 0.9, 1.0, 0.9])
        assert result.delta == pytest.approx(0.328, rel=1e-2) and result.p_value < 0.05 and (result.lower or 0) > 0
        assert (result.p_value, result.method) == (pytest.approx(0.0336, rel=0.03), "unseen_item")

    def test_small_losses_in_few_items_do_not_prove_a_loss(self) -> None:
        """With a gain of 0.4 in one item of ten the mean would be 0, and one sample in eight shows none of them."""
        result = compare([0.5] * 20, [0.45] * 18 + [0.5] * 2)
        assert result.p_value > 0.15 and (result.upper or 0) > 0
        assert compare([0.5] * 200, [0.45] * 180 + [0.5] * 20).p_value < 1e-5

    def test_the_largest_p_value_names_the_method(self) -> None:
        generator = np.random.default_rng(5)
        wide = compare(np.full(40, 0.5), 0.5 + generator.uniform(-0.5, 0.5, 40))
        assert wide.method in ("sign_flip_monte_carlo", "t") and wide.interval_method == "t"
        tight = compare(np.full(40, 0.5), 0.5 + generator.normal(0.02, 0.02, 40))
        assert (tight.method, tight.interval_method) == ("unseen_item", "unseen_item")
        units = compare(np.full(40, 0.5), 0.5 + generator.normal(0.02, 0.02, 40), [i // 4 for i in range(40)])
        assert (units.method, units.interval_method) == ("unseen_cluster", "unseen_cluster")

    def test_what_is_found_with_the_power_promised_counts_the_items_not_seen(self) -> None:
        generator = np.random.default_rng(1)
        first = compare(np.full(50, 0.4), 0.4 + generator.normal(0, 0.05, 50))
        found = [
            compare(np.full(50, 0.4), 0.4 + generator.normal(first.mde or 0, 0.05, 50), resamples=199).p_value <= 0.05 for _ in range(200)
        ]
        assert (first.mde or 0) > 1.5 * 2.8 * 0.05 / np.sqrt(50) and 0.68 <= np.mean(found) <= 0.9

    def test_p_of_a_random_test_is_never_nought(self) -> None:
        treatment = np.linspace(0.5, 1, 200)
        assert compare(np.zeros(200), treatment, resamples=99).p_value == 0.01

    def test_without_ties_and_skewness_the_interval_is_the_t_interval(self) -> None:
        half = np.random.default_rng(2).normal(0, 1, 15)
        differences = 2 + np.r_[half, -half]
        result = compare(np.full(30, 5.0), 5 + differences)
        expected = stats.ttest_rel(5 + differences, np.full(30, 5.0))
        ends = expected.confidence_interval(0.95)
        assert (result.lower, result.upper) == pytest.approx((ends.low, ends.high), rel=1e-9)
        assert result.interval_method == "t"

    def test_a_few_large_differences_on_one_side_are_pointed_out(self) -> None:
        generator = np.random.default_rng(0)
        leaning = compare(np.zeros(40), generator.lognormal(0, 1.5, 40), bounded=False)
        (said,) = leaning.notices
        assert "skewness +" in said and compare(np.zeros(40), generator.normal(0, 1.5, 40), bounded=False).notices == ()

    def test_too_few_items_to_rule_out_a_rare_collapse_are_pointed_out(self) -> None:
        generator = np.random.default_rng(0)
        before = np.full(40, 0.5)
        (said,) = compare(before, before + generator.normal(0.06, 0.05, 40)).notices
        assert "40 items are too few to rule out a rare one" in said and "one such in 1" in said
        (said,) = compare(before, before + generator.normal(0.11, 0.05, 40), [i // 2 for i in range(40)]).notices
        assert "20 clusters are too few" in said
        assert compare(before, before + generator.normal(0.2, 0.05, 40)).notices == ()
        assert compare(before, before + generator.normal(0.0, 0.05, 40)).notices == ()
        assert compare(before, before + generator.normal(0.06, 0.05, 40), bounded=False).notices == ()

    def test_scores_said_to_be_bounded_must_be(self) -> None:
        with pytest.raises(ValueError, match="bounded=True"):
            compare([0.5, 1.5], [0.5, 1.0], bounded=True)

    def test_rounding_is_not_a_win(self) -> None:
        result = compare([0.1 + 0.2, 0.5], [0.3, 0.6])
        assert (result.wins, result.ties) == (1, 1)


class TestClusters:
    def test_whole_clusters_are_flipped(self) -> None:
        result = compare([0] * 12, [1] * 12, [i // 4 for i in range(12)])
        assert (result.p_value, result.n_clusters, result.method) == (0.25, 3, "sign_flip_exact")

    def test_clusters_of_one_change_nothing(self) -> None:
        baseline, treatment = [0, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1]
        alone, clustered = compare(baseline, treatment), compare(baseline, treatment, list("abcdef"))
        assert (alone.p_value, alone.lower, alone.upper) == (clustered.p_value, clustered.lower, clustered.upper)
        assert (alone.n_clusters, clustered.n_clusters) == (None, 6)

    def test_one_cluster_decides_nothing(self) -> None:
        result = compare([0, 0, 1], [1, 0, 1], ["a"] * 3)
        assert (result.p_value, result.stderr, result.lower, result.interval_method) == (1.0, None, None, "undefined")


class TestEveryKind:
    @given(graded_pairs | binary_pairs, st.integers(1, 4))
    def test_swapping_the_systems_mirrors_everything(self, pairs: list[tuple[float, float]], clusters: int) -> None:
        first, second = zip(*pairs, strict=True)
        labels = [i % clusters for i in range(len(pairs))] if clusters > 1 else None
        one, other = compare(first, second, labels), compare(second, first, labels)
        assert (one.wins, one.losses, one.p_value, one.mde) == pytest.approx((other.losses, other.wins, other.p_value, other.mde))
        assert one.delta == pytest.approx(-other.delta, abs=1e-12) and one.n_needed == other.n_needed
        if one.lower is not None and one.upper is not None:
            assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower), abs=1e-9)

    @given(graded_pairs | binary_pairs, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, pairs: list[tuple[float, float]], shuffler: random.Random) -> None:
        before = compare(*zip(*pairs, strict=True))
        shuffler.shuffle(pairs)
        after = compare(*zip(*pairs, strict=True))
        assert after.p_value == pytest.approx(before.p_value, rel=1e-7)  # sums in another order round otherwise
        assert (after.delta, after.lower, after.upper) == pytest.approx((before.delta, before.lower, before.upper), abs=1e-9)

    @given(graded_pairs | binary_pairs)
    def test_a_row_never_contradicts_itself(self, pairs: list[tuple[float, float]]) -> None:
        result = compare(*zip(*pairs, strict=True))
        assert 0 < result.p_value <= 1
        assert result.wins + result.losses + result.ties == result.n_pairs
        if result.lower is not None and result.upper is not None:
            assert -1 <= result.lower <= result.delta + 1e-12 and result.delta - 1e-12 <= result.upper <= 1
            if result.p_value > 0.05:
                assert result.lower <= 0 <= result.upper

    @given(graded_pairs, st.integers(1, 3), st.booleans(), st.sampled_from([0.8, 0.95]))
    def test_interval_and_p_value_of_graded_scores_say_the_same(
        self, pairs: list[tuple[float, float]], clusters: int, bounded: bool, level: float
    ) -> None:
        labels = [i // clusters for i in range(len(pairs))] if clusters > 1 else None
        result = compare(*zip(*pairs, strict=True), labels, level=level, bounded=bounded)
        if result.lower is not None and result.upper is not None and result.method != "mcnemar_exact":
            outside = result.lower > 1e-9 or result.upper < -1e-9
            assert outside == (result.p_value <= 1 - level) or min(abs(result.lower), abs(result.upper)) <= 1e-9

    def test_items_without_both_sides_are_left_out_and_counted(self) -> None:
        result = compare([1, None, 0, 1], [1, 1, None, 0])
        assert (result.n_pairs, result.n_missing, result.baseline_mean, result.treatment_mean) == (2, 2, 1.0, 0.5)

    def test_no_pairs_is_none(self) -> None:
        assert paired([1, None], [None, 1]) is None
        assert paired([], []) is None

    def test_unequal_lists_are_refused(self) -> None:
        with pytest.raises(ValueError, match="2 baseline values but 1 treatment values"):
            paired([1, 0], [1])

    def test_an_unknown_interval_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'bootstrap'"):
            compare([1], [0], interval="bootstarp")

    def test_pairing_is_worth_the_correlation(self) -> None:
        generator = np.random.default_rng(0)
        easy = generator.random(400)
        result = compare(easy, np.clip(easy + generator.normal(0.02, 0.05, 400), 0, 1))
        assert (result.correlation or 0) > 0.95
        assert (result.stderr or 1) < (result.unpaired_stderr or 0) / 4

    def test_mde_is_on_the_scale_of_the_score(self) -> None:
        wins, losses, rest = 60, 60, 1199
        result = compare([0] * wins + [1] * losses + [1] * rest, [1] * wins + [0] * losses + [1] * rest)
        assert result.mde == pytest.approx(2.8016 * np.sqrt(120) / 1319, rel=5e-3)  # 2.3 points, not 25.6

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        generator = np.random.default_rng(9)
        before, after = generator.random(60), generator.random(60)
        assert compare(before, after, seed=5) == compare(before, after, seed=5)
        assert compare(before, after, seed=5).p_value == pytest.approx(compare(before, after, seed=6).p_value, abs=0.05)


class TestBootstrap:
    def test_interval_agrees_with_scipy(self) -> None:
        values = np.random.default_rng(1).gamma(2, 1, 400)
        ours = bootstrap_interval(values, level=0.95, seed=0)
        theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval
        assert ours == pytest.approx((theirs.low, theirs.high), rel=0.01)

    def test_few_distinct_values_are_drawn_by_counts_with_the_same_result(self) -> None:
        values = np.array([0.0] * 700 + [1.0] * 300)
        assert bootstrap_interval(values, level=0.95, seed=0) == pytest.approx((0.2716, 0.3284), abs=0.003)

    def test_many_units_are_grouped_with_the_same_result(self) -> None:
        values = np.random.default_rng(1).random(50_000)
        half = 1.96 * values.std() / np.sqrt(len(values))
        assert bootstrap_interval(values, level=0.95, seed=0, resamples=4000) == pytest.approx(
            (values.mean() - half, values.mean() + half), abs=0.1 * half
        )

    def test_by_name_in_a_comparison_over_clusters(self) -> None:
        generator = np.random.default_rng(3)
        before, after, labels = generator.random(200), generator.random(200) + 0.2, np.arange(200) // 4
        named, usual = compare(before, after, labels, interval="bootstrap"), compare(before, after, labels)
        assert named.interval_method == "bootstrap" and named.p_value == usual.p_value
        assert (named.lower, named.upper) == pytest.approx((usual.lower, usual.upper), abs=0.02)

    def test_one_unit_has_no_interval(self) -> None:
        assert bootstrap_interval(np.array([1.0]), level=0.95, seed=0) is None


@pytest.mark.parametrize("kind", ["binary", "graded", "clustered"])
def test_a_million_pairs_are_an_ordinary_size(kind: str) -> None:
    generator = np.random.default_rng(0)
    before, after = generator.random(1_000_000), generator.random(1_000_000)
    if kind == "binary":
        before, after = np.round(before), np.round(after)
    labels = generator.integers(0, 100_000, 1_000_000) if kind == "clustered" else None
    tracemalloc.start()
    started = time.process_time()
    result = compare(before, after, labels)
    seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.n_pairs == 1_000_000
    assert seconds < 20 and peak < 400e6
