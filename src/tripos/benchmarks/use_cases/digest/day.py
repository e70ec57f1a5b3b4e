"""One working day as data, and the digest that follows from it: schedule, conflicts, priorities, news.

Times of a day are minutes since midnight. `digest(day)` reads everything; `as_printed(day)` is what somebody gets who copies
calendar and task list and reads no message: the zero of the scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Standing:
    """A recurring event's rule: kind and its parameter.

    `weeks`: every `number` weeks, counted from the day `since`; `nth`: the `number`-th such weekday of a month, 5 the last;
    `except`: every working day but the weekday `number`.
    """

    kind: str
    number: int
    since: date

    def holds(self, today: date) -> bool:
        """Whether it takes place on that day."""
        if self.kind == "weeks":
            return today >= self.since and (today - self.since).days % (7 * self.number) == 0
        if self.kind == "except":
            return today.weekday() < 5 and today.weekday() != self.number
        last = (today + timedelta(days=7)).month != today.month
        return today.weekday() == self.since.weekday() and (last if self.number == 5 else (today.day - 1) // 7 + 1 == self.number)


@dataclass(frozen=True)
class Event:
    """An entry of the calendar; `start` and `end` as printed, `zone` hours ahead of ours, `city` whose clock it uses."""

    id: str
    title: str
    organiser: str
    start: int
    end: int
    site: str = ""
    city: str = ""
    zone: int = 0
    standing: Standing | None = None


@dataclass(frozen=True)
class Task:
    """An entry of the task list; `waits_for` is the id of the task that must be done before."""

    id: str
    title: str
    client: str
    due: datetime
    waits_for: str | None = None


@dataclass(frozen=True)
class Change:
    """What a message says of an event or a task: "move" (`start`), "cancel", "keep" (as the calendar says), "due", "drop".

    It counts only if its sender is the organiser or the client; of several that count, the latest.
    """

    sent: int
    sender: str
    about: str
    kind: str
    start: int = 0
    due: datetime | None = None


@dataclass(frozen=True)
class News:
    """A headline; wanted if its topic is among the interests and it is not about what the reader has barred."""

    id: str
    topic: str
    firm: str
    text: str


@dataclass(frozen=True)
class Day:
    """Everything that a digest is made from. `trips` are minutes between two sites, `closures` what they are today."""

    today: date
    events: tuple[Event, ...]
    tasks: tuple[Task, ...]
    new_tasks: tuple[Task, ...]
    changes: tuple[Change, ...]
    news: tuple[News, ...]
    interests: tuple[str, ...]
    barred: str
    horizon_days: int
    trips: Mapping[frozenset[str], int]
    closures: Mapping[frozenset[str], int]


@dataclass(frozen=True)
class Digest:
    """What is asked for. `schedule`: id to (start, end) on our clock; `due`: when each priority counts as due; `own_due`: of every
    open task, before others that wait for it are looked at; `moved`: ids whose time a message has changed."""

    schedule: Mapping[str, tuple[int, int]]
    conflicts: frozenset[frozenset[str]]
    priorities: tuple[str, ...]
    due: Mapping[str, datetime]
    own_due: Mapping[str, datetime]
    news: frozenset[str]
    moved: tuple[str, ...] = ()


def digest(day: Day) -> Digest:
    """The right one."""
    schedule, moved = _schedule(day)
    priorities, due, own = _priorities(day)
    news = frozenset(one.id for one in day.news if one.topic in day.interests and one.firm != day.barred)
    return Digest(schedule, _conflicts(day, schedule, {**day.trips, **day.closures}), priorities, due, own, news, moved)


def as_printed(day: Day) -> Digest:
    """The one of somebody who reads neither messages nor rules."""
    schedule = {event.id: (event.start, event.end) for event in day.events}
    until = day.today + timedelta(days=day.horizon_days)
    due = {task.id: task.due for task in sorted(day.tasks, key=lambda task: task.due) if task.due.date() <= until}
    return Digest(schedule, _conflicts(day, schedule, day.trips), tuple(due), due, due, frozenset(one.id for one in day.news))


def _last_word(day: Day, about: str, authority: str) -> Change | None:
    words = [change for change in day.changes if change.about == about and change.sender == authority]
    return max(words, key=lambda change: change.sent, default=None)


def _schedule(day: Day) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    schedule, moved = {}, []
    for event in day.events:
        word = _last_word(day, event.id, event.organiser)
        if (word and word.kind == "cancel") or (event.standing and not event.standing.holds(day.today)):
            continue
        start = word.start if word and word.kind == "move" else event.start
        if start != event.start:
            moved.append(event.id)
        ours = start - 60 * event.zone
        schedule[event.id] = (ours, ours + event.end - event.start)
    return schedule, tuple(moved)


def _conflicts(day: Day, schedule: Mapping[str, tuple[int, int]], trips: Mapping[frozenset[str], int]) -> frozenset[frozenset[str]]:
    site = {event.id: event.site for event in day.events}
    found = set()
    ordered = sorted(schedule, key=lambda one: schedule[one])
    for i, first in enumerate(ordered):
        for second in ordered[i + 1 :]:
            gap = schedule[second][0] - schedule[first][1]
            if gap < trips.get(frozenset((site[first], site[second])), 0):
                found.add(frozenset((first, second)))
    return frozenset(found)


def _priorities(day: Day) -> tuple[tuple[str, ...], dict[str, datetime], dict[str, datetime]]:
    """Open tasks due within the horizon, first due first; one that another waits for is due with it and stands before it."""
    tasks: dict[str, Task] = {}
    due: dict[str, datetime] = {}
    for task in (*day.tasks, *day.new_tasks):
        word = _last_word(day, task.id, task.client)
        if word is None or word.kind != "drop":
            tasks[task.id] = task
            due[task.id] = word.due if word and word.due else task.due
    own = dict(due)
    rank = dict.fromkeys(tasks, 0)
    for _ in tasks:
        for task in tasks.values():
            before = task.waits_for
            if before in tasks:
                due[before] = min(due[before], due[task.id])
                rank[before] = min(rank[before], rank[task.id] - 1)
    until = day.today + timedelta(days=day.horizon_days)
    ordered = sorted((one for one in tasks if due[one].date() <= until), key=lambda one: (due[one], rank[one], own[one]))
    return tuple(ordered), {one: due[one] for one in ordered}, own
