"""Programs that are a chain of typed operations: lists, text, records, intervals, trees."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tripos.benchmarks.use_cases.coding.ops_lists import INTS_TO_INTS, INTS_TO_OTHER
from tripos.benchmarks.use_cases.coding.ops_records import RAW_OPS, RECORD_OPS, TABLE_OPS
from tripos.benchmarks.use_cases.coding.ops_shapes import SPAN_OPS, TREE_OPS
from tripos.benchmarks.use_cases.coding.ops_text import TEXT_OPS, WORD_OPS
from tripos.benchmarks.use_cases.coding.steps import Op, Program, Step, Value, follow, once
from tripos.benchmarks.use_cases.coding.words import invented, phrase

OPS: tuple[Op, ...] = (*INTS_TO_INTS, *INTS_TO_OTHER, *TEXT_OPS, *WORD_OPS, *RAW_OPS, *RECORD_OPS, *TABLE_OPS, *SPAN_OPS, *TREE_OPS)

RETURNS = {
    "ints": "list[int]", "words": "list[str]", "text": "str", "int": "int", "table": "dict[str, int]", "spans": "list[list[int]]",
    "pairs": "list[list]", "tree": "dict", "records": "list[dict]",
}  # fmt: skip

_FIELDS = {
    "label": ("team", "region", "crate", "lane", "guild", "dock"),
    "who": ("name", "owner", "rider", "keeper", "clerk"),
    "amount": ("score", "weight", "points", "cost", "minutes", "units"),
    "flag": ("active", "paid", "sealed", "urgent", "checked"),
    "mass": ("value", "load", "size", "rank"),
    "kids": ("children", "parts", "branches", "below"),
}


def draw_ints(rng: Random) -> list[int]:
    """Up to 12 integers from -9 to 20 with repetitions and runs."""
    out: list[int] = []
    for _ in range(rng.randint(2, 12)):
        out.append(rng.choice(out) if out and rng.random() < 0.25 else rng.randint(-9, 20))
        if rng.random() < 0.15:
            out.append(out[-1])
    return out


def draw_spans(rng: Random) -> list[list[int]]:
    """Up to 8 intervals in any order; some overlap, some touch."""
    spans = []
    for _ in range(rng.randint(2, 8)):
        start = rng.randint(0, 30)
        spans.append([start, start + rng.randint(1, 9)])
    return spans


def _draw_tree(rng: Random, mass: str, kids: str, depth: int = 0) -> Value:
    width = 0 if depth == 4 else rng.choice((2, 3)) if depth == 0 else rng.choice((0, 0, 1, 2, 2, 3)[: 7 - depth])
    return {mass: rng.randint(-6, 15), kids: [_draw_tree(rng, mass, kids, depth + 1) for _ in range(width)]}


def _draw_records(rng: Random, names: dict[str, str], people: list[str], groups: list[str], raw: bool) -> Value:
    def amount() -> int | None:
        return None if raw and rng.random() < 0.25 else rng.randint(0, 30)

    return [
        {names["who"]: rng.choice(people), names["label"]: rng.choice(groups), names["amount"]: amount(), names["flag"]: rng.random() < 0.5}
        for _ in range(rng.randint(2, 9))
    ]


def _source(kind: str, rng: Random, names: dict[str, str]) -> tuple[str, Callable[[Random], Value], tuple[Value, ...]]:
    """What is given in words, the input generator and the edge inputs of a start kind."""
    if kind == "ints":
        return "`{arg}` is a list of integers; it may be empty.", draw_ints, ([], [rng.randint(-9, 9)])
    if kind == "text":
        given = (
            "`{arg}` is a string of ASCII letters, digits and single spaces between words (none at either end); it may be the empty string."
        )
        return given, phrase, ("", invented(rng))
    if kind == "spans":
        given = (
            "`{arg}` is a list of intervals in any order, each a list [start, end] of two integers with start < end that covers the "
            "integer "
            "points start, …, end - 1; the list may be empty."
        )
        return given, draw_spans, ([], [[3, 9]])
    if kind == "tree":
        mass, kids = names["mass"], names["kids"]
        given = (
            f"`{{arg}}` is the root of a tree: a dictionary with an integer under {mass!r} (the node's number) and a list of such "
            f"dictionaries, "
            f"the children, under {kids!r} (empty for a leaf)."
        )
        return given, lambda r: _draw_tree(r, mass, kids), ({mass: rng.randint(-5, 9), kids: []},)
    people, groups = [invented(rng).capitalize() for _ in range(5)], [invented(rng) for _ in range(4)]
    missing = " or None" if kind == "raw" else ""
    given = (
        f"`{{arg}}` is a list of dictionaries, here called records, each with the keys {names['who']!r} (a string), {names['label']!r} "
        f"(a string), {names['amount']!r} (an integer of 0 or more{missing}) and {names['flag']!r} (a boolean); the list may be empty."
    )
    one = {names["who"]: people[0], names["label"]: groups[0], names["amount"]: 7, names["flag"]: True}
    return given, lambda r: _draw_records(r, names, people, groups, kind == "raw"), ([], [one])


STARTS = {"lists": ("ints",), "text": ("text",), "records": ("records", "raw"), "intervals": ("spans",), "trees": ("tree",)}


def pipeline(rng: Random, family: str, length: int) -> tuple[Program, str]:
    """A random chain of `length` operations from a start kind of `family`, and the annotation of what it returns."""
    names = {role: rng.choice(pool) for role, pool in _FIELDS.items()}
    start = kind = rng.choice(STARTS[family])
    steps: list[Step] = []
    for left in range(length, 0, -1):
        step = _next(rng, kind, left, steps).step(rng, names)
        steps.append(step)
        kind = step.op.target
    given, inputs, edges = _source(start, rng, names)
    program = Program(
        family=family,
        given=given,
        lead="",
        steps=tuple(step.sentence for step in steps),
        notes=once(note for step in steps for note in step.op.notes),
        code="\n".join([*(step.code for step in steps), "return v"]),
        run=follow(steps),
        inputs=inputs,
        edges=edges,
        ablations=tuple(follow(steps[:i] + steps[i + 1 :]) for i, step in enumerate(steps) if step.op.source == step.op.target),
    )
    return program, RETURNS[kind]


_SOURCES = frozenset(op.source for op in OPS)


def _next(rng: Random, kind: str, left: int, so_far: list[Step]) -> Op:
    """An operation on `kind` that has not been used yet and leaves room for the `left - 1` operations after it."""
    used = [step.op for step in so_far]
    fits = [op for op in OPS if op.source == kind and op not in used]
    if left > 1:  # what is joined into one string, or has no operations of its own, comes last
        fits = [op for op in fits if op.target in _SOURCES and (op.target != "text" or kind == "text")]
    if left == 1 and kind in ("tree", "text", "records"):  # end in something small to look at
        fits = [op for op in fits if op.target != kind] or fits
    stay = [op for op in fits if op.target == kind]
    move = [op for op in fits if op.target != kind]
    if left > 1 and stay and (not move or rng.random() < 0.6):
        return rng.choice(stay)
    return rng.choice(move if move and (left == 1 or not stay or rng.random() < 0.9) else stay)
