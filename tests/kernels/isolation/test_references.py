"""What a case may be, and what ends as the case's own error and never as a solution's."""

from __future__ import annotations

import pytest
from evaluating import GELU, PRODUCT, job

from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMULA = "return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))"


def as_solution(case: str) -> str:
    return case.replace("Model(", "ModelNew(")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return x + torch.randn_like(x)", "another result when it is run again"),
        ("return nn.functional.dropout(x)", "another result when it is run again"),
        ("return x + 1, {1, 2}", "a value of type set"),
        ("return x + 1, 2j", "a value of type complex"),
        ("return [x] * (2 if x.shape[0] == 192 else 3)", "another number of tensors"),
    ],
)
async def test_a_case_that_nobody_can_solve_is_no_solutions_fault(box: Box, body: str, said: str) -> None:
    case = GELU.replace(FORMULA, body)
    assert body in case
    record = await box.evaluate(job(case, as_solution(case), timing=None))
    assert record["outcome"] == "case_error" and said in record["error"], record


async def test_an_input_that_changes_for_some_inputs_only_is_an_output_of_all(box: Box) -> None:
    case = GELU.replace(FORMULA, "return (x.mul_(2) if x.shape[0] == 37 else x).sum(1)")
    assert (await box.evaluate(job(case, as_solution(case), timing=None)))["outcome"] == "ok"
    leaves_it = as_solution(case).replace("x.mul_(2)", "(x * 2)")
    assert (await box.evaluate(job(case, leaves_it, timing=None)))["outcome"] == "wrong_value"


async def test_inputs_with_gaps_are_judged(box: Box) -> None:
    case = GELU.replace("torch.randn(192, 1024)", "torch.randn(192, 2048)[:, ::2]")
    assert (await box.evaluate(job(case, as_solution(case), timing=None)))["outcome"] == "ok"
    zeros = as_solution(case).replace(FORMULA, "return torch.zeros_like(x)")
    assert (await box.evaluate(job(case, zeros, timing=None)))["outcome"] == "wrong_value"


@pytest.mark.parametrize(
    "change",
    [
        ("super().__init__()", "super().__init__(); self.register_buffer('mine', torch.randn(3))"),
        ("/ 16)", "/ 16).double()"),
        ("        self.weight", "        torch.randn(9)\n        self.weight"),
    ],
)
async def test_weights_are_carried_where_names_and_shapes_allow(box: Box, change: tuple[str, str]) -> None:
    """Whatever else the solution draws or keeps, and however exact."""
    solution = as_solution(PRODUCT).replace(*change).replace("x @ self.weight", "(x.to(self.weight.dtype) @ self.weight).float()")
    record = await box.evaluate(job(PRODUCT, solution, timing=None))
    assert record["outcome"] == "ok", record


async def test_who_has_weights_of_its_own_is_told_so(box: Box) -> None:
    solution = as_solution(PRODUCT).replace("self.weight", "self.other").replace("super().__init__()", "super().__init__(); torch.randn(9)")
    record = await box.evaluate(job(PRODUCT, solution, timing=None))
    assert record["outcome"] == "wrong_value" and "weights of its own" in record["error"], record
