"""Rows of measured kernels, and which of several attempts is reported."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_kernels import case, record
from tripos.kernels.outcome import OURS, OUTCOMES
from tripos.kernels.performance import best_attempt, performance_row, performance_rows, unmatched_row
from tripos.kernels.scoring import case_score

PUBLISHED = [
    "case", "tier", "case_name", "status", "correctness", "max_abs_diff", "max_rel_diff", "correctness_detail", "baseline_ms",
    "solution_ms", "speedup", "score", "weighted_score", "measurement_stable", "timing_method", "baseline_detail", "solution_detail",
    "error", "traceback",
]  # fmt: skip


def test_a_row_of_a_correct_kernel() -> None:
    row = performance_row(record("t2/rope", "ok", speedup=2.000049, max_abs_diff=1e-6, correctness_detail="PASS"))
    assert list(row)[: len(PUBLISHED)] == PUBLISHED
    assert (row["case"], row["status"], row["correctness"]) == ("t2/rope", "pass", True)
    assert (row["baseline_ms"], row["solution_ms"], row["speedup"]) == (2.0, 1.0, 2.0)
    assert (row["score"], row["weighted_score"], row["measurement_stable"]) == (70.0, 105.0, True)
    assert (row["error"], row["verdict"], row["timing_method"]) == (None, "faster", "judge_clock")


def test_a_row_of_a_wrong_kernel_scores_nothing_and_shows_no_time() -> None:
    row = performance_row(record("t1/gelu", "wrong_value", speedup=9.0, error="3 of 8 differ", max_abs_diff=math.inf))
    assert (row["status"], row["correctness"], row["score"], row["weighted_score"]) == ("fail", False, 0.0, 0.0)
    assert (row["speedup"], row["baseline_ms"], row["solution_ms"], row["measurement_stable"]) == (None, None, None, None)
    assert (row["error"], row["max_abs_diff"]) == ("3 of 8 differ", None)


@pytest.mark.parametrize("outcome", sorted(OURS))
def test_what_we_failed_to_judge_is_not_measured_rather_than_wrong(outcome: str) -> None:
    row = performance_row(record("t1/gelu", outcome))
    assert (row["status"], row["correctness"], row["score"], row["weighted_score"]) == ("error", None, None, None)


@pytest.mark.parametrize("speedup", [None, math.nan, math.inf, 0.0, -1.0])
def test_a_correct_kernel_without_a_usable_time_has_no_score(speedup: float | None) -> None:
    row = performance_row(record("t1/gelu", "ok") | {"speedup": speedup, "baseline_ms": 2.0})
    assert (row["status"], row["speedup"], row["score"], row["measurement_stable"]) == ("pass", None, None, None)
    assert row["baseline_ms"] is None


def test_noise_is_capped_and_never_faster() -> None:
    row = performance_row(record("t1/gelu", "noisy", speedup=3.0))
    assert (row["score"], row["measurement_stable"], row["noisy"], row["verdict"]) == (60.0, False, True, "undecided")
    slow = performance_row(record("t1/gelu", "noisy", speedup=0.5))
    assert slow["score"] == 30.0


def test_a_win_needs_an_interval_without_one() -> None:
    near = record("t1/gelu", "ok", speedup=1.01)
    assert performance_row(near)["verdict"] == "undecided"
    assert performance_row(record("t1/gelu", "ok", speedup=0.9))["verdict"] == "slower"


def test_times_keep_four_decimals_and_small_ones_four_digits() -> None:
    row = performance_row(record("t1/gelu", "ok", speedup=0.0000123678) | {"solution_ms": 0.00123456})
    assert (row["speedup"], row["solution_ms"]) == (0.00001237, 0.001235)
    assert performance_row(record("t1/gelu", "ok", speedup=1.23456))["speedup"] == 1.2346


def test_the_fastest_measured_attempt_is_reported_not_the_first() -> None:
    attempts = [record("t1/a", "ok", 1, speedup=1.1), record("t1/a", "wrong_value", 2), record("t1/a", "ok", 3, speedup=1.7)]
    assert (best_attempt(attempts) or {})["attempt"] == 3
    row = performance_rows(attempts, [case("t1/a")], 3)[0]
    assert (row["attempt"], row["speedup"], row["attempts_timed"]) == (3, 1.7, 2)


def test_a_noisy_attempt_wins_only_over_slower_than_the_reference() -> None:
    steady, noisy = record("t1/a", "ok", 1, speedup=1.05), record("t1/a", "noisy", 2, speedup=4.0)
    assert (best_attempt([noisy, steady]) or {})["attempt"] == 1
    assert (best_attempt([noisy, record("t1/a", "ok", 1, speedup=1.0)]) or {})["attempt"] == 1
    assert (best_attempt([noisy, record("t1/a", "ok", 1, speedup=0.5)]) or {})["attempt"] == 2


def test_a_timed_attempt_comes_before_an_untimed_and_a_wrong_answer_before_none() -> None:
    def chosen(*outcomes: str) -> str:
        return (best_attempt([record("t1/a", outcome, n) for n, outcome in enumerate(outcomes, 1)]) or {})["outcome"]

    assert chosen("crashed", "wrong_value", "infrastructure_failed") == "wrong_value"
    assert chosen("infrastructure_failed", "timeout") == "timeout"
    assert chosen("case_error", "ok") == "ok"
    assert (best_attempt([record("t1/a", "ok", 1), record("t1/a", "ok", 2, speedup=0.1)]) or {})["attempt"] == 2
    assert best_attempt([]) is None


def test_every_chosen_case_has_a_row_solved_or_not() -> None:
    rows = performance_rows([record("t1/a", speedup=2.0)], [case("t1/a"), case("t3/b")])
    assert [(r["case"], r["outcome"], r["score"]) for r in rows] == [("t1/a", "ok", 70.0), ("t3/b", "not_generated", 0.0)]
    assert rows[1]["error"] == "there is no solution for this case"
    down = performance_rows([], [case("t1/a")], absent=("infrastructure_failed", "no CUDA device"))[0]
    assert (down["score"], down["error"], down["status"]) == (None, "no CUDA device", "error")


def test_a_solution_for_no_case_is_a_row_with_its_reason() -> None:
    row = unmatched_row("t9", "gelu", "unknown tier 't9'; did you mean 't1'?")
    assert list(row)[: len(PUBLISHED)] == PUBLISHED
    assert (row["status"], row["correctness"], row["score"], row["outcome"]) == ("error", False, 0.0, None)
    assert row["error"] == "unknown tier 't9'; did you mean 't1'?"


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(OUTCOMES)), st.none() | st.floats(0.01, 100)), min_size=1, max_size=6
    )
)  # fmt: skip
def test_no_attempt_would_have_scored_more_than_the_best(attempts: list[tuple[str, float | None]]) -> None:
    records = [record("t1/a", outcome, n, speedup=speedup) for n, (outcome, speedup) in enumerate(attempts, 1)]
    best = performance_row(best_attempt(records) or {})
    for one in records:
        row = performance_row(one)
        assert (best["score"] or 0.0) >= (row["score"] or 0.0)
        assert best["status"] == "pass" or row["status"] != "pass"
        if row["status"] == "pass" and row["score"] is not None:
            assert row["score"] == round(case_score(one["speedup"], noisy=one["outcome"] == "noisy") or 0.0, 2)
