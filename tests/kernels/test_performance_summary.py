"""Totals over rows: those of the published runner, and those that a choice of cases cannot flatter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_kernels import case, record
from tripos.kernels.aggregate import Row
from tripos.kernels.performance import performance_rows, unmatched_row
from tripos.kernels.performance_summary import FAST_P, performance_summary

PUBLISHED = [
    "total_cases", "passed_cases", "failed_cases", "total_weighted_score", "avg_speedup", "stable_measurements", "unstable_measurements",
    "tier_stats",
]  # fmt: skip


def rows_of(*records: dict[str, object], others: tuple[str, ...] = ()) -> list[Row]:
    labels = [f"{r['tier']}/{r['case_name']}" for r in records]
    return performance_rows(records, [case(label) for label in [*labels, *others]])


def test_the_published_sums() -> None:
    rows = rows_of(
        record("t1/a", speedup=2.0), record("t1/b", "wrong_value"), record("t3/c", "noisy", speedup=0.5), record("t10/d", speedup=5.0)
    )
    summary = performance_summary(rows)
    assert list(summary)[: len(PUBLISHED)] == PUBLISHED
    assert [summary[name] for name in PUBLISHED[:-1]] == [4, 3, 1, 70.0 + 60.0 + 100.0, 2.5, 2, 1]
    assert list(summary["tier_stats"]) == ["t1", "t3", "t10"]
    first = summary["tier_stats"]["t1"]
    assert {name: first[name] for name in ("total", "passed", "total_weighted_score", "avg_speedup")} == {
        "total": 2, "passed": 1, "total_weighted_score": 70.0, "avg_speedup": 2.0,
    }  # fmt: skip


def test_the_normalised_total_counts_missing_cases_as_nothing_and_weighs_tiers() -> None:
    full = performance_summary(rows_of(record("t1/a", speedup=1.0), record("t5/b", speedup=5.0)))
    assert full["normalised_total"] == pytest.approx((60 + 3 * 100) / 4)
    lacking = performance_summary(rows_of(record("t1/a", speedup=1.0), others=("t5/b",)))
    assert lacking["normalised_total"] == pytest.approx(60 / 4) and lacking["unmeasured_cases"] == 0
    assert lacking["outcomes"] == {"ok": 1, "not_generated": 1}
    assert (lacking["passed_cases"], lacking["total_cases"]) == (1, 2)


def test_what_we_failed_to_measure_widens_the_bounds() -> None:
    summary = performance_summary(rows_of(record("t1/a", speedup=1.0), record("t1/b", "infrastructure_failed"), record("t1/c", "ok")))
    assert summary["unmeasured_cases"] == 2
    assert summary["normalised_total"] == 20.0 and summary["normalised_bounds"] == [20.0, 86.67]


def test_geometric_mean_of_ten_and_a_tenth_is_one_not_five() -> None:
    summary = performance_summary(rows_of(record("t1/a", speedup=10.0), record("t1/b", speedup=0.1)))
    assert summary["avg_speedup"] == 5.05
    mean = summary["geometric_mean_speedup"]
    assert mean["mean"] == pytest.approx(1.0) and mean["lower"] < 1 < mean["upper"] and mean["n_cases"] == 2


def test_noise_gains_nothing_in_means_and_curves() -> None:
    rows = rows_of(record("t1/a", "noisy", speedup=50.0), record("t1/b", "noisy", speedup=0.5))
    summary = performance_summary(rows)
    assert summary["geometric_mean_speedup"]["mean"] == pytest.approx(math.sqrt(0.5))
    assert summary["fast_p"]["1"]["mean"] == 0.0 and summary["fast_p"]["0.8"]["mean"] == 0.5
    assert (summary["faster_cases"], summary["slower_cases"], summary["undecided_cases"]) == (0, 0, 2)
    assert summary["normalised_total"] == 45.0


def test_fast_p_is_a_share_of_all_cases_strictly_faster() -> None:
    records = [record("t1/a", speedup=1.0), record("t1/b", speedup=1.5), record("t1/c", "wrong_value"), record("t1/d", "case_error")]
    curve = performance_summary(rows_of(*records))["fast_p"]
    assert list(curve) == ["0", "0.5", "0.8", "1", "1.5", "2", "3", "5"]
    assert [curve[p]["mean"] for p in ("0", "0.8", "1", "1.5")] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 0])
    assert (curve["1"]["n_cases"], curve["1"]["n_missing"]) == (3, 1)
    assert 0 <= curve["1"]["lower"] < 1 / 3 < curve["1"]["upper"] <= 1


def test_every_outcome_is_counted_and_suspicion_is_named() -> None:
    records = [record("t1/a", "cheat_suspected", suspicion="clock"), record("t1/b", speedup=900.0, suspicion="beyond_roofline")]
    summary = performance_summary(rows_of(*records))
    assert summary["outcomes"] == {"ok": 1, "cheat_suspected": 1}
    assert summary["suspicious_cases"] == ["t1/a", "t1/b"]


def test_solutions_for_no_case_are_shown_and_change_no_total_of_ours() -> None:
    rows = [*rows_of(record("t1/a", speedup=2.0)), unmatched_row("t9", "zzz", "unknown tier 't9'")]
    summary = performance_summary(rows)
    assert (summary["total_cases"], summary["failed_cases"], summary["unmatched_solutions"]) == (2, 1, ["t9/zzz"])
    assert summary["normalised_total"] == 70.0 and summary["fast_p"]["1"]["n_cases"] == 1


def test_nothing_measured_is_none_not_zero() -> None:
    empty = performance_summary([])
    assert (empty["total_cases"], empty["avg_speedup"], empty["normalised_total"], empty["geometric_mean_speedup"]) == (0, None, None, None)
    unsolved = performance_summary(rows_of(record("t1/a", "timeout")))
    assert (unsolved["avg_speedup"], unsolved["normalised_total"], unsolved["geometric_mean_speedup"]) == (None, 0.0, None)
    assert unsolved["tier_stats"]["t1"]["avg_speedup"] is None


outcomes = st.sampled_from(["ok", "noisy", "wrong_value", "timeout", "infrastructure_failed"])


@given(st.lists(st.tuples(st.sampled_from(["t1", "t2", "t5", "level1"]), outcomes, st.floats(0.001, 1000)), min_size=1, max_size=12))
def test_totals_stay_within_their_bounds(cases: list[tuple[str, str, float]]) -> None:
    summary = performance_summary(rows_of(*(record(f"{tier}/c{n}", outcome, speedup=s) for n, (tier, outcome, s) in enumerate(cases))))
    low, high = summary["normalised_bounds"]
    assert 0 <= low <= summary["normalised_total"] <= high <= 100
    shares = [summary["fast_p"][f"{p:g}"] for p in FAST_P]
    known = [share["mean"] for share in shares if share]
    assert known == sorted(known, reverse=True)
    assert sum(summary["outcomes"].values()) == summary["total_cases"] == len(cases)
