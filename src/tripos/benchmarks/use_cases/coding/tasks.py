"""From programs to samples: which programs are worth asking, how they are worded, what is hidden."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.machines import register_machine
from tripos.benchmarks.use_cases.coding.pipelines import STARTS, pipeline
from tripos.benchmarks.use_cases.coding.simulations import simulation
from tripos.benchmarks.use_cases.coding.steps import Program, Value
from tripos.benchmarks.use_cases.coding.words import function_name

FAMILIES = (*STARTS, "machines", "simulation")
LEVELS = ("easy", "middle", "hard")
HIDDEN = 16
_LENGTH = {"easy": 2, "middle": 4, "hard": 6}
_RULES = {"easy": 2, "middle": 3, "hard": 4}
_LARGEST = 1_500  # characters of one literal
_TRIES = 2_000

_OPENERS = (
    "Write a Python function `{call}`.",
    "Please implement `{call}` in Python.",
    "We need a Python function `{call}` that follows the description below to the letter.",
    "Your task: define the Python function `{call}`.",
    "Implement the function `{call}` (Python 3, standard library only).",
)
_CHAINS = (
    "Apply the following steps in this order, each to the outcome of the one before, and return what the last one leaves:",
    "The function works in steps; every step takes what the previous one produced, and the outcome of the last step is returned:",
    "Starting from `{arg}`, do this, one step after another, then return the final outcome:",
)
_EXAMPLES = ("Examples:", "For example:", "Some calls and what they return:")
_NOTES = ("Conventions:", "Please note:", "To leave no doubt:")
_ARGUMENTS = ("values", "data", "items", "given", "source")


@dataclass(frozen=True)
class Task:
    """A program with a name, what is shown of it and what is hidden.

    Attributes:
        spec: the specification as the model reads it, examples included.
        examples, hidden: (argument, expected) pairs; no argument is in both.
        solution: reference solution, a whole Python module.
    """

    name: str
    family: str
    spec: str
    examples: tuple[tuple[Value, Value], ...]
    hidden: tuple[tuple[Value, Value], ...]
    solution: str


def draw_task(rng: Random, family: str, level: str) -> Task:
    """A task of that family and level in which every step matters and no constant answer comes far."""
    for _ in range(_TRIES):
        if family in STARTS:
            program, returns = pipeline(rng, family, _LENGTH[level])
        elif family == "machines":
            program, returns = register_machine(rng, _RULES[level])
        else:
            program, returns = simulation(rng, _RULES[level])
        arguments = _arguments(rng, program)
        if arguments and _telling(program, arguments):
            return _worded(rng, program, returns, arguments)
    raise AssertionError(f"no {level} task of the family {family} in {_TRIES} draws")


def _arguments(rng: Random, program: Program) -> list[Value] | None:
    """Distinct arguments: the edges first, then random ones; three more than are hidden, for the examples."""
    chosen = {json.dumps(edge): edge for edge in program.edges}
    for _ in range(20 * HIDDEN):
        if len(chosen) == HIDDEN + 3:
            return list(chosen.values())
        argument = program.inputs(rng)
        key = json.dumps(argument)
        if len(key) <= _LARGEST:
            chosen.setdefault(key, argument)
    return None


def _telling(program: Program, arguments: list[Value]) -> bool:
    """Hidden outcomes vary (none is shared by more than 40 % of them), differ from the argument, and show every step at least twice."""
    hidden, outcomes = arguments[:HIDDEN], [json.dumps(program.run(a)) for a in arguments[:HIDDEN]]
    if max(map(outcomes.count, outcomes)) > 0.4 * HIDDEN or max(map(len, outcomes)) > _LARGEST:
        return False
    if sum(json.dumps(a) == o for a, o in zip(hidden, outcomes, strict=True)) > 0.4 * HIDDEN:
        return False
    return all(sum(_differs(without, a, o) for a, o in zip(hidden, outcomes, strict=True)) >= 2 for without in program.ablations)


def _differs(without: Any, argument: Value, outcome: str) -> bool:
    return bool(json.dumps(without(argument)) != outcome)


def _worded(rng: Random, program: Program, returns: str, arguments: list[Value]) -> Task:
    name, arg = function_name(rng), rng.choice(_ARGUMENTS)
    hidden = tuple((a, program.run(a)) for a in arguments[:HIDDEN])
    shown = sorted(arguments[HIDDEN:], key=lambda a: len(json.dumps(a)), reverse=True)[: rng.choice((2, 3))]
    examples = tuple((a, program.run(a)) for a in shown)
    body = "\n".join("    " + line for line in program.code.splitlines())
    call = f"{name}({arg}) -> {returns}"
    lead = program.lead or rng.choice(_CHAINS).replace("{arg}", arg)
    parts = [
        rng.choice(_OPENERS).replace("{call}", call),
        program.given.replace("{arg}", arg),
        lead + "\n" + _listed(rng, program.steps, ordered=not program.lead),
    ]
    if program.notes:
        parts.append(rng.choice(_NOTES) + " " + " ".join(program.notes))
    parts.append(rng.choice(_EXAMPLES) + "\n" + "\n".join(f">>> {name}({a!r})\n{outcome!r}" for a, outcome in examples))
    return Task(name, program.family, "\n\n".join(parts), examples, hidden, f"def {name}(v):\n{body}\n")


def _listed(rng: Random, steps: tuple[str, ...], *, ordered: bool) -> str:
    """Steps as a list in one of five styles; steps that follow one another are numbered or told in sequence."""
    last = len(steps) - 1
    styles = (
        [f"{i + 1}. " for i in range(last + 1)],
        [f"Step {i + 1}: " for i in range(last + 1)],
        ["First: ", *["Then: "] * (last - 1), "Finally: "],
        ["- "] * (last + 1),
        [f"({chr(97 + i)}) " for i in range(last + 1)],
    )
    marks = rng.choice(styles[:3] if ordered else styles[3:])
    return "\n".join(mark + step for mark, step in zip(marks, steps, strict=True))
