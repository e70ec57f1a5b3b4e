"""An evaluation phase by phase: deadlines, and which phase is named; weights that cannot be carried over."""

from __future__ import annotations

from typing import Any

import pytest
from evaluating import GELU, PRODUCT, job

from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME = GELU.replace("Model(", "ModelNew(")
ENDLESS = {
    "load": SAME + "\nwhile True: pass\n",
    "build": SAME.replace("    def forward", "    def __init__(self):\n        while True: pass\n    def forward"),
    "check": SAME.replace("        return 0.5", "        while True: pass\n        return 0.5"),
    "measure": SAME.replace("        return 0.5", "        while self.called(): pass\n        return 0.5")
    + "\nimport itertools\nturns = itertools.count()\nModelNew.called = lambda self: next(turns) > 3\n",
}


@pytest.mark.parametrize("phase", list(ENDLESS))
async def test_a_phase_that_does_not_end_is_named(box: Box, phase: str) -> None:
    told: list[str] = []
    record = await box.evaluate(job(GELU, ENDLESS[phase], deadline_seconds=4.0), phase=told.append)
    assert (record["outcome"], record["phase"], told[-1]) == ("timeout", phase, phase), record
    assert f"4 s in phase {phase}" in record["error"]


async def test_the_deadline_is_of_the_whole_phase_not_of_each_step(box: Box) -> None:
    """Four calls of 1.2 s are each within 3 s, but not together."""
    slow = SAME.replace("        return 0.5", "        time.sleep(1.2)\n        return 0.5").replace("import math", "import math, time")
    record = await box.evaluate(job(GELU, slow, deadline_seconds=3.0))
    assert (record["outcome"], record["phase"]) == ("timeout", "check"), record
    assert (await box.evaluate(job(GELU, slow, deadline_seconds=60.0, timing=None)))["outcome"] == "ok"


async def test_a_slow_reference_is_not_the_solutions_fault(box: Box) -> None:
    slow = GELU.replace("        return 0.5", "        time.sleep(0.7)\n        return 0.5").replace("import math", "import math, time")
    assert (await box.evaluate(job(slow, SAME, deadline_seconds=3.0, timing=None)))["outcome"] == "ok"  # six calls of 0.7 s
    endless = GELU.replace("        return 0.5", "        while True: pass\n        return 0.5")
    record = await box.evaluate(job(endless, SAME, deadline_seconds=3.0))
    assert record["outcome"] == "case_error" and "3 s in phase check" in record["error"], record


@pytest.mark.parametrize(
    "weight",
    [
        "torch.zeros(1).expand(512, 256)",  # no place of its own for any element
        "torch.empty(512 * 256 * 64).as_strided((512, 256), (256 * 64, 64))",  # far apart
        "torch.randn(512, 255)",
        "torch.randn(512, 256).to_sparse()",
        "torch.randn(512, 256).double()",
    ],
)
async def test_weights_that_cannot_be_carried_over_are_left_and_nobody_stumbles(box: Box, weight: str) -> None:
    state = f"    def state_dict(self, *a, **k):\n        return {{'weight': {weight}}}\n\n    def forward"
    record = await box.evaluate(job(PRODUCT, PRODUCT.replace("Model(", "ModelNew(").replace("    def forward", state), timing=None))
    assert record["outcome"] == "ok", record  # the same seed has made its own weights the same


async def test_a_reference_with_a_sparse_buffer_is_a_case_like_any_other(box: Box) -> None:
    case = PRODUCT.replace("    def forward", "        self.register_buffer('mask', torch.eye(512).to_sparse())\n\n    def forward")
    record: dict[str, Any] = await box.evaluate(job(case, case.replace("Model(", "ModelNew("), timing=None))
    assert record["outcome"] == "ok", record
