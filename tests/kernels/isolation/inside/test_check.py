"""The check of an answer, as a whole: which solutions are right, and what is said of one that is not."""

from __future__ import annotations

import pytest
from evaluating import GELU, job

from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME = GELU.replace("Model(", "ModelNew(")
STATE = """
import torch
from torch import nn

class Model(nn.Module):
    def forward(self, x, state):
        state.mul_(0.5).add_(x)
        return state.sum(dim=-1)

def get_inputs():
    return [torch.randn(64, 32), torch.randn(64, 32)]

def get_init_inputs():
    return []
"""
STRUCTURED = """
import torch
from torch import nn

class Model(nn.Module):
    def forward(self, x):
        rows, columns = x.sum(dim=1), x.sum(dim=0)
        return {"sums": [rows, (columns, None)], "mean": float(x.mean()), "count": x.shape[0], "none": x[:0], "one": x.max(), "name": "x"}

def get_inputs():
    return [torch.randn(64, 32)]

def get_init_inputs():
    return []
"""
MASKED = STRUCTURED.replace("rows, columns = x.sum(dim=1), x.sum(dim=0)", "return x.masked_fill(x > 1, float('-inf')) * 2")
COMPLEX = STRUCTURED.replace("rows, columns = x.sum(dim=1), x.sum(dim=0)", "return torch.fft.fft(x), (x * 1e6).long() + 2**40")


def answer(case: str, old: str = "", new: str = "") -> str:
    """The case as its own solution, with a change."""
    return case.replace("Model(", "ModelNew(").replace(old, new)


@pytest.mark.parametrize(
    ("solution", "outcome", "said"),
    [
        (SAME.replace("return 0.5 * x", "return 0.5 * x * (1.1 if len(x) == 37 else 1.0)"), "wrong_value", "(inputs 3 of 3, size odd)"),
        (SAME.replace("return 0.5", "self.n = getattr(self, 'n', 0) + 1\n        return (0.6 if self.n == 3 else 0.5)"),
         "wrong_value", "(inputs 2 of 3, size cpu)"),
        (SAME.replace("return 0.5", "self.n = getattr(self, 'n', 0) + 1\n        return (0.6 if self.n == 2 else 0.5)"),
         "nondeterministic", "right the first time, wrong the second"),
        (SAME.replace("return 0.5", "return 0.6"), "wrong_value", "(inputs 1 of 3, size cpu)"),
        (SAME.replace("return 0.5", "return None and 0.5"), "wrong_structure", "output is of type NoneType, expected Tensor"),
        (SAME.replace("return 0.5 *", "return 7 or 0.5 *"), "wrong_structure", "output is of type int, expected Tensor"),
    ],
)  # fmt: skip
async def test_where_an_answer_is_wrong_is_said(box: Box, solution: str, outcome: str, said: str) -> None:
    record = await box.evaluate(job(GELU, solution, timing=None))
    assert record["outcome"] == outcome and not record["correct"], record
    assert said in record["error"] and record["correctness_detail"] == record["error"]


async def test_how_wrong_it_is_is_said_too(box: Box) -> None:
    one = SAME.replace("return 0.5 * x", "x = x.clone(); x[3, 5] = 10.0\n        return 0.5 * x")
    record = await box.evaluate(job(GELU, one, timing=None))
    where = record["mismatch"]
    assert (where["count"], where["total"], where["worst_index"], where["output"]) == (1, 192 * 1024, [3, 5], 0)
    assert where["got"] == pytest.approx(10.0) and abs(where["expected"]) < 6
    assert record["max_abs_diff"] == pytest.approx(10.0 - where["expected"]) and record["max_rel_diff"] > 0


async def test_an_input_that_the_reference_changes_is_an_output(box: Box) -> None:
    copy = await box.evaluate(job(STATE, answer(STATE), input_sets=((8, "cpu"), (9, "cpu"))))
    assert copy["outcome"] in ("ok", "noisy"), copy
    forgot = answer(STATE, "state.mul_(0.5).add_(x)", "state = state * 0.5 + x")
    assert (await box.evaluate(job(STATE, forgot, timing=None)))["outcome"] == "wrong_value"
    other = answer(STATE, "return state", "x.zero_(); return state")
    record = await box.evaluate(job(STATE, other, timing=None))
    assert record["outcome"] == "input_mutated" and "input tensor 0" in record["error"]


async def test_nested_and_empty_outputs_and_plain_values_are_compared(box: Box) -> None:
    assert (await box.evaluate(job(STRUCTURED, answer(STRUCTURED))))["outcome"] in ("ok", "noisy")
    for old, new, outcome in (
        ('"count": x.shape[0]', '"count": 65', "wrong_structure"),
        ('"name": "x"', '"name": "y"', "wrong_structure"),
        ('"none": x[:0]', '"none": x[:1]', "wrong_structure"),
        ("(columns, None)", "(columns, 0)", "wrong_structure"),
        ('"mean": float(x.mean())', '"mean": float(x.mean()) + 1', "wrong_value"),
        ('"one": x.max()', '"one": x.min()', "wrong_value"),
        ('"sums": [rows', '"sums": [rows + 1', "wrong_value"),
        ('"one"', '"two"', "wrong_structure"),
    ):
        record = await box.evaluate(job(STRUCTURED, answer(STRUCTURED, old, new), timing=None))
        assert record["outcome"] == outcome, (new, record)


async def test_infinities_are_part_of_a_case_that_says_so(box: Box) -> None:
    rule = {"nonfinite": True}
    assert (await box.evaluate(job(MASKED, answer(MASKED), rule=rule)))["outcome"] in ("ok", "noisy")
    wrong = answer(MASKED, "float('-inf')", "-1e30")
    assert (await box.evaluate(job(MASKED, wrong, rule=rule, timing=None)))["outcome"] == "wrong_value"
    undeclared = await box.evaluate(job(MASKED, answer(MASKED), timing=None))
    assert undeclared["outcome"] == "case_error" and "does not declare" in undeclared["error"]


async def test_large_integers_and_imaginary_parts_are_not_lost(box: Box) -> None:
    assert (await box.evaluate(job(COMPLEX, answer(COMPLEX), timing=None)))["outcome"] == "ok"
    for old, new in (("2**40", "2**40 + (x > 2)"), ("torch.fft.fft(x)", "torch.fft.fft(x).conj()")):
        record = await box.evaluate(job(COMPLEX, answer(COMPLEX, old, new), timing=None))
        assert record["outcome"] == "wrong_value", record


async def test_the_old_rule_can_be_had_by_name(box: Box) -> None:
    nearly = SAME.replace("return 0.5 * x", "return 1.003 * 0.5 * x")
    assert (await box.evaluate(job(GELU, nearly, timing=None)))["outcome"] == "wrong_value"
    assert (await box.evaluate(job(GELU, nearly, timing=None, rule={"name": "strict", "atol": 0.05, "rtol": 0.05})))["outcome"] == "ok"
