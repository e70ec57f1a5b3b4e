"""One timed window of one worker: fresh inputs written while it stands still, the clock, and what the judge looks at.

The judge notes the time, lets the worker go, waits for the addresses of the outputs, reads elements at secret positions of
every output where they lie, and only then stops the clock. So whatever is not finished by then is wrong, whatever was
prepared before is stale, and a clock, a thread or a message of the candidate's has no part in it. Looking costs some tens of
microseconds, which stay in the time of both sides: taken off, they would be a present to a candidate that answers too early.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from . import memory
from .descriptions import dtype_of, offset, tensors
from .held import CANDIDATE, Held

FIRST_SLOT = 10


@dataclass
class Side:
    """One worker under measurement: where its inputs lie, how its outputs are laid out, what its last window showed, what all took.

    Attributes:
        seconds: of each window of pairs, without the cost of an empty one.
        cores: how many it kept busy, on average, in each window.
        aside: seconds of each window that the clock did not count (see `Answer`).
        seen: the elements that were looked at, one tensor a look.
        whole: all outputs (and inputs that are changed in place) of one call.
    """

    held: Held
    slots: list[list[dict[str, Any]]] = field(default_factory=list)
    layout: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    aside: list[float] = field(default_factory=list)
    seen: list[torch.Tensor] = field(default_factory=list)
    whole: list[torch.Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """Where to look after a window: flat positions in an output of a call. Inputs changed in place count after the outputs."""

    call: int
    output: int
    positions: list[int]


@dataclass(frozen=True)
class Plan:
    """What happens in a window: the inputs of its calls, where to look, the call to read whole, the inputs changed in place, and
    where to look (by number of the input) whether the others have stayed as they were."""

    fresh: list[list[Any]]
    looks: Sequence[Look] = ()
    whole: int | None = None
    mutated: Sequence[int] = ()
    inputs: Sequence[Look] = ()


def run(side: Side, plan: Plan, deadline: float, staged: bool) -> float:
    """Seconds from letting the worker go to having looked at its outputs. Raises Failed."""
    held = side.held
    held.prepare([FIRST_SLOT + index for index in range(len(plan.fresh))], deadline)
    for slot, inputs in zip(side.slots, plan.fresh, strict=False):
        for tensor, value in zip(slot, (leaf for each in inputs for leaf in tensors(each)), strict=True):
            held.write(tensor, value)
    glance = _Glance(side, plan)
    began, used = time.monotonic(), held.cpu_seconds()
    answer = held.window(len(plan.fresh) * len(side.layout), deadline, staged, lambda told: glance.take(held.pid, told))
    held.stop()
    side.cores.append((held.cpu_seconds() - used) / (time.monotonic() - began))
    if held.role == CANDIDATE:
        _untouched(side, plan)
    side.aside.append(answer.aside)
    side.seen = glance.split(answer.seen)
    side.whole = [] if plan.whole is None else _whole(side, plan, answer.addresses)
    held.finish(deadline)
    return answer.seconds


def _untouched(side: Side, plan: Plan) -> None:
    """Raises Failed where an input of the stopped worker is not what was written there."""
    for look in plan.inputs:
        leaf = side.slots[look.call][look.output]
        written = [tensor for each in plan.fresh[look.call] for tensor in tensors(each)][look.output].reshape(-1)[look.positions]
        size = written.element_size()
        places = np.array([leaf["address"] + offset(each, leaf) * size for each in look.positions], np.uint64)
        try:
            same = memory.gather(side.held.pid, places, np.full(len(places), size, np.uint64)) == bytes(written.view(torch.uint8).numpy())
        except memory.Unreachable:
            same = False
        if not same:
            error = f"a timed call changed input tensor {look.output}; the reference does not change it"
            raise side.held.fail("input_mutated", error)


def _whole(side: Side, plan: Plan, addresses: memory.Numbers) -> list[torch.Tensor]:
    """Read while the worker stands still, so that nothing is mended on the way."""
    assert plan.whole is not None
    told = addresses[plan.whole * len(side.layout) :]
    outputs = [leaf | {"address": int(address)} for leaf, address in zip(side.layout, told, strict=False)]
    return [side.held.read(each) for each in [*outputs, *(side.slots[plan.whole][index] for index in plan.mutated)]]


class _Glance:
    """One read of all looks, worked out beforehand as far as it can be without the addresses."""

    def __init__(self, side: Side, plan: Plan) -> None:
        self.parts: list[tuple[torch.dtype, int]] = []
        which: list[int] = []  # of the told addresses; the one after the last is 0
        offsets: list[int] = []
        sizes: list[int] = []
        outputs = len(side.layout)
        for look in plan.looks:
            answered = look.output < outputs
            leaf = side.layout[look.output] if answered else side.slots[look.call][plan.mutated[look.output - outputs]]
            dtype = dtype_of(leaf)
            self.parts.append((dtype, len(look.positions)))
            which += [look.call * outputs + look.output if answered else len(plan.fresh) * outputs] * len(look.positions)
            start = 0 if answered else leaf["address"]
            offsets += [start + offset(each, leaf) * dtype.itemsize for each in look.positions]
            sizes += [dtype.itemsize] * len(look.positions)
        self.which, self.offsets, self.sizes = np.array(which, np.int64), np.array(offsets, np.uint64), np.array(sizes, np.uint64)

    def take(self, pid: int, told: memory.Numbers) -> bytearray:
        if not self.parts:
            return bytearray()
        return memory.gather(pid, np.append(told, np.uint64(0))[self.which] + self.offsets, self.sizes)

    def split(self, seen: bytearray) -> list[torch.Tensor]:
        """What was seen, one tensor a look."""
        found, start = [], 0
        for dtype, count in self.parts:
            end = start + count * dtype.itemsize
            found.append(torch.frombuffer(seen[start:end], dtype=dtype) if count else torch.empty(0, dtype=dtype))
            start = end
        return found
