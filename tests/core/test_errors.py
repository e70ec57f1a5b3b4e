"""The words for what does not exist, and the exit codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import BudgetExhausted, ConfigError, EngineError, JudgeError, ScorerError, TriposError, nearest, unknown

NAMES = ["gpqa", "mmlu-pro", "math500", "SuperGPQA"]


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("mmlu_pro", "mmlu-pro"), ("MATH500", "math500"), ("supergpqa", "SuperGPQA"), ("gpq", "gpqa"), ("zzz", None), ("", None)],
)
def test_the_nearest_name(given_name: str, meant: str | None) -> None:
    assert nearest(given_name, NAMES) == meant


def test_an_unknown_name_is_answered_with_the_nearest_or_with_all() -> None:
    assert unknown("benchmark", "mmlu_pro", NAMES) == "unknown benchmark 'mmlu_pro'; did you mean 'mmlu-pro'?"
    assert unknown("benchmark", "zzz", ["b", "a"]) == "unknown benchmark 'zzz'; choose one of: a, b"
    assert unknown("benchmark", "zzz", [f"n{i:02}" for i in range(30)]).endswith("n19, …")
    assert unknown("benchmark", "zzz", []).endswith("(there are none)")


@given(st.text(), st.lists(st.text(), max_size=5))
def test_the_nearest_is_one_of_the_choices_and_no_text_breaks_it(value: str, options: list[str]) -> None:
    assert nearest(value, options) in {*options, None}
    assert unknown("thing", value, options).startswith("unknown thing ")


def test_every_error_for_people_has_an_exit_code() -> None:
    assert (ConfigError("x").exit_code, BudgetExhausted("x").exit_code) == (2, 1)
    assert issubclass(JudgeError, ScorerError) and issubclass(EngineError, TriposError)
    assert JudgeError("x", audits=("a",)).audits == ("a",)


def test_an_engine_error_says_whether_asking_again_can_help() -> None:
    error = EngineError("slow down", kind="rate_limited", retryable=True, status=429, retry_after_seconds=2.0)
    assert (str(error), error.kind, error.retryable, error.status, error.retry_after_seconds) == (
        "slow down",
        "rate_limited",
        True,
        429,
        2.0,
    )
    assert EngineError("no", kind="auth").retryable is False
