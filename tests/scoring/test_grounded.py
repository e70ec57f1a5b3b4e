"""Typed answers with evidence: what is equal, what is cited, what a wrong answer is worth."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import JSON, Completion, Outcome, Sample, Verdict
from tripos.scoring.grounded import GroundedAnswer, answers, evidence_hits
from tripos.scoring.scorer import Answer, Instruments
from tripos.scoring.structured import LastJson

NUMBER = {"type": "number", "value": 12500, "units": ["EUR", "euros"]}
DATE = {"type": "date", "value": "2027-03-05"}
NAME = {"type": "name", "value": "Pharmacy", "aliases": {"Pharmacy": ["the Pharmacy unit"]}}
NAMES = {"type": "names", "value": ["Kelford", "Kelford II"], "aliases": {"Kelford": ["project Kelford"]}}
NONE = {"type": "none", "value": None}


@pytest.mark.parametrize(
    ("want", "given"),
    [
        *[(NUMBER, one) for one in (12500, 12500.0, "12500", "12,500", "EUR 12,500", "12,500 euros", "12500.00", " eur12500. ")],
        *[(DATE, one) for one in ("2027-03-05", "2027-03-05T00:00", " 2027-03-05 ")],
        *[(NAME, one) for one in ("Pharmacy", "pharmacy", "**Pharmacy**", "The  Pharmacy unit.")],
        *[
            (NAMES, one)
            for one in (["Kelford II", "Kelford"], ["project Kelford", "KELFORD II", "Kelford"][:2], ["Kelford", "Kelford", "Kelford II"])
        ],
        *[(NONE, one) for one in (None, "null", "None", "")],
    ],
)
def test_right_answers(want: dict[str, JSON], given: JSON) -> None:
    assert answers(want, given)


@pytest.mark.parametrize(
    ("want", "given"),
    [
        *[
            (NUMBER, one)
            for one in (None, 12501, "12.500", "12500 or 13000", "about 12500", "12500 people", True, [12500], "1" * 100_000, "٤")
        ],
        *[(DATE, one) for one in (None, "5 March 2027", "2027-05-03", "2027-03-05T10:00+02:00", 20270305)],
        *[(NAME, one) for one in (None, "", "Pharmacy or Laundry", "Pharmacy, Laundry", "Pharmacy II", ["Pharmacy"], 7)],
        *[
            (NAMES, one)
            for one in (["Kelford"], ["Kelford", "Kelford II", "Marford"], "Kelford, Kelford II", [], ["Kelford", "project Kelford"], [1])
        ],
        *[(NONE, one) for one in (0, "unknown", [], "Pharmacy")],
    ],
)
def test_wrong_answers(want: dict[str, JSON], given: JSON) -> None:
    assert not answers(want, given)


def test_places_are_matched_one_to_one_and_harmless_ids_do_not_count() -> None:
    want = {"evidence": [["D1.1", "D2.1"], ["D3.4"]], "harmless": ["D9.9"]}
    assert evidence_hits(want, ["D1.1", "D3.4"]) == (2, 2)
    assert evidence_hits(want, ["[d3.4]", " D2.1.", "D9.9"]) == (2, 2)
    assert evidence_hits(want, ["D1.1", "D2.1"]) == (1, 2)  # twice the same place
    assert evidence_hits(want, ["D1.1", "D1.1"]) == (1, 1)
    assert evidence_hits(want, ["D1.1, D3.4"]) == (0, 1)
    assert evidence_hits(want, []) == (0, 0)


def graded(given: JSON, reference: dict[str, JSON], text: str | None = None) -> Verdict:
    sample = Sample(record_id="x", input="?", reference=reference)
    said = json.dumps(given) if text is None else text
    extraction = LastJson()(sample, said)
    return GroundedAnswer(evidence="citations").score(sample, Answer(said, Completion(text=said), extraction), Instruments())


REFERENCE = {**NUMBER, "evidence": [["D1.1"], ["D2.2"]], "harmless": []}


@pytest.mark.parametrize(
    ("answer", "citations", "value", "correct"),
    [
        (12500, ["D1.1", "D2.2"], 1.0, True),
        (12500, ["D1.1"], 0.6 + 0.4 * 2 / 3, True),
        (12500, ["D1.1", "D5.5"], 0.8, True),
        (12500, ["D1.1", "D5.5", "D5.6"], 0.6 + 0.4 * 0.4, False),
        (12500, [f"D{n}.{m}" for n in range(1, 9) for m in range(1, 9)], 0.6 + 0.4 * 4 / 66, False),
        (12500, [], 0.0, False),
        (12500, ["D5.5"], 0.0, False),
        (12501, ["D1.1", "D2.2"], 0.0, False),
        (None, [], 0.0, False),
    ],
)
def test_value_and_verdict(answer: JSON, citations: list[str], value: float, correct: bool) -> None:
    verdict = graded({"answer": answer, "citations": citations}, REFERENCE)
    assert (verdict.value, verdict.is_correct) == (pytest.approx(value), correct)
    assert verdict.metrics["answer"] == float(answer == 12500)


def test_null_without_evidence_earns_nothing_even_where_null_is_right() -> None:
    reference = {**NONE, "evidence": [["D1.1"]], "harmless": []}
    assert graded({"answer": None, "citations": []}, reference).value == 0.0
    assert graded({"answer": None, "citations": ["D1.1"]}, reference).is_correct


@pytest.mark.parametrize(
    "given",
    [
        {"answer": 1},
        {"citations": []},
        {"answer": 1, "citations": "D1.1"},
        {"answer": True, "citations": []},
        {"answer": 1, "citations": [1]},
        [{}],
    ],
)
def test_another_shape_is_a_wrong_format(given: JSON) -> None:
    verdict = graded(given, REFERENCE)
    assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
    )
)
def test_no_answer_makes_it_raise(given: JSON) -> None:
    for want in (NUMBER, DATE, NAME, NAMES, NONE):
        answers(want, given)


def test_padding_costs_no_time() -> None:
    started = time.process_time()
    for padded in ("12500" + " " * 100_000 + "x", "9," * 50_000, "EUR" * 30_000):
        assert not answers(NUMBER, padded)
    assert not graded({"answer": " " * 100_000, "citations": ["[" * 50_000]}, REFERENCE).is_correct
    assert time.process_time() - started < 1.0
