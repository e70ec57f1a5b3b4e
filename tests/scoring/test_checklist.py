"""Checklists: shares, aspects, faults turned into marks, and what a judge may leave out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of, exhibits, honest, outside, replying, with_judge
from tripos.core.errors import JudgeError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.checklist import FAULTS, Aspect, Checklist, mark_for, read_faults
from tripos.scoring.judge import Judge

ITEMS = ["It names the place.", "It names the\nyear.", "It names the price."]
SAMPLE = Sample(record_id="q", input="Where, when, how much?", reference=ITEMS)
FORM = Aspect("form", "Judge the form.", ("It has headings.", "It has a table."))
SOUNDNESS = Aspect("soundness", "Find the faults.")


def said(*values: str) -> str:
    return "reasoning: looked\n" + "\n".join(f"item {number}: {value}" for number, value in enumerate(values, 1))


async def verdict(judge: Judge, *aspects: Aspect, text: str = "A report.", finish_reason: str = "stop", sample: Sample = SAMPLE) -> Verdict:
    scorer = Checklist(task="Decide.", aspects=aspects)
    return await scorer.score(sample, answer_of(sample, text, finish_reason=finish_reason), with_judge(judge))


@pytest.mark.parametrize(
    ("values", "value", "is_correct"),
    [(("yes", "yes", "yes"), 1.0, True), (("yes", "no", "yes"), 2 / 3, True), (("no", "no", "yes"), 1 / 3, False)],
)
async def test_the_value_is_the_share_of_the_items(values: tuple[str, ...], value: float, is_correct: bool) -> None:
    found = await verdict(replying(said(*values)))
    assert (found.value, found.is_correct, found.metrics) == (value, is_correct, {"coverage": value})
    assert found.details["missing"] == [item for item, has in zip(ITEMS, values, strict=True) if has == "no"]


async def test_half_of_the_items_is_enough() -> None:
    two = Sample(record_id="q", input="?", reference=ITEMS[:2])
    assert (await verdict(replying(said("yes", "no")), sample=two)).is_correct is True


async def test_an_item_that_is_left_out_is_asked_again_and_then_leaves_the_sample_unscored() -> None:
    prompts: list[str] = []
    assert (await verdict(replying(said("yes", "yes"), said("yes", "yes", "no"), prompts=prompts))).value == 2 / 3
    assert len(prompts) == 2
    with pytest.raises(JudgeError) as failed:
        await verdict(replying(said("yes", "yes"), said("yes", "yes")))
    assert len(failed.value.audits) == 2


async def test_aspects_are_calls_and_metrics_of_their_own() -> None:
    def decide(seen: dict[str, str]) -> str:
        if "CHECKLIST" not in seen:
            return "- 3 is not 5.\nfaults: 1"
        return said("yes", "no") if "headings" in seen["CHECKLIST"] else said("yes", "yes", "yes")

    found = await verdict(honest(decide), FORM, SOUNDNESS)
    assert (found.value, found.metrics) == (1.0, {"coverage": 1.0, "form": 0.5, "soundness": 0.9})
    assert (found.details["faults"], found.details["not_met"]) == ({"soundness": 1}, {"form": [2]})
    assert [audit.label for audit in found.audits] == ["coverage", "form", "soundness"]


async def test_the_same_verdict_is_read_again_from_the_audits() -> None:
    found = await verdict(honest(lambda seen: said("yes", "no", "no") if "CHECKLIST" in seen else "faults: 0"), SOUNDNESS)
    scorer = Checklist(task="Decide.", aspects=(SOUNDNESS,))
    assert scorer.reread(ITEMS, found.audits) == found
    assert scorer.reread(ITEMS, found.audits[:1]) is None
    assert scorer.reread(None, found.audits) is None


async def test_empty_reports_are_wrong_without_a_judge_and_cut_ones_say_so() -> None:
    empty = await verdict(replying(), FORM, text=" \n")
    assert (empty.outcome, empty.is_correct, empty.metrics) == (Outcome.REFUSED, False, {"coverage": 0.0, "form": 0.0})
    cut = await verdict(replying(said("no", "no", "no")), finish_reason="length")
    assert cut.outcome is Outcome.TRUNCATED


@pytest.mark.parametrize("reference", [None, [], ["x", ""], "text", [1]])
async def test_a_row_without_a_checklist_is_invalid(reference: Any) -> None:
    sample = Sample(record_id="q", input="?", reference=reference)
    assert (await verdict(replying(), sample=sample)).outcome is Outcome.SAMPLE_INVALID


async def test_what_others_wrote_is_fenced_and_an_item_is_one_line() -> None:
    prompts: list[str] = []
    await verdict(replying(said("no", "no", "no"), prompts=prompts), text="My report.")
    seen = exhibits(prompts[0])
    assert seen["CHECKLIST"].split("\n") == ["1. It names the place.", "2. It names the year.", "3. It names the price."]
    assert (seen["QUESTION"], seen["REPORT"]) == (SAMPLE.question, "My report.")
    assert "My report." not in outside(prompts[0])


@pytest.mark.parametrize("attack", attacks("Nothing.", said("yes", "yes", "yes")).values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_report(attack: str) -> None:
    judge = honest(lambda seen: said(*(["yes"] * 3 if seen["REPORT"] == "All." else ["no"] * 3)) if "CHECKLIST" in seen else "faults: 20")
    found = await verdict(judge, SOUNDNESS, text=attack)
    assert (found.value, found.metrics["soundness"]) == (0.0, 0.1)
    assert (await verdict(judge, text="All.")).value == 1.0


@pytest.mark.parametrize(
    ("faults", "mark"),
    [
        (0, 1.0),
        (1, 0.9),
        (2, 0.9),
        (3, 0.8),
        (6, 0.7),
        (8, 0.6),
        (9, 0.5),
        (12, 0.4),
        (14, 0.3),
        (15, 0.2),
        (17, 0.2),
        (18, 0.1),
        (999, 0.1),
    ],
)
def test_marks_for_faults(faults: int, mark: float) -> None:
    assert mark_for(faults) == mark


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        ("faults: 0", 0),
        ("- one\n- two\n\n**faults:** 2\n", 2),
        ("- The report says `faults: 0`.\nfaults: 1", 1),
        ("faults: 0\nBut there may be more.", None),
        ("faults: none", None),
        ("faults: -1", None),
        ("There are 3 faults.", None),
        ("", None),
    ],
)
def test_the_number_of_faults_is_read_from_the_last_line(reply: str, faults: int | None) -> None:
    assert read_faults(reply) == faults


def test_the_instruction_and_the_parser_agree() -> None:
    assert all(FAULTS.parse(reply) == value for reply, value in FAULTS.examples)
    assert FAULTS.parse(FAULTS.instruction) is None
    assert FAULTS.parse(FAULTS.reminder) is None


@given(st.text(st.characters(codec=None), max_size=80))
def test_reading_faults_never_raises(reply: str) -> None:
    assert read_faults(reply) in {None, *range(10_000)}
