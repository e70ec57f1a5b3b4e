"""Correctness: the same fresh inputs to both, and what comes out compared where it lies.

For each input set the reference runs in its own dtype and, where the case can, in float64; the candidate runs on a copy.
Inputs are compared afterwards: what the reference changes in place is an output, what it does not change must stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from . import compare
from .held import Failed, Held

if TYPE_CHECKING:
    from .judge import Evaluation

SLOT = 0


@dataclass
class Checked:
    """What the check found, and what the measurement needs of it.

    Attributes:
        record: fields of the evaluation's record.
        calibration: how exact the reference itself is, an output after another (see `compare`).
        mutated: numbers of the input tensors that the reference changes in place; they count as outputs after the others.
        tensor_leaves: the calibration's number of each output tensor (plain numbers are leaves too).
    """

    record: dict[str, Any]
    calibration: compare.Calibration
    mutated: list[int]
    tensor_leaves: list[int]


@dataclass
class _Expected:
    """The reference's side of one input set: its inputs before and after, its outputs, and the leaves that are compared."""

    inputs: list[Any]
    after: list[torch.Tensor]
    outputs: Any
    leaves: list[Any]
    mutated: list[int]


def check(evaluation: Evaluation, reference: Held, candidate: Held) -> Checked:
    """All input sets; stops at the first that is wrong. Raises Failed for everything but a wrong answer."""
    rule = compare.Rule.from_dict(evaluation.job["rule"])
    expected, calibrations = [], []
    for seed, size in evaluation.job["input_sets"]:
        one = _expected(evaluation, reference, seed, size)
        expected.append(one)
        calibrations.append(compare.calibrate(one.leaves, _exact(evaluation, reference, one)))
    calibrations = compare.pool(calibrations)
    record: dict[str, Any] = {"correct": True, "max_abs_diff": 0.0, "max_rel_diff": 0.0, "correctness_detail": "PASS"}
    for one, calibration in zip(expected, calibrations, strict=True):
        for again in range(2 if one is expected[0] else 1):
            wrong = _judge(evaluation, candidate, one, calibration, rule, record)
            if wrong is not None:
                if again:
                    wrong |= {"outcome": "nondeterministic", "error": f"right the first time, wrong the second: {wrong['error']}"}
                record |= {**wrong, "correct": False, "correctness_detail": wrong["error"]}
                break
        if not record["correct"]:
            break
    tensor_leaves = [number for number, leaf in enumerate(expected[0].leaves) if isinstance(leaf, torch.Tensor)]
    return Checked(record, calibrations[0].light(), expected[0].mutated, tensor_leaves)


def _expected(evaluation: Evaluation, reference: Held, seed: int, size: str) -> _Expected:
    try:
        made = reference.ask("inputs", evaluation.deadline(), seed=seed, size=size, slot=SLOT)["inputs"]
        inputs = [carry(reference, each) for each in made["items"]]
        reply = reference.ask("run", evaluation.deadline(), slot=SLOT)
        outputs = carry(reference, reply["outputs"])
        after = [leaf for each in reply["inputs"]["items"] for leaf in tensors(carry(reference, each))]
    except Failed as failed:
        failed.outcome = "case_error" if failed.outcome != "infrastructure_failed" else failed.outcome
        raise
    before = [leaf for each in inputs for leaf in tensors(each)]
    if len(before) != len(after):
        raise Failed("case_error", "the reference replaces its inputs during the call")
    pairs = zip(before, after, strict=True)
    mutated = [index for index, (old, new) in enumerate(pairs) if compare.first_difference([old], [new]) is not None]
    if not tensors(outputs) and not mutated:
        raise Failed("case_error", "the reference has no output tensor")
    return _Expected(inputs, after, outputs, [*leaves(outputs), *(after[index] for index in mutated)], mutated)


def _exact(evaluation: Evaluation, reference: Held, expected: _Expected) -> list[Any] | None:
    """The same outputs in float64; None where the case cannot run so."""
    try:
        place(reference, expected.inputs, SLOT, evaluation.deadline())
        reference.ask("double", evaluation.deadline())
        reply = reference.ask("run", evaluation.deadline(), slot=SLOT, model="double")
        outputs = leaves(carry(reference, reply["outputs"]))
        after = [leaf for each in reply["inputs"]["items"] for leaf in tensors(carry(reference, each))]
    except Failed as failed:
        if failed.outcome in ("raised", "oom"):
            return None
        raise
    if len(after) <= max(expected.mutated, default=-1):
        return None
    exact = [*outputs, *(after[index] for index in expected.mutated)]
    return exact if [_shape(leaf) for leaf in exact] == [_shape(leaf) for leaf in expected.leaves] else None


def _judge(
    evaluation: Evaluation,
    candidate: Held,
    expected: _Expected,
    calibration: compare.Calibration,
    rule: compare.Rule,
    record: dict[str, Any],
) -> dict[str, Any] | None:
    """The candidate's side: None when it is right, else outcome, sentence, and where."""
    place(candidate, expected.inputs, SLOT, evaluation.deadline())
    try:
        reply = candidate.ask("run", evaluation.deadline(), slot=SLOT)
    except Failed as failed:
        failed.outcome = "crashed" if failed.outcome == "raised" else failed.outcome
        raise
    difference = structure_difference(expected.outputs, reply["outputs"])
    if difference:
        return {"outcome": "wrong_structure", "error": difference}
    outputs = leaves(carry(candidate, reply["outputs"]))
    after = [leaf for each in reply["inputs"].get("items", []) for leaf in tensors(carry(candidate, each))]
    if len(after) != len(expected.after):
        return {"outcome": "wrong_structure", "error": "the inputs were replaced during the call"}
    for index, (mine, theirs) in enumerate(zip(after, expected.after, strict=True)):
        if index not in expected.mutated and compare.first_difference([mine], [theirs]) is not None:
            return {"outcome": "input_mutated", "error": f"input tensor {index} was changed by the call; the reference does not change it"}
    report = compare.compare(expected.leaves, calibration, [*outputs, *(after[index] for index in expected.mutated)], rule)
    for name, value in (("max_abs_diff", report.max_abs), ("max_rel_diff", report.max_rel)):
        record[name] = None if value is None or record[name] is None else max(record[name], value)
    if report.ok:
        return None
    if report.kind == "case":
        raise Failed("case_error", report.detail)
    where = {"count": report.mismatched, "total": report.total, "worst_index": report.worst_index}
    where |= {"expected": report.expected, "got": report.got, "output": report.output}
    outcome = "wrong_structure" if report.kind in ("structure", "shape", "dtype") else "wrong_value"
    return {"outcome": outcome, "error": report.detail, "mismatch": where}


def _shape(leaf: Any) -> list[int]:
    return list(leaf.shape) if isinstance(leaf, torch.Tensor) else []


def carry(held: Held, described: Any) -> Any:
    """A description with every tensor read out of the worker's memory."""
    kind = described.get("type")
    if kind == "Tensor":
        return held.read(described)
    if kind in ("list", "tuple", "dict"):
        return {**described, "items": [carry(held, each) for each in described["items"]]}
    return described


def tensors(carried: Any) -> list[torch.Tensor]:
    """The tensors of a carried value, in order."""
    if isinstance(carried, torch.Tensor):
        return [carried]
    return [leaf for each in carried.get("items", []) for leaf in tensors(each)]


def leaves(carried: Any) -> list[Any]:
    """The tensors and floating-point numbers of a carried value, in order: what is compared within a tolerance."""
    if isinstance(carried, torch.Tensor):
        return [carried]
    if carried.get("type") == "float":
        return [float(carried["value"])]
    return [leaf for each in carried.get("items", []) for leaf in leaves(each)]


def place(held: Held, carried: list[Any], slot: int, deadline: float) -> list[dict[str, Any]]:
    """Makes room for carried values in a worker and writes them; returns the descriptions of the tensors there."""
    made = held.ask("receive", deadline, slot=slot, like={"type": "list", "items": [likeness(each) for each in carried]})["inputs"]
    there = described_tensors(made)
    here = [leaf for each in carried for leaf in tensors(each)]
    if len(there) != len(here):
        raise Failed("wrong_structure", f"the {held.role} has {len(there)} input tensors where {len(here)} were given")
    for tensor, value in zip(there, here, strict=True):
        if tensor.get("shape") != list(value.shape) or tensor.get("strides") != list(value.stride()):
            raise Failed("wrong_structure", f"the {held.role} describes its input tensors wrongly")
        held.write(tensor, value)
    return there


def likeness(carried: Any) -> Any:
    """A carried value with descriptions for its tensors."""
    if isinstance(carried, torch.Tensor):
        return {
            "type": "Tensor",
            "shape": list(carried.shape),
            "strides": list(carried.stride()),
            "dtype": str(carried.dtype).removeprefix("torch."),
        }
    return {**carried, "items": [likeness(each) for each in carried["items"]]} if "items" in carried else carried


def described_tensors(described: Any) -> list[dict[str, Any]]:
    """The tensor descriptions in a description, in order."""
    if described.get("type") == "Tensor":
        return [described]
    return [leaf for each in described.get("items", []) for leaf in described_tensors(each)]


def structure_difference(expected: Any, got: Any, path: str = "output") -> str | None:
    """A sentence where two carried or described values differ in structure or plain values; a list is as good as a tuple."""
    kind = "Tensor" if isinstance(expected, torch.Tensor) else expected["type"]
    other = got.get("type")
    if kind == "Tensor" or other == "Tensor":
        return None if kind == other else f"{path} is {_article(other)} where {_article(kind)} is expected"
    sequences = ("list", "tuple")
    if kind != other and not (kind in sequences and other in sequences):
        return f"{path} is {_article(other)} where {_article(kind)} is expected"
    if "items" in expected:
        theirs, mine = expected["items"], got.get("items", [])
        if len(theirs) != len(mine):
            return f"{path} has {len(mine)} parts where {len(theirs)} are expected"
        if expected.get("keys") != got.get("keys"):
            return f"{path} has the keys {got.get('keys')} where {expected.get('keys')} are expected"
        found = (structure_difference(a, b, f"{path}[{index}]") for index, (a, b) in enumerate(zip(theirs, mine, strict=True)))
        return next((each for each in found if each), None)
    if kind != "float" and expected.get("value") != got.get("value"):
        return f"{path} is {got.get('value')!r} where {expected.get('value')!r} is expected"
    return None


def _article(kind: Any) -> str:
    return f"a {kind}"
