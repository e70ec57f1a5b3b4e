"""research_mining: a reader of the printed reports reaches the reference, and nothing but the work is worth anything."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from coding_grading import built
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import rates, score

from tripos.benchmarks.use_cases.research_mining import WEIGHTS, opponents, prompt, reference_answer, synthesis_checks
from tripos.benchmarks.use_cases.studies.drawing import FAMILIES, SIZES, TOLERANCE, draw_couple
from tripos.benchmarks.use_cases.studies.literature import MEASURES, REASONS, Study, shortcuts, synthesise, weighted
from tripos.core.records import JSON, Outcome, Sample

KEY = "research_mining"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(168)]  # each family at each difficulty eight times


def changed(sample: Sample, **fields: JSON) -> str:
    return json.dumps({**json.loads(reference_answer(sample)), **fields})


# ------------------------------------------------------------------------------------ a reader who sees the prompt alone

AT_RANDOM = ("random numbers", "A lot decided", "random list")
ADULTS = ("19 to 64", "between 21 and 70", "18 to 58")


def effect_of(text: str, drug: str, unit: str) -> float:
    """Drug minus placebo in the measure's unit, from one sentence."""
    if interval := re.search(r"(-?[\d.]+) to (-?[\d.]+) \w+\.", text):
        return (float(interval[1]) + float(interval[2])) / 2
    if "mean" in text.lower():
        under = re.search(rf"([\d.]+) \w+ under {drug}|{drug} ([\d.]+)", text)
        without = re.search(r"([\d.]+) \w+ under placebo|placebo ([\d.]+)", text)
        assert under is not None
        assert without is not None
        return float(under[1] or under[2]) - float(without[1] or without[2])
    found = re.search(r"(\d+(?:\.\d+)?) (\w+) (lower|higher)", text)
    assert found is not None, text
    factor = 1 if found[2] == unit else next(m.factor for m in MEASURES if m.unit == unit and m.small == found[2])
    return float(found[1]) / factor * (-1 if found[3] == "lower" else 1)


def read_review(text: str) -> dict[str, JSON]:
    """The conclusion of somebody who has nothing but the prompt."""
    asked = re.search(r"by how many (\w+) does (\w+) change (.+?)(?: in (women|men))?, compared", text)
    least, since = re.search(r"[Ff]ewer than (\d+)", text), re.search(r"before 1 January (\d+)", text)
    assert asked is not None
    assert least is not None
    assert since is not None
    unit, drug, measure, group = asked.groups()
    body, notices = text.split("\n\nNotices of the journals\n")
    rows = []
    for block in re.split(r"\n\n(?=\[S\d+\])", body)[1:]:
        head, main = block.split("\n")
        found = re.match(r"\[(S\d+)\] .*?(\d{1,2} [A-Z][a-z]+ \d{4})\. Registration (\S+)\.", head)
        assert found is not None
        counts = [int(n) for n in re.findall(r"\d+", main.split(". ")[0].replace(f"{drug} or", ""))]
        parts = {m[2]: (int(m[1]), m[3]) for m in re.finditer(r"Among the (\d+) (women|men): (.*?\.)(?= [A-Z]|$)", main)}
        result = parts[group][1] if group else re.split(r"(?<=\.) (?=[A-Z])", main)[3]  # after numbers, design and people
        rows.append(
            {
                "id": found[1],
                "trial": found[3],
                "when": datetime.strptime(found[2], "%d %B %Y"),
                "analysed": counts[0] if "has" in main.split(". ")[0] else counts[1],
                "weight": parts[group][0] if group else None,
                "random": any(words in main for words in AT_RANDOM),
                "adults": any(words in main for words in ADULTS),
                "measured": measure in main.lower(),
                "effect": effect_of(result, drug, unit),
            }
        )
    for row in rows:
        for line in notices.splitlines():
            if not line.startswith(f"- {row['id']}"):
                continue
            if "retracted" in line:
                row["retracted"] = True
            elif number := re.search(r"number analysed is (\d+)", line):
                row["analysed"] = int(number[1])
            elif "correction" in line:
                row["effect"] = effect_of(line, drug, unit)
    excluded = {}
    for row in rows:
        later = any(other["trial"] == row["trial"] and other["when"] > row["when"] for other in rows)
        faults = {
            "design": not row["random"],
            "population": not row["adults"],
            "outcome": not row["measured"],
            "size": row["analysed"] < int(least[1]),
            "date": row["when"].year < int(since[1]),
            "duplicate": later,
            "retracted": row.get("retracted", False),
        }
        reasons = [name for name, holds in faults.items() if holds]
        assert len(reasons) <= 1, (row, reasons)
        excluded |= dict.fromkeys([row["id"]], reasons[0]) if reasons else {}
    kept = [row for row in rows if row["id"] not in excluded]
    weights = [row["weight"] or row["analysed"] for row in kept]
    estimate = sum(row["effect"] * n for row, n in zip(kept, weights, strict=True)) / sum(weights)
    return {
        "included": [row["id"] for row in kept],
        "excluded": excluded,
        "participants": sum(weights),
        "estimate": estimate,
        "contradicting": [row["id"] for row in kept if row["effect"] * estimate < 0],
    }


class TestReader:
    @pytest.mark.parametrize("part", range(4))
    def test_the_prompt_alone_leads_to_the_reference(self, part: int) -> None:
        for sample in SAMPLES[part::4]:
            read = read_review(sample.question)
            want = sample.reference
            assert read["estimate"] == pytest.approx(want["estimate"], abs=1e-6), (sample.record_id, sample.subject)
            assert {**read, "estimate": 0} == {**want, "estimate": 0}


class TestSynthesis:
    def study(self, name: str, effect: int, n: int, violation: str | None = None) -> Study:
        fields = {"effect": effect, "printed_effect": effect, "analysed": n, "printed_analysed": n, "violation": violation}
        day = datetime(2020, 1, 1).date()
        return Study(id=name, trial=name, authors="", published=day, style="difference", lost=0, control=200, half_width=5, **fields)  # type: ignore[arg-type]

    def test_it_is_the_weighted_mean_of_what_is_included(self) -> None:
        review, _, _ = draw_couple("x", "pooled", SIZES["easy"])
        studies = (self.study("A", 20, 100), self.study("B", -10, 50), self.study("C", 40, 50), self.study("D", 90, 500, "size"))
        right = synthesise(replace(review, studies=studies))
        assert right.included == ("A", "B", "C")
        assert right.excluded == {"D": "size"}
        assert right.participants == 200
        assert right.estimate == pytest.approx((2.0 * 100 - 1.0 * 50 + 4.0 * 50) / 200)
        assert right.contradicting == ("B",)

    def test_weights(self) -> None:
        assert weighted([(10, 1), (40, 3)]) == pytest.approx(3.25)


class TestSamples:
    def test_families_difficulties_and_labels_are_balanced(self) -> None:
        assert Counter(s.subject for s in SAMPLES) == dict.fromkeys(FAMILIES, 24)
        assert Counter(s.dimensions["difficulty"] for s in SAMPLES) == dict.fromkeys(SIZES, 56)
        reasons = Counter(reason for s in SAMPLES for reason in s.reference["excluded"].values())
        assert set(reasons) == set(REASONS)
        assert max(reasons.values()) <= 0.35 * sum(reasons.values()), reasons
        signs = Counter(s.reference["estimate"] > 0 for s in SAMPLES)
        assert min(signs.values()) >= 60, signs
        assert len({prompt(s) for s in SAMPLES}) == len(SAMPLES)

    def test_no_skipped_step_leads_to_the_right_figure(self) -> None:
        for family in FAMILIES:
            for review in draw_couple(f"seed/{family}", family, SIZES["middle"])[:2]:
                assert all(abs(one - synthesise(review).estimate) > 3 * TOLERANCE for one in shortcuts(review))

    def test_couples_differ_in_one_line_and_in_the_conclusion(self) -> None:
        for j in range(0, len(SAMPLES), 2):
            first, second = SAMPLES[j], SAMPLES[j + 1]
            assert first.cluster == second.cluster
            lines = zip(first.question.splitlines(), second.question.splitlines(), strict=True)
            assert sum(a != b for a, b in lines) == 1
            assert not score(MADE, second, reference_answer(first)).is_correct


class TestScoring:
    def test_references_are_right_in_full(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, f"I have read it all.\n```json\n{reference_answer(sample)}\n```")
            assert (verdict.value, verdict.is_correct) == (pytest.approx(1.0), True)

    def test_who_did_not_do_the_work_gets_next_to_nothing(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        assert not any(passed.values()), passed
        assert all(value <= 0.05 for value in values.values()), values

    def test_including_all_but_one_is_worth_little(self) -> None:
        for sample in SAMPLES[:42]:
            ids = [*sample.reference["included"], *sample.reference["excluded"]]
            text = changed(
                sample, included=ids[:-1], excluded={ids[-1]: "size"}, estimate=0, participants=0, contradicting=[], synthesis=""
            )
            value = score(MADE, sample, text).value
            assert value is not None
            assert value <= 0.15

    @pytest.mark.parametrize(("part", "wrong"), [("estimate", 99.0), ("participants", 1), ("synthesis", "It is higher, or it is lower.")])
    def test_each_part_has_its_weight(self, part: str, wrong: JSON) -> None:
        for sample in SAMPLES[:14]:
            verdict = score(MADE, sample, changed(sample, **{part: wrong}))
            assert verdict.value == pytest.approx(1 - WEIGHTS[part])
            assert verdict.metrics[part] == 0.0
            assert verdict.is_correct == (part != "estimate")

    def test_the_wrong_reports_are_never_correct(self) -> None:
        for sample in SAMPLES[:14]:
            fewer = sample.reference["included"][1:]
            more = [*sample.reference["included"], next(iter(sample.reference["excluded"]))]
            assert not score(MADE, sample, changed(sample, included=fewer)).is_correct
            assert not score(MADE, sample, changed(sample, included=more)).is_correct

    def test_harmless_variations_of_form(self) -> None:
        sample = SAMPLES[0]
        lower = [one.lower() for one in sample.reference["included"]]
        reasons = {f"[{one}]": why.upper() for one, why in sample.reference["excluded"].items()}
        text = changed(sample, included=lower, excluded=reasons, participants=float(sample.reference["participants"]), note="x")
        assert score(MADE, sample, text).value == pytest.approx(1.0)

    @pytest.mark.parametrize(
        "fields", [{"included": "S1"}, {"included": [1]}, {"excluded": {"S1": None}}, {"estimate": "1"}, {"synthesis": 1}]
    )
    def test_another_shape_is_a_wrong_format(self, fields: dict[str, JSON]) -> None:
        verdict = score(MADE, SAMPLES[0], changed(SAMPLES[0], **fields))
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)

    def test_empty_and_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], "").outcome == Outcome.REFUSED
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:90], "length").outcome == Outcome.TRUNCATED

    def test_padding_and_control_characters_change_nothing(self) -> None:
        sample = SAMPLES[0]
        started = time.process_time()
        assert score(MADE, sample, "\x00\x1b[31m{" + "pad {[ " * 15_000 + reference_answer(sample)).outcome in (
            Outcome.SCORED,
            Outcome.WRONG_FORMAT,
        )
        stuffed = changed(sample, synthesis="higher " * 20_000)
        assert score(MADE, sample, stuffed).metrics["synthesis"] == 0.0
        assert time.process_time() - started < 5

    @given(st.text())
    def test_any_answer_gets_a_verdict(self, text: str) -> None:
        assert score(MADE, SAMPLES[0], text).is_correct is False


class TestText:
    WANT = {"included": ["S101", "S202", "S303"], "participants": 412, "estimate": -3.456}
    GOOD = (
        "Three trials were not enough for us, but here are 3 with 412 participants: 3.46 minutes lower under the drug than under placebo."
    )

    def test_a_good_one_passes(self) -> None:
        assert all(synthesis_checks(self.GOOD, self.WANT).values())
        assert all(synthesis_checks(self.GOOD + " S101 and S202 led to it.", self.WANT).values())

    @pytest.mark.parametrize(
        ("old", "new", "failing"),
        [
            ("412", "four hundred", {"counts"}),
            ("3.46", "3.9", {"estimate"}),
            ("3.46", "3.46 (or 9.9)", {"estimate"}),
            ("lower", "higher", {"direction"}),
            ("lower", "lower or higher", {"direction"}),
            ("lower", "different", {"direction"}),
            ("placebo.", "placebo, as S999 says.", {"grounded"}),
            ("placebo.", "placebo on 3 March 2021.", {"grounded"}),
            ("placebo.", "placebo." + " really" * 60, {"length"}),
        ],
    )
    def test_each_check(self, old: str, new: str, failing: set[str]) -> None:
        checks = synthesis_checks(self.GOOD.replace(old, new), self.WANT)
        assert {name for name, passed in checks.items() if not passed} == failing

    @given(st.text())
    def test_it_never_raises(self, text: str) -> None:
        synthesis_checks(text, self.WANT)
