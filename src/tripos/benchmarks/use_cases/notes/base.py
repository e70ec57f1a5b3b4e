"""A base of notes: those that a question rests on among many others, numbered, dated, in no order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tripos.benchmarks.use_cases.invented_names import Inventor
from tripos.benchmarks.use_cases.notes.families import FAMILIES, Clerk, Core, Note
from tripos.benchmarks.use_cases.notes.phrasings import NICKNAME, OF_PEOPLE, OF_THINGS, PLACES, THINGS, WITHDRAWAL, noted

Subject = tuple[int, int] | str


@dataclass(frozen=True)
class Base:
    """Notes as a prompt shows them. `ids` leads from a note's label to its number."""

    core: Core
    ids: dict[str, str]
    text: str


def draw_base(seed: str, family: str, flip: bool, count: int) -> Base:
    """`count` notes in all. Twins (`flip`) share every note but one or two."""
    staff_rng = random.Random(f"{seed}/staff")
    inventor = Inventor(staff_rng)
    people = [inventor.person("").name for _ in range(12 + min(count // 20, 30))]
    firms = [inventor.company().name for _ in range(6)]
    core = FAMILIES[family](Clerk(random.Random(f"{seed}/core"), people, firms), flip)
    others = _Others(Clerk(random.Random(f"{seed}/others"), people, firms), core)
    notes = list(core.notes)
    for group in others.groups():
        notes += group if len(notes) + len(group) <= count else []
        if len(notes) >= count - 1:  # a pair may not fit into the last place
            break
    ids = _number(seed, notes)
    authors = {note.label: random.Random(f"{seed}/{note.label}/author").choice(people) for note in notes}
    notes.sort(key=lambda note: random.Random(f"{seed}/{note.label}/rank").random())
    lines = [f"{ids[note.label]} ({note.day.isoformat()}, {authors[note.label]}): {_with_id(note, ids)}" for note in notes]
    return Base(core, ids, "\n".join(lines))


def _number(seed: str, notes: list[Note]) -> dict[str, str]:
    taken: dict[str, str] = {}
    used: set[int] = set()
    for note in notes:
        rng = random.Random(f"{seed}/{note.label}/number")
        while (number := rng.randrange(1_000, 10_000)) in used:
            continue
        used.add(number)
        taken[note.label] = f"N-{number}"
    return taken


def _with_id(note: Note, ids: dict[str, str]) -> str:
    return note.text.replace("$id", ids[note.withdraws]) if note.withdraws else note.text


class _Others:
    """Notes about anything but what the core reserves: plain ones, newer versions, withdrawals, nicknames."""

    def __init__(self, clerk: Clerk, core: Core) -> None:
        self.clerk, self.rng = clerk, clerk.rng
        self.taken: set[tuple[object, str]] = set(core.reserved)
        self.known = " ".join(note.text for note in core.notes)
        self.things = sorted(subject for subject, _ in core.reserved if isinstance(subject, tuple))
        self.names = {name for _, name in core.reserved}

    def groups(self) -> Iterator[list[Note]]:
        """Endless as far as things, people and attributes go; those that look most like the core come first."""
        number = 0
        for subject, name in [*self._near(), *self._shuffled()]:
            if not self._take(subject, name):
                continue
            number += 1
            yield self._notes(f"other {number}", subject, name)

    def _take(self, subject: Subject, name: str) -> bool:
        place = subject[1] if isinstance(subject, tuple) else None
        if (subject, name) in self.taken or (place, name) in self.taken:
            return False
        self.taken.add((subject, name))
        return True

    def _near(self) -> list[tuple[Subject, str]]:
        """The same thing elsewhere, and other facts of the same thing."""
        near: list[tuple[Subject, str]] = []
        for thing in self.things:
            near += [((thing[0], place), name) for name in sorted(self.names & set(OF_THINGS)) for place in range(len(PLACES))][:8]
            near += [(thing, name) for name in OF_THINGS][:5]
        self.rng.shuffle(near)
        return near[:10]

    def _shuffled(self) -> list[tuple[Subject, str]]:
        facts: list[tuple[Subject, str]] = [
            ((thing, place), name) for thing in range(len(THINGS)) for place in range(len(PLACES)) for name in OF_THINGS
        ]
        self.rng.shuffle(facts)
        of_people: list[tuple[Subject, str]] = [(person, name) for person in self.clerk.people for name in OF_PEOPLE]
        self.rng.shuffle(of_people)
        for at, one in enumerate(of_people):
            facts.insert(at * 6, one)
        return facts

    def _notes(self, label: str, subject: Subject, name: str) -> list[Note]:
        clerk = self.clerk
        attribute = OF_THINGS[name] if isinstance(subject, tuple) else OF_PEOPLE[name]
        shown = noted(subject) if isinstance(subject, tuple) else subject
        first, second = clerk.two(attribute)
        days: list[date] = clerk.days(2)
        how = self.rng.choices(("plain", "version", "withdrawn", "nickname"), (72, 12, 6, 10))[0]
        fact = clerk.fact(label, days[0], shown, attribute, first)
        if how == "version":
            return [fact, clerk.fact(f"{label} again", days[1], shown, attribute, second)]
        if how == "withdrawn":
            return [fact, Note(f"{label} withdrawal", days[1], clerk.say(WITHDRAWAL, n="$id"), withdraws=label)]
        short = clerk.nickname()
        if how == "nickname" and isinstance(subject, tuple) and short not in self.known:
            named = Note(f"{label} name", days[0], clerk.say(NICKNAME, s=shown, v=short))
            return [named, clerk.fact(label, days[1], short, attribute, first)]
        return [fact]
