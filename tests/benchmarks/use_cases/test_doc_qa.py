"""doc_qa: answers follow from the papers as they are printed, couples differ in one fact, and nobody passes without reading."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime

import pytest
from coding_grading import built
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import rates, read, readers, score

from tripos.benchmarks.use_cases.corpus.facts import RELATIONS, SIZES, TOOK_OVER, TRADES
from tripos.benchmarks.use_cases.corpus.questions import COMPARED, FAMILIES, GROUPS, wording
from tripos.benchmarks.use_cases.doc_qa import draw, opponents, prompt, reference_answer
from tripos.core.records import Outcome

KEY = "doc_qa"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(252)]

READERS = {name: readers(relation.say + ".") for name, relation in RELATIONS.items()}
TAKEOVERS = readers(TOOK_OVER + ".", p=r"\w+ \w+", d=r"\d{4}-\d{2}-\d{2}|\d+ \w+ \d{4}|\w+ \d+, \d{4}")


def bare(text: str) -> str:
    """An entity or a value without what texts put around it; days as ISO, amounts as digits."""
    for form in ("%d %B %Y", "%B %d, %Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    if amount := re.fullmatch(r"(?:EUR )?([\d,]+)(?: euros)?", text):
        return amount[1].replace(",", "")
    return re.sub(r"\A(?:the company|project|the(?= .* unit\Z)) ?|(?<=\w) unit\Z", "", text, flags=re.IGNORECASE)


def papers(question: str) -> tuple[dict[tuple[str, str], str], list[tuple[str, str, str]]]:
    """What the printed papers say by the printed rules: facts, and takeovers (unit, day, person)."""
    facts: dict[tuple[str, str], tuple[date, str]] = {}
    takeovers = []
    for head, body in re.findall(r"^=== D\d+: .*?, dated (.*) ===\n((?:\[.*\n?)+)", question, re.MULTILINE):
        day, status = head.rsplit(", ", 1)
        dated = datetime.strptime(day, "%d %B %Y").date()
        for sentence in re.findall(r"^\[D\d+\.\d+\] (.*)$", body, re.MULTILINE):
            if status == "draft":
                continue
            if found := read(TAKEOVERS, sentence):
                takeovers.append((bare(found["s"]), bare(found["d"]), found["p"]))
                continue
            for name, patterns in READERS.items():
                found = read(patterns, sentence)
                if found and plausible(name, found["s"]):
                    key = (bare(found["s"]), name)
                    if key not in facts or facts[key][0] < dated:
                        facts[key] = (dated, bare(found["v"]))
    return {key: value for key, (_, value) in facts.items()}, takeovers


def plausible(name: str, subject: str) -> bool:
    """Whether the subject is of the kind that the relation has: two phrasings may look alike."""
    relation = RELATIONS[name]
    units = {unit for units in TRADES.values() for unit in units}
    kind = (
        "unit"
        if bare(subject) in units
        else "project"
        if subject.lower().startswith("project")
        else "supplier"
        if "company" in subject.lower()
        else ""
    )
    return kind == (relation.subject if relation.subject in ("unit", "project", "supplier") else "")


class TestSamples:
    def test_every_prompt_is_another_and_families_and_difficulties_are_even(self) -> None:
        assert len({prompt(sample) for sample in SAMPLES}) == len(SAMPLES)
        assert len({prompt(built(KEY, seed)[1].sample(0)) for seed in range(50)}) == 50
        assert set(Counter(sample.subject for sample in SAMPLES).values()) == {len(SAMPLES) // len(FAMILIES)}
        assert set(Counter(sample.dimensions["difficulty"] for sample in SAMPLES).values()) == {len(SAMPLES) // len(SIZES)}

    def test_no_answer_is_frequent(self) -> None:
        assert Counter(json.dumps(sample.reference["value"]) for sample in SAMPLES).most_common(1)[0][1] <= 0.1 * len(SAMPLES)
        assert {sample.reference["type"] for sample in SAMPLES} == {"number", "date", "name", "names", "none"}

    def test_the_printed_papers_say_what_the_answer_rests_on(self) -> None:
        for index in range(84):
            drawn, sample = draw(42, index), SAMPLES[index]
            facts, takeovers = papers(sample.question)
            for key in drawn.solved.needs:
                subject, relation = key
                if relation in RELATIONS:
                    assert facts[key] == str(drawn.world.facts[key]), (sample.record_id, key)
                else:
                    day, person = drawn.world.heads[subject][int(relation.partition("/")[2])]
                    assert (subject, day.isoformat(), person) in takeovers
            assert not any(key in facts for key in drawn.world.unstated)
            if drawn.family == "aggregate":  # nobody else belongs to the group
                group = drawn.solved.needs[0][1]
                owner = str(drawn.world.facts[drawn.solved.needs[0]])
                members = {key for key, value in facts.items() if key[1] == group and value == owner}
                assert members == {key for key in drawn.solved.needs if key[1] == group}

    def test_evidence_points_at_sentences_that_are_printed(self) -> None:
        for sample in SAMPLES:
            numbers = re.findall(r"^\[(D\d+\.\d+)\]", sample.question, re.MULTILINE)
            assert len(numbers) == len(set(numbers))
            assert all(len(place) == 1 and place[0] in numbers for place in sample.reference["evidence"])
            assert set(sample.reference["harmless"]) <= set(numbers)

    def test_questions_are_worded_from_the_inside_out(self) -> None:
        assert wording("project Kelford", ("unit", "site", "town")) == (
            "In which town does the site where the unit that runs project Kelford works stand?"
        )
        assert wording("project Kelford", ("budget",)) == "What is the budget of project Kelford, in EUR?"
        assert set(COMPARED) <= set(RELATIONS)
        assert set(GROUPS) <= set(RELATIONS)


class TestCouples:
    def test_both_ask_the_same_and_have_different_answers(self) -> None:
        for first, second in zip(SAMPLES[::2], SAMPLES[1::2], strict=True):
            assert first.cluster == second.cluster
            assert first.metadata["question"] == second.metadata["question"]
            assert first.reference["value"] != second.reference["value"]
            assert not score(MADE, second, reference_answer(first)).is_correct

    def test_their_papers_differ_in_one_or_two_sentences(self) -> None:
        for first, second in zip(SAMPLES[::2], SAMPLES[1::2], strict=True):
            sentences = [
                Counter(re.sub(r"\.\d+\] ", " ", line) for line in sample.question.splitlines() if line.startswith("[D"))
                for sample in (first, second)
            ]
            changed = sum(((sentences[0] - sentences[1]) + (sentences[1] - sentences[0])).values())
            assert 1 <= changed <= 4, first.record_id


class TestScoring:
    def test_reference_answers_are_right(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, f"<think>{{}}</think>Let me see.\n```json\n{reference_answer(sample)}\n```")
            assert (verdict.is_correct, verdict.value) == (True, 1.0), sample.record_id

    def test_who_did_not_do_the_work_does_not_pass(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        lucky = {"not stated, keyword citations", "most frequent name", "keyword number"}
        assert {name for name, rate in passed.items() if rate > 0} <= lucky
        assert all(rate <= 0.08 for rate in passed.values()), passed
        assert all(value <= 0.08 for name, value in values.items() if name != "right answer, all cited"), values

    def test_a_draft_or_an_older_paper_does_not_decide(self) -> None:
        seen = 0
        for index in range(0, 252, 2):
            drawn = draw(42, index)
            if drawn.family == "conflict":
                old = drawn.world.old[drawn.solved.needs[-1]]
                given = {
                    "answer": old.isoformat() if isinstance(old, date) else old,
                    "citations": [p[0] for p in SAMPLES[index].reference["evidence"]],
                }
                assert not score(MADE, SAMPLES[index], json.dumps(given)).is_correct
                seen += 1
        assert seen == 18

    def test_calibration(self) -> None:
        cases = list(MADE.calibration())
        assert {case.name for case in cases} >= {"reference", "empty", "refusal", "echo", "garbage", "dump"}
        assert all(score(MADE, case.sample, case.text).is_correct == case.passes for case in cases)

    def test_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:-5], "length").outcome == Outcome.TRUNCATED

    def test_padding_and_control_characters(self) -> None:
        sample = SAMPLES[2]
        assert score(MADE, sample, "\x00\x07\u202e" * 30_000 + reference_answer(sample)).is_correct
        assert not score(MADE, sample, reference_answer(sample) + "\n{" + '"answer": 1, ' * 9_000).is_correct

    @given(st.text(), st.sampled_from(SAMPLES[:20]))
    def test_any_answer_gets_a_verdict(self, text: str, sample: object) -> None:
        assert score(MADE, sample, text).is_correct is False  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_as_many_steps_as_it_says(family: str) -> None:
    steps = {int(sample.dimensions["steps"]) for sample in SAMPLES if sample.subject == family}
    least = {"lookup": 1, "join": 2, "aggregate": 2, "conflict": 1, "compare": 3, "temporal": 1, "missing": 1}
    assert min(steps) >= least[family]
