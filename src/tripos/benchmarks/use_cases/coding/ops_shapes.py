"""Operations on intervals and on trees.

An interval is a list [start, end] with start < end that covers the integers start, …, end - 1. A tree is a dictionary
with a number under `mass` and a list of trees under `kids` (both field names are drawn per task).
"""

from __future__ import annotations

from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.steps import MODULO, Op, Params, pick

Spans = list[list[int]]
Tree = dict[str, Any]
BY_START = "the result is ordered by start"


def _merged(v: Spans) -> Spans:
    out: Spans = []
    for start, end in sorted(v):
        if out and start <= out[-1][1]:
            out[-1] = [out[-1][0], max(out[-1][1], end)]
        else:
            out.append([start, end])
    return out


def _cut(v: Spans, k: int) -> Spans:
    return [[at, min(at + k, end)] for start, end in v for at in range(start, end, k)]


def _window(rng: Random) -> Params:
    low = rng.randint(-2, 8)
    return {"low": low, "high": low + rng.randint(12, 22)}


MERGE_CODE = (
    "merged = []\nfor start, end in sorted(v):\n    if merged and start <= merged[-1][1]:\n"
    "        merged[-1][1] = max(merged[-1][1], end)\n    else:\n        merged.append([start, end])\n"
)

SPAN_OPS = (
    Op(
        "spans", "spans",
        (f"Merge intervals that overlap or touch (one ends where the other starts) into one; {BY_START}.",
         f"Unite all intervals that share a point or meet end to start, until none do; {BY_START}."),
        MERGE_CODE + "v = merged",
        _merged,
    ),
    Op(
        "spans", "spans",
        ("Drop every interval shorter than {k} (its length is end - start).", "Keep only the intervals with end - start of at least {k}."),
        "v = [[a, b] for a, b in v if b - a >= {k}]",
        lambda v, k: [span for span in v if not span[1] - span[0] < k], pick(k=(2, 3, 4, 5)),
    ),
    Op(
        "spans", "spans",
        ("Clip every interval to the range from {low} to {high}: starts below {low} become {low}, ends above {high} become {high}; "
         "intervals of which nothing is left (start >= end) are dropped.",
         "Cut every interval down to its points p with {low} <= p < {high}; an interval without such a point disappears."),
        "v = [[max(a, {low}), min(b, {high})] for a, b in v if max(a, {low}) < min(b, {high})]",
        lambda v, low, high: [[min(p for p in range(a, b) if low <= p < high), max(p for p in range(a, b) if low <= p < high) + 1]
                              for a, b in v if any(low <= p < high for p in range(a, b))], _window,
    ),
    Op(
        "spans", "spans",
        ("Let every interval begin {k} earlier; its end stays.", "Move the start of each interval down by {k}, leaving the ends alone."),
        "v = [[a - {k}, b] for a, b in v]",
        lambda v, k: [[start - k, end] for start, end in v], pick(k=(1, 2, 3)),
    ),
    Op(
        "spans", "spans",
        ("Split every interval longer than {k} into consecutive pieces of length {k}, beginning at its start; the last piece may be "
         "shorter. "
         "Pieces take the place of their interval.",
         "Cut each interval from its start into pieces of length {k} (a shorter one may remain at the end); intervals no longer than "
         "{k} stay "
         "whole, and pieces stand where their interval stood."),
        "v = [[at, min(at + {k}, b)] for a, b in v for at in range(a, b, {k})]",
        _cut, pick(k=(3, 4, 5, 6)),
    ),
    Op(
        "spans", "spans",
        ("Sort the intervals by length (end - start), longest first; equal lengths by start, ascending.",
         "Order the intervals from longest to shortest; intervals of one length by ascending start."),
        "v = sorted(v, key=lambda s: (s[0] - s[1], s[0]))",
        lambda v: sorted(sorted(v), key=lambda s: s[1] - s[0], reverse=True),
    ),
    Op(
        "spans", "spans",
        ("Replace the intervals by the gaps between them: the maximal intervals that lie between the smallest start and the largest end "
         "and "
         f"have no point in common with any interval; {BY_START} (no gap, or no interval at all: an empty list).",
         "Take the gaps instead: every maximal interval, after the smallest start and before the largest end, of which no point is "
         "covered; "
         f"{BY_START}, and empty where there is no gap or no interval."),
        MERGE_CODE + "v = [[a[1], b[0]] for a, b in zip(merged, merged[1:])]",
        lambda v: [[a[1], b[0]] for a, b in zip(_merged(v)[:-1], _merged(v)[1:], strict=True)],
    ),
    Op(
        "spans", "spans",
        ("Drop every interval that contains the point {p} (start <= {p} < end).", "Remove the intervals with start <= {p} < end."),
        "v = [[a, b] for a, b in v if not a <= {p} < b]",
        lambda v, p: [span for span in v if p not in range(*span)], pick(p=range(4, 22)),
    ),
    Op(
        "spans", "ints",
        ("Go on with the list of the lengths (end - start), in the order of the intervals.",
         "Replace each interval by its length, end - start."),
        "v = [b - a for a, b in v]",
        lambda v: [len(range(a, b)) for a, b in v],
    ),
    Op(
        "spans", "int",
        ("Return how many integer points are covered by at least one interval.",
         "The result is the number of points (integers p with start <= p < end) that lie in one interval or more."),
        "v = len({p for a, b in v for p in range(a, b)})",
        lambda v: sum(b - a for a, b in _merged(v)),
    ),
    Op(
        "spans", "int",
        ("Return the largest number of intervals that have a point in common (0 without intervals); end points are not covered.",
         "The result is the greatest depth: the most intervals that cover one and the same point p, start <= p < end (0 if there are "
         "none)."),
        "points = [p for a, b in v for p in range(a, b)]\nv = max((points.count(p) for p in points), default=0)",
        lambda v: max((sum(a <= s < b for a, b in v) for s, _ in v), default=0),
    ),
)  # fmt: skip


def _fold_tree(v: Tree, mass: str, kids: str, how: str) -> int:
    parts = [_fold_tree(kid, mass, kids, how) for kid in v[kids]]
    own: int = v[mass]
    if how == "max":
        return own + max(parts, default=0)
    if how == "min":
        return own + min(parts, default=0)
    if how == "alternate":
        return own + sum(parts[::2]) - sum(parts[1::2])
    return own + sum(parts) if own % 2 == 0 else sum(parts) - own


_FOLDS = (
    {"rule": "its number plus the largest worth among its children (plus 0 if it has none)", "how": "max",
     "expr": "own + max(parts, default=0)"},
    {"rule": "its number plus the smallest worth among its children (plus 0 if it has none)", "how": "min",
     "expr": "own + min(parts, default=0)"},
    {"rule": "its number plus the first child's worth minus the second's plus the third's and so on, signs alternating", "how": "alternate",
     "expr": "own + sum(parts[::2]) - sum(parts[1::2])"},
    {"rule": "the sum of its children's worths (0 if it has none), plus its number if that is even, minus its number if it is odd",
     "how": "parity", "expr": "own + sum(parts) if own % 2 == 0 else sum(parts) - own"},
)  # fmt: skip


def _levels(v: Tree, mass: str, kids: str) -> list[int]:
    order, row = [], [v]
    while row:
        order += [node[mass] for node in row]
        row = [kid for node in row for kid in node[kids]]
    return order


def _mapped(v: Tree, mass: str, kids: str, new: Any, depth: int = 0) -> Tree:
    return {mass: new(v[mass], depth), kids: [_mapped(kid, mass, kids, new, depth + 1) for kid in v[kids]]}


def _pruned(v: Tree, mass: str, kids: str, k: int) -> Tree:
    return {mass: v[mass], kids: [_pruned(kid, mass, kids, k) for kid in v[kids] if kid[mass] % k]}


def _shortened(v: Tree, mass: str, kids: str, d: int) -> Tree:
    return {mass: v[mass], kids: [_shortened(kid, mass, kids, d - 1) for kid in v[kids]] if d else []}


def _mirror(v: Tree, mass: str, kids: str) -> Tree:
    return {mass: v[mass], kids: [_mirror(kid, mass, kids) for kid in reversed(v[kids])]}


def _heavy_first(v: Tree, mass: str, kids: str) -> Tree:
    return {mass: v[mass], kids: sorted((_heavy_first(kid, mass, kids) for kid in v[kids]), key=lambda kid: -kid[mass])}


def _pre(v: Tree, mass: str, kids: str) -> list[int]:
    return [v[mass], *(n for kid in v[kids] for n in _pre(kid, mass, kids))]


def _post(v: Tree, mass: str, kids: str) -> list[int]:
    return [*(n for kid in v[kids] for n in _post(kid, mass, kids)), v[mass]]


def _leaves(v: Tree, mass: str, kids: str) -> list[int]:
    return [n for kid in v[kids] for n in _leaves(kid, mass, kids)] or [v[mass]]


def _sums(v: Tree, mass: str, kids: str) -> Tree:
    return {mass: sum(_pre(v, mass, kids)), kids: [_sums(kid, mass, kids) for kid in v[kids]]}


_BOTH = ("mass", "kids")
DEPTH = "The root has depth 0, its children have depth 1, and so on."


def _walk(body: str, call: str = "walk(v)") -> str:
    return f"def walk(node, depth=0):\n    {body}\nv = {call}"


TREE_OPS = (
    Op(
        "tree", "tree",
        ("Reverse the order of the children at every node.", "Mirror the tree: each node's children come in reverse order."),
        _walk("return {{mass!r}: node[{mass!r}], {kids!r}: [walk(kid) for kid in node[{kids!r}][::-1]]}"),
        _mirror, needs=_BOTH,
    ),
    Op(
        "tree", "tree",
        ("Add to the number of every node {k} times its depth.", "Increase each node's number by {k} times the node's depth."),
        _walk("return {{mass!r}: node[{mass!r}] + {k} * depth, {kids!r}: [walk(kid, depth + 1) for kid in node[{kids!r}]]}"),
        lambda v, mass, kids, k: _mapped(v, mass, kids, lambda n, depth: n + k * depth), pick(k=(2, 3, 4)), needs=_BOTH, notes=(DEPTH,),
    ),
    Op(
        "tree", "tree",
        ("Remove every node other than the root whose number is divisible by {k}, together with everything below it.",
         "Cut off each subtree whose top node has a number divisible by {k}; the root itself always stays."),
        _walk("return {{mass!r}: node[{mass!r}], {kids!r}: [walk(kid) for kid in node[{kids!r}] if kid[{mass!r}] % {k} != 0]}"),
        _pruned, pick(k=(2, 3, 4)), needs=_BOTH, notes=("0 is divisible by every number.",),
    ),
    Op(
        "tree", "tree",
        ("Remove all nodes deeper than depth {d}.", "Cut the tree off below depth {d}; nodes at depth {d} stay and lose their children."),
        _walk("return {{mass!r}: node[{mass!r}], {kids!r}: [walk(kid, depth + 1) for kid in node[{kids!r}] if depth < {d}]}"),
        _shortened, pick(d=(1, 2)), needs=_BOTH, notes=(DEPTH,),
    ),
    Op(
        "tree", "tree",
        ("At every node sort the children by their numbers, largest first; children with equal numbers keep their order.",
         "Order each node's children by descending number, leaving equal ones in their old order."),
        _walk("return {{mass!r}: node[{mass!r}], {kids!r}: sorted((walk(kid) for kid in node[{kids!r}]), key=lambda kid: -kid[{mass!r}])}"),
        _heavy_first, needs=_BOTH,
    ),
    Op(
        "tree", "tree",
        ("Replace the number of every node by the sum of the numbers in its subtree (the node itself and all below it), as they were "
         "before "
         "this step.",
         "Let each node's number become the total of its own and all its descendants' numbers before this step."),
        _walk("below = [walk(kid) for kid in node[{kids!r}]]\n"
              "    return {{mass!r}: node[{mass!r}] + sum(kid[{mass!r}] for kid in below), {kids!r}: below}"),
        _sums, needs=_BOTH,
    ),
    Op(
        "tree", "ints",
        ("List the numbers in pre-order: a node before its children, children from first to last.",
         "Go on with the list of all numbers, each node directly followed by the lists of its children in turn (pre-order)."),
        _walk("return [node[{mass!r}]] + [n for kid in node[{kids!r}] for n in walk(kid)]"),
        _pre, needs=_BOTH,
    ),
    Op(
        "tree", "ints",
        ("List the numbers in post-order: the children from first to last, then the node itself.",
         "Go on with the list of all numbers in which each node comes directly after everything below it (post-order)."),
        _walk("return [n for kid in node[{kids!r}] for n in walk(kid)] + [node[{mass!r}]]"),
        _post, needs=_BOTH,
    ),
    Op(
        "tree", "ints",
        ("List the numbers level by level: first the root, then its children from first to last, then all grandchildren in order, and "
         "so on.",
         "Go on with the list of all numbers in level order (breadth first, each level from left to right)."),
        "queue = [v]\nfor node in queue:\n    queue.extend(node[{kids!r}])\nv = [node[{mass!r}] for node in queue]",
        _levels, needs=_BOTH,
    ),
    Op(
        "tree", "ints",
        ("List the numbers of the leaves (nodes without children) from left to right.",
         "Go on with the numbers of those nodes that have no children, from left to right."),
        _walk("return [n for kid in node[{kids!r}] for n in walk(kid)] or [node[{mass!r}]]"),
        _leaves, needs=_BOTH,
    ),
    Op(
        "tree", "int",
        ("Return the worth of the root, where the worth of a node is {rule}.",
         "Define the worth of a node as {rule}; the result is the worth of the root."),
        _walk("own = node[{mass!r}]\n    parts = [walk(kid) for kid in node[{kids!r}]]\n    return {expr}"),
        lambda v, mass, kids, how, rule, expr: _fold_tree(v, mass, kids, how), lambda rng: dict(rng.choice(_FOLDS)), needs=_BOTH,
        notes=(MODULO,),
    ),
)  # fmt: skip
