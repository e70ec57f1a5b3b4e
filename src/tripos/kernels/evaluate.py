"""Evaluating solutions: one on one case, many on many, with a device to themselves while they are timed.

    async with Evaluator.open(Conditions()) as evaluator:
        record = await evaluator.evaluate(case_source, solution_source, tier="t1", case_name="gelu")

A record has the outcome (see `outcome`), where it came to, how correct and how fast it was; never an exception, whatever a
case or a solution does. `remarks` are what a reading of the source finds odd; they decide nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tripos.core.errors import ConfigError, SandboxError, unknown
from tripos.kernels.contract import read_contract
from tripos.kernels.devices import shown_to_worker
from tripos.kernels.isolation.box import Box, Job, Timing, cores
from tripos.kernels.isolation.inside.lint import static_findings
from tripos.kernels.scoring import timing_detail

KEPT_TIMES = 60
MOST_CHARACTERS = 1_000_000  # of a solution
RULES = ("calibrated", "dtype", "strict")  # those of `isolation.inside.compare`, which needs torch
CPU_ENVIRONMENT = {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Conditions:
    """Under which solutions are examined; all of it is part of what a result means.

    Attributes:
        device: torch's type of device: cpu, cuda, npu.
        dsl: language of the kernels; decides only what `remarks` says of a source.
        devices: numbers of the devices to use.
        rule: name of the comparison rule; `rtol` and `atol` override its bounds, and those of the case.
        input_sets: how many seeded sets of inputs an answer must be right on; one is of the case's odd size where it has one.
        seed: of weights and checked inputs. Timed inputs are drawn anew each time and recorded.
        threads: cores that baseline and candidate may use each.
        timing: None = correctness only.
        timeout_seconds: what a solution may take in each phase, all its steps together.
    """

    device: str = "cpu"
    dsl: str = "pytorch"
    devices: tuple[int, ...] = (0,)
    rule: str = "calibrated"
    rtol: float | None = None
    atol: float | None = None
    input_sets: int = 3
    seed: int = 42
    threads: int = 1
    timing: Timing | None = field(default_factory=Timing)
    timeout_seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(unknown("rule", self.rule, RULES))
        limits: list[tuple[str, float, float]] = [
            ("input sets", self.input_sets, 1),
            ("threads", self.threads, 1),
            ("timeout", self.timeout_seconds, 1),
        ]
        limits += [(name, value, 0) for name, value in (("rtol", self.rtol), ("atol", self.atol)) if value is not None]
        limits += [("budget", self.timing.budget_seconds, 0.05), ("precision", self.timing.precision, 0.0)] if self.timing else []
        for name, value, least in limits:
            if not least <= value < math.inf:
                raise ConfigError(f"{name} = {value}: it must be at least {least}")
        if self.device == "cpu" and self.threads > cores():
            raise ConfigError(f"threads = {self.threads}, but there are {cores()} cores here")


class _Device:
    """One device: many may use it at once, or one alone. Who wants it alone waits for the others, and nobody new comes in before.

    `sent`: how many have been sent here and have not left, whether they use it or wait for it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent = 0
        self.users = 0
        self._waiting = 0
        self._alone = False
        self._changed = asyncio.Condition()

    async def enter(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self.users += 1

    async def alone(self) -> None:
        """From one of many to the only one."""
        async with self._changed:
            self.users -= 1
            self._waiting += 1
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: not self._alone and self.users == 0)
                self._alone = True
            except BaseException:
                self.users += 1  # broken off: still one of many, who will leave
                raise
            finally:
                self._waiting -= 1
                self._changed.notify_all()

    async def leave(self, alone: bool) -> None:
        async with self._changed:
            if alone:
                self._alone = False
            else:
                self.users -= 1
            self._changed.notify_all()


class Evaluator:
    """A warm box and the devices."""

    def __init__(self, box: Box, conditions: Conditions) -> None:
        self.box, self.conditions = box, conditions
        self._devices = [_Device(number) for number in conditions.devices]
        self._places = asyncio.Semaphore(max(1, cores()) * len(self._devices))

    @classmethod
    @asynccontextmanager
    async def open(cls, conditions: Conditions) -> AsyncIterator[Evaluator]:
        """Starts the box (about a second).

        Raises:
            SandboxError: bubblewrap or torch is missing; the message says what to install.
        """
        async with Box.start(environment=CPU_ENVIRONMENT if conditions.device == "cpu" else None) as box:
            yield cls(box, conditions)

    async def evaluate(
        self,
        case_source: str,
        solution_source: str,
        *,
        tier: str,
        case_name: str,
        attempt: int = 1,
        phase: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """One solution on one case.

        Raises:
            SandboxError: the box has died.
        """
        record: dict[str, Any] = {"tier": tier, "case_name": case_name, "attempt": attempt}
        record |= {"case_hash": _short_hash(case_source), "solution_hash": _short_hash(solution_source)}
        if not solution_source.strip():
            return record | {"outcome": "not_generated", "error": "there is no code"}
        if len(solution_source) > MOST_CHARACTERS:
            said = f"the source has {len(solution_source):,} characters; the most is {MOST_CHARACTERS:,}"
            return record | {"outcome": "static_reject", "error": said}
        record["remarks"] = [finding.sentence for finding in static_findings(solution_source, self.conditions.dsl)]
        try:
            async with self._places:
                return record | await self._on(self._job(case_source, solution_source, f"{tier}/{case_name}"), phase)
        except ConfigError as error:
            return record | {"outcome": "case_error", "error": str(error)}

    async def examine(self, case_source: str, name: str) -> dict[str, Any]:
        """The case itself: `outcome` (ok or case_error), `error`, and `findings` (see `isolation/inside/lint.py`).

        Raises:
            SandboxError: the box has died.
        """
        try:
            async with self._places:
                job = self._job(case_source, None, name)
                same_size = tuple((seed, job.size) for seed, _ in job.input_sets)
                found = await self._on(replace(job, input_sets=same_size, timing=None), None)
        except ConfigError as error:
            return {"outcome": "case_error", "error": str(error), "findings": []}
        return {"outcome": found["outcome"], "error": found["error"], "findings": found.get("findings", [])}

    async def _on(self, job: Job, phase: Callable[[str], None] | None) -> dict[str, Any]:
        """Has it done on the device that the fewest have been sent to."""
        device = min(self._devices, key=lambda each: each.sent)
        job = replace(job, environment=shown_to_worker(self.conditions.device, device.number))
        alone = False

        async def want() -> None:
            nonlocal alone
            await device.alone()
            alone = True

        device.sent += 1
        try:
            await device.enter()
            try:
                found = await self.box.evaluate(job, device=want, phase=phase)
            finally:
                await device.leave(alone)
        finally:
            device.sent -= 1
        times = {"input_seed": job.input_seed, "timing_seed": job.timing_seed if "speedup" in found else None}
        for side in ("baseline", "solution"):
            milliseconds = found.pop(f"all_{side}_ms", None)
            if milliseconds:
                found[f"{side}_detail"] = _thinned(timing_detail(milliseconds, found["timing_method"]))
        return found | times

    def _job(self, case_source: str, solution_source: str | None, name: str) -> Job:
        asked = self.conditions
        contract = read_contract(case_source, name)
        size = "cpu" if asked.device == "cpu" else "gpu"
        seeds = [_seed(f"{asked.seed}/{name}/{index}") for index in range(asked.input_sets)]
        sizes = [size] * len(seeds)
        if len(seeds) > 1 and size == "cpu" and "odd" in contract.sizes:
            sizes[-1] = "odd"
        own = {key: value for key, value in (("rtol", asked.rtol), ("atol", asked.atol)) if value is not None}
        rule = {"name": asked.rule, "nonfinite": contract.nonfinite, **({} if asked.rule == "strict" else contract.tolerance), **own}
        phases = ("load", "build", "check", "measure")
        return Job(
            case_source=case_source,
            solution_source=solution_source,
            input_seed=_seed(f"{asked.seed}/{name}"),
            timing_seed=secrets.randbits(48),
            input_sets=tuple(zip(seeds, sizes, strict=True)),
            size=size,
            rule=rule,
            threads=asked.threads,
            device=asked.device if asked.device == "cpu" else f"{asked.device}:0",
            environment={},
            deadlines=dict.fromkeys(phases, asked.timeout_seconds),
            timing=asked.timing,
        )


async def evaluate_all(
    evaluator: Evaluator, work: Sequence[dict[str, Any]], done: Callable[[dict[str, Any]], None] = lambda record: None
) -> list[dict[str, Any]]:
    """Records of many evaluations (keyword arguments of `Evaluator.evaluate`), in the order of `work`; `done` hears each as it ends.

    A judge that dies costs its own evaluation only: that record is `infrastructure_failed`.
    """

    async def one(task: dict[str, Any]) -> dict[str, Any]:
        try:
            record = await evaluator.evaluate(**task)
        except SandboxError as error:
            named = {key: task[key] for key in ("tier", "case_name")} | {"attempt": task.get("attempt", 1)}
            record = named | {"outcome": "infrastructure_failed", "error": str(error)}
        done(record)
        return record

    return list(await asyncio.gather(*(one(task) for task in work)))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _thinned(detail: dict[str, Any]) -> dict[str, Any]:
    """At most `KEPT_TIMES` single times, evenly chosen."""
    every = detail.get("all_trials_ms") or []
    step = -(-len(every) // KEPT_TIMES) or 1
    return {**detail, "all_trials_ms": every[::step]}
