"""Speed: baseline and candidate take turns on the same fresh inputs, each stopped while the other runs (see `window`).

A window holds as many calls as make it last `WINDOW_SECONDS`; the cost of an empty window is measured on the baseline and
taken off both. (Device memory cannot be read from here: on a GPU the inputs are put onto the device before the clock
starts, and it stops when the worker says, after a device-wide wait, that it is done; the outputs are read after. A worker
could work before and after: what it takes there beyond what the baseline takes is added to its time.)
"""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Any

import torch

from . import compare, placement, window
from .descriptions import difference, dtype_of, likeness, shown, span, tensors
from .held import Failed, Held
from .keyed import Keyed
from .pairs import ROUNDS, Speedup, median, settled, speedup, wants_more
from .window import FIRST_SLOT, Look, Plan, Side

if TYPE_CHECKING:
    from .check import Checked
    from .judge import Evaluation

WINDOW_SECONDS = 0.003
MOST_WINDOW_SECONDS = 0.5  # of a candidate that is slow
MOST_CALLS = 64
MOST_INPUT_BYTES = 96 << 20  # of one window
PEEKS = 96  # positions a window
INPUT_PEEKS = 16  # positions in each input that must stay as it is, of one call of a window
FULL_SHARE = 1 / 8  # of the pairs after the first: a whole output is compared
WARM_PAIRS = 1
LEAST_PAIRS = 5  # a round
MOST_PAIRS = 400
MOST_OVERTIME = 8  # times a round's budget, until fewer pairs must do
DEAR_SECONDS = 1.0  # a candidate that takes longer to load and build is measured in one process
BUSY_MARGIN = 0.5  # cores beyond the granted ones, on average
ASIDE_MARGIN = 0.1  # of the time for moving inputs and outputs
SINGLE_PAIRS = 6  # a round: windows of one call, where there are many in the others
SINGLE_MARGIN, SINGLE_SECONDS = 0.25, 5e-6  # how much dearer a call may be on its own than the baseline's are there
LEAST_GAIN = 1.1  # below, there is nothing that would have to be looked into
SUDDENLY = 10  # times faster than it was when the calls of a window were counted
EXCESSIVE = 10  # times faster than the reference: to be looked at by somebody before it is believed
BEYOND_MEMORY = 4  # times the speed of a copy within the caches


def measure(evaluation: Evaluation, maker: Held, candidate: Held, carried: list[Any], checked: Checked) -> None:
    """Fills the evaluation's record with times. Raises Failed.

    Args:
        maker: the checked reference; it only makes the inputs from here on, so that the baseline has no history of its own.
        candidate: the checked candidate; measured itself only where building it again is dear.
    """
    timing = evaluation.job["timing"]
    session = _Session(evaluation, maker, checked)
    third = [Side(compiled)] if timing["compile"] and (compiled := _compiled(evaluation, carried, session.fresh(1)[0])) else []
    while True:
        rounds: list[list[float]] = []
        while wants_more(rounds, timing["most_rounds"]) and not _out_of_time(evaluation, len(rounds)):
            if _is_dear(evaluation):
                baseline = evaluation.another_reference(carried)
            else:
                evaluation.end(candidate)
                baseline, candidate = _both(evaluation, carried)
            evaluation.enter("measure")
            rounds.append(session.round([Side(baseline), Side(candidate), *third], timing["budget_seconds"] / ROUNDS, timing["precision"]))
            evaluation.end(baseline)
        result = speedup(rounds)
        if session.adds_up(result):
            return session.record(result)
        session.one_at_a_time()


def _both(evaluation: Evaluation, carried: list[Any]) -> tuple[Held, Held]:
    """Baseline and candidate in new processes, made in either order, so that neither has the better memory round after round."""
    with placement.ballast():
        if placement.toss():
            return evaluation.another_reference(carried), evaluation.candidate(carried)
        candidate = evaluation.candidate(carried)
        return evaluation.another_reference(carried), candidate


def _is_dear(evaluation: Evaluation) -> bool:
    """Whether building the candidate again for each round would take long, or more than it may take in all."""
    limits: dict[str, float] = evaluation.job["deadlines"]
    share: float = min(limits["load"], limits["build"]) / (2 * evaluation.job["timing"]["most_rounds"])
    return evaluation.candidate_seconds > min(DEAR_SECONDS, share)


def _out_of_time(evaluation: Evaluation, rounds: int) -> bool:
    """Whether one more round like those so far would be more than a candidate may take in all: what is known by then must do."""
    limit: float = evaluation.job["deadlines"]["measure"]
    return bool(rounds) and evaluation.used["measure"] * (rounds + 1) / rounds > limit


def _compiled(evaluation: Evaluation, carried: list[Any], inputs: list[Any]) -> Held | None:
    """The reference through torch.compile, after its first call; None (and a remark) where that does not work here."""
    before = len(evaluation.workers)
    try:
        held = evaluation.another_reference(carried, compiled=True)
        held.place(inputs, FIRST_SLOT, evaluation.deadline(held))
        held.ask("run", evaluation.deadline(held), "outputs", slot=FIRST_SLOT)
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
        self.random = Keyed(evaluation.job["timing_seed"])
        self.calls = 0
        self.overhead_seconds = 0.0
        self.slow_seconds: float | None = None  # of a call of a candidate that is spared some of them
        self.milliseconds: list[list[float]] = [[], [], []]
        self.alone: list[list[float]] = []  # seconds of both sides, of windows with one call where there are many in the others
        self.aside: list[tuple[float, float]] = []  # of each round: the least that either side did outside the clock
        self.seen: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        self.cores = quietest_cores(evaluation.job["threads"])
        self.copy_speed = _copy_speed(evaluation, maker)

    def round(self, sides: list[Side], budget_seconds: float, precision: float) -> list[float]:
        """Ratios of one round of pairs. `sides` are the baseline, the candidate and perhaps one more to be timed beside."""
        self.reference, self.mine = sides[0], sides[1]
        began = time.monotonic()
        self._prepare(sides)
        ratios: list[float] = []
        aside: list[tuple[float, float]] = []
        most_alone = len(self.alone) + (SINGLE_PAIRS if self.calls > 1 else 0)
        for number in range(MOST_PAIRS):
            taken = self._pair(sides, self.calls, whole=number == 0 or self.random.random() < FULL_SHARE)
            if number < WARM_PAIRS:
                continue
            ratios.append(taken[0] / taken[1])
            aside.append((self.reference.aside[-1], self.mine.aside[-1]))
            for kept, side, seconds in zip(self.milliseconds, sides, taken, strict=False):
                side.seconds.append(seconds)
                kept.append(1000 * seconds / self.calls)
            if len(self.alone) < most_alone and self.random.random() < 0.5:
                self.alone.append(self._pair(sides[:2], 1))
            spent = time.monotonic() - began
            enough = spent > budget_seconds or settled(ratios, precision)
            if (enough and len(ratios) >= LEAST_PAIRS) or spent > MOST_OVERTIME * budget_seconds:
                break
        while len(self.alone) < most_alone:
            self.alone.append(self._pair(sides[:2], 1))
        self.aside.append((min(theirs for theirs, _ in aside), min(ours for _, ours in aside)))
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
            side.slots = [side.held.place(inputs, FIRST_SLOT, self._deadline(side.held))]
            outputs = side.held.ask("run", self._deadline(side.held), "outputs", slot=FIRST_SLOT)["outputs"]
            side.held.stop()
            side.held.pin(self.cores)
            side.layout = shown(outputs)
            differs = difference(self.checked.outputs, outputs)
            if differs:
                raise side.held.fail("wrong_structure", f"in a timed call: {differs}")
        if not self.calls:
            self._calibrate(sides, inputs)
        like = [likeness(each) for each in inputs]
        for side in sides:
            side.slots += [side.held.room(like, FIRST_SLOT + index, self._deadline(side.held)) for index in range(1, self.calls)]
            side.held.stop()

    def _calibrate(self, sides: list[Side], inputs: list[Any]) -> None:
        """The cost of an empty window, and how many calls make one long enough."""
        base, mine = (self._shortest(side, inputs) for side in sides[:2])
        self.overhead_seconds = median([self._window(sides[0], Plan([])) for _ in range(9)])
        size = sum(leaf.numel() * leaf.element_size() for each in inputs for leaf in tensors(each))
        wanted = math.ceil(WINDOW_SECONDS / max(base - self.overhead_seconds, 1e-7))
        bearable = max(1, int(MOST_WINDOW_SECONDS / mine))
        self.calls = max(1, min(wanted, MOST_CALLS, MOST_INPUT_BYTES // max(size, 1), bearable))
        self.slow_seconds = mine if self.calls == bearable < wanted else None

    def _shortest(self, side: Side, inputs: list[Any]) -> float:
        """Seconds of a window with one call, the best of three; of two where that is long anyway."""
        best = min(self._window(side, Plan([inputs])) for _ in range(2))
        return best if best > MOST_WINDOW_SECONDS else min(best, self._window(side, Plan([inputs])))

    def fresh(self, count: int) -> list[list[Any]]:
        """So many inputs that exist nowhere else, made by the reference's process, read by us."""
        job, made = self.evaluation.job, []
        for _ in range(count):
            seed, deadline = self.random.getrandbits(48), self._deadline(self.maker)
            reply = self.maker.ask("inputs", deadline, "inputs", seed=seed, size=job["size"], slot=0)
            made.append([self.maker.carry(each) for each in reply["inputs"]["items"]])
        self.maker.stop()
        return made

    def _deadline(self, held: Held) -> float:
        return self.evaluation.deadline(held)

    # -- one pair ---------------------------------------------------------------------------------------------------

    def _pair(self, sides: list[Side], calls: int, whole: bool = False) -> list[float]:
        """Seconds of a window of so many calls, of each side, without the cost of an empty one."""
        fresh, looks = self.fresh(calls), self._looks(calls)
        plan = Plan(fresh, looks, self.random.randrange(calls) if whole else None, self.checked.mutated, self._inputs(calls))
        taken = [0.0] * len(sides)
        order = list(range(len(sides)))
        self.random.shuffle(order)
        for at in order:
            seconds = self._window(sides[at], plan)
            taken[at] = max(seconds - self.overhead_seconds, self.overhead_seconds / 2)  # less cannot be told apart
        if self.staged:
            aside = self.mine.aside[-1] - (1 + ASIDE_MARGIN) * self.reference.aside[-1]
            taken[1] += max(0.0, aside)
        for look, theirs, ours in zip(looks, self.reference.seen, self.mine.seen, strict=True):
            self._same(theirs, ours, look.output)
            self.seen.append((look.output, theirs, ours))
        for output, (theirs, ours) in enumerate(zip(self.reference.whole, self.mine.whole, strict=True)):
            self._same(theirs.reshape(-1), ours.reshape(-1), output)
        return taken

    def _window(self, side: Side, plan: Plan) -> float:
        return window.run(side, plan, self._deadline(side.held), self.staged)

    def _inputs(self, calls: int) -> list[Look]:
        """Positions in the inputs of one call that must be there afterwards as they were written."""
        call, inputs = self.random.randrange(calls), enumerate(self.reference.slots[0])
        kept = [(index, math.prod(leaf["shape"])) for index, leaf in inputs if index not in self.checked.mutated]
        return [Look(call, index, [self.random.randrange(size) for _ in range(INPUT_PEEKS)]) for index, size in kept if size]

    def _looks(self, calls: int) -> list[Look]:
        """Positions in every output of every call; the last element is always among them."""
        leaves = [*self.reference.layout, *(self.reference.slots[0][index] for index in self.checked.mutated)]
        share = max(3, PEEKS // max(1, calls * len(leaves)))
        sizes = [math.prod(leaf["shape"]) for leaf in leaves]
        return [
            Look(call, output, [size - 1, *(self.random.randrange(size) for _ in range(min(share, size) - 1))] if size else [])
            for call in range(calls)
            for output, size in enumerate(sizes)
        ]

    def _same(self, theirs: torch.Tensor, ours: torch.Tensor, output: int) -> None:
        report = compare.compare_at(theirs, ours, self.checked.calibration, output, self.rule)
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
        if self.slow_seconds is not None and median(self.mine.seconds) / self.calls * SUDDENLY < self.slow_seconds:
            raise held.fail("cheat_suspected", "the solution was slow only while its calls were counted", kind="timing_detected")

    def adds_up(self, result: Speedup) -> bool:
        """Whether what a window of many calls gains over the baseline, a call gains on its own. Not so where the calls of a window are
        computed together, as nobody who calls the model can have it. On its own a call may be dearer by what it is for the baseline."""
        if not self.alone or result.low is None or result.low <= 1 or result.ratio < LEAST_GAIN:
            return True
        theirs, ours = (median(side) for side in zip(*self.alone, strict=True))
        baseline, mine = (median(side) / 1000 for side in self.milliseconds[:2])
        expected = mine + max(0.0, theirs - baseline)
        return ours <= expected + max(SINGLE_MARGIN * expected, SINGLE_SECONDS)

    def one_at_a_time(self) -> None:
        """Forgets what was measured; from now on a window has one call."""
        self.calls, self.milliseconds, self.alone, self.aside = 1, [[], [], []], [], []

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
        suspicion = self._suspicion(result)
        if suspicion:
            self.evaluation.record["suspicion"] = suspicion
        if self.staged:
            self._record_aside(result)

    def _suspicion(self, result: Speedup) -> str | None:
        """A remark, not a verdict, on a speedup that a reader should look into: a kernel may have found that not all of its inputs
        need be read. One that moves its inputs and outputs faster than this memory can is suspect only where the reference is not. Calls
        of microseconds are mostly Python, which a worker that was tampered with can leave out of its windows."""
        if result.noisy or result.low is None:
            return None
        moved = sum(_bytes(leaf) for leaf in [*self.reference.slots[0], *self.reference.layout])
        theirs, ours = (moved / (median(side) / 1000) for side in self.milliseconds[:2])
        if ours > BEYOND_MEMORY * self.copy_speed >= theirs:
            return "beyond_memory_speed"
        if result.low > LEAST_GAIN and MOST_CALLS * median(self.milliseconds[0]) < 1000 * WINDOW_SECONDS:
            return "short_calls"
        return "excessive_speedup" if result.low > EXCESSIVE else None

    def _record_aside(self, result: Speedup) -> None:
        theirs, ours = (1000 * median(side) for side in zip(*self.aside, strict=True))
        record = self.evaluation.record
        record["unclocked_ms"] = {"baseline": theirs, "solution": ours}
        if not result.noisy and ours > (1 + ASIDE_MARGIN) * theirs + self.calls * record["baseline_ms"] / 2:
            record["suspicion"] = "unclocked_work"  # a remark: it has been charged, and outputs of another layout may take longer to move


def _copy_speed(evaluation: Evaluation, maker: Held) -> float:
    speed = maker.ask("copy_speed", evaluation.deadline(maker)).get("bytes_per_second")
    if not isinstance(speed, float) or not 0 < speed < math.inf:
        raise maker.fail("case_error", f"the reference's process copies {str(speed)[:100]} bytes a second")
    return speed


def _bytes(tensor: dict[str, Any]) -> int:
    """Of the memory that a described tensor lies in: an expanded one counts once."""
    return int(min(math.prod(tensor["shape"]), span(tensor)) * dtype_of(tensor).itemsize)


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
