"""The case itself on trial: its reference run again, on other inputs and with other weights, and what `lint` says of the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import compare, lint
from .check import SLOT, Expected, expect, in_double
from .descriptions import leaves, tensors

if TYPE_CHECKING:
    from .held import Held
    from .judge import Evaluation

OTHER_SEED = 1
CONSTANT = "every seed makes the same weights: a solution that leaves them out may be right"


def examine(evaluation: Evaluation, reference: Held, carried: list[Any]) -> list[dict[str, Any]]:
    """Findings about the case, as dictionaries. The job's first input set is examined; all sets should be of one size.

    Each run that should differ from it in one thing only is of a process of its own, so that nothing is left from another.
    """
    first, *others = evaluation.job["input_sets"]
    base = expect(evaluation, reference, *first)
    exact = in_double(evaluation, reference, base)
    other_inputs = [expect(evaluation, reference, *each).leaves for each in others]
    copy = evaluation.another_reference(carried)
    again = _as_a_copy(evaluation, copy, base)
    exact_again = in_double(evaluation, copy, base)
    findings, other_weights = [], None
    if evaluation.weights:
        other = evaluation.another_reference(carried, seed=evaluation.job["input_seed"] + OTHER_SEED)
        if compare.first_difference([*evaluation.weights.values()], [*other.weights.values()]) is None:
            findings.append(lint.Finding("warning", "constant_weights", CONSTANT))
        else:
            other_weights = [expect(evaluation, other, *first).leaves]
    rule = compare.Rule.from_dict(evaluation.job["rule"])
    findings += lint.task_findings(base.leaves, exact, again, other_inputs, other_weights, rule, exact_again)
    return [finding.to_dict() for finding in findings]


def _as_a_copy(evaluation: Evaluation, held: Held, base: Expected) -> list[Any]:
    """What a copy of the reference answers as a candidate: the same weights and inputs, and nothing else in common."""
    held.place(base.inputs, SLOT, evaluation.deadline(held))
    reply = held.ask("run", evaluation.deadline(held), "outputs", "inputs", slot=SLOT)
    after = tensors(held.carry(reply["inputs"]))
    return [*leaves(held.carry(reply["outputs"])), *(after[index] for index in base.mutated)]
