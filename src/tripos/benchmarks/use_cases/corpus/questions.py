"""The questions of `doc_qa`: seven families over a world of facts, each with the computation of its answer.

A family draws `(world, question)`; `Question.solve` walks any world, so that after one fact is edited the twin's answer is
computed by the same walk.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tripos.benchmarks.use_cases.corpus.facts import RELATIONS, Key, Size, Value, World
from tripos.core.records import JSON

CHAINS = (
    ("lead", "joined"),
    ("lead", "extension"),
    ("unit", "site"),
    ("unit", "staff"),
    ("unit", "head"),
    ("supplier", "seat"),
    ("supplier", "rate"),
    ("site", "town"),
    ("site", "opened"),
    ("site", "desks"),
    ("head", "joined"),
    ("head", "extension"),
    ("unit", "site", "town"),
    ("unit", "site", "opened"),
    ("unit", "site", "desks"),
    ("unit", "head", "joined"),
    ("unit", "head", "extension"),
)
COMPARED = {
    "budget": ("the largest budget", "the smallest budget"),
    "start": ("the latest first day", "the earliest first day"),
    "end": ("the latest last day", "the earliest last day"),
    "staff": ("the most people", "the fewest people"),
    "desks": ("the most desks", "the fewest desks"),
    "opened": ("the latest opening day", "the earliest opening day"),
    "rate": ("the highest daily rate", "the lowest daily rate"),
}
GROUPS = {"unit": "are run by $v", "supplier": "are supplied by $v", "lead": "are led by $v"}


@dataclass(frozen=True)
class Solved:
    """An answer: its type, its value, and the facts that it rests on; `harmless` may be cited beside them."""

    type: str
    value: JSON
    needs: tuple[Key, ...]
    harmless: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question and its computation; None when a world gives it no single answer."""

    text: str
    solve: Callable[[World], Solved | None]


def spoken(day: date) -> str:
    """12 March 2027."""
    return f"{day.day} {day:%B %Y}"


def plain(value: Value) -> JSON:
    """A value as a reference holds it."""
    return value.isoformat() if isinstance(value, date) else value


# -------------------------------------------------------------------------------------------------------------- walking


def walk(world: World, start: str, path: tuple[str, ...], before: tuple[Key, ...] = ()) -> Solved | None:
    """Follows the relations; a fact that is stated nowhere ends the walk with "none"."""
    here: Value = start
    needs = list(before)
    for name in path:
        key = (str(here), name)
        if key in world.unstated:
            return Solved("none", None, tuple(needs))
        if key not in world.facts:
            return None
        needs.append(key)
        here = world.facts[key]
    return Solved(RELATIONS[path[-1]].answer_type, plain(here), tuple(needs))


def wording(phrase: str, path: tuple[str, ...]) -> str:
    """The question for the last relation of what the earlier ones lead to."""
    for name in path[:-1]:
        phrase = RELATIONS[name].noun.replace("$s", phrase)
    return RELATIONS[path[-1]].ask.replace("$s", phrase)


def _chain(rng: random.Random, world: World, hops: int) -> tuple[str, tuple[str, ...]]:
    """A subject and a path of that many relations that can be walked."""
    paths = [path for path in CHAINS if len(path) == hops] if hops > 1 else [(name,) for name in RELATIONS]
    while True:
        path = rng.choice(paths)
        start = rng.choice(world.of_kind(RELATIONS[path[0]].subject))
        if walk(world, start, path):
            return start, path


def _asked(world: World, start: str, path: tuple[str, ...]) -> Question:
    return Question(wording(world.shown(start), path), lambda w: walk(w, start, path))


# ------------------------------------------------------------------------------------------------------------- families


def lookup(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """One fact, among others that look like it."""
    return world, _asked(world, *_chain(rng, world, 1))


def join(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """Two or three facts, one leading to the next."""
    return world, _asked(world, *_chain(rng, world, size.hops))


def conflict(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """A fact that documents contradict each other about."""
    start, path = _chain(rng, world, size.hops - 1)
    solved = walk(world, start, path)
    assert solved is not None
    key = solved.needs[-1]
    disputed = {**world.old, key: world.another(rng, key, world.facts[key])}
    return replace(world, old=disputed), _asked(world, start, path)


def missing(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """A chain of which one fact, not the first, stands nowhere, or only in a draft."""
    start, path = _chain(rng, world, size.hops)
    solved = walk(world, start, path)
    assert solved is not None
    key = rng.choice(solved.needs[1:])
    old = {k: v for k, v in world.old.items() if k != key}
    if size.drafts > 1:
        old[key] = world.another(rng, key, world.facts[key])
    return replace(world, old=old, unstated=frozenset({key})), _asked(world, start, path)


def aggregate(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """All projects of a unit, a supplier or a leader: listed, counted, or their budgets added up."""
    while True:
        group = rng.choice(tuple(GROUPS))
        owner = world.facts[rng.choice(world.of_kind("project")), group]
        day = date(2022, 6, 1) + timedelta(days=rng.randrange(700))
        way = rng.choice(("names", "total", "count"))
        if len(_members(world, group, owner)) >= 2:
            break
    which = f"projects {GROUPS[group].replace('$v', world.shown(str(owner)))}"
    text = {
        "names": f"Which {which}? List them all.",
        "total": f"Take the {which.replace('are ', 'that are ', 1)}. What is the sum of their budgets, in EUR?",
        "count": f"Take the {which.replace('are ', 'that are ', 1)}. How many of them start after {spoken(day)}?",
    }[way]
    return world, Question(text, lambda w: _aggregate(w, group, owner, way, day))


def _members(world: World, group: str, owner: Value) -> list[str]:
    return [project for project in world.of_kind("project") if world.facts[project, group] == owner]


def _aggregate(world: World, group: str, owner: Value, way: str, day: date) -> Solved | None:
    members = _members(world, group, owner)
    needs = tuple((project, group) for project in members)
    former = tuple(
        key for project in world.of_kind("project") if world.old.get(key := (project, group)) == owner and project not in members
    )
    if len(members) < 2:
        return None
    if way == "names":
        return Solved("names", sorted(members), needs, former)
    attribute = "budget" if way == "total" else "start"
    values = [world.facts[project, attribute] for project in members]
    needs += tuple((project, attribute) for project in members)
    if way == "total":
        return Solved("number", sum(v for v in values if isinstance(v, int)), needs, former)
    return Solved("number", sum(isinstance(v, date) and v > day for v in values), needs, former)


def compare(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """Which of several has the most."""
    names = [name for name in COMPARED if len(world.of_kind(RELATIONS[name].subject)) >= 3]
    relation = rng.choice(names)
    subjects = world.of_kind(RELATIONS[relation].subject)
    some = tuple(rng.sample(subjects, min(len(subjects), rng.randint(3, 5))))
    largest = rng.random() < 0.5
    words = COMPARED[relation][0 if largest else 1]
    listed = ", ".join(world.shown(one) for one in some[:-1]) + f" and {world.shown(some[-1])}"
    return world, Question(f"Of {listed}, which has {words}?", lambda w: _compare(w, relation, some, largest))


def _compare(world: World, relation: str, some: tuple[str, ...], largest: bool) -> Solved | None:
    values = {one: world.facts[one, relation] for one in some}
    if len(set(values.values())) < len(some):
        return None
    ordered = sorted(some, key=lambda one: str(values[one]) if isinstance(values[one], date) else f"{values[one]:012}")
    return Solved("name", ordered[-1 if largest else 0], tuple((one, relation) for one in some))


def temporal(rng: random.Random, world: World, size: Size) -> tuple[World, Question]:
    """Who held an office on a day; at difficulty hard, something about that person."""
    unit, terms = next(iter(world.heads.items()))
    at = rng.randrange(len(terms))
    until = terms[at + 1][0] if at + 1 < len(terms) else terms[at][0] + timedelta(days=300)
    day = terms[at][0] + timedelta(days=rng.randrange(20, (until - terms[at][0]).days - 20))
    path = (rng.choice(("joined", "extension")),) if size.hops > 2 else ()
    holder = f"the person who headed {world.shown(unit)} on {spoken(day)}"
    text = wording(holder, path) if path else f"Who headed {world.shown(unit)} on {spoken(day)}?"
    return world, Question(text, lambda w: _temporal(w, unit, day, path))


def _temporal(world: World, unit: str, day: date, path: tuple[str, ...]) -> Solved | None:
    terms = world.heads[unit]
    at = max(i for i, (since, _) in enumerate(terms) if since <= day)
    key = (unit, f"took_over/{at}")
    harmless = ((unit, f"took_over/{at + 1}"),) if at + 1 < len(terms) else ()
    person = terms[at][1]
    solved = walk(world, person, path, before=(key,)) if path else Solved("name", person, (key,))
    return replace(solved, harmless=harmless) if solved else None


Family = Callable[[random.Random, World, Size], tuple[World, Question]]

FAMILIES: dict[str, Family] = {
    "lookup": lookup,
    "join": join,
    "aggregate": aggregate,
    "conflict": conflict,
    "compare": compare,
    "temporal": temporal,
    "missing": missing,
}

# ---------------------------------------------------------------------------------------------------------------- twins


def twin(rng: random.Random, world: World, question: Question, family: str) -> World | None:
    """The world with one fact changed, so that the question has another answer; None when forty changes gave none.

    A missing fact becomes known, a dispute is decided the other way round, any other fact on the way gets another value.
    """
    first = question.solve(world)
    assert first is not None
    if family == "missing":
        return replace(world, unstated=frozenset())
    for _ in range(40):
        key = first.needs[-1] if family == "conflict" else rng.choice(first.needs)
        made = _swapped(world, key) if family == "conflict" else _changed(rng, world, key)
        second = question.solve(made)
        if second is not None and second.value != first.value:
            return made
    return None


def _swapped(world: World, key: Key) -> World:
    return replace(world.edited(key, world.old[key]), old={**world.old, key: world.facts[key]})


def _changed(rng: random.Random, world: World, key: Key) -> World:
    subject, relation = key
    if relation in RELATIONS:
        made = world.another(rng, key, world.facts[key])
        return world if made == world.old.get(key) else world.edited(key, made)
    terms, at = list(world.heads[subject]), int(relation.partition("/")[2])
    terms[at] = (terms[at][0], rng.choice(world.of_kind("person")))
    return replace(world, heads={**world.heads, subject: tuple(terms)})
