"""The language of composed tasks: typed operations, drawn at random, told in words, run by us and written as code.

An operation is defined twice, once as a Python function (the interpreter, which computes what is expected) and once as
code text (the reference solution, which runs in the sandbox). That the two agree is tested, not assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Value = Any  # JSON: the values that flow through a program
Params = dict[str, Any]
Draw = Callable[[Random], Params]

MODULO = "Remainders are those of Python's % operator: with a positive divisor they are never negative."
QUOTIENT = "Integer quotients are rounded down (towards minus infinity), as Python's // operator does."
POSITIONS = "Positions count from 0."
CODE_ORDER = "Strings are compared as Python compares them (by code point: digits, then capitals, then small letters)."
KEY_ORDER = "The order of keys in a dictionary does not matter."

_HOLE = re.compile(r"\{(\w+)(!r)?\}")


def filled(template: str, params: Mapping[str, Any]) -> str:
    """Replaces `{k}` and `{k!r}` for the names in `params`; every other brace stays as it is."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in params:
            return match[0]
        return repr(params[name]) if match[2] else str(params[name])

    return _HOLE.sub(value, template)


def pick(**choices: Iterable[Any]) -> Draw:
    """A draw that takes one value a name, in the order given."""
    pools = {name: tuple(values) for name, values in choices.items()}
    return lambda rng: {name: rng.choice(pool) for name, pool in pools.items()}


def positions(rng: Random) -> Params:
    """Every k-th position from `o` on; `p` and `q` are the second and third."""
    o, k = rng.choice((0, 1, 2)), rng.choice((3, 4, 5))
    return {"o": o, "k": k, "p": o + k, "q": o + 2 * k}


def nothing(rng: Random) -> Params:
    """The draw of an operation without parameters."""
    return {}


@dataclass(frozen=True)
class Op:
    """One operation.

    Attributes:
        source, target: kinds of value, see `kinds.py`.
        says: paraphrases of one sentence; `{k}` are parameters.
        code: lines that rebind `v`.
        run: `(value, **params) -> value`; never changes its argument.
        draw: the parameters.
        needs: names taken from the program's vocabulary (field names) beside the drawn ones.
        notes: conventions that a reader must know.
    """

    source: str
    target: str
    says: tuple[str, ...]
    code: str
    run: Callable[..., Value]
    draw: Draw = nothing
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def step(self, rng: Random, vocabulary: Mapping[str, str]) -> Step:
        """This operation with parameters and a wording."""
        params = {**self.draw(rng), **{name: vocabulary[name] for name in self.needs}}
        return Step(self, params, filled(rng.choice(self.says), params))


@dataclass(frozen=True)
class Step:
    """An operation as it stands in one program."""

    op: Op
    params: Params
    sentence: str

    def run(self, value: Value) -> Value:
        return self.op.run(value, **self.params)

    @property
    def code(self) -> str:
        return filled(self.op.code, self.params)


@dataclass(frozen=True)
class Program:
    """A task before it is worded as a prompt.

    Attributes:
        family: the task family, a dimension of the sample.
        given: what the argument is, in a sentence; `{arg}` is its name.
        lead: how the steps are to be read; empty for steps that simply follow one another.
        steps: sentences.
        notes: conventions, without repetition.
        code: body of the reference solution, not indented; the argument is called `v`.
        run: the interpreter.
        inputs: draws an argument.
        edges: arguments that must be among the hidden checks.
        ablations: the program with one step or rule left out; each must differ visibly from `run`.
    """

    family: str
    given: str
    lead: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    code: str
    run: Callable[[Value], Value]
    inputs: Callable[[Random], Value]
    edges: tuple[Value, ...]
    ablations: tuple[Callable[[Value], Value], ...]


def follow(steps: Iterable[Step]) -> Callable[[Value], Value]:
    """The interpreter of a pipeline."""
    sequence = tuple(steps)

    def run(value: Value) -> Value:
        for step in sequence:
            value = step.run(value)
        return value

    return run


def once(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes in order of first mention."""
    return tuple(dict.fromkeys(notes))
