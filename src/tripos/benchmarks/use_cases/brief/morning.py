"""A morning as data, what its messages change, and the answers to what its owner wants to know.

Times are minutes since midnight, amounts whole euros. `heard(morning)` is the morning after its messages; `answer(wish, …)`
says what a line of the brief must have and what it may have, as tokens (`time:08:35`, `number:430`, `name:Kelmor`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from tripos.benchmarks.use_cases.triage_reply import tokens

DAY_START, DAY_END = 9 * 60, 17 * 60


@dataclass(frozen=True)
class Appointment:
    """`place` is "" for a call at home; `outdoors` where there is no roof."""

    name: str
    kind: str
    start: int
    end: int
    place: str
    outdoors: bool


@dataclass(frozen=True)
class Job:
    """Something that has to be ready by `due` and takes `minutes`."""

    name: str
    kind: str
    due: int
    minutes: int


@dataclass(frozen=True)
class Bill:
    """`due_in` days from today; negative when late."""

    payee: str
    amount: int
    due_in: int
    paid: bool


@dataclass(frozen=True)
class Message:
    """Of this morning. `kind`: move, cancel (of an appointment), due (of a job), paid (a bill), road (extra minutes to a place),
    rain (a new forecast), ill, back (of a person)."""

    sent: int
    kind: str
    about: str
    value: int = 0
    other: int = 0


@dataclass(frozen=True)
class Morning:
    """Everything that the brief is made from. `deputies` is a circle; `trips` are minutes from home."""

    owner: str
    today: date
    appointments: tuple[Appointment, ...]
    jobs: tuple[Job, ...]
    bills: tuple[Bill, ...]
    trips: Mapping[str, int]
    margin: int
    rain: tuple[int, int]
    births: Mapping[str, date]
    deputies: Mapping[str, str]
    away: frozenset[str]
    asked_about: str
    messages: tuple[Message, ...]
    seed: str

    @property
    def names(self) -> list[str]:
        """Everybody and everything that a brief might name, its owner aside."""
        return [
            *(one.name for one in self.appointments),
            *(one.name for one in self.jobs),
            *(one.payee for one in self.bills),
            *self.trips,
            *self.deputies,
            *(one for one in self.births if one not in self.deputies),
        ]


@dataclass(frozen=True)
class Point:
    """What one line must have, and all that it may have."""

    required: frozenset[str]
    allowed: frozenset[str]


def heard(morning: Morning) -> Morning:
    """The morning as its messages leave it, the latest last."""
    for message in sorted(morning.messages, key=lambda one: one.sent):
        morning = _HEARD[message.kind](morning, message)
    return morning


def _moved(morning: Morning, message: Message) -> Morning:
    appointments = tuple(
        replace(one, start=message.value, end=message.value + one.end - one.start) if one.name == message.about else one
        for one in morning.appointments
    )
    return replace(morning, appointments=appointments)


def _away(morning: Morning, message: Message) -> Morning:
    one = frozenset((message.about,))
    return replace(morning, away=morning.away | one if message.kind == "ill" else morning.away - one)


_HEARD: dict[str, Callable[[Morning, Message], Morning]] = {
    "move": _moved,
    "cancel": lambda m, x: replace(m, appointments=tuple(one for one in m.appointments if one.name != x.about)),
    "due": lambda m, x: replace(m, jobs=tuple(replace(one, due=x.value) if one.name == x.about else one for one in m.jobs)),
    "paid": lambda m, x: replace(m, bills=tuple(replace(one, paid=True) if one.payee == x.about else one for one in m.bills)),
    "road": lambda m, x: replace(m, trips={**m.trips, x.about: m.trips[x.about] + x.value}),
    "rain": lambda m, x: replace(m, rain=(x.value, x.other)),
    "ill": _away,
    "back": _away,
}


def clock(minutes: int) -> str:
    """HH:MM."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _time(minutes: int) -> str:
    return f"time:{clock(minutes)}"


def _facts(one: Appointment) -> set[str]:
    """All that is right about an appointment."""
    where = {f"name:{one.place}"} if one.place else set()
    return {f"name:{one.name}", _time(one.start), _time(one.end), *where}


def _point(required: set[str], allowed: set[str]) -> Point:
    return Point(frozenset(required), frozenset(required | allowed))


def _leave(m: Morning) -> Point | None:
    """First appointment away from home, less trip and margin."""
    away = sorted((one for one in m.appointments if one.place), key=lambda one: one.start)
    if not away or (len(away) > 1 and away[0].start == away[1].start):
        return None
    first = away[0]
    trip = m.trips[first.place]
    spoken = {f"number:{n}" for n in (trip, m.margin, trip + m.margin)}
    return _point({_time(first.start - trip - m.margin), f"name:{first.name}"}, _facts(first) | spoken | {_time(first.start - m.margin)})


def _clash(m: Morning) -> Point | None:
    """The only two appointments that overlap."""
    pairs = [(a, b) for i, a in enumerate(m.appointments) for b in m.appointments[i + 1 :] if a.start < b.end and b.start < a.end]
    if len(pairs) != 1:
        return None
    a, b = pairs[0]
    overlap = min(a.end, b.end) - max(a.start, b.start)
    return _point({f"name:{a.name}", f"name:{b.name}"}, _facts(a) | _facts(b) | {f"number:{overlap}"})


def _gap(m: Morning) -> Point | None:
    """The longest stretch without an appointment between 09:00 and 17:00, if it is the longest by a quarter of an hour."""
    stretches, at = [], DAY_START
    for one in sorted(m.appointments, key=lambda one: one.start):
        stretches.append((min(one.start, DAY_END) - at, at, min(one.start, DAY_END)))
        at = max(at, one.end)
    stretches.append((DAY_END - at, at, DAY_END))
    stretches.sort(reverse=True)
    if len(stretches) < 3 or stretches[0][0] < stretches[1][0] + 15:
        return None
    length, start, end = stretches[0]
    spoken = {f"number:{n:g}" for n in (length, length // 60, length % 60, round(length / 60, 2))}
    beside = {f"name:{one.name}" for one in m.appointments if start == one.end or end == one.start}
    return _point({_time(start), _time(end)}, spoken | beside)


def _rain(m: Morning) -> Point | None:
    """The appointments in the open that the rain meets; some, and not all of those in the open."""
    open_air = [one for one in m.appointments if one.outdoors]
    wet = [one for one in open_air if one.start < m.rain[1] and m.rain[0] < one.end]
    if not 1 <= len(wet) <= 2 or len(wet) + 1 > len(open_air):
        return None
    return _point({f"name:{one.name}" for one in wet}, {_time(m.rain[0]), _time(m.rain[1])}.union(*(_facts(one) for one in wet)))


def _start(m: Morning) -> Point | None:
    """The job with the earliest latest start."""
    first, second = sorted(m.jobs, key=lambda one: one.due - one.minutes)[:2]
    if first.due - first.minutes == second.due - second.minutes:
        return None
    spoken = {f"number:{n:g}" for n in (first.minutes, first.minutes // 60, first.minutes % 60, round(first.minutes / 60, 2))}
    return _point({f"name:{first.name}", _time(first.due - first.minutes)}, {_time(first.due)} | spoken)


def _pay(m: Morning) -> Point | None:
    """The sum of what is unpaid and due by today; two bills at least."""
    due = [one for one in m.bills if not one.paid and one.due_in <= 0]
    if len(due) < 2:
        return None
    spoken = {f"number:{len(due)}"} | {f"number:{one.amount}" for one in due} | {f"name:{one.payee}" for one in due}
    return _point({f"number:{sum(one.amount for one in due)}"}, spoken)


def _deputy(m: Morning) -> Point | None:
    """The first in the chain of deputies who is here."""
    if m.asked_about not in m.away or m.away >= set(m.deputies):
        return None
    one = m.deputies[m.asked_about]
    while one in m.away:
        one = m.deputies[one]
    return _point({f"name:{one}"}, {f"name:{m.asked_about}"})


def _age(m: Morning) -> Point | None:
    """The one whose birthday is today, and the age."""
    born = [(one, day) for one, day in m.births.items() if (day.month, day.day) == (m.today.month, m.today.day)]
    if len(born) != 1:
        return None
    one, day = born[0]
    return _point({f"name:{one}", f"number:{m.today.year - day.year}"}, {f"number:{day.year}", *tokens(day.isoformat())})


WISHES: dict[str, Callable[[Morning], Point | None]] = {
    "leave": _leave,
    "clash": _clash,
    "gap": _gap,
    "rain": _rain,
    "start": _start,
    "pay": _pay,
    "deputy": _deputy,
    "age": _age,
}
FAMILIES = tuple(wish for wish in WISHES if wish != "age")


def answer(wish: str, morning: Morning) -> Point | None:
    """What the line on `wish` must and may have; None where the morning leaves it open."""
    return WISHES[wish](morning)
