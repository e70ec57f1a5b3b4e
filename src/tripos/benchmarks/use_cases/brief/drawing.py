"""Mornings drawn at random, in couples that differ in one message and in what follows from it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tripos.benchmarks.use_cases.brief.morning import WISHES, Appointment, Bill, Job, Message, Morning, answer, heard
from tripos.benchmarks.use_cases.invented_names import Inventor

_INDOORS = ("talk", "review", "interview", "fitting", "hearing", "tasting", "rehearsal")
_OUTDOORS = ("site visit", "garden walk", "boat trip", "harbour round", "roof survey")
_JOBS = ("tender", "letter", "drawing", "offer", "report", "speech")
_KINDS = {
    "leave": ("road", "move"),
    "clash": ("move", "cancel"),
    "gap": ("move", "move"),
    "rain": ("rain", "move"),
    "start": ("due", "due"),
    "pay": ("paid", "paid"),
    "deputy": ("ill", "back"),
}
_ALL_KINDS = ("move", "move", "cancel", "due", "paid", "road", "rain", "ill", "back")


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    wishes: int
    appointments: int
    jobs: int
    bills: int
    messages: int
    noise: int


SIZES = {"easy": Size(3, 4, 3, 4, 3, 1), "middle": Size(4, 5, 4, 6, 5, 2), "hard": Size(5, 6, 6, 9, 8, 4)}


def draw_couple(seed: str, family: str, size: Size) -> tuple[Morning, Morning, tuple[str, ...]]:
    """Two mornings that differ in one message and in the answer to the family's wish, and the wishes."""
    rng = random.Random(seed)
    others = [wish for wish in WISHES if wish != family]
    while True:
        wishes = [family, *rng.sample(others, size.wishes - 1)]
        rng.shuffle(wishes)
        first = _draw(rng, family, size)
        if not _sane(first, family, wishes):
            continue
        for _ in range(8):
            second = _edited(rng, first)
            one, two = answer(family, heard(first)), answer(family, heard(second))
            if _sane(second, family, wishes) and one and two and one.required != two.required:
                return first, second, tuple(wishes)


def _sane(morning: Morning, family: str, wishes: list[str]) -> bool:
    """Every wish has one answer, and who reads no messages gets the family's wrong."""
    cancelled = {one.about for one in morning.messages if one.kind == "cancel"}
    if any(
        one.kind == "move" and one.about in cancelled for one in morning.messages
    ):  # or the latest of them would have to say what it means
        return False
    after = heard(morning)
    points = {wish: answer(wish, after) for wish in wishes}
    before = answer(family, morning)
    point = points[family]
    return all(points.values()) and point is not None and (before is None or before.required != point.required)


def _draw(rng: random.Random, family: str, size: Size) -> Morning:
    inventor = Inventor(rng)
    people = [_person(inventor) for _ in range(6)]
    places = [inventor.place() for _ in range(3)]
    circle = rng.sample(people[1:], 5)
    today = date(2027, 1, 4) + timedelta(days=rng.randrange(1_000))
    away = rng.sample(circle, 2)
    morning = Morning(
        owner=people[0],
        today=today,
        appointments=tuple(_appointment(rng, inventor, places) for _ in range(size.appointments)),
        jobs=tuple(
            Job(_word(inventor), rng.choice(_JOBS), rng.randrange(11 * 60, 18 * 60, 15), rng.choice((45, 60, 90, 105, 150)))
            for _ in range(size.jobs)
        ),
        bills=tuple(
            Bill(_word(inventor), rng.randint(61, 990), rng.choice((-6, -2, 0, 0, 1, 3)), rng.random() < 0.3) for _ in range(size.bills)
        ),
        trips={place: rng.choice((15, 20, 25, 35, 40, 55)) for place in places},
        margin=rng.choice((5, 10, 15)),
        rain=_rain(rng),
        births=_births(rng, [rng.choice(circle), *(_person(inventor) for _ in range(4))], today),
        deputies={one: circle[(at + 1) % len(circle)] for at, one in enumerate(circle)},
        away=frozenset(away),
        asked_about=rng.choice(away),
        messages=(),
        seed=f"{rng.getrandbits(64):x}",
    )
    kinds = [*_KINDS[family], *rng.choices(_ALL_KINDS, k=size.messages - 2)]
    sent = sorted(rng.sample(range(5 * 60, 6 * 60 + 30), len(kinds)))
    rng.shuffle(kinds)
    return replace(morning, messages=tuple(_message(rng, morning, minute, kind) for minute, kind in zip(sent, kinds, strict=True)))


def _person(inventor: Inventor) -> str:
    """Nobody whose first name could be a word of a sentence (Drive, Given)."""
    while True:
        made = inventor.person("")
        if len(made.first) > 4 and made.first.endswith(("a", "o", "k")):
            return made.name


def _word(inventor: Inventor) -> str:
    while True:
        made = inventor.company().name.split()[0]
        if len(made) > 4:
            return made


def _rain(rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(9 * 60, 16 * 60, 30)
    return start, start + rng.choice((60, 90, 120))


def _appointment(rng: random.Random, inventor: Inventor, places: list[str]) -> Appointment:
    start = rng.randrange(9 * 60 + 30, 16 * 60, 15)
    end = start + rng.choice((30, 45, 60, 75))
    outdoors = rng.random() < 0.45
    place = rng.choice(places) if outdoors or rng.random() < 0.5 else ""
    return Appointment(_word(inventor), rng.choice(_OUTDOORS if outdoors else _INDOORS), start, end, place, outdoors)


def _births(rng: random.Random, names: list[str], today: date) -> dict[str, date]:
    """One is today, one on the same day of another month, one tomorrow, others anywhere."""
    days = [today, today.replace(day=min(today.day, 28), month=today.month % 12 + 1), today + timedelta(days=1)]
    days += [today + timedelta(days=rng.randint(20, 300)) for _ in names[3:]]
    made = [(name, day.replace(year=today.year - rng.randint(24, 66), day=min(day.day, 28))) for name, day in zip(names, days, strict=True)]
    made[0] = (made[0][0], date(made[0][1].year, today.month, today.day)) if (today.month, today.day) != (2, 29) else made[0]
    rng.shuffle(made)
    return dict(made)


def _message(rng: random.Random, morning: Morning, sent: int, kind: str) -> Message:
    here = sorted(set(morning.deputies) - morning.away)
    if kind == "move":
        one = rng.choice(morning.appointments)
        start = rng.randrange(9 * 60, 16 * 60, 15)
        return Message(sent, kind, one.name, start if start != one.start else start + 15)
    if kind == "due":
        job = rng.choice(morning.jobs)
        due = rng.randrange(10 * 60, 18 * 60, 15)
        return Message(sent, kind, job.name, due if due != job.due else due + 15)
    if kind == "rain":
        return Message(sent, kind, "", *_rain(rng))
    if kind == "road":
        return Message(sent, kind, rng.choice(sorted(morning.trips)), rng.choice((10, 15, 20, 30)))
    choices = {
        "cancel": [one.name for one in morning.appointments],
        "paid": [one.payee for one in morning.bills if not one.paid] or [morning.bills[0].payee],
        "ill": here,
        "back": sorted(morning.away - {morning.asked_about}),
    }
    return Message(sent, kind, rng.choice(choices[kind]))


def _edited(rng: random.Random, morning: Morning) -> Morning:
    """The same with one message about something else, or with another figure."""
    at = rng.randrange(len(morning.messages))
    old = morning.messages[at]
    new = _message(rng, morning, old.sent, old.kind)
    return replace(morning, messages=tuple(new if n == at else one for n, one in enumerate(morning.messages)))
