"""Correctness: the same fresh inputs to both, and what comes out compared where it lies.

For each input set the reference runs in its own dtype and, where the case can, in float64; the candidate runs on a copy.
Inputs are compared afterwards: what the reference changes in place is an output, what it does not change must stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from . import compare
from .descriptions import described_tensors, difference, leaves, tensors, unjudged
from .held import REFERENCE, Failed, Held

if TYPE_CHECKING:
    from .judge import Evaluation

SLOT = 0
MOST_ERROR = 2000  # characters; it may quote what a solution has said


@dataclass
class Checked:
    """What the check found, and what the measurement needs of it.

    Attributes:
        record: fields of the evaluation's record.
        calibration: how exact the reference itself is, an output after another (see `compare`).
        mutated: numbers of the input tensors that the reference changes in place; they count as outputs after the others.
        outputs: what the reference returned for the first input set, for its structure and shapes.
    """

    record: dict[str, Any]
    calibration: compare.Calibration
    mutated: list[int]
    outputs: Any


@dataclass
class Expected:
    """The reference's side of one input set: its inputs before and after, its outputs, and the leaves that are compared."""

    inputs: list[Any]
    after: list[torch.Tensor]
    outputs: Any
    leaves: list[Any]
    mutated: list[int]


def check(evaluation: Evaluation, reference: Held, candidate: Held) -> Checked:
    """All input sets; stops at the first that is wrong. Raises Failed for everything but a wrong answer."""
    rule = compare.Rule.from_dict(evaluation.job["rule"])
    expected = _alike(reference, [expect(evaluation, reference, seed, size) for seed, size in evaluation.job["input_sets"]])
    calibrations = compare.pool([compare.calibrate(one.leaves, in_double(evaluation, reference, one)) for one in expected])
    _repeats(evaluation, reference, expected[0], calibrations[0], rule)
    record: dict[str, Any] = {"correct": True, "max_abs_diff": 0.0, "max_rel_diff": 0.0, "correctness_detail": "PASS"}
    answers = _Answers(evaluation, candidate, rule, record)
    sets = evaluation.job["input_sets"]
    for number, (one, calibration) in enumerate(zip(expected, calibrations, strict=True)):
        for again in range(2 if number == 0 else 1):
            wrong = answers.wrong(one, calibration)
            if wrong is not None:
                if again:
                    wrong |= {"outcome": "nondeterministic", "error": f"right the first time, wrong the second: {wrong['error']}"}
                own = ", weights of its own: their names or shapes are not the reference's" if evaluation.own_weights else ""
                wrong["error"] = f"{wrong['error'][:MOST_ERROR]} (inputs {number + 1} of {len(sets)}, size {sets[number][1]}{own})"
                record |= {**wrong, "correct": False, "correctness_detail": wrong["error"]}
                break
        if not record["correct"]:
            break
    return Checked(record, calibrations[0].light(), expected[0].mutated, expected[0].outputs)


def expect(evaluation: Evaluation, reference: Held, seed: int, size: str) -> Expected:
    """Runs the reference on the inputs of `seed`."""
    made = reference.ask("inputs", evaluation.deadline(reference), "inputs", seed=seed, size=size, slot=SLOT)["inputs"]
    inputs = [reference.carry(each) for each in made["items"]]
    reply = reference.ask("run", evaluation.deadline(reference), "outputs", "inputs", slot=SLOT)
    outputs = reference.carry(reply["outputs"])
    if kind := unjudged(outputs):
        raise reference.fail("case_error", f"the reference returns a value of type {kind}, which cannot be compared")
    after = tensors(reference.carry(reply["inputs"]))
    before = [leaf for each in inputs for leaf in tensors(each)]
    if len(before) != len(after):
        raise reference.fail("case_error", "the reference replaces its inputs during the call")
    pairs = zip(before, after, strict=True)
    mutated = [index for index, (old, new) in enumerate(pairs) if compare.first_difference([old], [new]) is not None]
    if not tensors(outputs) and not mutated:
        raise reference.fail("case_error", "the reference has no output tensor")
    return Expected(inputs, after, outputs, [*leaves(outputs), *(after[index] for index in mutated)], mutated)


def _alike(reference: Held, expected: list[Expected]) -> list[Expected]:
    """The same leaves of all sets: an input that the reference changes in one of them is an output of all."""
    mutated = sorted({index for one in expected for index in one.mutated})
    for one in expected:
        if len(one.after) <= max(mutated, default=-1) or len(leaves(one.outputs)) != len(leaves(expected[0].outputs)):
            raise reference.fail("case_error", "the reference takes or returns another number of tensors for other inputs")
        one.mutated, one.leaves = mutated, [*leaves(one.outputs), *(one.after[index] for index in mutated)]
    return expected


def _repeats(evaluation: Evaluation, reference: Held, expected: Expected, calibration: compare.Calibration, rule: compare.Rule) -> None:
    """Raises Failed where the reference's own second answer would be wrong: then nobody's first can be right but by chance."""
    report = compare.compare(expected.leaves, calibration, _again(evaluation, reference, expected), rule)
    if not report.ok:
        raise reference.fail("case_error", f"the reference gives another result when it is run again on the same inputs: {report.detail}")


def in_double(evaluation: Evaluation, reference: Held, expected: Expected) -> list[Any] | None:
    """The same outputs in float64; None where the case cannot run so."""
    try:
        reference.ask("double", evaluation.deadline(reference))
        exact = _again(evaluation, reference, expected, model="double")
    except Failed as failed:
        if failed.outcome in ("raised", "oom"):
            return None
        raise
    return exact if [_shape(leaf) for leaf in exact] == [_shape(leaf) for leaf in expected.leaves] else None


def _again(evaluation: Evaluation, reference: Held, expected: Expected, model: str = "") -> list[Any]:
    """The leaves of one more run of the reference, or of its double, on the same inputs; fewer where it has lost some of those."""
    reference.place(expected.inputs, SLOT, evaluation.deadline(reference))
    reply = reference.ask("run", evaluation.deadline(reference), "outputs", "inputs", slot=SLOT, model=model)
    after = tensors(reference.carry(reply["inputs"]))
    return [*leaves(reference.carry(reply["outputs"])), *(after[index] for index in expected.mutated if index < len(after))]


class _Answers:
    """The candidate's side of the check, one input set after another."""

    def __init__(self, evaluation: Evaluation, candidate: Held, rule: compare.Rule, record: dict[str, Any]) -> None:
        self.evaluation, self.candidate, self.rule, self.record = evaluation, candidate, rule, record
        self.earlier: list[torch.Tensor] | None = None

    def wrong(self, expected: Expected, calibration: compare.Calibration) -> dict[str, Any] | None:
        """None when the answer is right, else outcome, sentence, and where."""
        candidate = self.candidate
        candidate.place(expected.inputs, SLOT, self._deadline())
        reply = candidate.ask("run", self._deadline(), "outputs", "inputs", slot=SLOT)
        differs = difference(expected.outputs, reply["outputs"])
        if differs:
            return {"outcome": "wrong_structure", "error": differs}
        answer = candidate.carry(reply["outputs"])
        described = described_tensors(reply["inputs"])
        unlike = [difference(*pair, "input") for pair in zip(expected.after, described, strict=False)]
        if len(described) != len(expected.after) or any(unlike):
            return {"outcome": "wrong_structure", "error": "the inputs were replaced during the call"}
        after = [candidate.read(each) for each in described]
        for index, (mine, theirs) in enumerate(zip(after, expected.after, strict=True)):
            if index not in expected.mutated and compare.first_difference([mine], [theirs]) is not None:
                error = f"input tensor {index} was changed by the call; the reference does not change it"
                return {"outcome": "input_mutated", "error": error}
        return self._lost(answer) or self._off(expected, calibration, [*leaves(answer), *(after[index] for index in expected.mutated)])

    def _deadline(self) -> float:
        return self.evaluation.deadline(self.candidate)

    def _lost(self, answer: Any) -> dict[str, Any] | None:
        """Whether the outputs of the call before have stayed what they were."""
        before, self.earlier = self.earlier, tensors(answer)
        if before is None:
            return None
        described = described_tensors(self.candidate.ask("earlier", self._deadline(), "outputs")["outputs"])
        unlike = [difference(*pair) for pair in zip(before, described, strict=False)]
        if len(described) == len(before) and not any(unlike):
            now = [self.candidate.read(each) for each in described]
            if compare.first_difference(before, now) is None:
                return None
        return {"outcome": "wrong_value", "error": "a later call overwrites the outputs of an earlier one; what is returned must stay"}

    def _off(self, expected: Expected, calibration: compare.Calibration, got: list[Any]) -> dict[str, Any] | None:
        report = compare.compare(expected.leaves, calibration, got, self.rule)
        for name, value in (("max_abs_diff", report.max_abs), ("max_rel_diff", report.max_rel)):
            so_far = self.record[name]
            self.record[name] = None if value is None or so_far is None else max(so_far, value)
        if report.ok:
            return None
        if report.kind == "case":
            raise Failed(REFERENCE, "case_error", report.detail)
        where: dict[str, Any] = {"count": report.mismatched, "total": report.total, "worst_index": report.worst_index}
        where |= {"expected": report.expected, "got": report.got, "output": report.output}
        outcome = "wrong_structure" if report.kind in ("structure", "shape", "dtype") else "wrong_value"
        return {"outcome": outcome, "error": report.detail, "mismatch": where}


def _shape(leaf: Any) -> list[int]:
    return list(leaf.shape) if isinstance(leaf, torch.Tensor) else []
