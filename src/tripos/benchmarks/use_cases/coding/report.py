"""A bug report in words, the call it is about as a transcript, and calls as checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.guarded import Outcome, same
from tripos.benchmarks.use_cases.coding.module import Call
from tripos.scoring.code_tests import Check, Step

_REPORTS = (
    "A user reports a problem with `{name}`: {symptom}.",
    "We have a bug report about `{name}`. {Symptom}, it says.",
    "Something seems to be wrong with `{name}`: {symptom}.",
    'Support passed this on to us: "with `{name}`, {symptom}".',
    "Since the last change `{name}` is said to misbehave: {symptom}.",
)
_OFTEN = ("sometimes", "for some inputs", "in some cases", "now and then")


def told(rng: Random, call: Call, actual: Sequence[Outcome], claimed: Sequence[Outcome]) -> str:
    """The report in one sentence; it says what is seen, never where it comes from."""
    at = _first_difference(actual, claimed)
    subject = f"`{call.steps[at][0]}`" if call.steps else rng.choice(("the function", "it"))
    symptom = f"{rng.choice(_OFTEN)} {subject} {_symptom(actual[at], claimed[at])}"
    text = rng.choice(_REPORTS)
    return text.replace("{name}", call.name).replace("{symptom}", symptom).replace("{Symptom}", symptom[0].upper() + symptom[1:])


def transcript(call: Call, actual: Sequence[Outcome], claimed: Sequence[Outcome]) -> str:
    """The reported call, what it gives and what the report says it should give."""
    if not call.steps:
        line = f"{call.name}({_arguments(call.args)})"
        return f"The reported call:\n\n    {line}\n\nIt {_gives(actual[0])}; expected was that it {_gives(claimed[0])}."
    at = _first_difference(actual, claimed)
    lines = [f"    thing = {call.name}({_arguments(call.args)})"]
    for (method, args), outcome in list(zip(call.steps, actual, strict=False))[:at]:
        lines.append(f"    thing.{method}({_arguments(args)})  # {_gives(outcome)}")
    method, args = call.steps[at]
    lines.append(f"    thing.{method}({_arguments(args)})  # {_gives(actual[at])}; expected was that it {_gives(claimed[at])}")
    return "The reported calls:\n\n" + "\n".join(lines)


def check_of(call: Call, outcomes: Sequence[Outcome]) -> Check:
    """A hidden check: the call, and what the reference gave."""
    if not call.steps:
        kind, value = outcomes[0]
        return Check(call.name, call.args, raises=value) if kind == "raises" else Check(call.name, call.args, expected=value)
    steps = [
        Step(method, args, raises=value) if kind == "raises" else Step(method, args, expected=value)
        for (method, args), (kind, value) in zip(call.steps, outcomes, strict=True)
    ]
    return Check(call.name, call.args, steps=steps)


def example_of(call: Call, claimed: Sequence[Outcome]) -> list[Any] | None:
    """[arguments, expected value] of a reported function call; None for methods and exceptions."""
    return [list(call.args), claimed[0][1]] if not call.steps and claimed[0][0] == "value" else None


def _first_difference(actual: Sequence[Outcome], claimed: Sequence[Outcome]) -> int:
    return next(i for i, (a, b) in enumerate(zip(actual, claimed, strict=False)) if not same([a], [b]))


def _arguments(args: Sequence[Any]) -> str:
    return ", ".join(map(repr, args))


def _gives(outcome: Outcome) -> str:
    kind, value = outcome
    if kind == "endless":
        return "does not come back"
    return f"raises {value}" if kind == "raises" else f"returns {value!r}"


def _symptom(actual: Outcome, claimed: Outcome) -> str:
    (kind, got), (wanted_kind, wanted) = actual, claimed
    if kind == "endless":
        return "never comes back"
    if wanted_kind == "endless":
        return "comes back too early"
    if kind == "raises":
        return f"fails with {got}"
    if wanted_kind == "raises":
        return f"accepts what it should refuse with {wanted}"
    if type(got) is not type(wanted):
        return "returns something of the wrong kind"
    return _difference(got, wanted)


def _difference(got: Any, wanted: Any) -> str:
    if isinstance(got, bool):
        return f"says {got} where {wanted} would be right"
    if isinstance(got, int):
        return "returns a number that is too small" if got < wanted else "returns a number that is too large"
    if isinstance(got, str):
        return "returns a text of the wrong length" if len(got) != len(wanted) else "returns the wrong text"
    if isinstance(got, dict):
        if set(got) != set(wanted):
            return "returns a dictionary with the wrong keys"
        return "returns a dictionary with wrong values"
    if len(got) != len(wanted):
        return "returns too few entries" if len(got) < len(wanted) else "returns too many entries"
    if Counter(map(repr, got)) == Counter(map(repr, wanted)):
        return "returns the right entries in the wrong order"
    return "returns some wrong entries"
