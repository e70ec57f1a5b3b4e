"""The judge of one evaluation: has the case loaded, the candidate built, compares, times, and tells the caller.

It alone knows seeds, reference outputs and tolerances, and it alone holds the clock. It runs no code but ours.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
import traceback
from typing import Any

import torch

from . import check, examine, measure, placement
from .descriptions import dtype_of, likeness, span
from .held import CANDIDATE, REFERENCE, Failed, Held
from .wire import Channel

LOAD, BUILD, CHECK, MEASURE = "load", "build", "check", "measure"
MOST_SPREAD = 4  # times the memory that a weight needs, if it is to be written


class Evaluation:
    """One candidate on one case, phase by phase.

    Args:
        job: see `tripos.kernels.isolation.box.Job`.
    """

    def __init__(self, job: dict[str, Any], caller: Channel, zygote: socket.socket) -> None:
        self.job, self.caller, self.zygote = job, caller, zygote
        self.phase = LOAD
        self.workers: list[Held] = []
        self.weights: dict[str, torch.Tensor] = {}
        self.own_weights = False  # of a candidate: the reference's could not be carried over
        self.candidate_seconds = 0.0
        self.used: dict[str, float] = dict.fromkeys(job["deadlines"], 0.0)  # seconds of each phase that candidates were waited for
        self.record: dict[str, Any] = {"outcome": "ok", "phase": LOAD, "error": None, "traceback": None}

    def run(self) -> dict[str, Any]:
        """The record; never raises for anything that a worker does."""
        began = time.monotonic()
        try:
            self._phases()
        except Failed as failed:
            outcome, kind = _blamed(failed)
            error = f"{failed.error} ({self._limit(failed.role)})" if failed.outcome == "timeout" else failed.error
            self.record |= {"outcome": outcome, "error": error, "traceback": failed.traceback}
            if outcome == "cheat_suspected":
                self.record["suspicion"] = kind
        except Exception as error:  # ours, not the worker's: told, so that it is mended, and never taken for a verdict
            words = "".join(traceback.format_exception(error))
            self.record |= {"outcome": "infrastructure_failed", "error": f"the judge failed: {error!r}"[:2000], "traceback": words}
        finally:
            for worker in self.workers:
                worker.end()
        self.record |= {"phase": self.phase, "wall_seconds": time.monotonic() - began}
        return self.record

    def _phases(self) -> None:
        job = self.job
        reference = self.worker(REFERENCE)
        self._load(reference, job["case_source"], "case", ["Model", "get_inputs", "get_init_inputs"])
        initial = reference.ask("initial", self.deadline(reference), "arguments", seed=job["input_seed"], size=job["size"])["arguments"]
        carried = [reference.carry(each) for each in initial["items"]]
        self._build(reference, "Model", carried)
        if job["solution_source"] is None:
            self.enter(CHECK)
            self.record["findings"] = examine.examine(self, reference, carried)
            return
        candidate = self.candidate(carried)
        self.enter(CHECK)
        checked = check.check(self, reference, candidate)
        self.record |= checked.record
        if self.record["outcome"] == "ok" and job["timing"] is not None:
            for worker in self.workers:
                worker.stop()  # while it waits for its turn, somebody else is measured
            self.caller.send({"want": "device"})
            self.caller.receive(None)
            self.enter(MEASURE)
            measure.measure(self, reference, candidate, carried, checked)

    def enter(self, phase: str) -> None:
        """A phase begins, or goes on."""
        self.phase = phase
        self.caller.send({"phase": phase})

    def deadline(self, held: Held) -> float:
        """When this worker's next step must be done, on the monotonic clock. A reference has the phase's seconds for each step. A
        candidate has them for all its steps in that phase together: one that is slow in every step could hold a device for hours."""
        limit = float(self.job["deadlines"][self.phase])
        return time.monotonic() + max(0.0, limit - (self.used[self.phase] if held.role == CANDIDATE else 0.0))

    def _limit(self, role: str) -> str:
        seconds = f"{self.job['deadlines'][self.phase]:g} s in phase {self.phase}"
        return f"all its steps together have {seconds}" if role == CANDIDATE else f"each step has {seconds}"

    def _spent(self, seconds: float) -> None:
        self.used[self.phase] += seconds

    def worker(self, role: str) -> Held:
        """A new worker, told its settings."""
        held = Held(self.zygote, role, self._spent) if role == CANDIDATE else Held(self.zygote, role)
        self.workers.append(held)
        job = self.job
        settings = {name: job[name] for name in ("threads", "device", "environment")}
        held.ask("start", time.monotonic() + 60, **settings, layout=placement.draw())
        if role == CANDIDATE:
            self.record["containment"] = held.containment
        return held

    def candidate(self, carried: list[Any]) -> Held:
        """The solution, loaded and built with the reference's constructor arguments and, where names and shapes agree, its weights."""
        began = time.monotonic()
        held = self.worker(CANDIDATE)
        self.enter(LOAD)
        with _named("load_error"):
            self._load(held, self.job["solution_source"], "solution", ["ModelNew"])
        self.enter(BUILD)
        with _named("build_error"):
            self._build(held, "ModelNew", carried)
        self.candidate_seconds = time.monotonic() - began
        return held

    def end(self, held: Held) -> None:
        """Kills a worker that is not needed any more."""
        self.workers.remove(held)
        held.end()

    def another_reference(self, carried: list[Any], compiled: bool = False, seed: int | None = None) -> Held:
        """A fresh process with the reference; its weights are those of the job's seed unless told otherwise."""
        held = self.worker(REFERENCE)
        self._load(held, self.job["case_source"], "case", ["Model"])
        self._build(held, "Model", carried, seed)
        if compiled:
            held.ask("compile", self.deadline(held))
        return held

    def _load(self, held: Held, source: str, name: str, needs: list[str]) -> None:
        missing = held.ask("load", self.deadline(held), source=source, name=name, needs=needs).get("missing")
        if missing:
            words = ", ".join(map(str, missing)) if isinstance(missing, list) else str(missing)
            raise held.fail("raised", f"the {held.role} does not define {words}")

    def _build(self, held: Held, kind: str, carried: list[Any], seed: int | None = None) -> None:
        held.place(carried, -1, self.deadline(held))
        drawn = self.job["input_seed"] if seed is None else seed
        told = held.ask("build", self.deadline(held), "state", kind=kind, slot=-1, seed=drawn)["state"]
        state = {name: tensor for name, tensor in told.items() if tensor["type"] == "Tensor"}  # no sparse ones, no lazy ones
        if held.role == REFERENCE:
            held.weights = {name: held.read(tensor) for name, tensor in state.items()}
            if seed is None:
                self.weights = held.weights
            return
        state = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}  # torch.compile's
        shared = state.keys() & self.weights.keys()
        fits = len(shared) in (len(state), len(self.weights)) and all(_takes(state[name], self.weights[name]) for name in shared)
        self.own_weights = bool(self.weights) and not (fits and shared)
        for name in shared if fits else ():
            held.write(state[name], _laid_out(self.weights[name].to(dtype_of(state[name])), state[name]))


@contextlib.contextmanager
def _named(outcome: str) -> Any:
    """What the worker's own code raised is this outcome."""
    try:
        yield
    except Failed as failed:
        if failed.outcome == "raised":
            failed.outcome = outcome
        raise


def _blamed(failed: Failed) -> tuple[str, str]:
    """The outcome as it is recorded, and the kind."""
    if failed.role == REFERENCE:
        killed = failed.outcome == "crashed" and f"signal {int(signal.SIGKILL)} " in failed.error  # by the kernel: we never do
        return "infrastructure_failed" if killed else "case_error", ""
    return "crashed" if failed.outcome == "raised" else failed.outcome, failed.kind


def _takes(tensor: dict[str, Any], value: torch.Tensor) -> bool:
    """Whether a weight can be carried over: same shape and type (a float may be of another size), and a place of its own for every
    element, not far from the others."""
    wanted = likeness(value)
    floats = dtype_of(tensor).is_floating_point and value.is_floating_point()
    if tensor["shape"] != wanted["shape"] or (tensor["dtype"] != wanted["dtype"] and not floats):
        return False
    places = zip(tensor["shape"], tensor["strides"], strict=True)
    apart = all(stride or size < 2 for size, stride in places) and span(tensor) <= MOST_SPREAD * max(1, value.numel())
    return apart or bool(tensor["strides"] == wanted["strides"])


def _laid_out(value: torch.Tensor, like: dict[str, Any]) -> torch.Tensor:
    """`value` with the strides of `like`."""
    if list(value.stride()) == like["strides"]:
        return value
    return torch.empty_strided(like["shape"], like["strides"], dtype=value.dtype).copy_(value)


def serve(caller: Channel, zygote: socket.socket) -> None:
    """One job, one record."""
    os.setsid()
    torch.set_num_threads(1)  # the judge must not take cores from what it times
    job = caller.receive(time.monotonic() + 60)
    threading.Thread(target=_end_with, args=(caller.end,), daemon=True).start()
    caller.send({"record": Evaluation(job, caller, zygote).run()})


def _end_with(caller: socket.socket) -> None:
    """Ends this process when the caller has gone, whatever it is waiting for; keepers then end their workers."""
    watched = select.poll()
    watched.register(caller, select.POLLRDHUP)
    watched.poll()
    os._exit(1)
