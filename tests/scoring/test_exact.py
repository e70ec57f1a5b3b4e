"""GAIA's matcher and the place where a final answer stands."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import Sample
from tripos.scoring.exact import FinalAnswer, normalised, typed_match

SAMPLE = Sample(record_id="1", input="?")


@pytest.mark.parametrize(
    ("reference", "prediction", "same"),
    [
        # numbers: $ % , are dropped from the prediction
        ("6", "6", True),
        ("6", "6.0", True),
        ("1000000", "1,000,000", True),
        ("7.75", "$7.75", True),
        ("12", "12%", True),
        ("12", " 12 ", True),
        ("0.5", ".5", True),
        ("1e3", "1000", True),
        ("6", "six", False),
        ("6", "6 apples", False),
        ("6", "60", False),
        ("-6", "6", False),
        ("6", "", False),
        # lists: same length, element by element; a list is not split by the prediction's type
        ("23, 29, 31", "23,29,31", True),
        ("23, 29, 31", "23; 29; 31.0", True),
        ("a, 2", "A,2%", True),
        ("23, 29, 31", "29, 23, 31", False),
        ("23, 29, 31", "23, 29", False),
        ("23, 29", "23, 29, 31", False),
        ("a.b, c", "ab, c", False),
        ("St. Paul; Oslo", "st.paul;OSLO", True),
        ("1,234", "1234", False),
        # strings: no case, no white space, no punctuation
        ("Right", "right.", True),
        ("sea gull", "Seagull", True),
        ("St. Petersburg", "st petersburg", True),
        ("Extremely", "Very", False),
        ("backtick", "", False),
        # the two quirks that are not followed
        ("inf", "I do not know", False),
        ("Infinity", "anything", False),
        ("nan", "NaN", True),
        ("inf", "Inf", True),
        ("6", "inf", False),
        ("6", "nan", False),
        ("nan, 2", "word, 2", False),
        ("?", "!", False),
        ("?", "?", True),
        ("?", "", False),
    ],
)
def test_typed_match(reference: str, prediction: str, same: bool) -> None:
    assert typed_match(reference, prediction) is same


@given(st.text(max_size=40), st.text(max_size=40))
def test_every_text_matches_itself_and_none_raises(reference: str, prediction: str) -> None:
    assert typed_match(reference, reference)
    assert typed_match(reference, prediction) in {True, False}


@given(st.integers(-(10**9), 10**9))
def test_a_number_matches_however_it_is_written(number: int) -> None:
    assert typed_match(str(number), f"${number:,}")
    assert not typed_match(str(number), str(number + 1))


def test_normalised() -> None:
    assert normalised(" The  St. Paul's\n") == "thestpauls"
    assert normalised("A.b C", keep_punctuation=True) == "a.bc"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("I think.\nFINAL ANSWER: 42", "42"),
        ("FINAL ANSWER: 1\nNo.\nFINAL ANSWER: 2", "2"),
        ("**FINAL ANSWER:** 42", "42"),
        ("**FINAL ANSWER: 42**", "42"),
        ("**Final Answer**: `a, b`", "a, b"),
        ("final answer: Paris\n\nHope that helps!", "Paris"),
        ("FINAL ANSWER:\n\n  7.75", "7.75"),
        ("FINAL ANSWER：東京", "東京"),
        ("So my final answer: x: y", "x: y"),
        ("42", "42"),
        ("no marker\nat all", "no marker\nat all"),
        ("FINAL ANSWER: ", None),
        ("FINAL ANSWER: 1\nFINAL ANSWER:", None),
        ("", None),
    ],
)
def test_final_answer(text: str, answer: str | None) -> None:
    assert FinalAnswer()(SAMPLE, text).answer == answer


@given(st.text(max_size=200))
def test_final_answer_never_raises_and_says_how(text: str) -> None:
    assert FinalAnswer()(SAMPLE, text).how


@pytest.mark.parametrize("filler", ["final ", "final answer", "final answer*", " ", "\n", "*"])
def test_final_answer_takes_linear_time(filler: str) -> None:
    began = time.thread_time()
    FinalAnswer()(SAMPLE, filler * 50_000)
    assert time.thread_time() - began < 3
