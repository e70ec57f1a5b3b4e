"""Somebody who reads the printed sources of `daily_digest` and applies the printed rules, knowing nothing of how they were made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations

from tripos.core.records import JSON

_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 5}
_OFF = r"is off today|We have to cancel|\ANo .* today\b"
_DROPPED = r"no longer needed|Somebody else has done|given .* to a colleague"
_KEPT = r"time in your calendar holds|as your calendar has it"


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def clock(value: int) -> str:
    return f"{value // 60:02d}:{value % 60:02d}"


def moment(text: str, today: date) -> datetime:
    if iso := re.search(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)", text):
        return datetime.fromisoformat(f"{iso[1]}T{iso[2]}")
    day, month, at = re.search(r"(\d+) ([A-Z]\w+), (\d\d:\d\d)", text).groups()  # type: ignore[union-attr]
    year = today.year + int(datetime.strptime(month, "%B").month < today.month)
    return datetime.strptime(f"{day} {month} {year} {at}", "%d %B %Y %H:%M")


def day_of(text: str) -> date:
    return datetime.strptime(re.search(r"\d+ [A-Z]\w+ \d{4}", text)[0], "%d %B %Y").date()  # type: ignore[index]


@dataclass
class Reading:
    """What has been read; `answer` has the schedule, conflicts and priorities of a digest."""

    text: str
    said: list[tuple[int, str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = {part.split("\n")[0]: part.split("\n")[1:] for part in self.text.split("\n\n")}
        self.today = day_of(self.text.splitlines()[0])
        rows = [re.fullmatch(r"(\d\d:\d\d)  ([^:]+): (.*)", row) for row in self.parts["Messages"]]
        self.said = sorted((minutes(row[1]), row[2], row[3]) for row in rows if row)

    def last_word(self, title: str, authority: str, forms: str) -> str | None:
        """The latest message of that person that changes that thing."""
        found = [text for _, who, text in self.said if who == authority and title in text and re.search(forms, text)]
        return found[-1] if found else None

    def schedule(self) -> dict[str, tuple[int, int]]:
        ahead = {
            city: int(hours) * (1 if way == "ahead" else -1) for city, hours, way in re.findall(r"(\w+) (\d) h (ahead|behind)", self.text)
        }
        made = {}
        for row in self.parts["Calendar"]:
            name, start, end, city, title, organiser, rest = re.fullmatch(  # type: ignore[union-attr]
                r"(E\d+)  (\S+)-(\d\d:\d\d)((?: \w+)?)  (.*?), organiser (\w+ \w+)(.*)", row
            ).groups()
            word = self.last_word(title, organiser, rf"\d\d:\d\d|{_OFF}|{_KEPT}")
            if (word and re.search(_OFF, word)) or not self.takes_place(rest):
                continue
            moved = re.search(r"\d\d:\d\d", word or "")
            ours = minutes(moved[0] if moved else start) - 60 * ahead.get(city.strip(), 0)
            made[name] = (ours, ours + minutes(end) - minutes(start))
        return made

    def takes_place(self, rest: str) -> bool:
        if every := re.search(r"every (\w+) week counted from", rest):
            return (self.today - day_of(rest)).days % (7 * _ORDINALS[every[1]]) == 0
        if but := re.search(r"all working days but (\w+)", rest):
            return f"{self.today:%A}" != but[1]
        if of := re.search(r"on the (\w+) (\w+) of the month", rest):
            days = [self.today.replace(day=n) for n in range(1, 29)] + [self.today.replace(day=28) + timedelta(days=n) for n in range(1, 4)]
            same = [day for day in days if day.month == self.today.month and f"{day:%A}" == of[2]]
            return same[-1 if of[1] == "last" else _ORDINALS[of[1]] - 1] == self.today
        return True

    def conflicts(self, schedule: dict[str, tuple[int, int]]) -> list[list[str]]:
        sites = dict(re.findall(r"^(E\d+) .*, at (\w+)$", "\n".join(self.parts["Calendar"]), re.MULTILINE))
        trips = {frozenset((a, b)): int(n) for a, b, n in re.findall(r"(\w+) to (\w+) or back (\d+) minutes", self.text)}
        trips |= {frozenset((a, b)): int(n) for a, b, n in re.findall(r"today (\w+) to (\w+) or back takes (\d+) minutes", self.text)}
        found = []
        for pair in combinations(schedule, 2):
            (first, a), (second, b) = sorted((schedule[one], one) for one in pair)
            if second[0] - first[1] < trips.get(frozenset((sites.get(a), sites.get(b))), 0):
                found.append([a, b])
        return found

    def priorities(self) -> list[str]:
        until = day_of(re.search(r"count as due up to (.*?),", self.text)[1])  # type: ignore[index]
        manager = re.search(r"A task that (\w+ \w+) gives", self.text)[1]  # type: ignore[index]
        rows = [re.fullmatch(r"(T\d+)  (.*?), client (\w+ \w+), (.*)", row).groups() for row in self.parts["Tasks"]]  # type: ignore[union-attr]
        for _, who, text in self.said:
            if who == manager and (new := re.match(r"(?:Please take on|Here is something new for you:) (T\d+), (.*), (due .*)\.", text)):
                rows.append((new[1], new[2], manager, new[3]))
        due, waits = {}, {}
        for name, title, client, rest in rows:
            word = self.last_word(f'"{title}"', client, rf"(?:is now due|it is due|I need) ?|{_DROPPED}")
            if word and re.search(_DROPPED, word):
                continue
            due[name] = moment(word if word else rest, self.today)
            if before := re.search(r"waits for (T\d+)", rest):
                waits[name] = before[1]

        def counts(name: str) -> tuple[datetime, int]:
            behind = [counts(other) for other, before in waits.items() if before == name and other in due]
            return min([(due[name], 0), *((when, depth - 1) for when, depth in behind if when < due[name])])

        return sorted((name for name in due if counts(name)[0].date() <= until), key=counts)

    @property
    def answer(self) -> dict[str, JSON]:
        schedule = self.schedule()
        listed = [{"id": one, "start": clock(start), "end": clock(end)} for one, (start, end) in schedule.items()]
        return {"schedule": listed, "conflicts": self.conflicts(schedule), "priorities": self.priorities()}
