"""Attempts to cases to a summary: filed by fields, nothing twice, nothing lost, nothing assumed."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_kernels import case, record
from tripos.core.errors import ConfigError
from tripos.kernels.aggregate import case_rows, filed, summarise
from tripos.kernels.outcome import FAILING, OURS, OUTCOMES, PASSING, status_of


def test_every_outcome_has_one_status() -> None:
    assert {name: status_of(name) for name in OUTCOMES} == {
        "ok": "pass", "noisy": "pass", "not_generated": "error", "static_reject": "error", "load_error": "error", "build_error": "error",
        "wrong_structure": "fail", "wrong_value": "fail", "input_mutated": "fail", "nondeterministic": "fail", "timeout": "error",
        "oom": "error", "crashed": "error", "cheat_suspected": "error", "case_error": "error", "infrastructure_failed": "error",
    }  # fmt: skip
    assert set(OUTCOMES) >= PASSING | FAILING | OURS
    with pytest.raises(ConfigError, match="unknown kernel outcome 'wrong'"):
        status_of("wrong")


def test_a_case_row_has_the_published_keys_and_counts() -> None:
    records = [
        record("t1/gelu", "wrong_value", 2, error="off by 3"),
        record("t1/gelu", "ok", 1, speedup=1.5),
        record("t1/gelu", "noisy", 3, speedup=1.1),
    ]
    row = case_rows(records, [case("t1/gelu")], 4, backend="gpu")[0]
    published = ["tier", "case_name", "pass_n", "attempts", "success_count", "pass_rate", "overall_success", "failure_reason"]
    assert list(row)[: len(published)] == published
    assert [row[name] for name in published if name != "attempts"] == ["t1", "gelu", 4, 2, 0.5, True, None]
    assert [list(a)[:4] for a in row["attempts"]] == [["attempt_id", "success", "task_id", "failure_reason"]] * 3
    assert [(a["attempt_id"], a["success"], a["failure_reason"]) for a in row["attempts"]] == [
        (1, True, None), (2, False, "off by 3"), (3, True, None),
    ]  # fmt: skip
    assert row["attempts"][0]["task_id"] == "gpu_t1_gelu_attempt1"
    assert (row["judged_attempts"], row["missing_attempts"]) == (3, [4])


def test_names_with_underscores_and_odd_backends_cannot_be_mixed_up() -> None:
    cases = [case("t1/a_b"), case("t1/a"), case("t1_a/b"), case("t1/b_attempt2")]
    records = [record("t1/a_b"), record("t1_a/b", "crashed"), record("t1/b_attempt2", attempt=2)]
    rows = case_rows(records, cases, 2, backend="my_gpu")
    assert [(r["success_count"], len(r["attempts"])) for r in rows] == [(1, 1), (0, 0), (0, 1), (1, 1)]


def test_failures_keep_their_reasons() -> None:
    records = [record("t1/a", "timeout", 1), record("t1/a", "wrong_value", 2, error="17 of 64 differ")]
    row = case_rows(records, [case("t1/a"), case("t1/b")], 2, backend="cpu")
    assert row[0]["failure_reason"] == "timeout: a phase took longer than its limit"
    assert [a["failure_reason"] for a in row[0]["attempts"]][1] == "17 of 64 differ"
    assert row[1]["failure_reason"] == "no attempt was evaluated" and row[1]["missing_attempts"] == [1, 2]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([record("t1/a"), record("t1/a")], "t1/a: there are two results for attempt 1"),
        ([record("t1/z")], "a result for t1/z, which is not among the 2 chosen cases"),
        ([record("t1/a", attempt=3)], "attempt 3 is not one of 1 to 2"),
        ([record("t1/a", attempt=0)], "attempt 0 is not one of 1 to 2"),
        ([record("t1/a", attempt=True)], "attempt True is not one of"),
        ([{**record("t1/a"), "attempt": "1"}], "attempt '1' is not one of"),
        ([record("t1/a", "passed")], "unknown kernel outcome 'passed'"),
    ],
)  # fmt: skip
def test_what_cannot_be_filed_is_refused(records: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        filed(records, [case("t1/a"), case("t1/b")], 2)
    assert said in str(error.value)


def test_a_case_chosen_twice_and_no_attempts_are_refused() -> None:
    with pytest.raises(ConfigError, match="case t1/a was chosen twice"):
        filed([], [case("t1/a"), case("t1/a")], 1)
    with pytest.raises(ConfigError, match="--pass-n 0"):
        filed([], [case("t1/a")], 0)


def test_pass_at_k_is_the_unbiased_estimate_over_judged_attempts() -> None:
    records = [record("t1/a", "ok", 1), *(record("t1/a", "crashed", k) for k in (2, 3, 4))]
    row = case_rows(records, [case("t1/a")], 4, backend="cpu")[0]
    assert row["pass_at_k"] == {"1": 0.25, "2": 0.5, "3": 0.75, "4": 1.0}


def test_attempts_that_we_lost_say_nothing_about_the_kernel() -> None:
    records = [record("t1/a", "ok", 1), record("t1/a", "infrastructure_failed", 2), record("t1/a", "case_error", 3)]
    row = case_rows(records, [case("t1/a")], 4, backend="cpu")[0]
    assert row["pass_at_k"] == {"1": 1.0, "2": None, "3": None, "4": None}
    assert row["pass_rate"] == 0.25  # as published: over what was planned
    summary = summarise([row], 1.0)
    assert summary["pass_at_k"]["1"]["n_cases"] == 1 and summary["pass_at_k"]["2"] is None
    assert summary["attempt_outcomes"] == {"ok": 1, "case_error": 1, "infrastructure_failed": 1}
    assert (summary["judged_attempts"], summary["missing_attempts"]) == (1, 1)


@given(st.lists(st.booleans(), min_size=1, max_size=7))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_success(verdicts: list[bool]) -> None:
    records = [record("t1/a", "ok" if right else "wrong_value", n) for n, right in enumerate(verdicts, 1)]
    row = case_rows(records, [case("t1/a")], len(verdicts), backend="cpu")[0]
    for k in range(1, len(verdicts) + 1):
        draws = [any(draw) for draw in combinations(verdicts, k)]
        assert row["pass_at_k"][str(k)] == pytest.approx(sum(draws) / len(draws))
    assert row["pass_at_k"][str(len(verdicts))] == float(row["overall_success"])
    assert list(row["pass_at_k"].values()) == sorted(row["pass_at_k"].values())
    assert 0 <= row["pass_rate"] <= 1


def test_a_summary_has_the_published_keys_and_counts() -> None:
    cases = [case("t10/a"), case("t2/a"), case("t2/b")]
    records = [record("t2/a", "ok", 1), record("t2/a", "ok", 2), record("t10/a", "oom", 1)]
    rows = case_rows(records, cases, 2, backend="cpu")
    summary = summarise(rows, 12.5, [case("t9/skipped")])
    published = [
        "total_cases", "passed_cases", "failed_cases", "case_pass_rate", "total_attempts", "successful_attempts", "attempt_pass_rate",
        "total_wall_time", "tier_stats", "skipped_cases", "environment_error",
    ]  # fmt: skip
    assert list(summary)[: len(published)] == published
    assert [summary[n] for n in published[:8]] == [3, 1, 2, 1 / 3, 6, 2, 2 / 6, 12.5]
    assert list(summary["tier_stats"]) == ["t2", "t10"]
    assert summary["tier_stats"]["t2"] == {
        "total_cases": 2, "passed_cases": 1, "total_attempts": 4, "successful_attempts": 2, "case_pass_rate": 0.5, "attempt_pass_rate": 0.5,
    }  # fmt: skip
    assert summary["skipped_cases"][0]["case_name"] == "skipped"


def test_a_backend_that_is_down_fails_its_cases_instead_of_losing_them() -> None:
    rows = case_rows([], [case("t1/a"), case("t1/b")], 3, backend="gpu", environment_error="no CUDA device")
    summary = summarise(rows, 0.0, [], "no CUDA device")
    assert (summary["total_cases"], summary["passed_cases"], summary["total_attempts"]) == (2, 0, 6)
    assert summary["environment_error"] == "no CUDA device"
    assert {row["failure_reason"] for row in rows} == {"no CUDA device"}


def test_nothing_has_no_rate() -> None:
    summary = summarise([], 0.0)
    assert summary["case_pass_rate"] is None and summary["attempt_pass_rate"] is None and summary["pass_at_k"] == {}
