"""The judge's hold on one worker: asks it, stops it, lets it go, reads and writes its memory, ends it.

Everything a worker says is checked here before it is used: it may be lying.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from . import memory
from .descriptions import Unsound, described_tensors, dtype_of, likeness, parse, parse_state, span, tensors
from .wire import Broken, Channel, Late

BIRTH_SECONDS = 30.0
FATE_SECONDS = 2.0
STOP_SECONDS = 5.0
END_SECONDS = 20.0
STILL_SECONDS = 0.0002  # of processor time, that a stopped process may seem to use
SPARSE_BYTES = 1 << 20
REFERENCE, CANDIDATE = "reference", "candidate"


class Failed(Exception):
    """What went wrong: `outcome` is the taxonomy's word (or `raised`: the worker's own code did), `error` one sentence.

    `role` is the worker's that is to blame; empty = nobody's, it is our own failure. `kind` is the type of a raised
    exception, or what kind of cheating is suspected.
    """

    def __init__(self, role: str, outcome: str, error: str, traceback: str | None = None, kind: str = "") -> None:
        super().__init__(error)
        self.role, self.outcome, self.error, self.traceback, self.kind = role, outcome, error[:2000], traceback, kind


@dataclass(frozen=True)
class Answer:
    """Of a timed window: seconds until the worker answered and had been looked at, addresses of the outputs, what was seen.

    `aside` are the seconds before and after those, in which a staged worker moves inputs and outputs, or says so.
    """

    seconds: float
    aside: float
    addresses: memory.Numbers
    seen: bytearray


class Held:
    """One worker process, asked for from the zygote. `spent` is told the seconds of everything that was waited for."""

    def __init__(self, zygote: socket.socket, role: str, spent: Callable[[float], None] = lambda seconds: None) -> None:
        zygote.send(role[:1].encode())
        _, descriptors, _, _ = socket.recv_fds(zygote, 16, 2)
        if len(descriptors) != 2:
            raise Failed("", "infrastructure_failed", "the zygote could not fork a worker")
        self.role, self._spent = role, spent
        self.weights: dict[str, torch.Tensor] = {}  # of a reference, as it was built
        self.channel = Channel(socket.socket(fileno=descriptors[0]))
        self._fate = os.fdopen(descriptors[1], "rb", buffering=0)
        born = self._tidings(time.monotonic() + BIRTH_SECONDS)
        if "pid" not in born or "trouble" in born:
            raise Failed("", "infrastructure_failed", f"a worker could not be confined: {born.get('trouble', 'it never began')}")
        self.pid: int = born["pid"]
        self.containment: list[str] = born["containment"]
        self._process = os.pidfd_open(self.pid)
        self._used_at_stop: float | None = None  # processor seconds; None = not stopped

    def fail(self, outcome: str, error: str, traceback: str | None = None, kind: str = "") -> Failed:
        """A failure of this worker, to be raised."""
        return Failed(self.role, outcome, error, traceback, kind)

    # -- asking -----------------------------------------------------------------------------------------------------

    def ask(self, do: str, deadline: float, *wanted: str, **more: Any) -> dict[str, Any]:
        """One command, one reply. `wanted` are the descriptions that the reply must have.

        Raises:
            Failed: the worker's code raised, the deadline passed, the worker ended, or what it says cannot be.
        """
        self.let_go()
        began = time.monotonic()
        try:
            self.channel.send({"do": do, **more}, deadline)
            return self._reply(deadline, wanted)
        except Late:
            raise self.fail("timeout", f"the {self.role} did not end `{do}` in time") from None
        except Broken as error:
            raise self._ended(str(error)) from None
        finally:
            self._spent(time.monotonic() - began)

    def _reply(self, deadline: float, wanted: Sequence[str] = ()) -> dict[str, Any]:
        reply = self.channel.receive(deadline)
        if not reply.get("ok"):
            outcome = "oom" if reply.get("kind") == "oom" else "raised"
            raise self.fail(outcome, str(reply.get("error")), str(reply.get("traceback"))[-20_000:], str(reply.get("kind"))[:200])
        try:
            return reply | {key: parse_state(reply.get(key)) if key == "state" else parse(reply.get(key)) for key in wanted}
        except Unsound as error:
            raise self.fail("wrong_structure", f"the {self.role} tells of {error}") from None

    def prepare(self, slots: Sequence[int], deadline: float) -> None:
        """Brings the worker to the brink of a timed window; from here on it waits for one byte, and is stopped."""
        self.ask("window", deadline, slots=list(slots))
        self.stop()

    def window(self, count: int, deadline: float, staged: bool, look: Callable[[memory.Numbers], bytearray]) -> Answer:
        """Lets the prepared worker go, waits for the `count` addresses that it answers with, looks at what is there.

        `staged`: the worker first moves its inputs to a device and, when it is done, says so before it moves the outputs back;
        the seconds are those between. Otherwise they end after the look.
        """
        wire = self.channel
        if wire.pending():
            raise self.fail("cheat_suspected", f"the {self.role} answered before it was asked", kind="early_answer")
        self.must_have_rested()
        entered = time.monotonic()
        try:
            let_go = began = time.monotonic()  # before the byte: a worker may have the kernel wake it as soon as that is there
            wire.end.send(b"g")
            self._go_on()
            if staged:
                wire.exactly(1, deadline)
                began = time.monotonic()
                wire.end.send(b"g")
                wire.exactly(1, deadline)
                ended = time.monotonic()
            (told,) = struct.unpack("<q", wire.exactly(8, deadline))
            if told == count:
                addresses = np.frombuffer(wire.exactly(8 * count, deadline), dtype=np.uint64)
                answered, seen = time.monotonic(), look(addresses)
                if not staged:
                    answered = ended = time.monotonic()
                return Answer(ended - began, began - let_go + answered - ended, addresses, seen)
            if told == -1:
                self._reply(deadline)  # raises what the model has raised
            raise self.fail("wrong_structure", f"{told} output tensors in a timed window where {count} were expected")
        except memory.Unreachable as error:
            raise self.fail("wrong_structure", f"the {self.role}'s output cannot be read: {error}") from None
        except Late:
            raise self.fail("timeout", f"a timed call of the {self.role} did not end in time") from None
        except (Broken, OSError) as error:
            raise self._ended(str(error)) from None
        finally:
            self._spent(time.monotonic() - entered)

    def finish(self, deadline: float) -> None:
        """Takes the reply that ends a window, and stops."""
        self.let_go()
        entered = time.monotonic()
        try:
            self.channel.end.send(b"g")
            self._reply(deadline)
        except Late:
            raise self.fail("timeout", f"the {self.role} did not come back from a timed call") from None
        except (Broken, OSError) as error:
            raise self._ended(str(error)) from None
        finally:
            self._spent(time.monotonic() - entered)
        self.stop()

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stops the worker; returns when every thread stands still and no other process of its is there to go on."""
        if self._used_at_stop is not None:
            return
        deadline = time.monotonic() + STOP_SECONDS
        self._signal(signal.SIGSTOP)
        while not self._stands():
            if time.monotonic() > deadline:
                raise self.fail("cheat_suspected", f"the {self.role} could not be stopped", kind="awake_while_stopped")
            self._signal(signal.SIGSTOP)  # a SIGCONT that came in between has undone the one before
        self._used_at_stop = self.cpu_seconds()
        if self.role == CANDIDATE and self._others():
            raise self.fail("cheat_suspected", f"processes of the {self.role} were alive while it was timed", kind="background_process")

    def let_go(self) -> None:
        """The opposite of `stop`. Raises Failed where the worker was awake in between: a timer can send SIGCONT, no signal mask helps."""
        if self._used_at_stop is not None:
            self.must_have_rested()
            self._go_on()

    def must_have_rested(self) -> None:
        """Raises Failed where the stopped worker has used its processor, or does not stand still any more: it cannot stop itself again."""
        if self._used_at_stop is not None and (self.cpu_seconds() - self._used_at_stop > STILL_SECONDS or not self._stands()):
            raise self.fail("cheat_suspected", f"the {self.role} ran while it was stopped", kind="awake_while_stopped")

    def _go_on(self) -> None:
        self._used_at_stop = None
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        try:
            signal.pidfd_send_signal(self._process, number)
        except ProcessLookupError:
            raise self._ended("it ended") from None

    def _stands(self) -> bool:
        states = _states(self.pid)
        if not states or states[0] in "ZX":
            raise self._ended("it ended")
        return all(state in "TtZX" for state in states)

    def _threads(self) -> list[str]:
        return _threads(self.pid)

    def _others(self) -> int:
        """How many processes the worker has started that still live. It is process 1 of its namespace, so orphans count too."""
        listed = self._children()
        alive = sum(any(state not in "ZX" for state in _states(int(child))) for child in listed)
        return alive + len(self._children() - listed)  # one that has become another since then lives on

    def _children(self) -> set[str]:
        children: set[str] = set()
        for thread in self._threads():
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/task/{thread}/children") as words:  # noqa: PTH123
                children |= set(words.read().split())
        return children

    def end(self) -> None:
        """Kills the worker and everything it started; returns when that is over, so that it disturbs nobody's measurement."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)  # process 1 of its namespace: all others die with it
        select.select([self._process], [], [], END_SECONDS)
        os.close(self._process)
        self.channel.end.close()
        self._fate.close()

    def pin(self, cores: set[int]) -> None:
        """Lets the (stopped) worker run on these cores only; its system-call filter keeps it from changing that."""
        try:
            for thread in self._threads():
                os.sched_setaffinity(int(thread), cores)
        except OSError as error:
            raise Failed("", "infrastructure_failed", f"the {self.role} could not be put on cores {sorted(cores)}: {error}") from None

    def cores(self) -> set[int]:
        """The cores that any thread of the worker may run on."""
        allowed: set[int] = set()
        with contextlib.suppress(OSError):
            for thread in self._threads():
                allowed |= os.sched_getaffinity(int(thread))
        return allowed

    def cpu_seconds(self) -> float:
        """Processor time that all threads of the worker have used so far."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # the process clock of another process, see clock_getcpuclockid(3)
        except OSError:
            raise self._ended("it ended") from None

    def _tidings(self, deadline: float) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._fate], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return {}
            piece = self._fate.read(1)
            if not piece:
                return {}
            line += piece
        told: dict[str, Any] = json.loads(line)
        return told

    def _ended(self, why: str) -> Failed:
        """How the worker ended, from its keeper."""
        told = self._tidings(time.monotonic() + FATE_SECONDS)
        if told.get("stopped") == "memory":
            return self.fail("oom", f"the {self.role} used more memory than it was given")
        status = told.get("status")
        if status is None:
            return self.fail("crashed", f"the {self.role} broke its channel: {why}")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return self.fail("crashed", f"the {self.role} was ended by signal {number} ({signal.strsignal(number)})")
        return self.fail("crashed", f"the {self.role} ended by itself with status {os.waitstatus_to_exitcode(status)}")

    # -- memory -----------------------------------------------------------------------------------------------------

    def read(self, tensor: dict[str, Any]) -> torch.Tensor:
        """A copy of a described tensor, from the worker's memory. Raises Failed where there is none."""
        dtype, shape = dtype_of(tensor), tensor["shape"]
        width, count = span(tensor), int(np.prod(shape, dtype=np.int64))
        if count == 0:
            return torch.empty(shape, dtype=dtype)
        try:
            if width * dtype.itemsize <= 4 * count * dtype.itemsize + SPARSE_BYTES:
                raw = memory.read(self.pid, tensor["address"], width * dtype.itemsize)
                return torch.frombuffer(raw, dtype=dtype).as_strided(shape, tensor["strides"])
            raw = memory.gather(self.pid, _addresses(tensor), np.full(count, dtype.itemsize, dtype=np.uint64))
        except memory.Unreachable as error:
            raise self.fail("wrong_structure", f"the {self.role}'s tensor cannot be read: {error}") from None
        return torch.frombuffer(raw, dtype=dtype).reshape(shape)

    def carry(self, described: dict[str, Any]) -> Any:
        """A description with every tensor read out of the worker's memory."""
        if described["type"] == "Tensor":
            return self.read(described)
        return described | {"items": [self.carry(each) for each in described["items"]]} if "items" in described else described

    def write(self, tensor: dict[str, Any], value: torch.Tensor) -> None:
        """Writes a tensor of the described shape and strides into the worker's memory."""
        width = span(tensor)
        if width:
            flat = value.as_strided((width,), (1,)).contiguous().view(torch.uint8)
            try:
                memory.write(self.pid, tensor["address"], memoryview(flat.numpy()))
            except memory.Unreachable as error:
                raise self.fail("crashed", f"the {self.role}'s input buffers are gone: {error}") from None

    def place(self, carried: list[Any], slot: int, deadline: float) -> list[dict[str, Any]]:
        """Makes room for carried values in `slot` and writes them; returns the descriptions of the tensors there."""
        there = self.room([likeness(each) for each in carried], slot, deadline)
        for tensor, value in zip(there, [leaf for each in carried for leaf in tensors(each)], strict=True):
            self.write(tensor, value)
        return there

    def room(self, like: list[dict[str, Any]], slot: int, deadline: float) -> list[dict[str, Any]]:
        """Makes room for values of these likenesses in `slot`; returns the descriptions of the tensors there."""
        wanted = [leaf for each in like for leaf in described_tensors(each)]
        reply = self.ask("receive", deadline, "inputs", slot=slot, like={"type": "list", "items": like})
        there = described_tensors(reply["inputs"])
        shown = [{key: each[key] for key in ("type", "shape", "strides", "dtype")} for each in there]
        if shown != wanted:
            raise self.fail("wrong_structure", f"the {self.role} describes its input tensors wrongly")
        return there


def _threads(pid: int) -> list[str]:
    """Of a process, the first thread first; empty where it is gone."""
    try:
        return sorted(os.listdir(f"/proc/{pid}/task"), key=int)  # noqa: PTH208
    except OSError:
        return []


def _states(pid: int) -> list[str]:
    """Of each thread: a process whose first thread has ended looks dead, and the others go on."""
    return [_state(f"/proc/{pid}/task/{thread}/stat") for thread in _threads(pid)]


def _state(path: str) -> str:
    """The letter of a thread's state; X where it is gone."""
    try:
        with open(path, "rb") as stat:  # noqa: PTH123
            return chr(stat.read().rpartition(b") ")[2][0])
    except (OSError, IndexError):
        return "X"


def _addresses(tensor: dict[str, Any]) -> memory.Numbers:
    """Of every element, in row-major order."""
    found: memory.Numbers = np.array([tensor["address"]], dtype=np.uint64)
    for size, stride in zip(tensor["shape"], tensor["strides"], strict=True):
        steps = np.arange(size, dtype=np.uint64) * np.uint64(stride * dtype_of(tensor).itemsize)
        found = np.add.outer(found, steps).reshape(-1)
    return found
