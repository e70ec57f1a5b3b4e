"""Shared words, beside a judge or alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted_judge import answer_of, exhibits, replying, with_judge
from tripos.core.errors import ConfigError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.judge import Judge
from tripos.scoring.overlap import JudgedWithOverlap, token_f1, words

SAMPLE = Sample(record_id="q", input="Where?", reference="at (1,0)", metadata={"task": "Find the exit."})
YES = "extracted_final_answer: x\nreasoning: same\ncorrect: yes"


async def verdict(scorer: JudgedWithOverlap, text: str, judge: Judge | None = None, finish_reason: str = "stop") -> Verdict:
    return await scorer.score(SAMPLE, answer_of(SAMPLE, text, finish_reason=finish_reason), with_judge(judge))


@pytest.mark.parametrize(
    ("reference", "answer", "f1"),
    [
        ("the key", "Key.", 1.0),
        ("at turn 3", "turn 3", 0.8),
        ("red red key", "red key key", 2 / 3),
        ("three", "3", 0.0),
        ("", "", 0.0),
        ("the", "the", 0.0),
        ("key", "", 0.0),
    ],
)
def test_token_f1(reference: str, answer: str, f1: float) -> None:
    assert token_f1(reference, answer) == pytest.approx(f1)
    assert token_f1(answer, reference) == pytest.approx(f1)


def test_words() -> None:
    assert words("An ＡＧＥＮＴ, the  (agent)!") == ["agent", "agent"]


@given(st.text(st.characters(codec=None), max_size=60), st.text(st.characters(codec=None), max_size=60))
def test_overlap_is_a_share_and_complete_for_the_same_words(a: str, b: str) -> None:
    assert 0 <= token_f1(a, b) <= 1
    assert token_f1(a, a) == float(bool(words(a)))


async def test_the_judge_decides_and_the_overlap_stands_beside() -> None:
    found = await verdict(JudgedWithOverlap(), "at 1 0", replying(YES))
    assert (found.value, found.is_correct, found.details["stage"]) == (1.0, True, "judge")
    assert 0 < found.details["token_f1"] < 1
    assert JudgedWithOverlap().needs == {"judge"}


async def test_the_judge_is_shown_the_context() -> None:
    prompts: list[str] = []
    await verdict(JudgedWithOverlap(context="task"), "here", replying(YES, prompts=prompts))
    await verdict(JudgedWithOverlap(), "here", replying(YES, prompts=prompts))
    assert exhibits(prompts[0])["CONTEXT"] == "Find the exit."
    assert "CONTEXT" not in exhibits(prompts[1])


async def test_without_a_judge_order_and_signs_still_count() -> None:
    alone = JudgedWithOverlap(judge="never")
    assert alone.needs == frozenset()
    assert [(v.value, v.is_correct) for v in [await verdict(alone, t) for t in ("at (1,0)", "at (-1,0)", "(1,0) at")]] == [
        (1.0, True),
        (1.0, False),
        (1.0, False),
    ]
    assert (await verdict(alone, "nowhere")).value == 0.0
    assert (await verdict(alone, "")).outcome is Outcome.REFUSED
    assert (await verdict(alone, "at", finish_reason="length")).outcome is Outcome.TRUNCATED


async def test_the_same_verdict_is_read_again_from_the_audits() -> None:
    found = await verdict(JudgedWithOverlap(), "here", replying(YES))
    again = JudgedWithOverlap().reread(SAMPLE.reference, found.audits)
    assert again is not None
    assert (again.value, again.is_correct) == (found.value, found.is_correct)
    assert JudgedWithOverlap().reread(SAMPLE.reference, ()) is None


def test_another_use_of_the_judge_is_refused() -> None:
    with pytest.raises(ConfigError, match="always"):
        JudgedWithOverlap(judge="fallback")
