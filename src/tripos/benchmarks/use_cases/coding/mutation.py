"""Mutations of source text: small edits that leave formatting, comments and docstrings as they are.

Edits are found on the syntax tree and made on the text, so that a mutant looks like code that somebody wrote, and comes
out the same on every Python version. Nothing here decides whether a mutant is worth asking about; see `repair.py`.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random

_COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Mod: ("%", "//"),
    ast.FloorDiv: ("//", "%"),
}
_TWINS = {"min": "max", "max": "min", "all": "any", "any": "all", "ljust": "rjust", "rjust": "ljust", "lower": "upper", "append": "extend"}
_FIXED = {"range", "len", "sum", "sorted", "enumerate", "isinstance", "int", "str", "list", "self", "abs", "divmod", "next", "iter", "dict"}


@dataclass(frozen=True, order=True)
class Edit:
    """Replaces `[start, end)` of the text. `kind` names the operator."""

    start: int
    end: int
    text: str
    kind: str

    def overlaps(self, other: Edit) -> bool:
        """Whether both touch the same line region closely enough to disturb one another."""
        return (self.start < other.end and other.start < self.end) or self.start == other.start


def applied(source: str, edits: Iterable[Edit]) -> str:
    """The text after edits that do not overlap."""
    for edit in sorted(edits, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


def mutations(source: str) -> list[Edit]:
    """All edits of all operators, in a fixed order."""
    finder = _Finder(source)
    return sorted(set(finder.edits()))


def shuffled(edits: list[Edit], rng: Random) -> Iterator[Edit]:
    """The edits in random order, each operator equally likely to come next, so that constants do not crowd out the rest."""
    kinds: dict[str, list[Edit]] = {}
    for edit in edits:
        kinds.setdefault(edit.kind, []).append(edit)
    for group in kinds.values():
        rng.shuffle(group)
    while kinds:
        kind = rng.choice(sorted(kinds))
        yield kinds[kind].pop()
        if not kinds[kind]:
            del kinds[kind]


class _Finder:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._lines = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]

    def edits(self) -> Iterator[Edit]:
        """Walks every function; docstrings, f-strings and annotations are left alone."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                yield from self._wrong_variables(node)
            for block in ("body", "orelse"):
                statements = getattr(node, block, None)
                if isinstance(statements, list):
                    yield from self._dropped(statements)
            found = getattr(self, f"_on_{type(node).__name__}", None)
            if found is not None:
                yield from found(node)

    # ------------------------------------------------------------------------------------------------ places in the text

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self.source[self._start(node) : self._end(node)]

    def _between(self, before: ast.expr, after: ast.expr, old: str, new: str, kind: str) -> Iterator[Edit]:
        """An edit of the operator `old` between two operands."""
        low, high = self._end(before), self._start(after)
        match = re.search(rf"(?<![<>=!*/]){re.escape(old)}(?![=*/])", self.source[low:high])
        if match:
            yield Edit(low + match.start(), low + match.end(), new, kind)

    def _swap(self, one: ast.expr, other: ast.expr, kind: str) -> Iterator[Edit]:
        if self._text(one) != self._text(other):
            middle = self.source[self._end(one) : self._start(other)]
            yield Edit(self._start(one), self._end(other), self._text(other) + middle + self._text(one), kind)

    # --------------------------------------------------------------------------------------------------------- operators

    def _on_Compare(self, node: ast.Compare) -> Iterator[Edit]:
        operands = [node.left, *node.comparators]
        for op, (before, after) in zip(node.ops, pairwise(operands), strict=True):
            if type(op) in _COMPARISONS:
                old, news = _COMPARISONS[type(op)]
                for new in news:
                    yield from self._between(before, after, old, new, "comparison")

    def _on_BoolOp(self, node: ast.BoolOp) -> Iterator[Edit]:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        if len(node.values) == 2:
            yield from self._between(node.values[0], node.values[1], old, new, "boolean operator")
            yield Edit(self._start(node), self._end(node), self._text(node.values[0]), "dropped condition")

    def _on_BinOp(self, node: ast.BinOp) -> Iterator[Edit]:
        if type(node.op) in _ARITHMETIC:
            old, new = _ARITHMETIC[type(node.op)]
            yield from self._between(node.left, node.right, old, new, "arithmetic")
        if isinstance(node.op, ast.Sub):
            yield from self._swap(node.left, node.right, "operand order")

    def _on_AugAssign(self, node: ast.AugAssign) -> Iterator[Edit]:
        old = {ast.Add: "+=", ast.Sub: "-="}.get(type(node.op))
        if old:
            low, high = self._end(node.target), self._start(node.value)
            at = low + self.source[low:high].index(old)
            yield Edit(at, at + 2, "-=" if old == "+=" else "+=", "arithmetic")
            yield Edit(at, at + 2, "=", "overwritten accumulator")

    def _on_Assign(self, node: ast.Assign) -> Iterator[Edit]:
        value = node.value
        if isinstance(value, ast.Constant) and type(value.value) is int and isinstance(node.targets[0], ast.Name):
            for new in (value.value + 1, value.value - 1):
                yield Edit(self._start(value), self._end(value), str(new), "initial value")

    def _on_Constant(self, node: ast.Constant) -> Iterator[Edit]:
        if type(node.value) is int:
            for new in (node.value + 1, node.value - 1):
                yield Edit(self._start(node), self._end(node), str(new), "constant")
        elif isinstance(node.value, bool):
            yield Edit(self._start(node), self._end(node), str(not node.value), "constant")

    def _on_Name(self, node: ast.Name) -> Iterator[Edit]:
        if node.id in _TWINS:
            yield Edit(self._start(node), self._end(node), _TWINS[node.id], "twin function")

    def _on_Attribute(self, node: ast.Attribute) -> Iterator[Edit]:
        if node.attr in _TWINS and node.attr != "append":
            yield Edit(self._end(node) - len(node.attr), self._end(node), _TWINS[node.attr], "twin function")

    def _on_UnaryOp(self, node: ast.UnaryOp) -> Iterator[Edit]:
        if isinstance(node.op, (ast.Not, ast.USub)):
            yield Edit(self._start(node), self._start(node.operand), "", "lost sign")

    def _on_Call(self, node: ast.Call) -> Iterator[Edit]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "range":
            last = node.args[0] if len(node.args) == 1 else node.args[1]
            yield Edit(self._end(last), self._end(last), " - 1", "range bound")
            yield Edit(self._end(last), self._end(last), " + 1", "range bound")
            if len(node.args) == 1:
                yield Edit(self._start(last), self._start(last), "1, ", "range bound")
        elif len(node.args) == 2 and name not in ("isinstance", "min", "max"):
            yield from self._swap(node.args[0], node.args[1], "argument order")

    def _on_Slice(self, node: ast.Slice) -> Iterator[Edit]:
        for bound in (node.lower, node.upper):
            if bound is not None and not isinstance(bound, ast.Constant):
                yield Edit(self._end(bound), self._end(bound), " - 1", "slice bound")
                yield Edit(self._end(bound), self._end(bound), " + 1", "slice bound")

    def _on_If(self, node: ast.If) -> Iterator[Edit]:
        yield Edit(self._start(node.test), self._end(node.test), f"not ({self._text(node.test)})", "negated condition")

    def _on_Break(self, node: ast.Break) -> Iterator[Edit]:
        yield Edit(self._start(node), self._end(node), "continue", "loop control")

    def _on_Continue(self, node: ast.Continue) -> Iterator[Edit]:
        yield Edit(self._start(node), self._end(node), "break", "loop control")

    # ------------------------------------------------------------------------------------------- statements and variables

    def _dropped(self, statements: list[ast.stmt]) -> Iterator[Edit]:
        """One statement left out, where another one stays in the block."""
        for position, statement in enumerate(statements):
            plain = isinstance(statement, (ast.Assign, ast.AugAssign, ast.Delete)) and position > 0
            branch = isinstance(statement, ast.If) and not statement.orelse
            call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            if len(statements) > 1 and (plain or branch or call) and self._whole_lines(statement):
                low, high = self._lines[statement.lineno - 1], self._lines[bisect_right(self._lines, self._end(statement) - 1)]
                yield Edit(low, high, "", "dropped branch" if branch else "dropped statement")

    def _whole_lines(self, statement: ast.stmt) -> bool:
        """Only white space stands before it on its line (`elif` does not count as a branch of its own)."""
        return not self.source[self._lines[statement.lineno - 1] : self._start(statement)].strip() and not self._text(statement).startswith(
            "elif"
        )

    def _wrong_variables(self, function: ast.FunctionDef) -> Iterator[Edit]:
        """One variable that is read is replaced by another local name of the same function."""
        nested = {
            id(n) for inner in ast.walk(function) if inner is not function and isinstance(inner, ast.FunctionDef) for n in ast.walk(inner)
        }
        names = [n for n in ast.walk(function) if isinstance(n, ast.Name) and id(n) not in nested]
        known = {n.id for n in names if isinstance(n.ctx, ast.Store)} | {a.arg for a in function.args.args} - {"self"}
        for name in names:
            if isinstance(name.ctx, ast.Load) and name.id in known and name.id not in _FIXED:
                for other in sorted(known - {name.id}):
                    yield Edit(self._start(name), self._end(name), other, "wrong variable")
