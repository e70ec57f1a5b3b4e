"""Speed: baseline and candidate take turns on the same fresh inputs, each stopped while the other runs.

One *window*: the worker stands still while the judge writes inputs that nobody has seen into its buffers; the judge notes
the time, lets it go, waits for the addresses of the outputs, reads elements at secret positions of every output where they
lie, and only then stops the clock. So whatever is not finished by then is wrong, whatever was prepared before is stale, and
a clock, a thread or a message of the candidate's has no part in it. (Device memory cannot be read from here: on a GPU the
inputs are put onto the device before the clock starts, and it stops when the worker says, after a device-wide wait, that it
is done; the outputs are read after.) A window holds as many calls as make it last
`WINDOW_SECONDS`; the cost of an empty window is measured on the baseline and taken off both.
"""

from __future__ import annotations

import math
import os
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from . import compare
from .check import carry, described_tensors, likeness, place, tensors
from .held import Failed, Held
from .pairs import Speedup, median, settled, speedup

if TYPE_CHECKING:
    from .check import Checked
    from .judge import Evaluation

WINDOW_SECONDS = 0.003
MOST_CALLS = 64
MOST_INPUT_BYTES = 96 << 20  # of one window
PEEKS = 96  # positions a window
FULL_EVERY = 8  # every so many pairs a whole output is compared
ROUNDS = 5
WARM_PAIRS = 1
LEAST_PAIRS = 5  # a round
MOST_PAIRS = 400
MOST_OVERTIME = 8  # times a round's budget, until fewer pairs must do
DEAR_SECONDS = 1.0  # a candidate that takes longer to load and build is measured in one process
BUSY_MARGIN = 0.5  # cores beyond the granted ones, on average
FIRST_SLOT = 10


@dataclass
class Side:
    """One worker under measurement: where its inputs lie, and what it took."""

    held: Held
    slots: list[list[dict[str, Any]]] = field(default_factory=list)
    layout: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    peeked: list[torch.Tensor] = field(default_factory=list)


def measure(evaluation: Evaluation, maker: Held, candidate: Held, carried: list[Any], checked: Checked) -> None:
    """Fills the evaluation's record with times. Raises Failed.

    Args:
        maker: the checked reference; it only makes the inputs from here on, so that the baseline has no history of its own.
        candidate: the checked candidate, measured in the first round, and in all where building it again is dear.
    """
    timing = evaluation.job["timing"]
    sides: list[Side] = []
    third = [Side(compiled)] if timing["compile"] and (compiled := _compiled(evaluation, carried)) else []
    rounds: list[list[float]] = []
    session = _Session(evaluation, maker, checked)
    for number in range(ROUNDS):
        if number and evaluation.candidate_seconds < DEAR_SECONDS:
            evaluation.end(candidate)
            candidate = evaluation.candidate(carried)
        evaluation.enter("measure")
        sides = [Side(evaluation.another_reference(carried, compiled=False)), Side(candidate), *third]
        rounds.append(session.round(sides, timing["budget_seconds"] / ROUNDS, timing["precision"]))
        evaluation.end(sides[0].held)
    session.record(speedup(rounds))


def _compiled(evaluation: Evaluation, carried: list[Any]) -> Held | None:
    """The reference through torch.compile; None (and a remark) where that does not work here."""
    try:
        return evaluation.another_reference(carried, compiled=True)
    except Failed as failed:
        evaluation.record["compile_error"] = failed.error
        return None


class _Session:
    """All rounds of one measurement."""

    def __init__(self, evaluation: Evaluation, maker: Held, checked: Checked) -> None:
        self.evaluation, self.maker, self.checked = evaluation, maker, checked
        self.device: str = evaluation.job["device"]
        self.rule = compare.Rule.from_dict(evaluation.job["rule"])
        self.random = random.Random(evaluation.job["timing_seed"])
        self.calls = 0
        self.overhead_seconds = 0.0
        self.milliseconds: list[list[float]] = [[], [], []]
        self.leaf_numbers = checked.tensor_leaves
        self.cores = quietest_cores(evaluation.job["threads"])

    def round(self, sides: list[Side], budget_seconds: float, precision: float) -> list[float]:
        """Ratios of one round of pairs. `sides` are the baseline, the candidate and perhaps one more to be timed beside."""
        self.reference, self.mine = sides[0], sides[1]
        began = time.monotonic()
        self._prepare(sides)
        ratios: list[float] = []
        for number in range(MOST_PAIRS):
            self._pair(sides, whole=number % FULL_EVERY == 0)
            if number < WARM_PAIRS:
                continue
            ratios.append(self.reference.seconds[-1] / self.mine.seconds[-1])
            for kept, side in zip(self.milliseconds, sides, strict=False):
                kept.append(1000 * side.seconds[-1] / self.calls)
            spent = time.monotonic() - began
            enough = spent > budget_seconds or settled(ratios, precision)
            if (enough and len(ratios) >= LEAST_PAIRS) or spent > MOST_OVERTIME * budget_seconds:
                break
        self._granted_cores()
        return ratios

    # -- setting up -------------------------------------------------------------------------------------------------

    def _prepare(self, sides: list[Side]) -> None:
        """Learns the outputs' layout from one call each, how long a call takes, and makes room for a window's inputs."""
        inputs = self._fresh(1)[0]
        for side in sides:
            for held_elsewhere in sides:
                if held_elsewhere is not side:
                    held_elsewhere.held.stop()
            side.slots = [place(side.held, inputs, FIRST_SLOT, self._deadline())]
            described = side.held.ask("run", self._deadline(), slot=FIRST_SLOT)
            side.layout = described_tensors(described["outputs"])
            side.held.pin(self.cores)
        base = self.reference
        base.held.let_go()
        if not self.calls:
            single = min(self._window(base, [inputs]) for _ in range(3))
            self.overhead_seconds = median([self._window(base, []) for _ in range(9)])
            size = sum(leaf.numel() * leaf.element_size() for each in inputs for leaf in tensors(each))
            wanted = math.ceil(WINDOW_SECONDS / max(single - self.overhead_seconds, 1e-7))
            self.calls = max(1, min(wanted, MOST_CALLS, MOST_INPUT_BYTES // max(size, 1)))
        like = [likeness(each) for each in inputs]
        for side in sides:
            for index in range(1, self.calls):
                reply = side.held.ask("receive", self._deadline(), slot=FIRST_SLOT + index, like={"type": "list", "items": like})
                side.slots.append(described_tensors(reply["inputs"]))

    def _fresh(self, count: int) -> list[list[Any]]:
        """Inputs that exist nowhere else, made by the reference's process, read by us."""
        job, made = self.evaluation.job, []
        for _ in range(count):
            reply = self.maker.ask("inputs", self._deadline(), seed=self.random.getrandbits(48), size=job["size"], slot=0)
            made.append([carry(self.maker, each) for each in reply["inputs"]["items"]])
        self.maker.stop()
        return made

    def _deadline(self) -> float:
        return self.evaluation.deadline()

    # -- one pair ---------------------------------------------------------------------------------------------------

    def _pair(self, sides: list[Side], whole: bool) -> None:
        for side in sides:
            side.held.stop()
        fresh = self._fresh(self.calls)
        positions = self._positions()
        order = list(sides)
        self.random.shuffle(order)
        for side in order:
            side.seconds.append(self._window(side, fresh, positions) - self.overhead_seconds)
        outputs = len(self.reference.layout) + len(self.checked.mutated)
        for index, (theirs, ours) in enumerate(zip(self.reference.peeked, self.mine.peeked, strict=True)):
            self._same(theirs, ours, index % outputs)
        if whole:
            self._compare_whole()
        if self.mine.held.children():
            raise Failed("cheat_suspected", "processes of the solution were alive while it was timed", kind="background_process")

    def _positions(self) -> list[list[int]]:
        """Flat element positions to look at, one list an output tensor a call; the last element is always among them."""
        leaves = [*self.reference.layout, *self._mutated_layout()]
        share = max(8, PEEKS // max(1, self.calls * len(leaves)))
        sizes = [math.prod(leaf["shape"]) for leaf in leaves]
        return [
            [size - 1, *(self.random.randrange(size) for _ in range(min(share, size) - 1))] if size else []
            for _ in range(self.calls)
            for size in sizes
        ]

    def _mutated_layout(self) -> list[dict[str, Any]]:
        return [self.reference.slots[0][index] for index in self.checked.mutated]

    def _window(self, side: Side, fresh: list[list[Any]], positions: list[list[int]] | None = None) -> float:
        """Seconds from letting the worker go to having looked at its outputs."""
        held, count = side.held, len(fresh)
        held.prepare([FIRST_SLOT + index for index in range(count)], self._deadline())
        for slot, inputs in zip(side.slots, fresh, strict=False):
            for tensor, value in zip(slot, (leaf for each in inputs for leaf in tensors(each)), strict=True):
                held.write(tensor, value)
        busy = held.cpu_seconds()
        seconds, addresses = held.window(count * len(side.layout), self._deadline(), self.device != "cpu")
        began = time.monotonic()
        peeked = [] if positions is None else self._peek(side, addresses, positions)
        if self.device == "cpu":
            seconds += time.monotonic() - began
        held.stop()
        side.cores.append((held.cpu_seconds() - busy) / seconds)
        side.peeked = peeked
        held.finish(self._deadline())
        held.stop()
        return seconds

    def _peek(self, side: Side, addresses: tuple[int, ...], positions: list[list[int]]) -> list[torch.Tensor]:
        """The elements at these positions of each output (and each input that is changed in place) of each call."""
        outputs, peeked, cursor = len(side.layout), [], 0
        for call in range(self.calls):
            for index, leaf in enumerate([*side.layout, *(side.slots[call][each] for each in self.checked.mutated)]):
                base = addresses[call * outputs + index] if index < outputs else leaf["address"]
                dtype: torch.dtype = getattr(torch, leaf["dtype"])
                where = [base + _offset(each, leaf) * dtype.itemsize for each in positions[cursor]]
                peeked.append(side.held.peek(where, dtype) if where else torch.empty(0, dtype=dtype))
                cursor += 1
        return peeked

    def _compare_whole(self) -> None:
        """All of one call's outputs, of both sides, as they are after the window."""
        call = self.random.randrange(self.calls)
        leaves = []
        for side in (self.reference, self.mine):
            described = side.held.ask("describe", self._deadline())["outputs"]
            if len(described) != self.calls:
                raise Failed("cheat_suspected", "the outputs of the timed calls are not there afterwards", kind="stale_output")
            leaves.append([side.held.read(each) for each in described_tensors(described[call])])
            side.held.stop()
        for index, (theirs, ours) in enumerate(zip(*leaves, strict=True)):
            self._same(theirs.reshape(-1), ours.reshape(-1), index)

    def _same(self, theirs: torch.Tensor, ours: torch.Tensor, output: int) -> None:
        report = compare.compare_at(theirs, ours, self.checked.calibration, self.leaf_numbers[output], self.rule)
        if not report.ok and report.kind != "case":
            raise Failed("cheat_suspected", f"a timed call gave another result than the checked ones: {report.detail}", kind="stale_output")

    # -- the record -------------------------------------------------------------------------------------------------

    def _granted_cores(self) -> None:
        if not self.mine.held.cores() <= self.cores:
            raise Failed("cheat_suspected", "the solution moved to cores that it was not given", kind="threads")
        busy, granted = median(self.mine.cores[WARM_PAIRS:]), self.evaluation.job["threads"]
        if busy > granted + BUSY_MARGIN:
            raise Failed("cheat_suspected", f"the solution kept {busy:.1f} cores busy; it was given {granted}", kind="threads")

    def record(self, result: Speedup) -> None:
        """Puts the result into the evaluation's record."""
        baseline, mine, compiled = self.milliseconds
        self.evaluation.record |= {
            "outcome": "noisy" if result.noisy else "ok",
            "noisy": result.noisy,
            "baseline_ms": median(baseline),
            "solution_ms": median(mine),
            "speedup": result.ratio,
            "speedup_low": result.low,
            "speedup_high": result.high,
            "pairs": result.pairs,
            "rounds": result.rounds,
            "calls_per_window": self.calls,
            "overhead_ms": self.overhead_seconds * 1000,
            "timing_method": "judge_clock",
            "baselines": {"eager": median(baseline), "compile": median(compiled) if compiled else None},
            "all_baseline_ms": baseline,
            "all_solution_ms": mine,
        }


def quietest_cores(count: int) -> set[int]:
    """The `count` cores of this process's that were idle the most during a twentieth of a second."""
    allowed = os.sched_getaffinity(0)
    if count >= len(allowed):
        return allowed
    before = _idle_ticks()
    time.sleep(0.05)
    after = _idle_ticks()
    return set(sorted(allowed, key=lambda core: before.get(core, 0) - after.get(core, 0))[:count])


def _idle_ticks() -> dict[int, int]:
    ticks = {}
    with open("/proc/stat") as stat:  # noqa: PTH123
        for line in stat:
            words = line.split()
            if words[0].startswith("cpu") and words[0] != "cpu":
                ticks[int(words[0][3:])] = int(words[4])
    return ticks


def _offset(position: int, leaf: dict[str, Any]) -> int:
    """Element offset of a flat (row-major) position in a strided tensor."""
    offset = 0
    for size, stride in zip(reversed(leaf["shape"]), reversed(leaf["strides"]), strict=True):
        offset += position % size * stride
        position //= size
    return offset
