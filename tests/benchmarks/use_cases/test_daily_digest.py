"""daily_digest: a reader of the printed sources is right, copying them is worth nothing, superseded facts cost half."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from datetime import date, datetime

import pytest
from coding_grading import built
from digest_reader import Reading
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import rates, score

from tripos.benchmarks.use_cases.daily_digest import WEIGHTS, brief_faults, opponents, part_sets, prompt, reference_answer
from tripos.benchmarks.use_cases.digest import day as days
from tripos.benchmarks.use_cases.digest.day import Change, Day, Event, News, Standing, Task
from tripos.benchmarks.use_cases.digest.drawing import FAMILIES, SIZES
from tripos.core.records import JSON, Outcome, Sample

KEY = "daily_digest"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(180)]


def changed(sample: Sample, **fields: JSON) -> str:
    return json.dumps({**json.loads(reference_answer(sample)), **fields})


class TestDay:
    TODAY = date(2027, 3, 10)  # the second Wednesday of March

    def day(self, **fields: object) -> Day:
        plain: dict[str, object] = {
            "today": self.TODAY,
            "events": (Event("E1", "talk", "Ann", 600, 660), Event("E2", "walk", "Bob", 660, 720), Event("E3", "lunch", "Cid", 690, 750)),
            "tasks": tuple(Task(f"T{n}", f"task {n}", "Ann", datetime(2027, 3, 9 + n, 12)) for n in (1, 2, 3)),
            "new_tasks": (),
            "changes": (),
            "news": (News("N1", "food", "X Group", ""), News("N2", "food", "Y Group", ""), News("N3", "sport", "X Group", "")),
            "interests": ("food", "energy"),
            "barred": "Y Group",
            "horizon_days": 1,
            "trips": {},
            "closures": {},
        }
        return Day(**{**plain, **fields})  # type: ignore[arg-type]

    def test_nothing_changes(self) -> None:
        made = days.digest(self.day())
        assert made.schedule == {"E1": (600, 660), "E2": (660, 720), "E3": (690, 750)}
        assert made.conflicts == {frozenset(("E2", "E3"))}  # E1 ends when E2 begins
        assert made.priorities == ("T1", "T2")
        assert made.news == {"N1"}
        assert made.moved == ()

    def test_only_the_organisers_latest_message_counts(self) -> None:
        changes = (
            Change(400, "Ann", "E1", "cancel"),
            Change(410, "Ann", "E1", "move", start=690),
            Change(420, "Bob", "E1", "move", start=900),
            Change(405, "Bob", "E2", "cancel"),
            Change(400, "Cid", "E3", "move", start=800),
            Change(430, "Cid", "E3", "keep"),
        )
        made = days.digest(self.day(changes=changes))
        assert made.schedule == {"E1": (690, 750), "E3": (690, 750)}
        assert made.moved == ("E1",)

    def test_a_task_comes_before_the_one_that_waits_for_it(self) -> None:
        tasks = (
            Task("T1", "a", "Ann", datetime(2027, 3, 10, 9)),
            Task("T2", "b", "Ann", datetime(2027, 3, 10, 12), waits_for="T3"),
            Task("T3", "c", "Ann", datetime(2027, 3, 20, 9), waits_for="T4"),
            Task("T4", "d", "Ann", datetime(2027, 3, 25, 9)),
        )
        made = days.digest(self.day(tasks=tasks))
        assert made.priorities == ("T1", "T4", "T3", "T2")
        assert made.due["T4"] == datetime(2027, 3, 10, 12)
        dropped = days.digest(self.day(tasks=tasks, changes=(Change(400, "Ann", "T2", "drop"),)))
        assert dropped.priorities == ("T1",)

    def test_new_and_changed_dues(self) -> None:
        new = (Task("T9", "new", "Max", datetime(2027, 3, 10, 8)),)
        changes = (Change(400, "Ann", "T3", "due", due=datetime(2027, 3, 10, 7)), Change(400, "Bob", "T1", "drop"))
        assert days.digest(self.day(new_tasks=new, changes=changes)).priorities == ("T3", "T9", "T1", "T2")

    def test_trips_and_closures(self) -> None:
        events = (Event("E1", "talk", "Ann", 600, 660, site="A"), Event("E2", "walk", "Bob", 680, 720, site="B"))
        way = frozenset("AB")
        assert not days.digest(self.day(events=events, trips={way: 20})).conflicts
        assert days.digest(self.day(events=events, trips={way: 20}, closures={way: 21})).conflicts

    def test_clocks_of_other_cities(self) -> None:
        events = (Event("E1", "talk", "Ann", 600, 660, city="Dubai", zone=3),)
        made = days.digest(self.day(events=events, changes=(Change(400, "Ann", "E1", "move", start=900),)))
        assert made.schedule == {"E1": (720, 780)}

    @pytest.mark.parametrize(
        ("standing", "holds"),
        [
            (Standing("weeks", 2, date(2027, 2, 24)), True),
            (Standing("weeks", 2, date(2027, 3, 3)), False),
            (Standing("nth", 2, TODAY), True),
            (Standing("nth", 5, TODAY), False),
            (Standing("nth", 2, date(2027, 3, 9)), False),
            (Standing("except", 2, TODAY), False),
            (Standing("except", 3, TODAY), True),
        ],
    )
    def test_recurring_events(self, standing: Standing, holds: bool) -> None:
        assert standing.holds(self.TODAY) is holds

    def test_the_last_such_weekday_of_a_month(self) -> None:
        assert [Standing("nth", 5, date(2027, 3, 31)).holds(date(2027, 3, n)) for n in (24, 30, 31)] == [False, False, True]


class TestSamples:
    def test_a_reader_of_the_printed_sources_is_right(self) -> None:
        for sample in SAMPLES:
            right = {**sample.reference, "news": sample.reference["news"]}
            made = {**Reading(sample.question).answer, "news": right["news"]}
            assert part_sets(made) == part_sets(right), (sample.record_id, sample.subject)

    def test_every_prompt_is_another_and_families_and_difficulties_are_even(self) -> None:
        assert len({prompt(sample) for sample in SAMPLES}) == len(SAMPLES)
        assert set(Counter(sample.subject for sample in SAMPLES).values()) == {len(SAMPLES) // len(FAMILIES)}
        assert set(Counter(sample.dimensions["difficulty"] for sample in SAMPLES).values()) == {len(SAMPLES) // len(SIZES)}

    def test_every_part_differs_from_what_is_printed(self) -> None:
        for sample in SAMPLES:
            right, printed = part_sets(sample.reference), part_sets(sample.reference["printed"])
            assert all(right[name] and right[name] != printed[name] for name in right), sample.record_id
            assert len(sample.reference["told"]) >= 3


class TestBrief:
    FACTS = {"E17": ["time:16:00", "time:17:00", "date:03-10"], "T42": ["date:03-11", "date:2027-03-11", "time:12:00", "date:03-10"]}

    @pytest.mark.parametrize(
        ("line", "faults"),
        [
            ("E17 is now at 16:00 and ends at 5 pm.", 0),
            ("T42 is due on 2027-03-11 (Thursday) at 12:00; then E17 at 16:00.", 0),
            ("A quiet day with 3 calls.", 0),
            ("E17 moves from 14:00 to 16:00.", 1),
            ("E17 is now at 12:00.", 1),
            ("E18 is off.", 1),
            ("Lunch at 12:00.", 1),
            ("T42 is due on 12 March.", 1),
            ("e17 " * 26, 1),
            ("E17" + "x" * 400, 1),
        ],
    )
    def test_faults(self, line: str, faults: int) -> None:
        assert len(brief_faults([line], self.FACTS)) == faults

    def test_too_many_lines(self) -> None:
        assert brief_faults(["E17 at 16:00"] * 8, self.FACTS) == []
        assert brief_faults(["E17 at 16:00"] * 9, self.FACTS) == ["9 lines"]


class TestScoring:
    def test_reference_answers_are_right(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, f"<think>{{}}</think>Here it is.\n```json\n{reference_answer(sample)}\n```")
            assert (verdict.is_correct, verdict.value) == (True, pytest.approx(1.0)), sample.record_id

    def test_who_did_not_do_the_work_does_not_pass(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        assert not any(passed.values()), passed
        assert all(value <= 0.03 for value in values.values()), values

    def test_random_orders_and_times_are_worth_little(self) -> None:
        rng = random.Random(5)
        total = 0.0
        for sample in SAMPLES:
            want = sample.reference
            slots = [(one["start"], one["end"]) for one in want["schedule"]]
            rng.shuffle(slots)
            schedule = [{**one, "start": start, "end": end} for one, (start, end) in zip(want["schedule"], slots, strict=True)]
            order = rng.sample(want["priorities"], len(want["priorities"]))
            verdict = score(MADE, sample, changed(sample, schedule=schedule, priorities=order, conflicts=[], news=[], brief=[]))
            assert verdict.value is not None
            assert not verdict.is_correct
            total += verdict.value
        assert total / len(SAMPLES) < 0.2

    @pytest.mark.parametrize("part", WEIGHTS)
    def test_a_part_that_is_left_out_costs_its_weight(self, part: str) -> None:
        for sample in SAMPLES[:12]:
            verdict = score(MADE, sample, changed(sample, **{part: []}))
            assert verdict.value == pytest.approx(1.0 - WEIGHTS[part])
            assert not verdict.is_correct
            assert verdict.metrics[part] == 0.0

    def test_a_superseded_time_costs_half_and_never_passes(self) -> None:
        for sample in SAMPLES[:12]:
            lines = json.loads(reference_answer(sample))["brief"]
            stale = score(MADE, sample, changed(sample, brief=[f"{lines[0]} and not at 03:33", *lines[1:]]))
            assert stale.value == pytest.approx((1.0 - WEIGHTS["brief"]) / 2)
            assert not stale.is_correct
            assert stale.metrics["faultless"] == 0.0

    def test_harmless_variations_of_form(self) -> None:
        sample = SAMPLES[0]
        want = sample.reference
        schedule = [
            {"id": one["id"].lower(), "start": one["start"] + ":00", "end": one["end"].removeprefix("0"), "room": "x"}
            for one in want["schedule"]
        ]
        text = changed(
            sample, schedule=schedule[::-1], conflicts=[pair[::-1] for pair in want["conflicts"]], news=want["news"][::-1], note="x"
        )
        assert score(MADE, sample, text).value == pytest.approx(1.0)

    @pytest.mark.parametrize(
        "fields",
        [
            {"schedule": {}},
            {"schedule": [["E1", "09:00"]]},
            {"schedule": [{"id": "E1", "start": 900, "end": "10:00"}]},
            {"conflicts": [["E1"]]},
            {"conflicts": ["E1"]},
            {"priorities": [1]},
            {"brief": "text"},
            {"brief": [None]},
            {"news": None},
        ],
    )
    def test_another_shape_is_a_wrong_format(self, fields: dict[str, JSON]) -> None:
        verdict = score(MADE, SAMPLES[0], changed(SAMPLES[0], **fields))
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)

    def test_padding(self) -> None:
        sample = SAMPLES[1]
        started = time.process_time()
        many = [f"T{n}" for n in range(10_000)]
        assert not score(MADE, sample, changed(sample, priorities=many, news=many, brief=["1 " * 50_000, "9:" * 50_000] * 20)).is_correct
        assert score(MADE, sample, "\x00\u202e" * 40_000 + reference_answer(sample)).is_correct
        assert time.process_time() - started < 2.0

    def test_calibration(self) -> None:
        cases = list(MADE.calibration())
        assert {case.name for case in cases} >= {"reference", "empty", "refusal", "echo", "garbage", "dump"}
        assert all(score(MADE, case.sample, case.text).is_correct == case.passes for case in cases)

    def test_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:-5], "length").outcome == Outcome.TRUNCATED

    @given(st.text(), st.sampled_from(SAMPLES[:20]))
    def test_any_answer_gets_a_verdict(self, text: str, sample: Sample) -> None:
        assert score(MADE, sample, text).is_correct is False
