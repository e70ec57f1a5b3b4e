"""The seven families of `knowledge_base`: the notes that a question rests on, its answer and its evidence.

Each family draws all it may need and then assembles one of two twins, which differ in one note.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from string import Template

from tripos.benchmarks.use_cases.invented_names import Inventor, spin
from tripos.benchmarks.use_cases.notes.phrasings import (
    EVERYONE,
    NICKNAME,
    OF_PEOPLE,
    OF_THINGS,
    PLACES,
    RESPONSIBLE,
    THINGS,
    TOTAL,
    WITHDRAWAL,
    Attribute,
    Thing,
    asked,
    noted,
)
from tripos.core.records import JSON

Value = str | int | date


@dataclass(frozen=True)
class Note:
    """One note before it is numbered. `label` is unique; `withdraws` is the label of the note that it takes back."""

    label: str
    day: date
    text: str
    withdraws: str | None = None


@dataclass(frozen=True)
class Core:
    """What a question rests on.

    Attributes:
        evidence, harmless: labels of notes.
        reserved: (thing or place, attribute) that no other note may speak of.
    """

    question: str
    answer: Value | list[str] | None
    answer_type: str
    notes: tuple[Note, ...]
    evidence: tuple[str, ...]
    harmless: tuple[str, ...]
    reserved: frozenset[tuple[object, str]]


class Clerk:
    """Draws things, values and days, and words notes; people and firms come from one small staff list."""

    def __init__(self, rng: random.Random, people: Sequence[str], firms: Sequence[str]) -> None:
        self.rng, self.people, self.firms = rng, people, firms
        self._inventor = Inventor(rng)

    def thing(self) -> Thing:
        """Any thing."""
        return self.rng.randrange(len(THINGS)), self.rng.randrange(len(PLACES))

    def attribute(self) -> str:
        """Any attribute of things."""
        return self.rng.choice(tuple(OF_THINGS))

    def value(self, attribute: Attribute) -> Value:
        """A value of that kind."""
        if attribute.value in ("person", "firm"):
            return self.rng.choice(self.people if attribute.value == "person" else self.firms)
        if attribute.value == "code":
            return self._inventor.code()
        if attribute.value == "date":
            return date(2027, 1, 1) + timedelta(days=self.rng.randrange(900))
        if attribute.value == "money":
            return self.rng.randrange(40, 9_900, 10)
        return self.rng.randint(attribute.low, attribute.high)

    def two(self, attribute: Attribute) -> tuple[Value, Value]:
        """Two different values."""
        first = second = self.value(attribute)
        while second == first:
            second = self.value(attribute)
        return first, second

    def days(self, count: int) -> list[date]:
        """Different days, oldest first."""
        return [date(2024, 1, 1) + timedelta(days=n) for n in sorted(self.rng.sample(range(1_000), count))]

    def nickname(self) -> str:
        """A name for a thing."""
        return self._inventor.company().name.split()[0]

    def say(self, template: str, **fields: Value) -> str:
        """One phrasing, as a sentence."""
        text = Template(spin(self.rng, template)).substitute({name: _shown(value) for name, value in fields.items()})
        return f"{text[0].upper()}{text[1:]}."

    def fact(self, label: str, day: date, subject: str, attribute: Attribute, value: Value) -> Note:
        """A note of one fact."""
        shown = f"EUR {value:,}" if attribute.value == "money" else value
        return Note(label, day, self.say(attribute.say, s=subject, v=shown))

    def ask(self, template: str, **fields: str) -> str:
        """One phrasing of a question."""
        return Template(spin(self.rng, template)).substitute(fields)


def _shown(value: Value) -> str:
    return f"{value.day} {value:%B %Y}" if isinstance(value, date) else str(value)


def _nobody_else(thing: Thing, *attributes: str) -> frozenset[tuple[object, str]]:
    return frozenset((thing, name) for name in attributes)


# ------------------------------------------------------------------------------------------------------------- families


def lookup(clerk: Clerk, flip: bool) -> Core:
    """One note says it, in other words."""
    thing, name = clerk.thing(), clerk.attribute()
    attribute = OF_THINGS[name]
    values, (day,) = clerk.two(attribute), clerk.days(1)
    note = clerk.fact("fact", day, noted(thing), attribute, values[flip])
    question = clerk.ask(attribute.ask, s=asked(thing))
    return Core(question, values[flip], attribute.answer_type, (note,), ("fact",), (), _nobody_else(thing, name))


def version(clerk: Clerk, flip: bool) -> Core:
    """Two or three notes say different things: the latest counts. In the twin the last two have changed their days."""
    thing, name = clerk.thing(), clerk.attribute()
    attribute = OF_THINGS[name]
    (first, second), third = clerk.two(attribute), clerk.value(attribute)
    days = clerk.days(3)
    early, late = (days[2], days[1]) if flip else (days[1], days[2])
    notes = [
        clerk.fact("second", early, noted(thing), attribute, first),
        clerk.fact("third", late, noted(thing), attribute, second),
        clerk.fact("first", days[0], noted(thing), attribute, third),
    ]
    question = clerk.ask(attribute.ask, s=asked(thing))
    valid, old = ("second", "third") if flip else ("third", "second")
    answer = first if flip else second
    return Core(question, answer, attribute.answer_type, tuple(notes), (valid,), (old, "first"), _nobody_else(thing, name))


def withdrawn(clerk: Clerk, flip: bool) -> Core:
    """The later of two notes is taken back, so the earlier one counts. In the twin the earlier one is taken back."""
    thing, name = clerk.thing(), clerk.attribute()
    attribute = OF_THINGS[name]
    first, second = clerk.two(attribute)
    days = clerk.days(3)
    notes = (
        clerk.fact("earlier", days[0], noted(thing), attribute, first),
        clerk.fact("later", days[1], noted(thing), attribute, second),
        Note("withdrawal", days[2], clerk.say(WITHDRAWAL, n="$id"), withdraws="earlier" if flip else "later"),
    )
    question = clerk.ask(attribute.ask, s=asked(thing))
    valid, other = ("later", "earlier") if flip else ("earlier", "later")
    answer = second if flip else first
    return Core(question, answer, attribute.answer_type, notes, (valid,), (other, "withdrawal"), _nobody_else(thing, name))


def chain(clerk: Clerk, flip: bool) -> Core:
    """Who is responsible, then something about that person. In the twin it is somebody else."""
    thing, name = clerk.thing(), clerk.rng.choice(tuple(OF_PEOPLE))
    people = clerk.rng.sample(list(clerk.people), 2)
    attribute = OF_PEOPLE[name]
    values, days = clerk.two(attribute), clerk.days(3)
    person = people[flip]
    care = clerk.fact("care", days[0], noted(thing), OF_THINGS["care"], person)
    notes = [care, *(clerk.fact(f"of {one}", day, one, attribute, v) for one, day, v in zip(people, days[1:], values, strict=True))]
    question = clerk.ask(attribute.ask, s=RESPONSIBLE.replace("$s", asked(thing)))
    reserved = _nobody_else(thing, "care") | {(one, name) for one in people}
    return Core(question, values[flip], attribute.answer_type, tuple(notes), ("care", f"of {person}"), (), reserved)


def nickname(clerk: Clerk, flip: bool) -> Core:
    """The note uses the thing's nickname, which another note explains. In the twin the nicknames of two things are exchanged."""
    thing, other, name = clerk.thing(), clerk.thing(), clerk.attribute()
    while other == thing:
        other = clerk.thing()
    attribute = OF_THINGS[name]
    values, days, names = clerk.two(attribute), clerk.days(4), (clerk.nickname(), clerk.nickname())
    owners = (other, thing) if flip else (thing, other)
    notes = [
        Note(f"name {n}", days[n], clerk.say(NICKNAME, s=noted(owners[n]), v=names[n]))
        if n < 2
        else clerk.fact(f"fact {n - 2}", days[n], names[n - 2], attribute, values[n - 2])
        for n in range(4)
    ]
    question = clerk.ask(attribute.ask, s=asked(thing))
    reserved = _nobody_else(thing, name) | _nobody_else(other, name)
    return Core(question, values[flip], attribute.answer_type, tuple(notes), (f"name {flip:d}", f"fact {flip:d}"), (), reserved)


def together(clerk: Clerk, flip: bool) -> Core:
    """All notes of one kind about one place: the sum of the prices, or everybody responsible. One note differs in the twin."""
    place, count = clerk.rng.randrange(len(PLACES)), clerk.rng.randint(3, 5)
    kinds = clerk.rng.sample(range(len(THINGS)), count)
    name = clerk.rng.choice(("price", "care"))
    attribute, days = OF_THINGS[name], clerk.days(count)
    people = clerk.rng.sample(list(clerk.people), count + 1)
    prices = [clerk.value(attribute) for _ in kinds] if name == "price" else []
    raised = clerk.rng.randrange(10, 500, 10)
    values: list[Value] = list(prices or people[:count])
    if flip:
        values[-1] = values[-1] + raised if isinstance(values[-1], int) else people[count]
    notes = [clerk.fact(f"part {n}", days[n], noted((kind, place)), attribute, values[n]) for n, kind in enumerate(kinds)]
    question = clerk.ask(TOTAL if prices else EVERYONE, p=PLACES[place][1])
    answer: Value | list[str] = sum(v for v in values if isinstance(v, int)) if prices else sorted(str(v) for v in values)
    evidence = tuple(note.label for note in notes)
    return Core(question, answer, "number" if prices else "names", tuple(notes), evidence, (), frozenset({(place, name)}))


def unknown(clerk: Clerk, flip: bool) -> Core:
    """A nickname is explained or a person is responsible, but the asked fact is not there. In the twin it is."""
    thing = clerk.thing()
    named = clerk.rng.random() < 0.5
    name = clerk.attribute() if named else clerk.rng.choice(tuple(OF_PEOPLE))
    attribute = (OF_THINGS if named else OF_PEOPLE)[name]
    short, person, days = clerk.nickname(), clerk.rng.choice(clerk.people), clerk.days(2)
    value = clerk.value(attribute)
    if named:
        first = Note("lead", days[0], clerk.say(NICKNAME, s=noted(thing), v=short))
        question = clerk.ask(attribute.ask, s=asked(thing))
        second = clerk.fact("fact", days[1], short, attribute, value)
        reserved = _nobody_else(thing, name)
    else:
        first = clerk.fact("lead", days[0], noted(thing), OF_THINGS["care"], person)
        question = clerk.ask(attribute.ask, s=RESPONSIBLE.replace("$s", asked(thing)))
        second = clerk.fact("fact", days[1], person, attribute, value)
        reserved = _nobody_else(thing, "care") | {(person, name)}
    if not flip:
        return Core(question, None, "none", (first,), ("lead",), (), reserved)
    return Core(question, value, attribute.answer_type, (first, second), ("lead", "fact"), (), reserved)


FAMILIES: dict[str, Callable[[Clerk, bool], Core]] = {
    "lookup": lookup,
    "version": version,
    "withdrawn": withdrawn,
    "unknown": unknown,
    "chain": chain,
    "nickname": nickname,
    "together": together,
}


def plain(value: Value | list[str] | None) -> JSON:
    """A value as a reference holds it."""
    return value.isoformat() if isinstance(value, date) else value
