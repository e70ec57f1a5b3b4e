"""A case on trial: what a fair one has, and how an unfair one is found out."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from evaluating import GELU, PRODUCT, job

from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def findings(box: Box, case: str) -> list[tuple[str, str]]:
    sets = ((8, "cpu"), (9, "cpu"), (10, "cpu"))
    record: dict[str, Any] = await box.evaluate(dataclasses.replace(job(case, "", timing=None, input_sets=sets), solution_source=None))
    assert record["outcome"] == "ok", record
    return [(found["severity"], found["code"]) for found in record["findings"]]


async def test_fair_cases_have_no_findings(box: Box) -> None:
    assert await findings(box, GELU) == []
    assert await findings(box, PRODUCT) == []


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (GELU.replace("return 0.5 * x", "return 0.0 * x"), ("error", "accepts_zeros")),
        (GELU.replace("torch.randn(192, 1024)", "torch.ones(192, 1024)"), ("error", "ignores_inputs")),
        (PRODUCT.replace("return x @ self.weight", "return x * 2"), ("error", "ignores_seed")),
        (GELU.replace("return 0.5 * x", "return torch.rand(1) * x"), ("error", "nondeterministic")),
        (GELU.replace("return 0.5 * x", "import time; return time.time_ns() % 1_000_003 * x"), ("error", "nondeterministic")),
        (PRODUCT.replace("torch.randn(512, 256) / 16", "torch.ones(512, 256)"), ("warning", "constant_weights")),
    ],
)
async def test_unfair_cases_are_found_out(box: Box, case: str, expected: tuple[str, str]) -> None:
    assert expected in await findings(box, case)


async def test_dropout_and_running_means_rest_while_a_case_is_judged(box: Box) -> None:
    case = GELU.replace("return 0.5 * x", "return nn.functional.dropout(x, 0.5, self.training) * x")
    assert await findings(box, case) == []
