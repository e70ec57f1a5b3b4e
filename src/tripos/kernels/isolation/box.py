"""The box: one bubblewrap sandbox with torch loaded in it once, in which every evaluation costs a few forks.

    async with Box.start() as box:
        record = await box.evaluate(job)

What runs inside is `inside/`; what an evaluation is, `inside/judge.py`. Between them goes JSON.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import platform
import re
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tripos.core.errors import SandboxError
from tripos.sandbox import bubblewrap, seccomp

INSIDE = Path(__file__).with_name("inside")
SHOWN_AS = "/srv/judge/inside"
CAPABILITIES = ("SETUID", "SETGID", "SETPCAP", "KILL", "SYS_ADMIN", "SYS_PTRACE", "SYS_NICE")
USERS = 1000
START_SECONDS = 120.0
GRACE_SECONDS = 30.0
DEVICE_FILES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/davinci_manager", "/dev/kfd", "/dev/dri")
NUMBERED_DEVICES = ("nvidia[0-9]*", "davinci[0-9]*")
DENIED = {
    "sched_setaffinity": (203, 122),  # the judge says on which cores a worker runs
    "timerfd_create": (283, 85),  # no limit counts these timers, and they interrupt whoever runs, even while their owner is stopped
    "io_setup": (206, 0),  # reads go on while their owner is stopped
    "semget": (64, 190),  # semaphores take memory that no limit counts
}
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MKL_DYNAMIC": "FALSE",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin may hold the very core that the others need
    "GOMP_SPINCOUNT": "0",
    # Otherwise whether a result's pages are fresh from the kernel depends on what a process has freed before.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_ARENA_MAX": "2",
    "TORCH_EXTENSIONS_DIR": "/tmp/extensions",
    "MAX_JOBS": "2",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no processes that stay behind
}


@dataclass(frozen=True)
class WorkerLimits:
    """Bounds of each worker; bytes and seconds."""

    memory_bytes: int = 8 << 30
    disk_bytes: int = 2 << 30
    processes: int = 256
    cpu_seconds: int = 3600


@dataclass(frozen=True)
class Timing:
    """How long to measure: `budget_seconds` for all rounds, a round ending early once its interval is as narrow as `precision`.

    `compile`: time the reference through torch.compile as well. `most_rounds`: 5, or up to 10; those beyond five are measured, with as
    much time again, where five are noisy.
    """

    budget_seconds: float = 2.0
    precision: float = 0.01
    compile: bool = False
    most_rounds: int = 10


@dataclass(frozen=True)
class Job:
    """One candidate on one case, as the judge is told.

    Attributes:
        solution_source: None = the case itself is examined (`inside/examine.py`).
        input_seed: of the constructor's arguments, the weights and (with its number) each set of inputs.
        timing_seed: of the inputs of timed calls; nobody may guess it, so it is drawn anew for each evaluation and recorded.
        input_sets: (seed, size) of each set that the answer is checked on.
        size: of the inputs that are timed, and of the model.
        rule: see `inside/compare.py`, `Rule`.
        threads: cores that reference and candidate may each use.
        device: "cpu", "cuda:0", "npu:1", …
        environment: variables set in the workers (which device is visible, for example).
        deadlines: seconds of each phase (load, build, check, measure): for a candidate all its steps in it together, for a reference each.
        timing: None = correctness only.
    """

    case_source: str
    solution_source: str | None
    input_seed: int
    timing_seed: int
    input_sets: tuple[tuple[int, str], ...]
    size: str
    rule: dict[str, Any]
    threads: int
    device: str
    environment: dict[str, str]
    deadlines: dict[str, float]
    timing: Timing | None


class Box:
    """A running box. One event loop; many evaluations at once."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, torch_version: str) -> None:
        self._process, self._control, self.torch_version = process, control, torch_version

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, limits: WorkerLimits = WorkerLimits(), environment: dict[str, str] | None = None) -> AsyncIterator[Box]:
        """Starts the box (about two seconds: torch is loaded) and ends it with everything in it.

        Args:
            environment: further variables, set before torch is loaded.

        Raises:
            SandboxError: bubblewrap or torch is missing; the message says what to install.
        """
        missing = bubblewrap.Bubblewrap().missing()
        if missing:
            raise SandboxError(f"kernels are only run in a sandbox: {missing}")
        ours, theirs = socket.socketpair()
        second = bubblewrap.second_user()
        process = await _start_bubblewrap(theirs, second, {**ENVIRONMENT, **(environment or {})})
        theirs.close()
        try:
            ours.setblocking(False)
            rules = seccomp.program(also=DENIED)
            counted_alone = second is not None or _kernel() >= (5, 14)  # before, a user's processes outside count with those inside
            start = {
                "limits": asdict(limits) | ({} if counted_alone else {"processes": None}),
                "filter": base64.b64encode(rules).decode() if rules else None,
                "first_user": bubblewrap.USER if second is not None else None,
                "preload": ["numpy", "numpy.random"],
            }
            reply = await _told(ours, process, start)
            yield cls(process, ours, reply["torch"])
        finally:
            ours.close()
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def evaluate(
        self, job: Job, *, device: Callable[[], Awaitable[None]] | None = None, phase: Callable[[str], None] | None = None
    ) -> dict[str, Any]:
        """One candidate on one case; the record, see `inside/judge.py`.

        Args:
            device: awaited before the measurement begins; returns when this evaluation has the device for itself.
            phase: told each phase as it begins.

        Raises:
            SandboxError: the box has died.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"e"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise SandboxError("the box that kernels run in has ended; run it again") from error
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            await _send(writer, asdict(job))
            while True:
                message = await _receive(reader)
                if "record" in message:
                    record: dict[str, Any] = message["record"]
                    return record
                if "phase" in message and phase is not None:
                    phase(message["phase"])
                if "want" in message:
                    if device is not None:
                        await device()
                    await _send(writer, {"go": True})
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise SandboxError("the judge of a kernel ended without a verdict; run it again") from error
        finally:
            writer.close()


async def _start_bubblewrap(control: socket.socket, second: int | None, environment: dict[str, str]) -> asyncio.subprocess.Process:
    more = ["--ro-bind", str(INSIDE), SHOWN_AS, "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    include = Path(sys.base_prefix) / "include"  # of Python's own headers, for extensions
    if not include.is_relative_to("/usr"):
        more += ["--ro-bind-try", str(include), str(include)]
    for file in _device_files():
        more += ["--dev-bind-try", file, file]
    options = [*bubblewrap.namespaces(), *bubblewrap.system(64 << 20, more)]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    source = f"import sys; sys.path.insert(0, {str(Path(SHOWN_AS).parent)!r}); from inside.zygote import main; main({control.fileno()})"
    argv = [sys.executable, "-s", "-P", "-c", source]
    if second is None:
        return await bubblewrap.start([*options, *bubblewrap.as_root(CAPABILITIES)], argv, [control.fileno()])
    return await bubblewrap.start_with_users(options, argv, [control.fileno()], second, CAPABILITIES, USERS)


def _device_files() -> list[str]:
    return [*DEVICE_FILES, *(str(path) for pattern in NUMBERED_DEVICES for path in Path("/dev").glob(pattern))]


async def _told(control: socket.socket, process: asyncio.subprocess.Process, start: dict[str, Any]) -> dict[str, Any]:
    """Tells the zygote how to fork, waits until it is ready."""
    loop = asyncio.get_running_loop()
    body = json.dumps(start).encode()
    await loop.sock_sendall(control, len(body).to_bytes(4, "big") + body)
    try:
        async with asyncio.timeout(START_SECONDS):
            size = await loop.sock_recv(control, 4)
            reply = await loop.sock_recv(control, int.from_bytes(size, "big")) if size else b""
    except (TimeoutError, ConnectionError):
        reply = b""
    if not reply:
        process.kill()
        assert process.stderr is not None
        words = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        last = words[-1] if words else "no message"
        if "No module named 'torch'" in last:
            raise SandboxError("kernels need torch: pip install 'tripos[kernels]'")
        raise SandboxError(bubblewrap.mend(last))
    decoded: dict[str, Any] = json.loads(reply)
    return decoded


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    writer.write(len(body).to_bytes(4, "big") + body)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    size = int.from_bytes(await reader.readexactly(4), "big")
    message: dict[str, Any] = json.loads(await reader.readexactly(size))
    return message


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))
