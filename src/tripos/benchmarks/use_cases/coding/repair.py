"""From reference modules to repair tasks: which mutants are worth asking about, what is reported, what is hidden."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.guarded import Guarded, Outcome, same
from tripos.benchmarks.use_cases.coding.library_lists import NUMBERS, SEQUENCES
from tripos.benchmarks.use_cases.coding.library_objects import OBJECTS
from tripos.benchmarks.use_cases.coding.library_shapes import SHAPES
from tripos.benchmarks.use_cases.coding.library_text import TABLES, TEXT
from tripos.benchmarks.use_cases.coding.module import Call, Module
from tripos.benchmarks.use_cases.coding.mutation import Edit, applied, mutations, shuffled

LIBRARY: tuple[Module, ...] = (*SEQUENCES, *NUMBERS, *TEXT, *TABLES, *OBJECTS, *SHAPES)
FAMILIES = tuple(dict.fromkeys(module.family for module in LIBRARY))
LEVELS = ("easy", "middle", "hard")
HIDDEN = 16
_CALLS = HIDDEN + 1  # one failing call is shown
_TRIES = 60  # drawn instances before we give up; one nearly always suffices
_LOUD, _QUIET = 0.3, 0.5  # shares of failing calls: an easy bug fails at least, a middle one at most so often
_PATIENCE = 2  # calls of a mutant that may run for ever; with more of them it is given up at once, which keeps the making of samples fast


@dataclass(frozen=True)
class Repair:
    """A mutant and everything known of it.

    Attributes:
        reference, shown: the right source and the one put to the model (the same for a control without a bug).
        kinds: the mutation operators; empty for a control.
        visible: the call that is reported, with what it gives and what the report claims that it should give.
        hidden: the other calls, with what the reference gives.
        passed_before: for each hidden call, whether the shown source is right.
    """

    module: Module
    reference: str
    shown: str
    kinds: tuple[str, ...]
    visible: tuple[Call, list[Outcome], list[Outcome]]
    hidden: tuple[tuple[Call, list[Outcome]], ...]
    passed_before: tuple[bool, ...]


@dataclass(frozen=True)
class _Mutant:
    edits: tuple[Edit, ...]
    source: str
    outcomes: list[list[Outcome]]
    failing: frozenset[int]


def draw_repair(rng: Random, family: str, level: str, *, control: bool = False) -> Repair:
    """A repair task of that family and level; with `control`, one in which the code is right and the report is mistaken.

    easy: one bug that most calls run into. middle: one bug that half of the calls or fewer run into. hard: two bugs in
    one of the larger modules, each visible by itself, of which the report shows one failing call.
    """
    modules = sorted((module for module in LIBRARY if module.family == family), key=lambda module: module.size)
    pool = modules[len(modules) // 2 - 1 :] if level == "hard" else modules
    for _ in range(_TRIES):
        module = rng.choice(pool)
        reference, chosen = module.drawn(rng)
        calls = _calls(rng, module, chosen)
        right = _outcomes(reference, calls)
        mutant = _mutant(rng, reference, calls, right, level) if right else None
        task = mutant and _repair(rng, module, reference, mutant, calls, right, control)
        if task:
            return task
    raise AssertionError(f"no {level} repair of the family {family} in {_TRIES} draws")


def _calls(rng: Random, module: Module, chosen: dict[str, Any]) -> list[Call]:
    """Distinct calls."""
    calls: dict[str, Call] = {}
    for _ in range(20 * _CALLS):
        call = module.call(rng, chosen)
        calls.setdefault(repr((call.args, call.steps)), call)
        if len(calls) == _CALLS:
            return list(calls.values())
    return []


def _outcomes(source: str, calls: Sequence[Call]) -> list[list[Outcome]]:
    """What each call gives; empty for a source that does not compile, and for one that runs for ever again and again."""
    try:
        guarded = Guarded(ast.parse(source))
    except SyntaxError:
        return []
    outcomes: list[list[Outcome]] = []
    endless = 0
    for call in calls:
        outcomes.append(guarded.run(call))
        endless += outcomes[-1][-1][0] == "endless" or ("raises", "RecursionError") in outcomes[-1]
        if endless > _PATIENCE:
            return []
    return outcomes


def _mutant(rng: Random, reference: str, calls: Sequence[Call], right: list[list[Outcome]], level: str) -> _Mutant | None:
    """A mutant of the wanted level: at least three failing calls (one is shown, two stay hidden), at least one that passes."""

    def made(edits: tuple[Edit, ...]) -> _Mutant:
        source = applied(reference, edits)
        outcomes = _outcomes(source, calls)
        return _Mutant(edits, source, outcomes, frozenset(i for i, o in enumerate(outcomes) if not same(o, right[i])))

    quiet: list[_Mutant] = []
    for edit in shuffled(mutations(reference), rng):
        mutant = made((edit,))
        share = len(mutant.failing) / _CALLS
        if len(mutant.failing) < 3 or share == 1 or _crude(mutant):
            continue
        if level == "hard":
            for other in quiet:
                if not edit.overlaps(other.edits[0]):
                    both = made((edit, *other.edits))
                    if _both_matter(both, mutant, other):
                        return both
            quiet.append(mutant)
        elif (level == "easy" and share >= _LOUD) or (level == "middle" and share <= _QUIET):
            return mutant
    return None


def _crude(mutant: _Mutant) -> bool:
    """Most failing calls end in an exception or never: such a bug names itself."""
    loud = sum(any(kind != "value" for kind, _ in mutant.outcomes[i]) for i in mutant.failing)
    return loud > len(mutant.failing) / 2


def _both_matter(both: _Mutant, one: _Mutant, other: _Mutant) -> bool:
    """Some calls pass, and mending either bug alone leaves at least two hidden calls wrong."""
    return len(both.failing) < _CALLS and bool(one.failing & both.failing) and bool(other.failing & both.failing)


def _plausible(claimed: list[Outcome], actual: list[Outcome]) -> bool:
    """A mistaken user expects a value of the right kind, not an exception."""
    return all(c[0] == a[0] == "value" and type(c[1]) is type(a[1]) for c, a in zip(claimed, actual, strict=False))


def _repair(
    rng: Random, module: Module, reference: str, mutant: _Mutant, calls: list[Call], right: list[list[Outcome]], control: bool
) -> Repair | None:
    """The task; None where a control would have nothing plausible to report."""
    open_to_report = [i for i in mutant.failing if not control or _plausible(mutant.outcomes[i], right[i])]
    if not open_to_report:
        return None
    short_first = sorted(open_to_report, key=lambda i: (len(repr(calls[i])), i))
    shown = rng.choice(short_first[: (len(short_first) + 1) // 2])
    rest = [i for i in range(_CALLS) if i != shown]
    actual, claimed = (right[shown], mutant.outcomes[shown]) if control else (mutant.outcomes[shown], right[shown])
    return Repair(
        module=module,
        reference=reference,
        shown=reference if control else mutant.source,
        kinds=() if control else tuple(edit.kind for edit in mutant.edits),
        visible=(calls[shown], actual, claimed),
        hidden=tuple((calls[i], right[i]) for i in rest),
        passed_before=tuple(control or i not in mutant.failing for i in rest),
    )
