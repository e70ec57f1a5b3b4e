"""Speed: baseline and candidate take turns on the same fresh inputs, each stopped while the other runs (see `window`).

A window holds as many calls as make it last `WINDOW_SECONDS`; the cost of an empty window is measured on the baseline and
taken off both. (Device memory cannot be read from here: on a GPU the inputs are put onto the device before the clock
starts, and it stops when the worker says, after a device-wide wait, that it is done; the outputs are read after. A worker
could work before and after: what it takes there beyond what the baseline takes is added to its time.)
"""

from __future__ import annotations

import math
import os
import random
import time
from typing import TYPE_CHECKING, Any

import torch

from . import compare, window
from .descriptions import described_tensors, difference, likeness, tensors
from .held import Failed, Held
from .pairs import Speedup, median, settled, speedup
from .window import FIRST_SLOT, Look, Plan, Side

if TYPE_CHECKING:
    from .check import Checked
    from .judge import Evaluation

WINDOW_SECONDS = 0.003
MOST_WINDOW_SECONDS = 0.5  # of a candidate that is slow
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
ASIDE_MARGIN = 0.1  # of the time for moving inputs and outputs
SUDDENLY = 10  # times faster than it was when the calls of a window were counted


def measure(evaluation: Evaluation, maker: Held, candidate: Held, carried: list[Any], checked: Checked) -> None:
    """Fills the evaluation's record with times. Raises Failed.

    Args:
        maker: the checked reference; it only makes the inputs from here on, so that the baseline has no history of its own.
        candidate: the checked candidate, measured in the first round, and in all where building it again is dear.
    """
    timing = evaluation.job["timing"]
    rounds: list[list[float]] = []
    session = _Session(evaluation, maker, checked)
    third = [Side(compiled)] if timing["compile"] and (compiled := _compiled(evaluation, carried, session.fresh(1)[0])) else []
    for number in range(ROUNDS):
        if number and evaluation.candidate_seconds < DEAR_SECONDS:
            evaluation.end(candidate)
            candidate = evaluation.candidate(carried)
        evaluation.enter("measure")
        baseline = evaluation.another_reference(carried, compiled=False)
        rounds.append(session.round([Side(baseline), Side(candidate), *third], timing["budget_seconds"] / ROUNDS, timing["precision"]))
        evaluation.end(baseline)
    session.record(speedup(rounds))


def _compiled(evaluation: Evaluation, carried: list[Any], inputs: list[Any]) -> Held | None:
    """The reference through torch.compile, after its first call; None (and a remark) where that does not work here."""
    before = len(evaluation.workers)
    try:
        held = evaluation.another_reference(carried, compiled=True)
        held.place(inputs, FIRST_SLOT, evaluation.deadline())
        held.ask("run", evaluation.deadline(), "outputs", slot=FIRST_SLOT)
        return held
    except Failed as failed:
        evaluation.record["compile_error"] = failed.error
        for left in evaluation.workers[before:]:
            evaluation.end(left)
        return None


class _Session:
    """All rounds of one measurement."""

    def __init__(self, evaluation: Evaluation, maker: Held, checked: Checked) -> None:
        self.evaluation, self.maker, self.checked = evaluation, maker, checked
        self.staged = evaluation.job["device"] != "cpu"
        self.rule = compare.Rule.from_dict(evaluation.job["rule"])
        self.random = random.Random(evaluation.job["timing_seed"])
        self.calls = 0
        self.overhead_seconds = 0.0
        self.slow_seconds: float | None = None  # of a call of a candidate that is spared some of them
        self.milliseconds: list[list[float]] = [[], [], []]
        self.aside: list[tuple[float, float]] = []  # of each round: the least that either side did outside the clock
        self.seen: list[tuple[int, torch.Tensor, torch.Tensor]] = []
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
        self._compare_seen()
        self._examine_habits()
        return ratios

    # -- setting up -------------------------------------------------------------------------------------------------

    def _prepare(self, sides: list[Side]) -> None:
        """Learns the outputs' layout from one call each, how long a call takes, and makes room for a window's inputs."""
        inputs = self.fresh(1)[0]
        for side in sides:
            side.held.stop()
        for side in sides:
            side.slots = [side.held.place(inputs, FIRST_SLOT, self._deadline())]
            outputs = side.held.ask("run", self._deadline(), "outputs", slot=FIRST_SLOT)["outputs"]
            side.held.stop()
            side.held.pin(self.cores)
            side.layout = described_tensors(outputs)
            differs = difference(self.checked.outputs, outputs)
            if differs:
                raise side.held.fail("wrong_structure", f"in a timed call: {differs}")
        if not self.calls:
            self._calibrate(sides, inputs)
        like = [likeness(each) for each in inputs]
        for side in sides:
            side.slots += [side.held.room(like, FIRST_SLOT + index, self._deadline()) for index in range(1, self.calls)]
            side.held.stop()

    def _calibrate(self, sides: list[Side], inputs: list[Any]) -> None:
        """The cost of an empty window, and how many calls make one long enough."""
        base, mine = (min(self._window(side, Plan([inputs])) for _ in range(3)) for side in sides[:2])
        self.overhead_seconds = median([self._window(sides[0], Plan([])) for _ in range(9)])
        size = sum(leaf.numel() * leaf.element_size() for each in inputs for leaf in tensors(each))
        wanted = math.ceil(WINDOW_SECONDS / max(base - self.overhead_seconds, 1e-7))
        bearable = max(1, int(MOST_WINDOW_SECONDS / mine))
        self.calls = max(1, min(wanted, MOST_CALLS, MOST_INPUT_BYTES // max(size, 1), bearable))
        self.slow_seconds = mine if self.calls == bearable < wanted else None

    def fresh(self, count: int) -> list[list[Any]]:
        """So many inputs that exist nowhere else, made by the reference's process, read by us."""
        job, made = self.evaluation.job, []
        for _ in range(count):
            reply = self.maker.ask("inputs", self._deadline(), "inputs", seed=self.random.getrandbits(48), size=job["size"], slot=0)
            made.append([self.maker.carry(each) for each in reply["inputs"]["items"]])
        self.maker.stop()
        return made

    def _deadline(self) -> float:
        return self.evaluation.deadline()

    # -- one pair ---------------------------------------------------------------------------------------------------

    def _pair(self, sides: list[Side], whole: bool) -> None:
        fresh, looks = self.fresh(self.calls), self._looks()
        plan = Plan(fresh, looks, self.random.randrange(self.calls) if whole else None, self.checked.mutated)
        order = list(sides)
        self.random.shuffle(order)
        for side in order:
            seconds = self._window(side, plan)
            side.seconds.append(max(seconds - self.overhead_seconds, self.overhead_seconds / 2))  # less cannot be told apart
        if self.staged:
            aside = self.mine.aside[-1] - (1 + ASIDE_MARGIN) * self.reference.aside[-1]
            self.mine.seconds[-1] += max(0.0, aside)
        for look, theirs, ours in zip(looks, self.reference.seen, self.mine.seen, strict=True):
            self._same(theirs, ours, look.output)
            self.seen.append((look.output, theirs, ours))
        for output, (theirs, ours) in enumerate(zip(self.reference.whole, self.mine.whole, strict=True)):
            self._same(theirs.reshape(-1), ours.reshape(-1), output)

    def _window(self, side: Side, plan: Plan) -> float:
        return window.run(side, plan, self._deadline(), self.staged)

    def _looks(self) -> list[Look]:
        """Positions in every output of every call; the last element is always among them."""
        leaves = [*self.reference.layout, *(self.reference.slots[0][index] for index in self.checked.mutated)]
        share = max(3, PEEKS // max(1, self.calls * len(leaves)))
        sizes = [math.prod(leaf["shape"]) for leaf in leaves]
        return [
            Look(call, output, [size - 1, *(self.random.randrange(size) for _ in range(min(share, size) - 1))] if size else [])
            for call in range(self.calls)
            for output, size in enumerate(sizes)
        ]

    def _same(self, theirs: torch.Tensor, ours: torch.Tensor, output: int) -> None:
        leaf = self.checked.tensor_leaves[output]
        report = compare.compare_at(theirs, ours, self.checked.calibration, leaf, self.rule)
        if not report.ok and report.kind != "case":
            error = f"a timed call gave another result than the checked ones: {report.detail}"
            raise self.mine.held.fail("cheat_suspected", error, kind="stale_output")

    # -- after a round ----------------------------------------------------------------------------------------------

    def _compare_seen(self) -> None:
        """All that was seen of each output in the round at once: what chance excuses in a few elements shows in many."""
        for output in {output for output, _, _ in self.seen}:
            pairs = [(theirs, ours) for number, theirs, ours in self.seen if number == output]
            self._same(torch.cat([theirs for theirs, _ in pairs]), torch.cat([ours for _, ours in pairs]), output)
        self.seen.clear()

    def _examine_habits(self) -> None:
        held, granted = self.mine.held, self.evaluation.job["threads"]
        held.must_have_rested()
        if not held.cores() <= self.cores:
            raise held.fail("cheat_suspected", "the solution moved to cores that it was not given", kind="threads")
        busy = median(self.mine.cores[WARM_PAIRS:])
        if busy > granted + BUSY_MARGIN:
            raise held.fail("cheat_suspected", f"the solution kept {busy:.1f} cores busy; it was given {granted}", kind="threads")
        if self.slow_seconds is not None and median(self.mine.seconds[WARM_PAIRS:]) / self.calls * SUDDENLY < self.slow_seconds:
            raise held.fail("cheat_suspected", "the solution was slow only while its calls were counted", kind="timing_detected")
        self.aside.append((min(self.reference.aside), min(self.mine.aside)))

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
        if self.staged:
            self._record_aside(result)

    def _record_aside(self, result: Speedup) -> None:
        theirs, ours = (1000 * median(side) for side in zip(*self.aside, strict=True))
        record = self.evaluation.record
        record["unclocked_ms"] = {"baseline": theirs, "solution": ours}
        if not result.noisy and ours > (1 + ASIDE_MARGIN) * theirs + self.calls * record["baseline_ms"] / 2:
            record["suspicion"] = "unclocked_work"  # a remark: it has been charged, and outputs of another layout may take longer to move


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
