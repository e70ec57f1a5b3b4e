"""Days drawn at random: six families of trouble, each on top of a calendar, tasks, messages and news."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from tripos.benchmarks.use_cases.digest.day import Change, Day, Event, News, Standing, Task, as_printed, digest
from tripos.benchmarks.use_cases.invented_names import Inventor

FAMILIES = ("moves", "travel", "dependencies", "handover", "zones", "standing")
EVENTS = (
    "budget talk", "supplier visit", "shift planning", "interview", "safety round", "contract reading", "design talk", "press talk",
    "quality board", "warehouse walk", "training", "customer call", "works council", "lunch with the bank", "road map session",
)  # fmt: skip
TASKS = (
    "sign the lease", "answer the auditors", "approve the holiday list", "order spare parts", "check the price list", "finish the tender",
    "review the wages", "send the minutes", "pay the deposit", "correct the brochure", "name a deputy", "renew the licence",
    "read the test report", "choose a carrier", "release the drawings", "book the hall", "close the old accounts", "write the reference",
)  # fmt: skip
TOPICS: dict[str, tuple[str, ...]] = {
    "freight": ("raises its tariff for containers", "opens a second lorry terminal", "puts three cargo ships up for sale"),
    "energy": ("signs up for wind power until 2040", "closes its last gas turbine", "cuts the price of electricity at night"),
    "labour law": ("loses a case about overtime", "must pay for breaks, a court says", "settles with the union over night shifts"),
    "data protection": (
        "lost addresses of its customers",
        "is fined for spying on visitors of its site",
        "keeps secret what it knows of its customers",
    ),
    "paper": ("shuts a pulp mill", "makes envelopes out of straw", "reports a glut of cardboard"),
    "sport": ("buys a handball team", "sponsors the rowing regatta", "names a stadium after its founder"),
    "food": ("recalls its pickled beetroot", "brings out a bread without flour", "wins a prize for sheep's cheese"),
    "travel": ("adds a night train to the coast", "drops its passenger ferry in winter", "builds a hotel of two hundred beds"),
}
CITIES = {"Lisbon": -1, "Helsinki": 1, "Dubai": 3, "Reykjavik": -2, "Nairobi": 2}


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    events: int
    tasks: int
    changes: int
    news: int
    noise: int


SIZES = {
    "easy": Size(events=5, tasks=6, changes=3, news=5, noise=2),
    "middle": Size(events=7, tasks=8, changes=5, news=7, noise=4),
    "hard": Size(events=9, tasks=11, changes=8, news=10, noise=7),
}


@dataclass(frozen=True)
class Cast:
    """Who and what turns up."""

    owner: str
    company: str
    manager: str
    people: tuple[str, ...]
    firms: tuple[str, ...]
    sites: tuple[str, ...]
    rng_seed: str


def draw_cast(rng: random.Random) -> Cast:
    """Invented people, firms and sites."""
    inventor = Inventor(rng)
    people = tuple(inventor.person("").name for _ in range(9))
    firms = tuple(f"{inventor.company().name.split()[0]} Group" for _ in range(5))  # a name that suggests no topic
    sites = tuple(inventor.place() for _ in range(3))
    return Cast(people[0], inventor.company().name, people[1], people[1:], firms, sites, f"{rng.getrandbits(64):x}")


def draw_day(rng: random.Random, cast: Cast, family: str, size: Size) -> Day:
    """A day on which every part of the digest differs from what is printed, with one to four conflicts."""
    while True:
        day = _draw(rng, cast, family, size)
        right, naive = digest(day), as_printed(day)
        differs = (
            dict(right.schedule) != dict(naive.schedule) and right.conflicts != naive.conflicts and right.priorities != naive.priorities
        )
        sane = all(start >= 360 and end <= 1_260 for start, end in right.schedule.values())
        sane = sane and len(set(right.own_due.values())) == len(right.own_due)  # or the order would be open
        enough = 1 <= len(right.conflicts) <= 4 and len(right.priorities) >= 3 and 1 <= len(right.news) < size.news - 1
        if differs and sane and enough and 1 <= len(right.moved) <= 3:
            return day


def _draw(rng: random.Random, cast: Cast, family: str, size: Size) -> Day:
    today = date(2027, 1, 4) + timedelta(days=rng.randrange(700))
    while today.weekday() > 4:
        today += timedelta(days=1)
    numbers = rng.sample(range(11, 100), 60)
    ids = iter(numbers)
    events = tuple(_event(rng, cast, family, f"E{next(ids)}", title, today) for title in rng.sample(EVENTS, size.events))
    tasks = _tasks(rng, cast, family, size, today, [f"T{next(ids)}" for _ in range(size.tasks)])
    extra = 2 if family == "handover" else 0
    titles = [title for title in TASKS if title not in {task.title for task in tasks}]
    new = tuple(Task(f"T{next(ids)}", rng.choice(titles[n::2]), cast.manager, _due(rng, today)) for n in range(extra))
    barred = rng.choice(cast.firms)
    interests = tuple(rng.sample(sorted(TOPICS), 2))
    news = _news(rng, cast, [f"N{next(ids)}" for _ in range(size.news)], interests, barred)
    trips, closures = _trips(rng, cast) if family == "travel" else ({}, {})
    changes = _changes(rng, cast, family, size, events, tasks, today)
    return Day(today, events, tasks, new, changes, news, interests, barred, rng.choice((1, 2, 3)), trips, closures)


def _event(rng: random.Random, cast: Cast, family: str, name: str, title: str, today: date) -> Event:
    start, length = rng.randrange(8 * 60, 17 * 60, 30), rng.choice((30, 60, 60, 90))
    made = Event(name, title, rng.choice(cast.people), start, start + length)
    if family == "travel":
        return replace(made, site=rng.choice(cast.sites))
    if family == "zones" and rng.random() < 0.6:
        city = rng.choice(tuple(CITIES))
        return replace(made, city=city, zone=CITIES[city])
    if family == "standing" and rng.random() < 0.7:
        return replace(made, standing=_standing(rng, today))
    return made


def _standing(rng: random.Random, today: date) -> Standing:
    """A rule that holds about every other time, always of today's weekday, so that it has to be worked out."""
    kind = rng.choice(("weeks", "nth", "except"))
    if kind == "weeks":
        return Standing(kind, rng.choice((2, 3)), today - timedelta(weeks=rng.randint(4, 30)))
    if kind == "nth":
        right = (today.day - 1) // 7 + 1
        return Standing(kind, rng.choice((right if right < 5 else 5, rng.randint(1, 5))), today)
    return Standing(kind, today.weekday() if rng.random() < 0.5 else (today.weekday() + 1) % 5, today)


def _due(rng: random.Random, today: date) -> datetime:
    return datetime(today.year, today.month, today.day) + timedelta(
        days=rng.randint(0, 6), hours=rng.randint(8, 19), minutes=rng.choice((0, 30))
    )


def _tasks(rng: random.Random, cast: Cast, family: str, size: Size, today: date, names: list[str]) -> tuple[Task, ...]:
    dues: list[datetime] = []
    while len(dues) < size.tasks:
        due = _due(rng, today)
        dues += [due] if due not in dues else []
    tasks = [
        Task(name, title, rng.choice(cast.people), due) for name, title, due in zip(names, rng.sample(TASKS, size.tasks), dues, strict=True)
    ]
    links = size.tasks // 2 if family == "dependencies" else size.tasks // 6
    chain = rng.sample(range(size.tasks), links + 1)
    for n in range(links):
        if n % 3 < 2:  # chains of three at most
            tasks[chain[n]] = replace(tasks[chain[n]], waits_for=tasks[chain[n + 1]].id)
    return tuple(tasks)


def _news(rng: random.Random, cast: Cast, names: list[str], interests: tuple[str, ...], barred: str) -> tuple[News, ...]:
    """Headlines, no two alike; about every other one is on a topic of interest."""
    wanted = [(topic, text) for topic in interests for text in TOPICS[topic]]
    others = [(topic, text) for topic in sorted(TOPICS) if topic not in interests for text in TOPICS[topic]]
    some = rng.sample(wanted, min(len(wanted), len(names) // 2))
    some += rng.sample(others, len(names) - len(some))
    rng.shuffle(some)
    return tuple(
        News(name, topic, barred if rng.random() < 0.25 else rng.choice(cast.firms), text)
        for name, (topic, text) in zip(names, some, strict=True)
    )


def _trips(rng: random.Random, cast: Cast) -> tuple[Mapping[frozenset[str], int], Mapping[frozenset[str], int]]:
    pairs = [frozenset((a, b)) for i, a in enumerate(cast.sites) for b in cast.sites[i + 1 :]]
    trips = {pair: rng.choice((10, 15, 20, 25, 40)) for pair in pairs}
    closed = rng.choice(pairs)
    return trips, {closed: trips[closed] + rng.choice((25, 35, 50))}


def _changes(
    rng: random.Random, cast: Cast, family: str, size: Size, events: tuple[Event, ...], tasks: tuple[Task, ...], today: date
) -> tuple[Change, ...]:
    """About half of them concern events; a fifth come from somebody who has no say."""
    sent = sorted(rng.sample(range(6 * 60, 7 * 60 + 55), size.changes + 6))
    count = size.changes + (3 if family in ("moves", "handover") else 0)
    share = {"moves": 0.8, "handover": 0.25}.get(family, 0.55)
    held = [event for event in events if event.standing is None or event.standing.holds(today)]  # what is not today cannot be moved
    some = rng.sample(held, min(len(held), 3)), rng.sample(tasks, min(len(tasks), 4))
    if not held:
        return ()
    changes = [_event_change(rng, cast, sent[0], some[0][0], "move")]
    for minute in sent[1:count]:
        if rng.random() < share:
            changes.append(_event_change(rng, cast, minute, rng.choice(some[0]), rng.choice(("move", "move", "cancel", "keep"))))
        else:
            task = rng.choice(some[1])
            sender = task.client if rng.random() < 0.8 else rng.choice([p for p in cast.people if p != task.client])
            kind = rng.choice(("due", "drop"))
            changes.append(Change(minute, sender, task.id, kind, due=_due(rng, today) if kind == "due" else None))
    return tuple(changes)


def _event_change(rng: random.Random, cast: Cast, minute: int, event: Event, kind: str) -> Change:
    sender = event.organiser if rng.random() < 0.8 else rng.choice([p for p in cast.people if p != event.organiser])
    start = rng.randrange(8 * 60, 17 * 60, 30)
    return Change(minute, sender, event.id, kind, start=start if start != event.start else start + 30)
