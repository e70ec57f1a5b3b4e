"""morning_brief: a reader of the printed morning is right, and free text is held to what is so."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime

import pytest
from coding_grading import built
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import rates, score

from tripos.benchmarks.use_cases.brief.drawing import SIZES, draw_couple
from tripos.benchmarks.use_cases.brief.morning import FAMILIES, WISHES, Appointment, Bill, Job, Message, Morning, answer, clock, heard
from tripos.benchmarks.use_cases.morning_brief import aligned, line_facts, opponents, prompt, reference_answer
from tripos.core.records import Outcome

KEY = "morning_brief"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(168)]  # each family at each difficulty eight times


# ------------------------------------------------------------------------------------ a reader who sees the prompt alone


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])


MOVES = (
    r"The (\w+) [a-z ]+ is at ([\d:]+) today\.|We have put today's (\w+) [a-z ]+ at ([\d:]+)\.|(\w+) [a-z ]+: new time today, ([\d:]+)\."
)
CANCELS = r"No (\w+) [a-z ]+ today\.|The (\w+) [a-z ]+ does not take place today\.|We have to call off today's (\w+) [a-z ]+\."
DUES = r"The (\w+) [a-z ]+ is wanted by ([\d:]+) today\.|I need the (\w+) [a-z ]+ at ([\d:]+), not at the time we said\."
PAID = r"I have settled the bill of (\w+)\.|Your account shows that (\w+) has been paid\.|(\w+) has its money\."
ROADS = r"Road works: the way to (\w+) takes (\d+) minutes more\.|Allow (\d+) minutes more to (\w+), the bridge is shut\."
RAIN = r"New forecast: rain from ([\d:]+) to ([\d:]+), dry before and after\.|The rain comes from ([\d:]+) to ([\d:]+), not as forecast\."
ILL = r"(\w+ \w+) is ill today\.|(\w+ \w+) stays in bed today\.|We have to do without (\w+ \w+) today\."
BACK = r"(\w+ \w+) is back at work\.|(\w+ \w+) is here today after all\.|Contrary to the list, (\w+ \w+) is in the office\."


def groups(pattern: str, text: str) -> list[str] | None:
    found = re.fullmatch(pattern, text)
    return [group for group in found.groups() if group] if found else None


class Reading:
    """What somebody knows who has nothing but the prompt."""

    def __init__(self, text: str) -> None:
        def block(head: str) -> list[str]:
            return text.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()

        head = re.match(r"The morning of .+, \w+ (\d+ \w+ \d+)\.", text)
        rain = re.search(r"Forecast: rain from ([\d:]+) to ([\d:]+)", text)
        margin = re.search(r"arrive (\d+) minutes", text)
        assert head is not None
        assert rain is not None
        assert margin is not None
        self.today = datetime.strptime(head[1], "%d %B %Y").date()
        self.margin, self.rain = int(margin[1]), (minutes(rain[1]), minutes(rain[2]))
        self.events: dict[str, tuple[int, int, str, bool]] = {}
        for line in block("Appointments"):
            found = re.fullmatch(r"([\d:]+)-([\d:]+)  (\w+) [a-z ]+, (.+)", line)
            assert found is not None
            place = "" if found[4] == "by telephone" else found[4].split(",")[0]
            self.events[found[3]] = (minutes(found[1]), minutes(found[2]), place, "open" in found[4])
        self.jobs = {
            line.split()[0]: [minutes(m[1]), int(m[2])]
            for line in block("Jobs of today")
            if (m := re.search(r"by ([\d:]+), takes (\d+)", line))
        }
        self.bills = {line.split(",")[0]: line for line in block("Bills")}
        self.trips = {
            m[1]: int(m[2]) for m in re.finditer(r"(\w+) (\d+) minutes(?=[,.])", text.partition("From home: ")[2].partition(" Forecast")[0])
        }
        self.births = {
            line.split(", born ")[0]: datetime.strptime(line.split(", born ")[1], "%d %B %Y").date() for line in block("Birthdays")
        }
        deputies, away = block("Deputies")
        self.deputies = dict(pair.split(": ") for pair in deputies.rstrip(".").split("; "))
        self.away = set(away.removeprefix("Away today: ").rstrip(".").split(", "))
        self.wishes = [re.sub(r"^\d\. ", "", line) for line in block("Wishes")]
        for line in sorted(block("Messages of this morning")):
            self.hear(line.split("  ", 1)[1])

    def hear(self, text: str) -> None:
        if (got := groups(MOVES, text)) and got[0] in self.events:
            start, end, *rest = self.events[got[0]]
            self.events[got[0]] = (minutes(got[1]), minutes(got[1]) + end - start, *rest)  # type: ignore[assignment]
        elif got := groups(CANCELS, text):
            self.events.pop(got[0], None)
        elif got := groups(DUES, text):
            self.jobs[got[0]][0] = minutes(got[1])
        elif got := groups(PAID, text):
            self.bills[got[0]] += ", paid"
        elif got := groups(ROADS, text):
            place, more = sorted(got, key=str.isdigit)
            self.trips[place] += int(more)
        elif got := groups(RAIN, text):
            self.rain = (minutes(got[0]), minutes(got[1]))
        elif got := groups(ILL, text):
            self.away.add(got[0])
        elif got := groups(BACK, text):
            self.away.discard(got[0])

    def told(self, wish: str) -> set[str]:
        """The words that a line on this wish needs."""
        if "leave home" in wish or "out of the door" in wish:
            start, _, place, name = min((start, end, place, name) for name, (start, end, place, _) in self.events.items() if place)
            return {name, clock(start - self.trips[place] - self.margin)}
        if "overlap" in wish or "each other's way" in wish:
            return {n for n, e in self.events.items() if any(n != m and e[0] < f[1] and f[0] < e[1] for m, f in self.events.items())}
        if "stretch" in wish:
            busy = [any(e[0] <= m < e[1] for e in self.events.values()) for m in range(24 * 60)]
            starts = [at for at in range(540, 1020) if not busy[at] and (at == 540 or busy[at - 1])]
            free = [(next((end for end in range(at, 1020) if busy[end]), 1020) - at, at) for at in starts]
            length, start = max(free)
            return {clock(start), clock(start + length)}
        if "in the open" in wish:
            return {name for name, (start, end, _, out) in self.events.items() if out and start < self.rain[1] and self.rain[0] < end}
        if "job" in wish:
            latest, name = min((due - takes, name) for name, (due, takes) in self.jobs.items())
            return {name, clock(latest)}
        if "pay" in wish or "bills" in wish:
            due = [b for b in self.bills.values() if "paid" not in b and ("due today" in b or " ago" in b)]
            return {str(sum(int(found[1]) for b in due if (found := re.search(r"EUR (\d+)", b))))}
        if "birthday" in wish:
            return {
                x
                for n, b in self.births.items()
                if (b.month, b.day) == (self.today.month, self.today.day)
                for x in (n, str(self.today.year - b.year))
            }
        one = next(name for name in self.deputies if name in wish)
        while one in self.away:
            one = self.deputies[one]
        return {one}


class TestReader:
    @pytest.mark.parametrize("part", range(4))
    def test_the_prompt_alone_leads_to_the_reference(self, part: int) -> None:
        for sample in SAMPLES[part::4]:
            reading = Reading(sample.question)
            for wish, point in zip(reading.wishes, sample.reference["points"], strict=True):
                needed = {token.partition(":")[2] for token in point["required"]}
                assert reading.told(wish) == needed, (sample.record_id, wish)


# ---------------------------------------------------------------------------------------------------------- the morning


def morning(**fields: object) -> Morning:
    plain: dict[str, object] = {
        "owner": "Ann Old",
        "today": date(2027, 3, 10),
        "appointments": (
            Appointment("Aaa", "talk", 600, 660, "", False),
            Appointment("Bbb", "walk", 660, 720, "Town", True),
            Appointment("Ccc", "trip", 700, 780, "Port", True),
        ),
        "jobs": (Job("Ddd", "letter", 720, 60), Job("Eee", "offer", 750, 120)),
        "bills": (Bill("Fff", 100, 0, False), Bill("Ggg", 30, -2, False), Bill("Hhh", 500, 1, False), Bill("Iii", 900, -1, True)),
        "trips": {"Town": 20, "Port": 40},
        "margin": 5,
        "rain": (630, 690),
        "births": {"Bob": date(1980, 3, 10), "Cid": date(1980, 4, 10)},
        "deputies": {"Kim": "Lea", "Lea": "Max", "Max": "Kim"},
        "away": frozenset({"Kim"}),
        "asked_about": "Kim",
        "messages": (),
        "seed": "x",
    }
    return Morning(**{**plain, **fields})  # type: ignore[arg-type]


class TestMorning:
    @pytest.mark.parametrize(
        ("wish", "required"),
        [
            ("leave", {"name:Bbb", "time:10:35"}),
            ("clash", {"name:Bbb", "name:Ccc"}),
            ("gap", {"time:13:00", "time:17:00"}),
            ("rain", {"name:Bbb"}),
            ("start", {"name:Eee", "time:10:30"}),
            ("pay", {"number:130"}),
            ("deputy", {"name:Lea"}),
            ("age", {"name:Bob", "number:47"}),
        ],
    )
    def test_each_wish(self, wish: str, required: set[str]) -> None:
        point = answer(wish, morning())
        assert point is not None
        assert point.required == required
        assert point.required <= point.allowed

    @pytest.mark.parametrize(
        ("message", "wish", "required"),
        [
            (Message(1, "move", "Ccc", 630), "leave", {"name:Ccc", "time:09:45"}),
            (Message(1, "cancel", "Bbb"), "leave", {"name:Ccc", "time:10:55"}),
            (Message(1, "road", "Town", 15), "leave", {"name:Bbb", "time:10:20"}),
            (Message(1, "due", "Ddd", 600), "start", {"name:Ddd", "time:09:00"}),
            (Message(1, "paid", "Hhh"), "pay", {"number:130"}),
            (Message(1, "rain", "", 700, 720), "rain", {"name:Bbb", "name:Ccc"}),
            (Message(1, "ill", "Lea"), "deputy", {"name:Max"}),
        ],
    )
    def test_messages_count(self, message: Message, wish: str, required: set[str]) -> None:
        after = heard(morning(messages=(message,), appointments=(*morning().appointments, Appointment("Zzz", "x", 900, 960, "Town", True))))
        point = answer(wish, after)
        assert point is not None
        assert point.required == required

    def test_the_latest_message_is_the_one_that_counts(self) -> None:
        moves = (Message(9, "move", "Bbb", 900), Message(5, "move", "Bbb", 540))
        assert heard(morning(messages=moves)).appointments[1].start == 900

    @pytest.mark.parametrize(
        ("wish", "fields"),
        [
            ("clash", {"appointments": morning().appointments[:2]}),  # one begins when the other ends
            ("leave", {"appointments": morning().appointments[:1]}),
            ("rain", {"rain": (0, 1_000)}),
            ("start", {"jobs": (Job("Ddd", "x", 720, 60), Job("Eee", "y", 780, 120))}),
            ("pay", {"bills": morning().bills[:1]}),
            ("deputy", {"away": frozenset()}),
            ("deputy", {"away": frozenset({"Kim", "Lea", "Max"})}),
            ("age", {"today": date(2027, 3, 11)}),
        ],
    )
    def test_what_is_open_has_no_answer(self, wish: str, fields: dict[str, object]) -> None:
        assert answer(wish, morning(**fields)) is None


class TestSamples:
    def test_families_difficulties_and_wishes_are_spread(self) -> None:
        assert Counter(s.subject for s in SAMPLES) == dict.fromkeys(FAMILIES, 24)
        assert Counter(s.dimensions["difficulty"] for s in SAMPLES) == dict.fromkeys(SIZES, 56)
        wishes = Counter(point["wish"] for s in SAMPLES for point in s.reference["points"])
        assert set(wishes) == set(WISHES)
        assert max(wishes.values()) <= 0.25 * sum(wishes.values())
        assert len({prompt(s) for s in SAMPLES}) == len(SAMPLES)

    def test_messages_decide_and_couples_differ_in_one_line(self) -> None:
        for n, family in enumerate(FAMILIES):
            first, second, _ = draw_couple(f"seed/{n}", family, SIZES["middle"])
            silent, one, two = answer(family, first), answer(family, heard(first)), answer(family, heard(second))
            assert one is not None
            assert one != two
            assert silent is None or silent.required != one.required
        for j in range(0, len(SAMPLES), 2):
            lines = zip(SAMPLES[j].question.splitlines(), SAMPLES[j + 1].question.splitlines(), strict=True)
            assert sum(a != b for a, b in lines) == 1
            assert SAMPLES[j].cluster == SAMPLES[j + 1].cluster
            assert not score(MADE, SAMPLES[j + 1], reference_answer(SAMPLES[j])).is_correct


# -------------------------------------------------------------------------------------------------------------- scoring


class TestScoring:
    def test_references_are_right(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, reference_answer(sample))
            assert (verdict.value, verdict.is_correct) == (1.0, True), (sample.record_id, verdict)

    def test_everything_that_is_allowed_may_be_said(self) -> None:
        for sample in SAMPLES:
            lines = [
                ", ".join(one.partition(":")[2] for one in point["allowed"] if not re.fullmatch(r"date:\d\d-\d\d", one))
                for point in sample.reference["points"]
            ]
            verdict = score(MADE, sample, "\n".join(f"- **{line}**" for line in lines))
            assert verdict.is_correct, (sample.record_id, verdict)

    def test_who_did_not_do_the_work_gets_next_to_nothing(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        assert not any(passed.values()), passed
        assert all(value <= 0.08 for value in values.values()), values

    def test_a_readable_brief_passes(self) -> None:
        day = "Saturday 20 November 2027"
        assert day in SAMPLES[0].question
        text = (
            f"Good morning! Your brief for {day}:\n\n1. Turn to **Pahia Minros** in place of Stiwo Revby.\n"
            "2. Begin the Brotru letter by 9:15 am at the latest; it is due at 10:15 and takes 60 minutes.\n"
            "3. Leave home at 11:10: the Piwoth hearing begins at 11:30 in Brabbridge, 15 minutes away.\n"
        )
        assert score(MADE, SAMPLES[0], text).is_correct

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("11:10", "11:15"),
            ("11:10", "11:10 or 11:15"),
            ("Piwoth", "Druvun"),
            ("Piwoth", "Piwoth or Druvun"),
            ("Pahia Minros", "Pahia Minros or Kapia Tanholt"),
            ("Piwoth 11:10", "Piwoth 11:10 on Monday"),
            ("Piwoth 11:10", "Piwoth 11:10, order KQ-48213"),
            ("Piwoth 11:10", "Piwoth 11:10 is cancelled"),
            ("Today: Piwoth 11:10", ""),
        ],
    )
    def test_one_wrong_word_costs_its_line(self, old: str, new: str) -> None:
        right = reference_answer(SAMPLES[0])
        assert old in right
        verdict = score(MADE, SAMPLES[0], right.replace(old, new))
        assert not verdict.is_correct
        assert verdict.value is not None
        assert 0.6 <= verdict.value <= 0.8
        assert verdict.metrics["recall"] == pytest.approx(2 / 3)

    def test_order_counts(self) -> None:
        for sample in SAMPLES[:28]:
            lines = reference_answer(sample).splitlines()
            verdict = score(MADE, sample, "\n".join(reversed(lines)))
            assert not verdict.is_correct

    def test_too_much_is_worth_nothing(self) -> None:
        right = reference_answer(SAMPLES[0])
        for text in (right + " and so on" * 30, right + "\n" + right, right + "x" * 100_000, "\x00\x1b[2J" * 30_000 + right):
            verdict = score(MADE, SAMPLES[0], text)
            assert (verdict.value, verdict.is_correct, verdict.metrics["within_limits"]) == (0.0, False, 0.0)

    def test_one_line_of_facts_too_many_is_not_correct(self) -> None:
        verdict = score(MADE, SAMPLES[0], reference_answer(SAMPLES[0]) + "\nFopor 289")
        assert verdict.value == pytest.approx(6 / 7)
        assert not verdict.is_correct

    def test_empty_and_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], "").outcome == Outcome.REFUSED
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:30], "length").outcome == Outcome.TRUNCATED
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0]), "length").outcome == Outcome.SCORED

    @given(st.text())
    def test_any_answer_gets_a_verdict(self, text: str) -> None:
        assert score(MADE, SAMPLES[0], text).is_correct is False


class TestLines:
    WANT = {"names": ["Brunda", "Bubre Mozby", "Tadford"], "day": ["date:03-10", "date:2027-03-10", "day:wednesday"]}

    @pytest.mark.parametrize(
        ("line", "facts"),
        [
            ("Good morning, here is your brief for Wednesday, 10 March 2027:", set()),
            ("1. Leave for Brunda at 7:05", {"name:Brunda", "time:07:05"}),
            ("2) **BRUNDA** at 7:05 pm", {"name:Brunda", "time:19:05"}),
            ("- Brunda's talk in Tadford", {"name:Brunda", "name:Tadford"}),
            ("Ask Mozby", {"name:Bubre Mozby"}),
            ("Ask Bubre", {"name:Bubre Mozby"}),
            ("Brundage is somebody else", set()),
            ("€1,430 to pay, in 2 bills", {"number:1430", "number:2"}),
            ("Brunda is off", {"name:Brunda", "off"}),
            ("Set off for Brunda", {"name:Brunda"}),
        ],
    )
    def test_what_a_line_says(self, line: str, facts: set[str]) -> None:
        assert line_facts(line, self.WANT) == facts

    @given(st.text())
    def test_it_never_raises(self, line: str) -> None:
        line_facts(line, self.WANT)

    @given(st.lists(st.sets(st.sampled_from("abc")), max_size=5), st.lists(st.sets(st.sampled_from("abc"), min_size=1), max_size=5))
    def test_alignment_is_in_order_and_one_to_one(self, lines: list[set[str]], wanted: list[set[str]]) -> None:
        points = [{"required": sorted(one), "allowed": sorted(one)} for one in wanted]
        pairs = aligned([frozenset(line) for line in lines], points)
        assert pairs == sorted(pairs)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
        assert all(lines[i] == wanted[j] for i, j in pairs)

    def test_alignment_finds_the_longest(self) -> None:
        points = [{"required": [one], "allowed": [one]} for one in "abc"]
        assert aligned([frozenset("c"), frozenset("a"), frozenset("x"), frozenset("c")], points) == [(1, 0), (3, 2)]
