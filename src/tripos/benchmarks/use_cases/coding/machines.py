"""Programs that are rules over a state: a register machine, a robot on a grid, a queue of jobs, a stack machine.

As in the pipelines everything exists twice: the rules as Python functions, and the same rules as code text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.pipelines import draw_ints
from tripos.benchmarks.use_cases.coding.steps import MODULO, POSITIONS, Params, Program, Value, filled

State = dict[str, int]


@dataclass(frozen=True)
class _Part:
    """A condition or an effect: words, code, and what it does to (or says of) a state."""

    says: str
    code: str
    run: Callable[[State, Params], Any]

    def drawn(self, params: Params) -> _Part:
        return _Part(filled(self.says, params), filled(self.code, params), lambda s, _: self.run(s, params))


def _sets(**effects: Callable[[State, Params], int]) -> Callable[[State, Params], None]:
    """All right-hand sides are computed before any register changes."""

    def run(state: State, params: Params) -> None:
        state.update({name: effect(state, params) for name, effect in effects.items()})

    return run


_CONDITIONS = (
    _Part("n is divisible by {k}", "n % {k} == 0", lambda s, p: s["n"] % p["k"] == 0),
    _Part("n is negative", "n < 0", lambda s, p: s["n"] < 0),
    _Part("n is greater than {X}", "n > x", lambda s, p: s["n"] > s["x"]),
    _Part("{X} is odd", "x % 2 == 1", lambda s, p: bool(s["x"] % 2)),
    _Part("n is at least {t}", "n >= {t}", lambda s, p: not s["n"] < p["t"]),
    _Part("the position of n is divisible by {k}", "i % {k} == 0", lambda s, p: not s["i"] % p["k"]),
    _Part("{X} is greater than {Y}", "x > y", lambda s, p: s["x"] > s["y"]),
    _Part("{X} is below {t}", "x < {t}", lambda s, p: s["x"] < p["t"]),
)
_EFFECTS = (
    _Part("add n to {X}", "x += n", _sets(x=lambda s, p: s["x"] + s["n"])),
    _Part("subtract n from {X}", "x -= n", _sets(x=lambda s, p: s["x"] - s["n"])),
    _Part("set {X} to n", "x = n", _sets(x=lambda s, p: s["n"])),
    _Part("exchange {X} and {Y}", "x, y = y, x", _sets(x=lambda s, p: s["y"], y=lambda s, p: s["x"])),
    _Part("add 1 to {Y}", "y += 1", _sets(y=lambda s, p: s["y"] + 1)),
    _Part("double {X} and reduce it modulo {m}", "x = 2 * x % {m}", _sets(x=lambda s, p: 2 * s["x"] % p["m"])),
    _Part("add {X} to {Y}", "y += x", _sets(y=lambda s, p: s["x"] + s["y"])),
    _Part("add {k} to {Y} and set {X} to 0", "x, y = 0, y + {k}", _sets(x=lambda s, p: 0, y=lambda s, p: s["y"] + p["k"])),
    _Part("add the position of n to {X}", "x += i", _sets(x=lambda s, p: s["x"] + s["i"])),
    _Part("subtract {Y} from {X}", "x -= y", _sets(x=lambda s, p: s["x"] - s["y"])),
)
_RESULTS = (
    ("Return {X} minus {Y}.", "return x - y", "int", lambda trace: trace[-1][0] - trace[-1][1]),
    ("Return the list [{X}, {Y}].", "return [x, y]", "list[int]", lambda trace: list(trace[-1])),
    ("Return the list of the values that {X} had after each number (empty for an empty list).", "return seen", "list[int]",
     lambda trace: [x for x, _ in trace[1:]]),
    ("Return the largest value that {X} ever had between two numbers, at the start or at the end.", "return max([start] + seen)", "int",
     lambda trace: max(x for x, _ in trace)),
)  # fmt: skip


def register_machine(rng: Random, rules: int) -> tuple[Program, str]:
    """Two registers and an ordered list of rules that is applied to every number."""
    names = dict(zip("XY", rng.sample(("GAUGE", "BANK", "TALLY", "DEPTH", "HEAT", "STOCK"), 2), strict=True))
    chosen = []
    conditions, effects = rng.sample(_CONDITIONS, rules), rng.sample(_EFFECTS, rules + 1)
    for condition, effect in zip([*conditions, None], effects, strict=True):
        params = {**names, "k": rng.randint(2, 4), "t": rng.randint(2, 12), "m": rng.choice((17, 23, 31, 50))}
        chosen.append((condition and condition.drawn(params), effect.drawn(params)))
    start = (rng.randint(0, 6), rng.randint(0, 6))
    says, code, returns, result = rng.choice(_RESULTS)

    def runner(skipped: int | None) -> Callable[[Value], Value]:
        active = [rule for i, rule in enumerate(chosen) if i != skipped]
        return lambda v: result(_trace(active, start, v))

    head = f"{names['X']} starts as {start[0]}, {names['Y']} as {start[1]}; both are integers."
    told = [f"If {c.says}: {e.says}." if c else f"In every other case: {e.says}." for c, e in chosen]
    lines = [f"start, y = {start[0]}, {start[1]}", "x = start", "seen = []", "for i, n in enumerate(v):"]
    for position, (condition, effect) in enumerate(chosen):
        word = ("if " if position == 0 else "elif ") + condition.code if condition else "else"
        lines += [f"    {word}:", f"        {effect.code}"]
    program = Program(
        family="machines",
        given="`{arg}` is a list of integers; it may be empty.",
        lead=f"{head} Take the numbers n of the list one after another; for each apply the first of these rules that fits, and only "
        f"that one:",
        steps=(*told, "After the last number, " + filled(says[0].lower() + says[1:], names)),
        notes=(MODULO, POSITIONS, "0 is divisible by every number."),
        code="\n".join([*lines, "    seen.append(x)", code]),
        run=runner(None),
        inputs=draw_ints,
        edges=([], [rng.randint(1, 9)]),
        ablations=tuple(runner(i) for i in range(len(chosen))),
    )
    return program, returns


def _trace(rules: list[tuple[_Part | None, _Part]], start: tuple[int, int], v: list[int]) -> list[tuple[int, int]]:
    state = {"x": start[0], "y": start[1], "n": 0, "i": 0}
    trace = [start]
    for i, n in enumerate(v):
        state.update(n=n, i=i)
        for condition, effect in rules:
            if condition is None or condition.run(state, {}):
                effect.run(state, {})
                break
        trace.append((state["x"], state["y"]))
    return trace
