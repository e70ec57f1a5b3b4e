"""The strict comparison says yes only beyond dispute; everything else is the judge's, and never the candidate's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of, exhibits, honest, outside, replying, with_judge
from tripos.core.errors import ConfigError, JudgeError, ScorerError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.exact import FinalAnswer
from tripos.scoring.exact_then_judge import ExactThenJudge, plainly_equal
from tripos.scoring.scorer import scorers

SAMPLE = Sample(record_id="r1", input="How far?", reference="12.5 km")
YES = "extracted_final_answer: 12.5 km\nreasoning: same\ncorrect: yes"
NO = "extracted_final_answer: 13 km\nreasoning: other\ncorrect: no"


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        ("24", "24."),
        ("24", " 24.0 "),
        ("24", r"$\boxed{24}$"),
        ("24", r"\(24\)"),
        ("24", "$$ 24 $$"),
        ("1,000", "1000"),
        ("63/256", "126/512"),
        ("0.5", "1/2"),
        ("-3", "−3"),
        ("It falls by 6%.", "it falls  by\n6%"),
        ("The mitochondrion", "the mitochondrion"),
        (r"\frac{1}{2}", r"\boxed{\frac{1}{2}}"),
        ("café", "cafe\u0301"),
    ],
)
def test_what_nobody_could_dispute_is_equal(reference: str, candidate: str) -> None:
    assert plainly_equal(reference, candidate)
    assert plainly_equal(candidate, reference)


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        ("6+5i", "6 - 5i"),
        ("12", "(1,2)"),
        ("x = 1", "x=-1"),
        ("(0,1]", "[0,1)"),
        ("ab", "a/b"),
        ("inf", "nan"),
        ("infinity", "hello"),
        ("24", "-24"),
        ("24", "24 m"),
        ("5 m", "5 km"),
        ("Au", "au"),
        ("M", "m"),
        ("50%", "0.5"),
        ("0.333", "1/3"),
        ("1/0", "2/0"),
        ("1,00", "100"),
        ("", ""),
        (".", " . "),
        ("yes", "no"),
        ("a", "a or b"),
        ("$1$ and $2$", "1$ and $2"),
        ("x" * 3_000, "x" * 3_000),
    ],
)
def test_whatever_could_be_disputed_is_not(reference: str, candidate: str) -> None:
    assert not plainly_equal(reference, candidate)


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_comparison_never_raises_and_does_not_depend_on_the_side(a: str, b: str) -> None:
    assert plainly_equal(a, b) == plainly_equal(b, a)


@given(st.fractions(), st.fractions())
def test_two_fractions_are_equal_exactly_when_they_are_the_same_number(a: Any, b: Any) -> None:
    small = all(len(str(part)) < 40 for x in (a, b) for part in (x.numerator, x.denominator))
    assert plainly_equal(str(a), str(b)) == (a == b) or not small
    assert plainly_equal(str(a), f"{a.numerator * 3}/{a.denominator * 3}") or not small


@given(st.text(alphabet="0123456789+-=()[],./ix", min_size=1, max_size=12), st.sampled_from("+-=()[],/"))
def test_a_sign_or_bracket_more_is_another_answer(text: str, sign: str) -> None:
    assume(not (sign == "+" and text[0].isdigit()) and text[0] != "0")  # +5 is 5, and -0 is 0
    assert not plainly_equal(text, sign + text)


async def verdict_of(scorer: ExactThenJudge, text: str, judge: Any, *, finish_reason: str = "stop") -> Verdict:
    return await scorer.score(SAMPLE, answer_of(SAMPLE, text, FinalAnswer(), finish_reason=finish_reason), with_judge(judge))


async def test_a_match_needs_no_judge() -> None:
    verdict = await verdict_of(ExactThenJudge(), "I measured.\nFINAL ANSWER: 12.5 km", None)
    assert (verdict.value, verdict.is_correct, verdict.metrics, verdict.details["stage"]) == (1.0, True, {"exact_match": 1.0}, "exact")


@pytest.mark.parametrize(("reply", "right"), [(YES, True), (NO, False)])
async def test_what_does_not_match_is_the_judges(reply: str, right: bool) -> None:
    verdict = await verdict_of(ExactThenJudge(), "FINAL ANSWER: twelve and a half kilometres", replying(reply))
    assert (verdict.is_correct, verdict.metrics, verdict.details["stage"]) == (right, {"exact_match": 0.0}, "judge")


async def test_never_and_always() -> None:
    never = await verdict_of(ExactThenJudge(judge="never"), "FINAL ANSWER: 12500 m", None)
    assert (never.value, never.is_correct, never.outcome) == (0.0, False, Outcome.SCORED)
    always = await verdict_of(ExactThenJudge(judge="always"), "FINAL ANSWER: 12.5 km", replying(NO))
    assert (always.is_correct, always.metrics) == (False, {})
    assert ExactThenJudge(judge="never").needs == frozenset()
    with pytest.raises(ConfigError, match="fallback"):
        ExactThenJudge(judge="falback")


@pytest.mark.parametrize("attack", attacks("13 km", "12.5 km").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_candidates_text(attack: str) -> None:
    prompts: list[str] = []
    fair = honest(lambda seen: YES if seen["RESPONSE"].strip() == "12.5 km" else NO, prompts)
    verdict = await verdict_of(ExactThenJudge(), attack, fair)
    assert verdict.is_correct is False
    assert set(exhibits(prompts[0])) == {"QUESTION", "REFERENCE", "RESPONSE"}
    assert "13 km" not in outside(prompts[0])


async def test_what_is_ours_is_unscored_and_what_is_theirs_is_wrong() -> None:
    with pytest.raises(JudgeError, match="no verdict"):
        await verdict_of(ExactThenJudge(), "13 km", replying("Hm.", "Well."))
    with pytest.raises(ScorerError, match="needs a judge"):
        await verdict_of(ExactThenJudge(), "13 km", None)
    empty = await verdict_of(ExactThenJudge(), " ", None)
    assert (empty.is_correct, empty.outcome, empty.metrics) == (False, Outcome.REFUSED, {"exact_match": 0.0})
    cut = await verdict_of(ExactThenJudge(), "13", replying(NO), finish_reason="length")
    assert cut.outcome is Outcome.TRUNCATED


async def test_stored_replies_give_the_same_verdict_as_fresh_ones() -> None:
    fresh = await verdict_of(ExactThenJudge(), "13 km", replying("hm", NO), finish_reason="length")
    again = ExactThenJudge().reread("12.5 km", fresh.audits, finish_reason="length")
    assert again is not None
    assert (again.value, again.is_correct, again.outcome, again.metrics) == (0.0, False, Outcome.TRUNCATED, fresh.metrics)


def test_it_is_registered() -> None:
    assert scorers.get("exact_then_judge") is ExactThenJudge
