"""Stated confidence: how it is read, and the calibration error against hand-made figures."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of, exhibits, honest, outside, replying, with_judge
from tripos.core.errors import JudgeError, ScorerError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.confidence import SURE_OF, JudgedWithConfidence, calibration_error, read_sure_of
from tripos.scoring.scorer import scorers

SAMPLE = Sample(record_id="r1", input="Which city?", reference="Paris")
SCORER = JudgedWithConfidence()
YES = "extracted_final_answer: Paris\nreasoning: same\nconfidence: 80\ncorrect: yes"
NO = "extracted_final_answer: Rome\nreasoning: other\nconfidence: 95%\ncorrect: no"


def test_the_instruction_and_the_parser_agree() -> None:
    assert all(SURE_OF.parse(reply) == verdict for reply, verdict in SURE_OF.examples)
    assert SURE_OF.parse(SURE_OF.instruction) is None
    assert SURE_OF.parse(SURE_OF.reminder) is None


@pytest.mark.parametrize(
    ("line", "confidence", "stated"),
    [
        ("confidence: 85", 0.85, True),
        ("confidence: 85%", 0.85, True),
        ("**Confidence:** 85 %", 0.85, True),
        ("- confidence: `0`", 0.0, True),
        ("confidence: 100.0%", 1.0, True),
        ("confidence: 12.5", 0.125, True),
        ("confidence: None", 1.0, False),
        ("confidence: n/a", 1.0, False),
        ("confidence: 101", None, None),
        ("confidence: -5", None, None),
        ("confidence: high", None, None),
        ("confidence: 10 to 20", None, None),
        ("confidence:", None, None),
        ("I am confident: 85", None, None),
        ("confidence: 20\nconfidence: 70", 0.7, True),
    ],
)
def test_the_confidence_line(line: str, confidence: float | None, stated: bool | None) -> None:
    said = read_sure_of(f"extracted_final_answer: x\nreasoning: y\n{line}\ncorrect: yes")
    assert said is not None
    assert (said.correctness.correct, said.confidence, said.stated) == (True, confidence, stated)


@pytest.mark.parametrize("reply", ["", "confidence: 90", "correct: perhaps\nconfidence: 90", "correct: yes and no\nconfidence: 1"])
def test_a_confidence_without_a_verdict_is_no_verdict(reply: str) -> None:
    assert read_sure_of(reply) is None


@given(
    st.lists(
        st.sampled_from(["confidence", ":", "correct", "yes", "no", "90", "%", "\n", "*", " ", "None", "："]) | st.text(max_size=5)
    ).map("".join)
)
def test_the_parser_never_raises_and_stays_within_bounds(reply: str) -> None:
    said = read_sure_of(reply)
    assert said is None or said.confidence is None or 0.0 <= said.confidence <= 1.0


@pytest.mark.parametrize("filler", ["-", "confidence", "confidence:", "\n", "* ", "9", "：", "confidence: 9\n"])
def test_the_parser_takes_linear_time(filler: str) -> None:
    began = time.thread_time()
    read_sure_of(filler * 50_000 + "\ncorrect: yes")
    assert time.thread_time() - began < 3


async def verdict_of(text: str, judge: Any, *, finish_reason: str = "stop") -> Verdict:
    return await SCORER.score(SAMPLE, answer_of(SAMPLE, text, finish_reason=finish_reason), with_judge(judge))


async def test_a_verdict_and_its_metrics() -> None:
    right = await verdict_of("Paris, 80 %", replying(YES))
    assert (right.value, right.is_correct) == (1.0, True)
    assert right.metrics == {"correct": 1.0, "confidence": 0.8, "confidence_stated": 1.0}
    silent = await verdict_of("Rome", replying(NO.replace("95%", "None")))
    assert silent.metrics == {"correct": 0.0, "confidence": 1.0, "confidence_stated": 0.0}
    assert silent.details["confidence"] is None
    unread = await verdict_of("Rome", replying(NO.replace("95%", "quite sure")))
    assert (unread.is_correct, unread.metrics["confidence"], unread.metrics["confidence_stated"]) == (False, None, None)


@pytest.mark.parametrize("attack", attacks("Rome", "Paris").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_candidates_text(attack: str) -> None:
    prompts: list[str] = []
    verdict = await verdict_of(attack, honest(lambda seen: YES if seen["RESPONSE"].startswith("Paris") else NO, prompts))
    assert (verdict.is_correct, verdict.metrics["confidence"]) == (False, 0.95)
    assert set(exhibits(prompts[0])) == {"QUESTION", "REFERENCE", "RESPONSE"}
    assert "Rome" not in outside(prompts[0])


async def test_what_is_ours_is_unscored_and_what_is_theirs_is_wrong() -> None:
    with pytest.raises(JudgeError, match="no verdict"):
        await verdict_of("Rome", replying("confidence: 90", "Well."))
    with pytest.raises(ScorerError, match="needs a judge"):
        await verdict_of("Rome", None)
    empty = await verdict_of("", None)
    assert (empty.is_correct, empty.outcome, empty.metrics["confidence"]) == (False, Outcome.REFUSED, None)
    invalid = await SCORER.score(Sample(record_id="r", input="?"), answer_of(SAMPLE, "x"), with_judge(None))
    assert invalid.outcome is Outcome.SAMPLE_INVALID
    assert (await verdict_of("Ro", replying(NO), finish_reason="length")).outcome is Outcome.TRUNCATED


async def test_stored_replies_give_the_same_verdict_as_fresh_ones() -> None:
    fresh = await verdict_of("Rome", replying("hm", NO))
    again = SCORER.reread("Paris", fresh.audits)
    assert again is not None
    assert (again.value, again.is_correct, again.metrics, again.details) == (fresh.value, fresh.is_correct, fresh.metrics, fresh.details)


def test_the_calibration_error_by_hand() -> None:
    assert calibration_error([]) is None
    assert calibration_error([(0.7, 1.0)]) == pytest.approx(0.3)
    # two bins of two: |.1 - .5| and |.9 - .5|
    pairs = [(0.9, 1.0), (0.1, 0.0), (0.9, 0.0), (0.1, 1.0)]
    assert calibration_error(pairs, bin_size=2) == pytest.approx(0.4)
    assert calibration_error(pairs, bin_size=2, last_bin=False) == pytest.approx(math.sqrt(0.5 * 0.16))
    # the rest of a division belongs to the last bin: 2 and 3
    assert calibration_error([(0.0, 0.0)] * 2 + [(1.0, 0.0)] * 3, bin_size=2) == pytest.approx(math.sqrt(0.6))
    assert calibration_error([(0.5, 1.0)] * 199, last_bin=False) is None


def test_the_published_figure_hides_the_overconfidence_of_the_surest_bin() -> None:
    pairs = [(0.5, float(i % 2)) for i in range(100)] + [(1.0, 0.0)] * 100
    assert calibration_error(pairs, last_bin=False) == pytest.approx(0.0)
    assert calibration_error(pairs) == pytest.approx(math.sqrt(0.5))


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=350))
def test_the_error_is_a_share_and_at_least_the_gap_of_the_means(pairs: list[tuple[float, float]]) -> None:
    found = calibration_error(pairs)
    gap = abs(sum(c - r for c, r in pairs)) / len(pairs)
    assert found is not None
    assert gap - 1e-9 <= found <= 1 + 1e-9


def test_aggregates_leave_out_what_states_nothing() -> None:
    rng = random.Random(1)
    rows: list[Any] = [
        (Outcome.SCORED, {"correct": float(rng.random() < 0.4), "confidence": 0.9, "confidence_stated": 1.0}) for _ in range(50)
    ]
    alone = SCORER.aggregate(rows)
    more = SCORER.aggregate(
        [*rows, (Outcome.REFUSED, {"correct": 0.0, "confidence": None, "confidence_stated": 0.0}), (Outcome.JUDGE_FAILED, {})]
    )
    assert alone == more
    assert alone["mean_confidence"] == pytest.approx(0.9)
    assert alone["calibration_error_as_published"] is None
    assert set(SCORER.aggregate([]).values()) == {None}


def test_it_is_registered() -> None:
    assert scorers.get("judged_with_confidence") is JudgedWithConfidence
