"""The case itself on trial: its reference run again, on other inputs and with other weights, and what `lint` says of the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import lint
from .check import expect, in_double
from .compare import Rule

if TYPE_CHECKING:
    from .held import Held
    from .judge import Evaluation

OTHER_SEED = 1


def examine(evaluation: Evaluation, reference: Held, carried: list[Any]) -> list[dict[str, Any]]:
    """Findings about the case, as dictionaries. The job's first input set is examined; all sets should be of one size.

    Each run that should differ from it in one thing only is of a process of its own, so that nothing is left from another.
    """
    first, *others = evaluation.job["input_sets"]
    base = expect(evaluation, reference, *first)
    exact = in_double(evaluation, reference, base)
    other_inputs = [expect(evaluation, reference, *each).leaves for each in others]
    again = expect(evaluation, evaluation.another_reference(carried), *first)
    other_weights = None
    if evaluation.weights:
        other = evaluation.another_reference(carried, seed=evaluation.job["input_seed"] + OTHER_SEED)
        other_weights = [expect(evaluation, other, *first).leaves]
    rule = Rule.from_dict(evaluation.job["rule"])
    return [finding.to_dict() for finding in lint.task_findings(base.leaves, exact, again.leaves, other_inputs, other_weights, rule)]
