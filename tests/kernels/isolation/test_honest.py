"""Solutions as people write them: none is refused, however unusual its way.

Every file in `honest/` names its case in its docstring.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from evaluating import job

from tripos.kernels.case import own_cases
from tripos.kernels.contract import read_contract
from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")

HONEST = Path(__file__).with_name("honest")
NEEDS = {"c_with_openmp": ["gcc"], "cpp_extension": ["c++", "ninja"], "compiled_by_inductor": ["c++"], "triton_kernel": ["triton"]}


@pytest.mark.parametrize("name", sorted(path.stem for path in HONEST.glob("*.py")))
async def test_it_is_not_refused(box: Box, name: str) -> None:
    missing = [each for each in NEEDS.get(name, []) if not shutil.which(each) and importlib.util.find_spec(each) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    solution = (HONEST / f"{name}.py").read_text(encoding="utf-8")
    found = re.search(r"^Case: (\S+)$", solution, re.MULTILINE)
    assert found, "the docstring names the case"
    case = (own_cases() / f"{found[1]}.py").read_text(encoding="utf-8")
    contract = read_contract(case, found[1])
    asked = job(case, solution, deadline_seconds=180, rule={"nonfinite": contract.nonfinite, **contract.tolerance})
    record = await asyncio.wait_for(box.evaluate(asked), 1200)
    assert record["outcome"] in ("ok", "noisy"), record


async def test_there_are_many() -> None:
    assert len(list(HONEST.glob("*.py"))) >= 20
