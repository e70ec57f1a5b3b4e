"""Structured answers: which JSON counts, what shape it has, how findings are matched."""

from __future__ import annotations

import itertools
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import JSON, Completion, Extraction, Outcome, Sample, Verdict
from tripos.scoring.scorer import Answer, Instruments
from tripos.scoring.structured import (
    MAX_DEPTH,
    NULL,
    LastJson,
    StructuredScorer,
    f1,
    f1_of_sets,
    fault,
    graded,
    label,
    last_json,
    matching,
    moment,
    of_shape,
    unreadable,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
PLAIN = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)
ANSWERS = OBJECTS | st.lists(OBJECTS, max_size=4)
PROSE = st.text(st.sampled_from("abc .,:\n`'*-()"), max_size=40)
SAMPLE = Sample(record_id="s", input="?")


class TestLastJson:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('Thus {"a": 1}', {"a": 1}),
            ('```json\n{"a": {"b": [1, {"c": 2}]}}\n```\nDone.', {"a": {"b": [1, {"c": 2}]}}),
            ('[{"a": "}]"}, {"a": "\\"{["}]', [{"a": "}]"}, {"a": '"{['}]),
            ('{"a": 1}\nNo, rather:\n{"a": 2}', {"a": 2}),
            ('{"a": 1}, as shown in [1] and {x}', {"a": 1}),
            ("Nothing found: []", []),
            ("{}", {}),
            ('the set {"x" is broken [{"a": 1}]', [{"a": 1}]),
            ('f"{name}" and row["id"] lead to {"a": [1, 2]}', {"a": [1, 2]}),
            ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ],
    )
    def test_the_last_one_counts(self, text: str, expected: object) -> None:
        assert last_json(text)[0] == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "urgency: high",
            "[1, 2, 3]",
            '{"a": 1} and then {"a": 1,}',
            '{"a": 1} and then {"a": 2, "b": "cut',
            '{"a": 1} and then {',
            "{\"a\": 1}\n{'a': 2}",
            '[{"a": 1}, {"a": 2}, {"a"',
            '[{"a": 1}, {"a": 2},]',
            '{"outer": {"a": 1}',
            '{"outer": {"a": 1}, "b": none}',
            '{"a": 1, "a": 2}',
            '{"a": NaN}',
            '{"a": Infinity}',
            '{"a": 1e999}',
            '{"a": 9223372036854775808}',
            '{"a": "\\ud800"}',
            '{"a": ' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        ],
    )
    def test_what_cannot_be_read_is_no_answer_and_no_draft_takes_its_place(self, text: str) -> None:
        value, why = last_json(text)
        assert value is None
        assert why

    @given(ANSWERS, PROSE, PROSE)
    def test_any_value_is_found_between_prose(self, value: object, before: str, after: str) -> None:
        assert last_json(f"{before}\n{json.dumps(value)}\n{after}x")[0] == value

    @given(OBJECTS, OBJECTS)
    def test_a_draft_never_wins(self, draft: object, final: object) -> None:
        assert last_json(f"{json.dumps(draft)}\n\n{json.dumps(final, indent=1)}")[0] == final

    @given(OBJECTS.filter(bool), st.data())
    def test_no_part_of_an_answer_that_was_cut_off_is_an_answer(self, value: object, data: st.DataObject) -> None:
        whole = json.dumps([value])
        assert last_json(whole[: data.draw(st.integers(1, len(whole) - 1))])[0] in (None, [])

    @given(st.text(st.sampled_from('{}[]":,\\ab1 \n'), max_size=60))
    def test_it_never_raises_and_what_it_reads_can_be_written(self, text: str) -> None:
        extraction = LastJson()(SAMPLE, text)
        assert extraction.found == (extraction.answer is not None)
        json.dumps(extraction.answer, allow_nan=False).encode()

    @given(st.text())
    def test_it_never_raises_on_any_text(self, text: str) -> None:
        LastJson()(SAMPLE, text)

    @pytest.mark.parametrize(
        "text", ["[" * 50_000, '{"a":' * 50_000, "[{" * 20_000 + "}]", "[[]" * 20_000, '{"' * 50_000 + "}", "[1]" * 20_000]
    )
    def test_hostile_nesting_is_bounded(self, text: str) -> None:
        assert last_json(text)[0] in (None, [])


class TestShapeAndFields:
    def test_a_fault_names_the_field_and_the_types(self) -> None:
        shape = {"due": (str, NULL), "line": (int,)}
        assert fault({"due": None, "line": 3, "more": 1}, shape) is None
        assert fault({"line": 3}, shape) == "'due' is missing"
        assert fault({"due": 4, "line": 3}, shape) == "'due' must be text or null, not a whole number"
        assert fault({"due": None, "line": True}, shape) == "'line' must be a whole number, not true or false"
        assert fault([], shape) == "an object with due, line was asked for, not a list"

    @given(VALUES)
    def test_no_value_breaks_it(self, value: object) -> None:
        assert isinstance(fault(value, {"a": (str,)}), (str, NULL))

    def test_labels_ignore_case_and_markdown(self) -> None:
        assert label(" **High**. ") == label("HIGH") == "high"

    def test_moments(self) -> None:
        assert moment("2027-03-14T16:30") == moment("2027-03-14 16:30:00") == moment("2027-03-14T16:30Z") == datetime(2027, 3, 14, 16, 30)
        assert moment("2027-03-14T16:30+02:00") is None
        assert moment("tomorrow") is None

    @given(st.text())
    def test_moments_never_raise(self, text: str) -> None:
        moment(text)


class TestMatching:
    def test_an_unlucky_order_costs_nothing(self) -> None:
        fits = {("a", 1), ("a", 2), ("b", 1)}
        assert matching(["a", "b"], [1, 2], lambda e, f: (e, f) in fits) == [(0, 1), (1, 0)]

    @given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=5))
    def test_it_is_one_to_one_and_as_large_as_brute_force_finds(self, table: list[list[bool]]) -> None:
        pairs = matching(range(len(table)), range(4), lambda e, f: table[e][f])
        assert all(table[e][f] for e, f in pairs)
        assert len({e for e, _ in pairs}) == len({f for _, f in pairs}) == len(pairs)
        slots = [*range(4), *[None] * len(table)]
        best = max(sum(f is not None and table[e][f] for e, f in enumerate(p)) for p in itertools.permutations(slots, len(table)))
        assert len(pairs) == best

    def test_f1(self) -> None:
        assert f1(0, found=0, expected=0) == 1.0
        assert f1(0, found=3, expected=0) == f1(0, found=0, expected=3) == 0.0
        assert f1(2, found=3, expected=2) == pytest.approx(0.8)


class TestOutcomes:
    @staticmethod
    def answer(text: str, finish_reason: str = "stop") -> Answer:
        return Answer(text=text, completion=Completion(text=text, finish_reason=finish_reason), extraction=Extraction())

    @pytest.mark.parametrize(
        ("text", "finish", "outcome"),
        [
            ("", "stop", Outcome.REFUSED),
            ("no JSON", "stop", Outcome.WRONG_FORMAT),
            ("no JSON", "length", Outcome.TRUNCATED),
            ("", "MAX_TOKENS", Outcome.TRUNCATED),
        ],
    )
    def test_unreadable_answers_are_wrong_and_say_how(self, text: str, finish: str, outcome: Outcome) -> None:
        verdict = unreadable(self.answer(text, finish), "why")
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, outcome)

    @pytest.mark.parametrize(("right", "outcome"), [(True, Outcome.SCORED), (False, Outcome.TRUNCATED)])
    def test_a_cut_answer_counts_as_such_only_when_it_is_not_correct(self, right: bool, outcome: Outcome) -> None:
        assert graded(self.answer("x", "length"), 0.5, right, metrics={}, details={}).outcome == outcome


class Height(StructuredScorer):
    """Right where the height is the reference."""

    def nothing(self, want: JSON) -> dict[str, float | None]:
        return {"off": float(want)}

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        height = of_shape(given, {"height": (int,)})["height"]
        return graded(answer, float(height == sample.reference), height == sample.reference, metrics={"off": 0.0}, details={})


class TestStructuredScorer:
    @pytest.mark.parametrize(
        ("text", "value", "outcome", "off", "why"),
        [
            ('{"height": 3}', 1.0, Outcome.SCORED, 0.0, None),
            ('{"height": 4}', 0.0, Outcome.SCORED, 0.0, None),
            ('{"height": "3"}', 0.0, Outcome.WRONG_FORMAT, 3.0, "'height' must be a whole number, not text"),
            ('[{"height": 3}]', 0.0, Outcome.WRONG_FORMAT, 3.0, "an object with height was asked for, not a list"),
            ("three", 0.0, Outcome.WRONG_FORMAT, 3.0, "no JSON object or list of objects"),
            ("", 0.0, Outcome.REFUSED, 3.0, "no JSON object or list of objects"),
        ],
    )
    def test_what_cannot_be_read_is_wrong_with_figures_of_its_own(
        self, text: str, value: float, outcome: Outcome, off: float, why: str | None
    ) -> None:
        sample = Sample(record_id="s", input="?", reference=3)
        answer = Answer(text=text, completion=Completion(text=text, finish_reason="stop"), extraction=LastJson()(sample, text))
        verdict = Height().score(sample, answer, Instruments())
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (value, value == 1.0, outcome)
        assert (verdict.metrics, verdict.details.get("why")) == ({"off": off}, why)
        assert Height().needs == frozenset()


def test_f1_of_sets_counts_what_is_in_both() -> None:
    assert f1_of_sets({1, 2, 3}, {2, 3, 4, 5}) == pytest.approx(2 * 2 / 7)
    assert (f1_of_sets(set(), set()), f1_of_sets({1}, set())) == (1.0, 0.0)
