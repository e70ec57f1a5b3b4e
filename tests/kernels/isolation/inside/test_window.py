"""Looking at outputs: the right elements of the right tensors, wherever they lie."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

from tripos.kernels.isolation.inside.descriptions import likeness, parse  # noqa: E402
from tripos.kernels.isolation.inside.held import Held  # noqa: E402
from tripos.kernels.isolation.inside.window import Look, Plan, Side, _Glance  # noqa: E402


def described(value: Any) -> dict[str, Any]:
    return parse({**likeness(value), "address": value.data_ptr()})


@given(st.integers(1, 4), st.integers(1, 3), st.data())
def test_every_look_sees_its_elements(calls: int, outputs: int, data: st.DataObject) -> None:
    """Outputs of several types and strides a call, and one input that is changed in place."""
    kinds = [torch.float32, torch.int64, torch.bfloat16]
    made = [[torch.randn(6, 10).mul(50).to(kinds[each])[:, ::2].t() for each in range(outputs)] for _ in range(calls)]
    inputs = [[torch.randn(7), torch.randn(3, 4)] for _ in range(calls)]
    side = Side(cast(Held, None), slots=[[described(each) for each in one] for one in inputs])
    side.layout = [described(each) | {"address": 0} for each in made[0]]
    looks = []
    for call in range(calls):
        for output in range(outputs + 1):
            size = 30 if output < outputs else 12
            looks.append(Look(call, output, data.draw(st.lists(st.integers(0, size - 1), max_size=40))))
    plan = Plan(fresh=[[] for _ in range(calls)], looks=looks, mutated=[1])
    glance = _Glance(side, plan)
    told = np.array([each.data_ptr() for one in made for each in one], dtype=np.uint64)
    seen = glance.split(glance.take(os.getpid(), told))
    for look, found in zip(looks, seen, strict=True):
        source = made[look.call][look.output] if look.output < outputs else inputs[look.call][1]
        assert torch.equal(found, source.reshape(-1)[look.positions].to(found.dtype)) and found.dtype == source.dtype
