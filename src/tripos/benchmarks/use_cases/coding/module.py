"""What a reference module of the repair benchmark is, and how its names and constants are drawn.

Text is Python with holes: `@name` (or `@{name}` before a letter) is an identifier or a constant that is drawn per
sample. The docstring is the whole specification: every constant and every edge case that a mutation can touch is stated
there, so that a repair is decidable. All text is ASCII and free of f-strings, so that syntax-tree positions are character
positions on every Python version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.words import invented

Draws = dict[str, Any]

_HOLE = re.compile(r"@\{?(\w+)\}?")
_POOLS: dict[str, tuple[str, ...]] = {  # disjoint, so that two holes never get the same name
    "items": ("items", "values", "entries", "series"),
    "item": ("item", "value", "entry", "element"),
    "out": ("out", "result", "collected", "answer"),
    "total": ("total", "acc", "amount", "tally"),
    "i": ("i", "index", "at", "spot"),
    "n": ("n", "number", "num"),
    "text": ("text", "line", "content", "raw"),
    "ch": ("ch", "char", "c", "symbol"),
    "part": ("part", "piece", "chunk", "bit"),
    "key": ("key", "name", "label", "tag"),
    "table": ("table", "mapping", "book", "lookup"),
    "left": ("left", "first", "lower_side"),
    "right": ("right", "second", "upper_side"),
    "count": ("count", "tickets", "hits", "seen_times"),
    "best": ("best", "record", "champion", "top"),
    "start": ("start", "begin", "origin"),
    "last": ("last", "previous", "before"),
}


@dataclass(frozen=True)
class Call:
    """One use of a module: a function call, or the construction of an object followed by method calls."""

    name: str
    args: Sequence[Any]
    steps: Sequence[tuple[str, Sequence[Any]]] = ()


@dataclass(frozen=True)
class Module:
    """A reference module.

    Attributes:
        family: task family, a dimension of the sample.
        text: source with holes; `@main` is the function or class under test.
        main: names to choose from for it.
        cases: draws the arguments `[…]` of a function, or `([…], [(method, […]), …])` for a class.
        draws: further holes and what they may become.
    """

    family: str
    main: tuple[str, ...]
    text: str
    cases: Callable[[Random, Draws], Any]
    draws: dict[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Lines of source."""
        return self.text.count("\n")

    def drawn(self, rng: Random) -> tuple[str, Draws]:
        """The source of one instance and what was drawn for it."""
        chosen: Draws = {"main": rng.choice(self.main)}
        for hole in dict.fromkeys(_HOLE.findall(self.text)):
            if hole != "main":
                pool = self.draws[hole] if hole in self.draws else _POOLS[hole]
                chosen[hole] = rng.choice(tuple(pool))
        return _HOLE.sub(lambda match: str(chosen[match[1]]), self.text), chosen

    def call(self, rng: Random, chosen: Draws) -> Call:
        """One random use."""
        drawn = self.cases(rng, chosen)
        return Call(chosen["main"], drawn[0], drawn[1]) if isinstance(drawn, tuple) else Call(chosen["main"], drawn)


def ints(rng: Random, low: int = -9, high: int = 20, most: int = 10, least: int = 0) -> list[int]:
    """Integers with repetitions."""
    return [rng.randint(low, high) for _ in range(rng.randint(least, most))]


def names(rng: Random, most: int = 6, pool: int = 4) -> list[str]:
    """Words out of a small pool, so that they repeat."""
    few = [invented(rng, 1) for _ in range(pool)]
    return [rng.choice(few) for _ in range(rng.randint(0, most))]
