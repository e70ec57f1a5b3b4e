"""The documents that state a world: dated, of different kinds, some drafts; every sentence has a number to be cited by.

What is true stands once, in a final document; what is superseded stands in an older one or in a draft.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from string import Template

from tripos.benchmarks.use_cases.corpus.facts import RELATIONS, TOOK_OVER, Key, Size, Value, World
from tripos.benchmarks.use_cases.corpus.questions import spoken
from tripos.benchmarks.use_cases.invented_names import spin

GENRES = (
    "Minutes of the weekly round",
    "Handbook page",
    "Newsletter",
    "Memo",
    "Quarterly report",
    "Directory",
    "Letter to the board",
    "Notice",
)
FILLERS = (
    "{The meeting began late|We began late}, as the lift was out of order.",
    "{Thanks go to all who|We thank all who} helped with the move of the files.",
    "The {next issue|next paper of this kind} will have a new layout.",
    "{Questions about the tables|Queries} go to the front desk, please.",
    "{Coffee has become dearer|The canteen has a new menu}, which was noted without joy.",
    "Some figures are {quoted from memory elsewhere|often misquoted}; those below were looked up.",
    "{A guest asked about parking|Parking came up once more}; nothing was decided.",
    "The {usual abbreviations are not used here|style guide asks for full names}.",
    "{Old forms may be used up|The old stationery may be used up} first.",
    "{This page was printed on both sides|Please print on both sides}.",
)


@dataclass(frozen=True)
class Statement:
    """What one sentence says; `current` is False for what is superseded."""

    key: Key
    text: str
    current: bool


@dataclass
class Document:
    """One document; its sentences are numbered from 1 in the order of `lines`."""

    genre: str
    day: date
    draft: bool
    lines: list[Statement | str] = field(default_factory=list)


@dataclass(frozen=True)
class Corpus:
    """Documents in the order in which they are shown."""

    documents: tuple[Document, ...]

    def ids(self, key: Key, *, current: bool) -> list[str]:
        """The numbers of the sentences that state this fact as it is, or as it is superseded."""
        return [
            f"D{d}.{n}"
            for d, document in enumerate(self.documents, 1)
            for n, line in enumerate(document.lines, 1)
            if isinstance(line, Statement) and line.key == key and line.current == current
        ]

    @property
    def text(self) -> str:
        """All documents."""
        parts = []
        for d, document in enumerate(self.documents, 1):
            status = "draft" if document.draft else "final"
            head = f"=== D{d}: {document.genre}, dated {spoken(document.day)}, {status} ==="
            lines = [f"[D{d}.{n}] {one if isinstance(one, str) else one.text}" for n, one in enumerate(document.lines, 1)]
            parts.append("\n".join([head, *lines]))
        return "\n\n".join(parts)


def write(world: World, size: Size, seed: str, needed: Sequence[Key]) -> Corpus:
    """The corpus of a world. Every part is decided by a rng of its own, made from `seed`, so that worlds which differ in one
    fact differ in the sentences of that fact alone. Facts that are `needed` together are spread over the documents."""
    rng = random.Random(f"{seed}/layout")
    days = rng.sample(range(1_200), size.documents)
    documents = [Document(rng.choice(GENRES), date(2024, 1, 8) + timedelta(days=day), n < size.drafts) for n, day in enumerate(days)]
    drafts = documents[: size.drafts]
    finals = sorted(documents[size.drafts :], key=lambda one: one.day)
    for key in sorted({*world.facts, *_terms(world)}):
        place = random.Random(f"{seed}/{key}")
        disputed = key in world.old
        spread = needed.index(key) if key in needed else place.randrange(10_000)
        homes = finals[1:] if disputed else finals
        home = homes[spread % len(homes)]
        older = [one for one in finals if one.day < home.day]
        old_home = place.choice(drafts if key in world.unstated or place.random() < 0.4 else older) if disputed else None
        if key not in world.unstated:
            home.lines.append(Statement(key, _sentence(world, key, _current(world, key), place), True))
        if old_home is not None:
            old_home.lines.append(Statement(key, _sentence(world, key, world.old[key], place), False))
    for number, document in enumerate(documents):
        own = random.Random(f"{seed}/document {number}")
        document.lines += [spin(own, filler) for filler in own.sample(FILLERS, own.randint(1, 3))]
        _shuffle(document, seed)
    rng.shuffle(documents)
    return Corpus(tuple(documents))


def _shuffle(document: Document, seed: str) -> None:
    """An order that depends on each line's own key, so that one sentence more or less leaves the others as they stand."""

    def rank(line: Statement | str) -> float:
        return random.Random(f"{seed}/{line.key if isinstance(line, Statement) else line}/rank").random()

    document.lines.sort(key=rank)


def _terms(world: World) -> list[Key]:
    return [(unit, f"took_over/{n}") for unit, terms in world.heads.items() for n in range(len(terms))]


def _current(world: World, key: Key) -> Value | tuple[date, str]:
    subject, relation = key
    return world.facts[key] if relation in RELATIONS else world.heads[subject][int(relation.partition("/")[2])]


def _sentence(world: World, key: Key, value: Value | tuple[date, str], rng: random.Random) -> str:
    subject = world.shown(key[0])
    if isinstance(value, tuple):
        text = Template(spin(rng, TOOK_OVER)).substitute(s=subject, d=_shown(world, value[0], rng, ""), p=value[1])
    else:
        relation = RELATIONS[key[1]]
        text = Template(spin(rng, relation.say)).substitute(s=subject, v=_shown(world, value, rng, relation.value))
    return f"{text[0].upper()}{text[1:]}."


def _shown(world: World, value: Value, rng: random.Random, kind: str) -> str:
    style = rng.randrange(3)
    if isinstance(value, date):
        return (spoken(value), f"{value:%B} {value.day}, {value.year}", value.isoformat())[style]
    if isinstance(value, int):
        return (f"EUR {value:,}", f"{value:,} euros", f"EUR {value}")[style] if kind == "money" else str(value)
    return world.shown(value)
