"""Verdicts are read where the judge puts them, and only there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import JudgeAudit
from tripos.scoring.verdicts import COMPARISON, CORRECTNESS, FORMS, GRADE, Form, read_comparison, read_correctness, read_grade

PIECES = [
    "correct:",
    "grade:",
    "yes",
    "no",
    "TRUE",
    "FALSE",
    "[[A>>B]]",
    "[[B>A]]",
    "CORRECT",
    "INCORRECT",
    "not attempted",
    "A",
    "\n",
    "**",
    "_",
    " ",
]
REPLY_LIKE = st.lists(st.sampled_from(PIECES) | st.text(st.characters(codec=None), max_size=8), max_size=30).map("".join)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_instruction_and_the_parser_agree(form: Form[Any]) -> None:
    assert all(form.parse(reply) == verdict for reply, verdict in form.examples)
    assert form.parse(form.instruction) is None, "the instruction itself is not a verdict"
    assert form.parse(form.reminder) is None


@given(REPLY_LIKE)
def test_no_parser_ever_raises(reply: str) -> None:
    for form in FORMS.values():
        assert form.parse(reply) == form.parse(reply)


@pytest.mark.parametrize("filler", ["-", "_", "*", " ", "\n", "correct", "correct:", "[[", "not ", "\t_", "1.", "grade"])
def test_parsers_take_linear_time(filler: str) -> None:
    began = time.thread_time()
    for form in FORMS.values():
        form.parse(filler * 100_000)
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    ("reply", "correct"),
    [
        ("extracted_final_answer: 4\nreasoning: same\ncorrect: yes", True),
        ("extracted_final_answer: 4\nreasoning: other\ncorrect: no", False),
        ("**correct:** Yes.", True),
        ("**correct: no**", False),
        ("- Correct : `YES`", True),
        ("3. correct: no", False),
        ("__correct__: yes", True),
        ('"correct": "yes",', True),
        ("correct： yes", True),
        ("corr\u200bect: ye\u200bs", True),
        ("correct: yes, the same city", True),
        ("correct: true", True),
        ("correct: yes\nOn second thoughts:\ncorrect: no", False),
        ("extracted_final_answer: 4\ncorrect: yes\nreasoning: quoted\ncorrect: no", False),
        ("correct: yes / no", None),
        ("correct: yes or no", None),
        ("correct: <yes or no>", None),
        ("correct: maybe", None),
        ("correct:", None),
        ("correct: not yes", None),
        ("correct: yes\ncorrect: unsure", None),
        ("incorrect: yes", None),
        ("is this correct: yes", None),
        ("TRUE", True),
        ("FALSE", False),
        ("true.", True),
        ("Verdict: TRUE", True),
        ("**FALSE** since the year differs", False),
        ("TRUE\n\nThe same year.", True),
        ("TRUE or FALSE? TRUE", None),
        ("It says TRUE, but I cannot decide", None),
        ("\n\n", None),
        ("It is true that the year differs", None),
        ("UNTRUE", None),
        ("extracted_final_answer: FALSE\nreasoning: the response says", None),
        ("yes", None),
        ("", None),
    ],
)
def test_correctness(reply: str, correct: bool | None) -> None:
    read = read_correctness(reply)
    assert (read.correct if read else None) is correct


def test_correctness_keeps_what_the_judge_took_for_the_answer() -> None:
    read = read_correctness("extracted_final_answer: **4 km**\nreasoning: the same: in full\ncorrect: yes")
    assert read is not None
    assert (read.extracted_final_answer, read.reasoning) == ("4 km", "the same: in full")


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("reasoning: x\ngrade: CORRECT", "CORRECT"),
        ("grade: incorrect", "INCORRECT"),
        ("**Grade:** NOT ATTEMPTED", "NOT_ATTEMPTED"),
        ("grade: not_attempted.", "NOT_ATTEMPTED"),
        ("grade: A", "CORRECT"),
        ("grade: B: INCORRECT", "INCORRECT"),
        ("A", "CORRECT"),
        ("C.", "NOT_ATTEMPTED"),
        ("INCORRECT", "INCORRECT"),
        ("grade: CORRECT\ngrade: INCORRECT", "INCORRECT"),
        ("grade: A: INCORRECT", None),
        ("grade: CORRECT or INCORRECT", None),
        ("grade: CORRECT, INCORRECT or NOT_ATTEMPTED", None),
        ("grade: not CORRECT", None),
        ("grade:", None),
        ("A response that is CORRECT", None),
        ("The answer is INCORRECT", None),
        ("", None),
    ],
)
def test_grade(reply: str, grade: str | None) -> None:
    assert read_grade(reply) == grade


@pytest.mark.parametrize(
    ("reply", "token"),
    [
        ("[[A>>B]]", "A>>B"),
        ("My verdict: [[B>A]]", "B>A"),
        ("[[ A = B ]].", "A=B"),
        ("A is better [[A>B]] at first sight.\nBut no:\n[[B>>A]]", "B>>A"),
        ("[[B>>A]]\nThat is all.", "B>>A"),
        ("[[A>B]] or [[B>A]]", None),
        ("[[A>B]] [[A>B]]", "A>B"),
        ("**[[A>B]]**.", "A>B"),
        ("The response says:\n[[A>>B]]\n[[B>A]] because B is right", None),
        ("A>B", None),
        ("[[A]]", None),
        ("[[A<B]]", None),
        ("", None),
    ],
)
def test_comparison(reply: str, token: str | None) -> None:
    assert read_comparison(reply) == token


def audit(reply: str | None, label: str | None = None, finish_reason: str = "stop") -> JudgeAudit:
    return JudgeAudit(prompt="correct: yes", reply=reply, label=label, finish_reason=finish_reason)


def test_stored_replies_are_read_as_fresh_ones() -> None:
    assert GRADE.read([audit(None), audit("hm"), audit("grade: A"), audit("grade: B")]) == "CORRECT"
    assert GRADE.read([audit("<think>grade: A</think>\ngrade: B")]) == "INCORRECT"
    assert GRADE.read([]) is None


def test_prompts_and_replies_that_were_cut_are_never_read() -> None:
    assert CORRECTNESS.read([audit("hm")]) is None, "the prompt says yes, the reply does not"
    assert CORRECTNESS.read([audit("correct: yes", finish_reason="length")]) is None


def test_labels_tell_the_calls_of_one_verdict_apart() -> None:
    both = [audit("[[A>B]]", "one"), audit("[[B>A]]", "two")]
    assert (COMPARISON.read(both, "one"), COMPARISON.read(both, "two"), COMPARISON.read(both)) == ("A>B", "B>A", None)
