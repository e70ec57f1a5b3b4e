"""Arithmetic over a syntax tree of our own walking: nothing is evaluated, and no number grows without bound."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from tripos.agents.tool import ToolError, tool

LONGEST, DEEPEST, MOST_BITS = 1000, 50, 13_000  # 13,000 bits are 3,914 digits
LARGEST_FACTORIAL, LARGEST_COMB = 1000, 10_000

Number = int | float


@tool("calculator")
def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression exactly, e.g. `(17 * 23 + 4) / 5`, `sqrt(2) ** 3` or `comb(52, 5)`.

    Operators: + - * / // % **. Functions: abs, ceil, comb, exp, factorial, floor, gcd, hypot, lcm, log, log10, log2, max, min, perm,
    pow, round, sqrt, sum; sin, cos, tan, asin, acos, atan, atan2 (radians), degrees, radians. Constants: pi, e.

    Args:
        expression: the expression, in the notation of Python.
    """
    if len(expression) > LONGEST:
        raise ToolError(f"the expression has {len(expression)} characters; at most {LONGEST} are read")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"{expression!r} is not an arithmetic expression: {error}") from error
    try:
        return str(_value(tree.body, 0))
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ToolError(f"it cannot be computed: {error}") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth > DEEPEST:
        raise ToolError(f"the expression is nested more than {DEEPEST} deep")
    match node:
        case ast.Constant(value=bool() | complex()):
            pass
        case ast.Constant(value=int() | float() as number):
            return _bounded(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, depth + 1)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, depth + 1)
        case ast.BinOp(op=ast.BitXor()):
            raise ToolError("^ is not a power here; write **")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _bounded(_OPERATORS[type(op)](_value(left, depth + 1), _value(right, depth + 1)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*_arguments(args, depth)))
    raise ToolError(f"`{ast.unparse(node)[:100]}` is not arithmetic; see the description for what there is")


def _arguments(nodes: list[ast.expr], depth: int) -> list[Number]:
    """`max([1, 2])` and `max(1, 2)` are the same here."""
    if len(nodes) == 1 and isinstance(nodes[0], ast.List | ast.Tuple):
        nodes = nodes[0].elts
    return [_value(node, depth + 1) for node in nodes]


def _bounded(number: Any) -> Number:
    if isinstance(number, int) and number.bit_length() > MOST_BITS:
        raise ToolError(f"a number of more than {MOST_BITS} bits is too large")
    if isinstance(number, complex):
        raise ToolError("the result is not a real number")
    if isinstance(number, float) and not math.isfinite(number):
        raise ToolError("the result is too large for a floating-point number, or undefined")
    return int(number) if isinstance(number, bool) else number


def _power(base: Number, exponent: Number) -> Any:
    if (
        isinstance(base, int)
        and isinstance(exponent, int)
        and abs(base) > 1
        and exponent > 0
        and base.bit_length() * exponent > 2 * MOST_BITS
    ):
        raise ToolError("the power is too large")
    return base**exponent


def _factorial(n: Number) -> int:
    if n > LARGEST_FACTORIAL:
        raise ToolError(f"factorial is limited to {LARGEST_FACTORIAL}")
    return math.factorial(_whole(n))


def _choose(of: Callable[[int, int], int]) -> Callable[[Number, Number], int]:
    def bounded(n: Number, k: Number) -> int:
        if n > LARGEST_COMB:
            raise ToolError(f"comb and perm are limited to n = {LARGEST_COMB}")
        if k > LARGEST_FACTORIAL and of is math.perm:
            raise ToolError("the result is too large")
        return of(_whole(n), _whole(k))

    return bounded


def _whole(number: Number) -> int:
    if number != int(number):
        raise ToolError(f"{number} is not a whole number")
    return int(number)


def _round(number: Number, digits: Number = 0) -> Number:
    if abs(digits) > 400:
        raise ToolError("round is limited to 400 digits")
    return round(number, _whole(digits)) if digits else round(number)


_CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e}
_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (math.acos, math.asin, math.atan, math.atan2, math.cos, math.sin, math.tan, math.degrees, math.radians)},
    **{
        f.__name__: f for f in (math.ceil, math.exp, math.floor, math.gcd, math.hypot, math.lcm, math.log, math.log10, math.log2, math.sqrt)
    },
    "abs": abs,
    "comb": _choose(math.comb),
    "factorial": _factorial,
    "ln": math.log,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
    "perm": _choose(math.perm),
    "pow": _power,
    "round": _round,
    "sum": lambda *numbers: sum(numbers),
}
