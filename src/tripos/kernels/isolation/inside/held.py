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
from collections.abc import Sequence
from typing import Any

import torch

from . import memory
from .wire import Broken, Channel, Late

MOST_TENSOR_BYTES = 4 << 30
FATE_SECONDS = 2.0
STOP_SECONDS = 5.0


class Failed(Exception):
    """What a worker did wrong: `outcome` is the taxonomy's word, `error` one sentence."""

    def __init__(self, outcome: str, error: str, traceback: str | None = None, kind: str = "") -> None:
        super().__init__(error)
        self.outcome, self.error, self.traceback, self.kind = outcome, error, traceback, kind


class Held:
    """One worker process, asked for from the zygote."""

    def __init__(self, zygote: socket.socket, role: str) -> None:
        zygote.send(b"w")
        _, descriptors, _, _ = socket.recv_fds(zygote, 16, 2)
        if len(descriptors) != 2:
            raise Failed("infrastructure_failed", "the zygote could not fork a worker")
        self.role = role
        self.channel = Channel(socket.socket(fileno=descriptors[0]))
        self._fate = os.fdopen(descriptors[1], "rb", buffering=0)
        born = self._tidings(time.monotonic() + 30.0)
        if "pid" not in born or "trouble" in born:
            raise Failed("infrastructure_failed", f"a worker could not be confined: {born.get('trouble', 'it never began')}")
        self.pid: int = born["pid"]
        self.containment: list[str] = born["containment"]
        self.stopped = False

    # -- asking -----------------------------------------------------------------------------------------------------

    def ask(self, do: str, deadline: float, **more: Any) -> dict[str, Any]:
        """One command, one reply.

        Raises:
            Failed: the worker's code raised, the deadline passed, or the worker ended.
        """
        self.let_go()
        try:
            self.channel.send({"do": do, **more})
            reply = self.channel.receive(deadline)
        except Late:
            raise Failed("timeout", f"the {self.role} did not end `{do}` in time") from None
        except Broken as error:
            raise self._ended(str(error)) from None
        if not reply.get("ok"):
            outcome = "oom" if reply.get("kind") == "oom" else "raised"
            raise Failed(outcome, str(reply.get("error"))[:2000], str(reply.get("traceback"))[-20_000:], str(reply.get("kind")))
        return reply

    def prepare(self, slots: Sequence[int], deadline: float) -> None:
        """Brings the worker to the brink of a timed window; from here on it waits for one byte, and is stopped."""
        self.ask("window", deadline, slots=list(slots))
        self.stop()

    def window(self, count: int, deadline: float, staged: bool) -> tuple[float, tuple[int, ...]]:
        """Lets the prepared worker go; returns the seconds until it answered, and the `count` addresses that it answers with.

        `staged`: the worker first moves its inputs to a device and, when it is done, says so before it moves the outputs back;
        the seconds are those between.
        """
        end = self.channel
        try:
            end.end.send(b"g")
            began = time.monotonic()
            self.let_go()
            if staged:
                end.exactly(1, deadline)
                began = time.monotonic()
                end.end.send(b"g")
                end.exactly(1, deadline)
                seconds = time.monotonic() - began
            (told,) = struct.unpack("<q", end.exactly(8, deadline))
            if told == -1:
                self._after(deadline)  # raises
            if told != count:
                raise Failed("wrong_structure", f"{told} output tensors in a timed window where {count} were expected")
            addresses = struct.unpack(f"<{count}Q", end.exactly(8 * count, deadline))
        except Late:
            raise Failed("timeout", f"a timed call of the {self.role} did not end in time") from None
        except (Broken, OSError) as error:
            raise self._ended(str(error)) from None
        return (seconds if staged else time.monotonic() - began), addresses

    def _after(self, deadline: float) -> dict[str, Any]:
        """The reply that ends a window."""
        reply = self.channel.receive(deadline)
        if not reply.get("ok"):
            raise Failed("raised", str(reply.get("error"))[:2000], str(reply.get("traceback"))[-20_000:], str(reply.get("kind")))
        return reply

    def finish(self, deadline: float) -> None:
        """Takes the reply that ends a window."""
        self.let_go()
        try:
            self._after(deadline)
        except Late:
            raise Failed("timeout", f"the {self.role} did not come back from a timed call") from None
        except Broken as error:
            raise self._ended(str(error)) from None

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stops every thread of the worker; returns when it stands still."""
        if self.stopped:
            return
        self._signal(signal.SIGSTOP)
        self.stopped = True
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            state = self._state()
            if state in "Tt":
                return
            if state in "ZX":
                raise self._ended("it ended")
        raise Failed("infrastructure_failed", f"the {self.role} could not be stopped")

    def let_go(self) -> None:
        """The opposite of `stop`."""
        if self.stopped:
            self._signal(signal.SIGCONT)
            self.stopped = False

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            raise self._ended("it ended") from None

    def _state(self) -> str:
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:  # noqa: PTH123
                return chr(stat.read().rpartition(b") ")[2][0])
        except (OSError, IndexError):
            return "X"

    def end(self) -> None:
        """Kills the worker and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)  # process 1 of its namespace: all others die with it
        self.channel.end.close()
        self._fate.close()

    def pin(self, cores: set[int]) -> None:
        """Lets every thread of the worker run on these cores only."""
        try:
            for thread in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208
                os.sched_setaffinity(int(thread), cores)
        except OSError as error:
            raise Failed("infrastructure_failed", f"the {self.role} could not be put on cores {sorted(cores)}: {error}") from None

    def cores(self) -> set[int]:
        """The cores that any thread of the worker may run on."""
        allowed: set[int] = set()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208
                allowed |= os.sched_getaffinity(int(thread))
        return allowed

    def cpu_seconds(self) -> float:
        """Processor time that all threads of the worker have used so far."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # the process clock of another process, see clock_getcpuclockid(3)
        except OSError:
            return 0.0

    def children(self) -> int:
        """How many processes the worker has started that still live."""
        count = 0
        try:
            for thread in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208
                with open(f"/proc/{self.pid}/task/{thread}/children") as children:  # noqa: PTH123
                    count += len(children.read().split())
        except OSError:
            return 0
        return count

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
            return Failed("oom", f"the {self.role} used more memory than it was given")
        status = told.get("status")
        if status is None:
            return Failed("crashed", f"the {self.role} broke its channel: {why}")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU:
                return Failed("timeout", f"the {self.role} used up its processor time")
            return Failed("crashed", f"the {self.role} was ended by signal {number} ({signal.strsignal(number)})")
        return Failed("crashed", f"the {self.role} ended by itself with status {os.waitstatus_to_exitcode(status)}")

    # -- memory -----------------------------------------------------------------------------------------------------

    def read(self, tensor: dict[str, Any]) -> torch.Tensor:
        """A copy of a described tensor, from the worker's memory. Raises Failed for a description that cannot be true."""
        dtype, shape, strides, span = self._checked(tensor)
        if span == 0:
            return torch.empty(shape, dtype=dtype)
        try:
            raw = memory.read(self.pid, tensor["address"], span * dtype.itemsize)
        except memory.MemoryError_ as error:
            raise Failed("wrong_structure", f"the {self.role}'s tensor cannot be read: {error}") from None
        return torch.frombuffer(raw, dtype=dtype).as_strided(shape, strides)

    def write(self, tensor: dict[str, Any], value: torch.Tensor) -> None:
        """Writes a tensor of the described shape and strides into the worker's memory."""
        _, _, _, span = self._checked(tensor)
        if span:
            flat = value.as_strided((span,), (1,)).contiguous().view(torch.uint8)
            try:
                memory.write(self.pid, tensor["address"], memoryview(flat.numpy()))
            except memory.MemoryError_ as error:
                raise Failed("crashed", f"the {self.role}'s input buffers are gone: {error}") from None

    def peek(self, addresses: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """The elements at these addresses."""
        try:
            return torch.frombuffer(memory.gather(self.pid, addresses, dtype.itemsize), dtype=dtype)
        except memory.MemoryError_ as error:
            raise Failed("wrong_structure", f"the {self.role}'s output cannot be read: {error}") from None

    def _checked(self, tensor: dict[str, Any]) -> tuple[torch.dtype, list[int], list[int], int]:
        dtype = getattr(torch, str(tensor.get("dtype")), None)
        shape: Any = tensor.get("shape")
        strides: Any = tensor.get("strides")
        address: Any = tensor.get("address")
        numbers = [*shape, *strides, address] if isinstance(shape, list) and isinstance(strides, list) else [None]
        sound = all(type(number) is int and 0 <= number < 1 << 63 for number in numbers)
        if not isinstance(dtype, torch.dtype) or not sound or len(shape) != len(strides) or len(shape) > 64:
            raise Failed("wrong_structure", f"the {self.role} describes a tensor that cannot be: {str(tensor)[:200]}")
        span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if all(shape) else 0
        count = 1
        for size in shape:
            count *= size
        if max(span, count) * dtype.itemsize > MOST_TENSOR_BYTES:
            raise Failed("wrong_structure", f"the {self.role} describes a tensor of {max(span, count) * dtype.itemsize} bytes")
        return dtype, shape, strides, span
