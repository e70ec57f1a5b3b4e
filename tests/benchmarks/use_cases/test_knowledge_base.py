"""knowledge_base: a reader of the printed notes finds every answer, a search for words finds none, and nobody passes without reading."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime

import pytest
from coding_grading import built
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import phrasings, rates, read, readers, score

from tripos.benchmarks.benchmark import Options, benchmarks
from tripos.benchmarks.use_cases.knowledge_base import NOTES, content_words, opponents, prompt, reference_answer
from tripos.benchmarks.use_cases.notes.families import FAMILIES
from tripos.benchmarks.use_cases.notes.phrasings import (
    EVERYONE,
    NICKNAME,
    OF_PEOPLE,
    OF_THINGS,
    PLACES,
    RESPONSIBLE,
    THINGS,
    TOTAL,
    WITHDRAWAL,
    asked,
    noted,
)
from tripos.core.errors import ConfigError
from tripos.core.records import JSON, Outcome, Sample

KEY = "knowledge_base"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(126)]

ATTRIBUTES = {**OF_THINGS, **OF_PEOPLE}
SAID = {name: readers(attribute.say + ".") for name, attribute in ATTRIBUTES.items()}
NAMED = readers(NICKNAME + ".")
TAKEN_BACK = readers(WITHDRAWAL + ".", n=r"N-\d+")
KNOWN = {noted((thing, place)): (thing, place) for thing in range(len(THINGS)) for place in range(len(PLACES))}
ASKED = {asked((thing, place)): (thing, place) for thing in range(len(THINGS)) for place in range(len(PLACES))}


class Reader:
    """Somebody who reads every note, knows both vocabularies, and keeps to the printed rules."""

    def __init__(self, text: str) -> None:
        rows = re.findall(r"^(N-\d+) \((\S+), [^)]*\): (.*)$", text, re.MULTILINE)
        gone = {found["n"] for _, _, said in rows if (found := read(TAKEN_BACK, said))}
        rows = [row for row in rows if row[0] not in gone]
        self.nicknames = {found["v"]: (self.known(found["s"]), number) for number, _, said in rows if (found := read(NAMED, said))}
        self.facts: dict[tuple[object, str], tuple[date, JSON, list[str]]] = {}
        for number, day, said in rows:
            for name, patterns in SAID.items():
                if found := read(patterns, said):
                    self.take(name, found["s"], found["v"], date.fromisoformat(day), number)

    @staticmethod
    def known(said: str) -> object:
        """A thing, or the name of a person."""
        return KNOWN.get(f"the{said[3:]}" if said.lower().startswith("the ") else said, said)

    def take(self, name: str, subject: str, value: str, day: date, number: str) -> None:
        thing, extra = self.nicknames.get(subject, (self.known(subject), ""))
        if isinstance(thing, str) is (name in OF_THINGS):
            return  # the sentence of another attribute
        if (thing, name) not in self.facts or self.facts[thing, name][0] < day:
            self.facts[thing, name] = (day, plain(ATTRIBUTES[name].value, value), [number, *([extra] if extra else [])])

    def fact(self, subject: object, name: str) -> tuple[JSON, list[str]]:
        """Value and evidence; of what is not noted, None and what leads to it."""
        if (subject, name) in self.facts:
            return self.facts[subject, name][1:]
        return None, [number for thing, number in self.nicknames.values() if thing == subject]

    def answer(self, question: str) -> tuple[JSON, list[str]]:
        """Answer and evidence."""
        for place, (_, words) in enumerate(PLACES):
            if question in {text.replace("$p", words) for text in phrasings(TOTAL)}:
                found = [self.facts[key] for key in self.facts if key[1] == "price" and key[0][1] == place]  # type: ignore[index]
                return sum(value for _, value, _ in found), [number for _, _, numbers in found for number in numbers]
            if question in {text.replace("$p", words) for text in phrasings(EVERYONE)}:
                found = [self.facts[key] for key in self.facts if key[1] == "care" and key[0][1] == place]  # type: ignore[index]
                return sorted({value for _, value, _ in found}), [number for _, _, numbers in found for number in numbers]
        for name, attribute in ATTRIBUTES.items():
            if not (found := read(readers(attribute.ask), question)):
                continue
            if found["s"] in ASKED:
                return self.fact(ASKED[found["s"]], name)
            if chained := read(readers(RESPONSIBLE), found["s"]):
                person, first = self.fact(ASKED[chained["s"]], "care")
                value, second = self.fact(person, name)
                return value, first + second
        raise AssertionError(question)


def plain(kind: str, value: str) -> JSON:
    if kind == "date":
        return datetime.strptime(value, "%d %B %Y").date().isoformat()
    return int(re.sub(r"[^\d]", "", value)) if kind in ("money", "number") else value


class TestSamples:
    def test_a_reader_of_the_printed_notes_is_right(self) -> None:
        for sample in SAMPLES[::3]:
            answer, evidence = Reader(sample.question).answer(sample.metadata["question"])
            verdict = score(MADE, sample, json.dumps({"answer": answer, "evidence": evidence}))
            assert (verdict.is_correct, verdict.value) == (True, 1.0), (sample.record_id, sample.subject, answer, sample.reference)

    def test_question_and_evidence_share_no_content_word(self) -> None:
        for sample in SAMPLES:
            notes = dict(re.findall(r"^(N-\d+) \([^)]*\): (.*)$", sample.question, re.MULTILINE))
            for place in sample.reference["evidence"]:
                assert not content_words(sample.metadata["question"]) & content_words(notes[place[0]]), sample.record_id

    def test_the_two_vocabularies_share_no_content_word(self) -> None:
        pairs = (*THINGS, *PLACES, *((attribute.say, attribute.ask) for attribute in ATTRIBUTES.values()))
        noting = " ".join([first for first, _ in pairs] + [NICKNAME, WITHDRAWAL])
        asking = " ".join([second for _, second in pairs] + [RESPONSIBLE, TOTAL, EVERYONE])
        assert not content_words(noting) & content_words(asking)
        assert len(ASKED) == len(KNOWN) == len(THINGS) * len(PLACES)

    def test_every_prompt_is_another_and_families_and_difficulties_are_even(self) -> None:
        assert len({prompt(sample) for sample in SAMPLES}) == len(SAMPLES)
        assert set(Counter(sample.subject for sample in SAMPLES).values()) == {len(SAMPLES) // len(FAMILIES)}
        assert set(Counter(sample.dimensions["difficulty"] for sample in SAMPLES).values()) == {len(SAMPLES) // len(NOTES)}
        assert Counter(json.dumps(sample.reference["value"]) for sample in SAMPLES).most_common(1)[0][1] <= 0.1 * len(SAMPLES)

    def test_bases_have_their_size_and_numbers_of_their_own(self) -> None:
        for sample in SAMPLES:
            numbers = re.findall(r"^(N-\d+) ", sample.question, re.MULTILINE)
            assert len(numbers) == len(set(numbers)) == sample.metadata["notes"]
            assert NOTES[sample.dimensions["difficulty"]] - 1 <= len(numbers) <= NOTES[sample.dimensions["difficulty"]]
            assert "$" not in sample.question

    def test_couples_ask_the_same_and_differ_in_at_most_two_notes(self) -> None:
        for first, second in zip(SAMPLES[::2], SAMPLES[1::2], strict=True):
            assert first.cluster == second.cluster
            assert first.metadata["question"] == second.metadata["question"]
            assert first.reference["value"] != second.reference["value"]
            assert not score(MADE, second, reference_answer(first)).is_correct
            one, other = (Counter(re.findall(r"^N-\d+ .*", sample.question, re.MULTILINE)) for sample in (first, second))
            assert 1 <= max(sum((one - other).values()), sum((other - one).values())) <= 2, first.record_id


class TestSettings:
    def test_a_base_may_have_up_to_two_thousand_notes(self) -> None:
        made = benchmarks.get(KEY).build(Options(settings={"notes": 2_000}))
        sample = made.samples.sample(0)  # type: ignore[attr-defined]
        assert sample.metadata["notes"] >= 1_999
        assert sample.dimensions["difficulty"] == "2000 notes"
        assert sample.record_id != SAMPLES[0].record_id
        assert score(made, sample, reference_answer(sample)).is_correct

    @pytest.mark.parametrize("notes", [-1, 5, 2_001, "many", 60.5, True])
    def test_another_number_is_an_error(self, notes: object) -> None:
        with pytest.raises(ConfigError, match="notes"):
            benchmarks.get(KEY).build(Options(settings={"notes": notes}))


class TestScoring:
    def test_reference_answers_are_right(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, f"<think>{{}}</think>The notes say so.\n{reference_answer(sample)}")
            assert (verdict.is_correct, verdict.value) == (True, 1.0), sample.record_id

    def test_who_did_not_do_the_work_does_not_pass(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        assert all(rate <= 0.02 for rate in passed.values()), passed
        assert all(value <= 0.02 for name, value in values.items() if name != "right answer, all cited"), values

    def test_calibration(self) -> None:
        cases = list(MADE.calibration())
        assert {case.name for case in cases} >= {"reference", "empty", "refusal", "echo", "garbage", "dump"}
        assert all(score(MADE, case.sample, case.text).is_correct == case.passes for case in cases)

    def test_a_code_may_come_with_what_it_is_a_code_of(self) -> None:
        sample = SAMPLES[0]
        given = {"answer": f"fuse {sample.reference['value']}", "evidence": sample.reference["evidence"][0]}
        assert score(MADE, sample, json.dumps(given)).is_correct

    def test_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:-5], "length").outcome == Outcome.TRUNCATED

    @given(st.text(), st.sampled_from(SAMPLES[:20]))
    def test_any_answer_gets_a_verdict(self, text: str, sample: Sample) -> None:
        assert score(MADE, sample, text).is_correct is False
