"""Macro averages give each subject the same weight; micro averages each item. Both are shown, each with its own uncertainty."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from made_results import Made, write_run
from tripos.core.errors import ConfigError
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.intervals import Estimate, mean_interval
from tripos.results.macro import macro_average, shared_sources

subjects = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30), min_size=1, max_size=8)


def estimates(parts: list[list[float]]) -> list[Estimate]:
    return [e for e in map(mean_interval, parts) if e is not None]


@given(subjects)
def test_mean_and_standard_error_by_plain_arithmetic(parts: list[list[float]]) -> None:
    found = macro_average(estimates(parts))
    assert found is not None and found.parts == len(parts)
    assert found.mean == pytest.approx(statistics.fmean(statistics.fmean(p) for p in parts), abs=1e-12)
    variances = [statistics.variance(p) / len(p) for p in parts]
    assert found.stderr == pytest.approx(math.sqrt(sum(variances)) / len(parts), rel=1e-9, abs=1e-12)


@given(st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=12), min_size=2, max_size=5))
def test_the_standard_error_is_that_of_a_regression_on_subjects(parts: list[list[float]]) -> None:
    """Each subject's mean as a coefficient, each with its own variance (heteroskedastic groups), averaged with equal weights."""
    found = macro_average([e for p in parts if (e := mean_interval(p, bounded=False)) is not None])
    assert found is not None
    variance = sum(float(sm.OLS(p, np.ones(len(p))).fit().cov_params()[0, 0]) for p in parts) / len(parts) ** 2
    assert found.stderr == pytest.approx(math.sqrt(variance), rel=1e-9, abs=1e-9)


@given(subjects)
def test_the_interval_rests_on_the_subjects_own_wilson_intervals(parts: list[list[float]]) -> None:
    found = macro_average(estimates(parts))
    ends = [proportion_confint(sum(p), len(p), method="wilson") for p in parts]
    means = [statistics.fmean(p) for p in parts]
    below = math.sqrt(sum((m - low) ** 2 for m, (low, _) in zip(means, ends, strict=True))) / len(parts)
    above = math.sqrt(sum((high - m) ** 2 for m, (_, high) in zip(means, ends, strict=True))) / len(parts)
    assert found is not None and found.lower is not None and found.upper is not None
    assert (found.mean - found.lower, found.upper - found.mean) == pytest.approx((below, above), rel=1e-7, abs=1e-7)
    assert -1e-12 <= found.lower <= found.mean <= found.upper <= 1 + 1e-12


def test_one_subject_is_its_own_average() -> None:
    (alone,) = estimates([[1, 0, 1, 1]])
    found = macro_average([alone])
    assert found is not None and (found.mean, found.stderr) == (alone.mean, alone.stderr)
    assert (found.lower, found.upper) == pytest.approx((alone.lower, alone.upper))


def test_all_right_everywhere_is_not_certainty() -> None:
    found = macro_average(estimates([[1] * 5, [1] * 20]))
    assert found is not None and (found.mean, found.stderr, found.upper) == (1.0, 0.0, 1.0) and 0.7 < (found.lower or 1) < 0.9


def test_a_part_that_cannot_tell_leaves_the_whole_untold() -> None:
    known, single = mean_interval([2.0, 3.0], bounded=False), mean_interval([7.0], bounded=False)
    assert known is not None and single is not None
    found = macro_average([known, single])
    assert found is not None and (found.mean, found.stderr, found.lower, found.upper) == (4.75, None, None, None)
    assert macro_average([]) is None


def test_sources_within_a_subject_change_nothing_and_shared_ones_widen() -> None:
    generator = np.random.default_rng(1)
    effect = generator.normal(0, 1, 12)
    values = [np.repeat(effect, 3) + generator.normal(0, 0.1, 36) for _ in range(2)]
    within = [np.repeat(np.arange(12), 3), np.repeat(np.arange(12, 24), 3)]
    assert shared_sources(values, within) == pytest.approx(1.0)
    assert shared_sources(values, [within[0], within[0]]) == pytest.approx(math.sqrt(2), rel=0.02)


@pytest.mark.parametrize("sizes", [(10, 10, 10), (5, 20, 100), (30,) * 10])
def test_the_interval_covers(sizes: tuple[int, ...]) -> None:
    generator, rates = np.random.default_rng(7), np.linspace(0.3, 0.95, len(sizes))
    covered = 0
    for _ in range(1_000):
        found = macro_average(
            estimates([(generator.random(n) < rate).astype(float).tolist() for n, rate in zip(sizes, rates, strict=True)])
        )
        assert found is not None and found.lower is not None and found.upper is not None
        covered += found.lower <= rates.mean() <= found.upper
    assert covered / 1_000 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 1_000)


def test_anything_with_a_mean_and_ends_is_a_part() -> None:
    found = macro_average(
        [SimpleNamespace(mean=0.0, stderr=3.0, lower=-3.0, upper=4.0), SimpleNamespace(mean=1.0, stderr=4.0, lower=-3.0, upper=4.0)]
    )
    assert found == (0.5, 2.5, 0.5 - 2.5, 0.5 + 2.5, 2)


# ------------------------------------------------------------------------------------------------------- in `aggregate`


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Law: 8 items, 2 right; maths: 2 items, both right, one more failed; art: one item, failed."""
    law = [Made(f"l{i}", float(i < 2), subject="law") for i in range(8)]
    maths = [Made("m0", 1.0, subject="maths"), Made("m1", 1.0, subject="maths"), Made("m2", failed=True, subject="maths")]
    write_run(tmp_path / "t.db", "model", [*law, *maths, Made("a0", failed=True, subject="art")])
    return tmp_path / "t.db"


def test_micro_and_macro_stand_side_by_side(store: Path) -> None:
    (row,) = BenchmarkResult.open(store).aggregate(group_by=["model_id"], metric_id="accuracy", macro_over="subject")
    assert (row["mean"], row["macro_mean"]) == (pytest.approx(4 / 10), pytest.approx((2 / 8 + 1) / 2))
    assert (row["macro_over"], row["macro_parts"], row["macro_parts_missing"]) == ("subject", 2, 1)
    assert row["macro_stderr"] == pytest.approx(statistics.stdev([1, 1, 0, 0, 0, 0, 0, 0]) / math.sqrt(8) / 2)
    low, high = proportion_confint(2, 8, method="wilson")
    lowest = proportion_confint(2, 2, method="wilson")[0]
    assert row["macro_ci_lower"] == pytest.approx(0.625 - math.hypot(0.25 - low, 1 - lowest) / 2)
    assert row["macro_ci_upper"] == pytest.approx(0.625 + (high - 0.25) / 2)
    assert (row["macro_worst"], row["macro_best"]) == (pytest.approx((0.25 + 2 / 3 + 0) / 3), pytest.approx((0.25 + 1 + 1) / 3))


def test_without_asking_there_are_no_macro_columns(store: Path) -> None:
    (row,) = BenchmarkResult.open(store).aggregate(group_by=["model_id"], metric_id="accuracy")
    assert not any(key.startswith("macro") for key in row)


def test_sources_that_subjects_share_widen_the_macro_interval(tmp_path: Path) -> None:
    """The same passages are asked about in both subjects, and a passage is understood or not."""
    for name, prefix in (("shared", ("p", "p")), ("apart", ("p", "q"))):
        made = [
            Made(f"{subject}{i}", float(i % 3 == 0), subject=subject, cluster=f"{prefix[k]}{i}")
            for k, subject in enumerate(("a", "b"))
            for i in range(24)
        ]
        write_run(tmp_path / f"{name}.db", "m", made)
    (shared,), (apart,) = (
        BenchmarkResult.open(tmp_path / f"{name}.db").aggregate(group_by=[], metric_id="accuracy", macro_over="subject")
        for name in ("shared", "apart")
    )
    assert shared["macro_stderr"] == pytest.approx(math.sqrt(2) * apart["macro_stderr"])
    assert shared["macro_ci_upper"] - shared["macro_ci_lower"] > 1.4 * (apart["macro_ci_upper"] - apart["macro_ci_lower"])


@pytest.mark.parametrize(("key", "said"), [("subjct", "did you mean 'subject'"), ("metric_id", "no average"), ("model", "twice")])
def test_a_key_that_cannot_divide_is_refused(store: Path, key: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        BenchmarkResult.open(store).aggregate(group_by=["model_id"], metric_id="accuracy", macro_over=key)
