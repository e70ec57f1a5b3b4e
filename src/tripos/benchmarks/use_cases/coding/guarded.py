"""Running our own reference modules and their mutants in this process, with a bound on steps and sizes.

Only code from the library of this package, and mutations of it that we made, ever comes here: no line of it was written by
a model. (What a model writes runs in a sandbox and nowhere else.) A mutant may loop for ever or grow without bound, so the
syntax tree is instrumented before it is compiled: loops, functions and comprehensions count steps, operands and
arguments are refused when they have become too large.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from tripos.benchmarks.use_cases.coding.module import Call

STEPS = 4_000
LARGEST = 4_000
_BITS = 4_000

Outcome = tuple[str, Any]
"""("value", v), ("raises", name of the exception), ("endless", None)."""


class Endless(BaseException):
    """Too many steps or too large a value. Not an `Exception`, so that no code under test can catch it."""


class _Instrument(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> ast.AST:
        return self._counted(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._counted(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._counted(node)

    def _counted(self, node: ast.For | ast.While | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = node.body[0]
        node.body = [ast.copy_location(ast.Expr(_call("__tick__", first)), first), *node.body]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [_call("__tick__", node.target), *node.ifs]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        node.left, node.right = _small_only(node.left), _small_only(node.right)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        node.value = _small_only(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        node.args = [_small_only(arg) for arg in node.args]
        return node


def _call(name: str, at: ast.expr | ast.stmt, *args: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.copy_location(ast.Name(name, ast.Load()), at), list(args), []), at)


def _small_only(node: ast.expr) -> ast.expr:
    if isinstance(node, (ast.Starred, ast.GeneratorExp, ast.Constant)):
        return node
    return _call("__small__", node, node)


class Guarded:
    """A compiled module of ours. `run` may be called often; every call starts with a fresh budget of steps."""

    def __init__(self, tree: ast.Module) -> None:
        instrumented = _Instrument().visit(tree)
        self._left = STEPS
        self._names: dict[str, Any] = {"__tick__": self._tick, "__small__": _small, "__name__": "solution"}
        exec(compile(instrumented, "<module>", "exec"), self._names)  # noqa: S102 (our own code, see the module's docstring)

    def run(self, call: Call) -> list[Outcome]:
        """One outcome a step (or a single one for a function). After an endless step there are no further ones."""
        self._left = STEPS
        subject: Callable[..., Any] = self._names[call.name]
        if not call.steps:
            return [_outcome(subject, call.args)]
        try:
            thing = subject(*deepcopy(call.args))
        except Endless:
            return [("endless", None)]
        except Exception as error:
            return [("raises", type(error).__name__)]
        outcomes: list[Outcome] = []
        for method, args in call.steps:
            outcomes.append(_outcome(getattr(thing, method), args))
            if outcomes[-1][0] == "endless":
                break
        return outcomes

    def _tick(self) -> bool:
        self._left -= 1
        if self._left < 0:
            raise Endless
        return True


def _outcome(function: Callable[..., Any], args: Sequence[Any]) -> Outcome:
    try:
        return "value", deepcopy(function(*deepcopy(args)))
    except Endless:
        return "endless", None
    except Exception as error:  # a mutant may fail in any way; that it fails, and how, is the outcome
        return "raises", type(error).__name__


def _small(value: Any) -> Any:
    if isinstance(value, int):
        if value.bit_length() > _BITS:
            raise Endless
    elif isinstance(value, (str, list, tuple, dict, set)) and len(value) > LARGEST:
        raise Endless
    return value


def same(one: Sequence[Outcome], other: Sequence[Outcome]) -> bool:
    """Equal outcomes, type by type (True is not 1, a tuple is not a list), order of dictionary keys aside."""
    return len(one) == len(other) and all(_key(a) == _key(b) for a, b in zip(one, other, strict=True))


def _key(outcome: Outcome) -> tuple[str, str]:
    kind, value = outcome
    try:
        return kind, json.dumps(value, sort_keys=True) + ("tuple" if isinstance(value, tuple) else "")
    except (TypeError, ValueError):  # a mutant may return what JSON cannot say: a set, a method
        return kind, f"{type(value).__name__}, not JSON"
