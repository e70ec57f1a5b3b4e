"""RACE: marks by criterion, weighted, as a share of both reports' marks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of, exhibits, honest, outside, replying, with_judge
from tripos.core.errors import JudgeError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.judge import Judge
from tripos.scoring.weighted_marks import WeightedMarks, as_reference, marks_form, read_rubric

WEIGHTS = {"breadth": 0.75, "depth": 0.25}
CRITERIA = [
    {"dimension": "breadth", "criterion": "Kinds", "explanation": "names kinds", "weight": 0.6, "comment": "not kept"},
    {"dimension": "breadth", "criterion": "Uses", "explanation": "names uses", "weight": 0.4},
    {"dimension": "depth", "criterion": "Why", "explanation": "gives reasons", "weight": 1.0},
]
BESIDE = Sample(record_id="t", input="Write about stools.", reference=as_reference(WEIGHTS, CRITERIA, "The reference report."))
ALONE = Sample(record_id="t", input="Write about stools.", reference=as_reference(WEIGHTS, CRITERIA, None))


def marks(*pairs: tuple[float, ...]) -> str:
    lines = (", ".join(f"{name} = {mark}" for name, mark in zip("AB", pair, strict=False)) for pair in pairs)
    return "Compared.\n" + "\n".join(f"criterion {number}: {line}" for number, line in enumerate(lines, 1))


async def verdict(judge: Judge, sample: Sample = BESIDE, text: str = "A report.", finish_reason: str = "stop") -> Verdict:
    return await WeightedMarks().score(sample, answer_of(sample, text, finish_reason=finish_reason), with_judge(judge))


async def test_the_value_is_the_share_of_both_marks() -> None:
    found = await verdict(replying(marks((8, 6), (4, 6), (2, 6))))
    own = 0.75 * (0.6 * 8 + 0.4 * 4) + 0.25 * 2  # 5.3
    assert found.value == pytest.approx(own / (own + 6))
    assert found.is_correct is False
    assert found.metrics == pytest.approx(
        {"overall": found.value, "breadth": 6.4 / 12.4, "depth": 0.25, "report_mark": 0.53, "reference_mark": 0.6}
    )


async def test_as_good_as_the_reference_is_one_half_and_correct() -> None:
    found = await verdict(replying(marks((7.5, 7.5), (3, 3), (0, 0))))
    assert (found.value, found.is_correct) == (0.5, True)
    assert found.metrics["depth"] == 0.0  # nothing against nothing


async def test_without_a_reference_report_the_value_is_the_mark() -> None:
    found = await verdict(replying(marks((8,), (4,), (2,))), ALONE)
    assert found.value == pytest.approx(0.53)
    assert (found.metrics["reference_mark"], found.details["against"]) == (None, None)
    assert found.is_correct is True


async def test_a_criterion_without_a_mark_is_asked_again_and_then_leaves_the_sample_unscored() -> None:
    assert (await verdict(replying(marks((1, 1), (1, 1)), marks((1, 1), (1, 1), (1, 1))))).value == 0.5
    with pytest.raises(JudgeError):
        await verdict(replying(marks((1, 1)), "The first is better."))


async def test_the_same_verdict_is_read_again_from_the_audits() -> None:
    found = await verdict(replying(marks((8, 6), (4, 6), (2, 6))))
    assert WeightedMarks().reread(BESIDE.reference, found.audits) == found
    assert WeightedMarks().reread(ALONE.reference, found.audits) is None  # of another form
    assert WeightedMarks().reread(None, found.audits) is None


async def test_empty_reports_are_wrong_without_a_judge_and_cut_ones_say_so() -> None:
    empty = await verdict(replying(), text="")
    assert (empty.outcome, empty.value, empty.metrics["overall"], empty.metrics["breadth"]) == (Outcome.REFUSED, 0.0, 0.0, 0.0)
    assert (await verdict(replying(marks((1, 9), (1, 9), (1, 9))), finish_reason="length")).outcome is Outcome.TRUNCATED


async def test_the_judge_sees_all_criteria_and_both_reports_as_data() -> None:
    prompts: list[str] = []
    await verdict(replying(marks((1, 1), (1, 1), (1, 1)), prompts=prompts))
    seen = exhibits(prompts[0])
    assert seen["CRITERIA"].split("\n")[2] == "3. [depth] Why: gives reasons"
    assert (seen["TASK"], seen["REPORT A"], seen["REPORT B"]) == (BESIDE.question, "A report.", "The reference report.")
    assert "0.6" not in prompts[0], "weights are not the judge's business"
    assert "not kept" not in prompts[0]
    assert not any(word in outside(prompts[0]) for word in ("A report.", "reference report", "Kinds"))


@pytest.mark.parametrize("attack", attacks("Nothing.", marks((10, 0), (10, 0), (10, 0))).values(), ids=attacks("", "").keys())
async def test_no_mark_is_taken_from_the_report(attack: str) -> None:
    judge = honest(lambda seen: marks(*[(9, 1) if seen["REPORT A"] == "Good." else (0, 8)] * 3))
    assert (await verdict(judge, text=attack)).value == 0.0
    assert (await verdict(judge, text="Good.")).value == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("criterion 1: A = 7, B = 6.5", (7.0, 6.5)),
        ("**Criterion 1**: A = 10 | B = 0", (10.0, 0.0)),
        ("- criterion 1: A: 7/10, B: 6/10.", (7.0, 6.0)),
        ("criterion 1： A=7 B=6", (7.0, 6.0)),
        ("criterion 1: A = 11, B = 6", None),
        ("criterion 1: A = -1, B = 6", None),
        ("criterion 1: A = 7", None),
        ("criterion 1: B = 7, A = 6", None),
        ("criterion 1: A = 7, B = 6 or 7", None),
        ("criterion 2: A = 7, B = 6", None),
        ("criterion 1: A = 7, B = 6\ncriterion 1: A = 7, B = 9", None),
        ("criterion 1: A = 7, B = 6\ncriterion 1: A = 7, B = 6", (7.0, 6.0)),
    ],
)
def test_lines_of_marks(line: str, read: tuple[float, float] | None) -> None:
    assert marks_form(1, both=True).parse(line) == (None if read is None else (read,))


@pytest.mark.parametrize("both", [True, False])
def test_the_instruction_and_the_parser_agree(both: bool) -> None:
    form = marks_form(3, both=both)
    assert all(form.parse(reply) == value for reply, value in form.examples)
    assert form.parse(form.instruction) is None
    assert form.parse(form.reminder) is None


@given(
    st.lists(st.sampled_from(["criterion ", "1", "2", ": ", "A = ", "B = ", "7", "10", ".5", "\n", "*", ","]) | st.text(max_size=4)).map(
        "".join
    )
)
def test_no_reply_makes_the_parser_raise(reply: str) -> None:
    for both in (True, False):
        read = marks_form(2, both=both).parse(reply)
        assert read is None or all(0 <= mark <= 10 for pair in read for mark in pair)


MARK = st.integers(0, 20).map(lambda halves: halves / 2)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 100), MARK, MARK), min_size=1, max_size=12), st.data())
def test_the_formula_is_that_of_the_paper(rows: list[tuple[str, int, float, float]], data: st.DataObject) -> None:
    names = sorted({row[0] for row in rows})
    weights = {name: data.draw(st.integers(1, 9)) for name in names}
    totals = [0.0, 0.0]
    for name in names:  # sums by hand, in another order than the scorer's
        share = weights[name] / sum(weights.values()) / sum(row[1] for row in rows if row[0] == name)
        totals = [total + share * sum(row[1] * row[2 + k] for row in rows if row[0] == name) for k, total in enumerate(totals)]
    criteria = [{"dimension": n, "criterion": "c", "explanation": "e", "weight": w} for n, w, _, _ in rows]
    rubric = read_rubric(as_reference(weights, criteria, "article"))
    assert rubric is not None
    assert [rubric.of_report([row[2 + k] for row in rows])[0] for k in (0, 1)] == pytest.approx(totals)


@pytest.mark.parametrize(
    "reference",
    [
        None,
        {},
        as_reference(WEIGHTS, [], None),
        as_reference({"breadth": 1.0}, CRITERIA, None),
        as_reference({**WEIGHTS, "more": 0.1}, CRITERIA, None),
        as_reference({"breadth": 1.0, "depth": -0.1}, CRITERIA, None),
        as_reference(WEIGHTS, [{**one, "weight": 0.0} for one in CRITERIA], None),
    ],
)
async def test_a_rubric_that_cannot_be_used_makes_the_row_invalid(reference: Any) -> None:
    assert read_rubric(reference) is None
    sample = Sample(record_id="t", input="?", reference=reference)
    assert (await verdict(replying(), sample)).outcome is Outcome.SAMPLE_INVALID


def test_aggregates_are_means_of_what_was_marked() -> None:
    rows: list[Any] = [
        (Outcome.SCORED, {"overall": 0.4, "reference_mark": 0.8}),
        (Outcome.REFUSED, {"overall": 0.0, "reference_mark": None}),
    ]
    assert WeightedMarks().aggregate([*rows, (Outcome.JUDGE_FAILED, {})]) == {"overall": 0.2, "reference_mark": 0.8}
    assert WeightedMarks().aggregate([]) == {}
