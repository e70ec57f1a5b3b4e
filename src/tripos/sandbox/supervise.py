"""The outer half of every sandbox: one subprocess, its specification in, its report out, and a clock of our own.

The inner half is `inside.py`. What comes back is data from an untrusted place: a report that cannot be read is a
program that destroyed its supervisor, not an error of ours.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from weakref import WeakKeyDictionary

from tripos.core.errors import SandboxError
from tripos.sandbox.sandbox import Completed, Limits

INSIDE = Path(__file__).with_name("inside.py")
START_SECONDS = 60.0
GRACE_SECONDS = 5.0
PAGE_BYTES = 4096
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same program does the same thing in every run
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "2",  # otherwise threads reserve address space by the number of the machine's cores
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def slot() -> AsyncIterator[None]:
    """Held while a program runs; there are as many as the machine has cores (an event loop)."""
    loop = asyncio.get_running_loop()
    if loop not in _slots:
        _slots[loop] = asyncio.Semaphore(os.cpu_count() or 1)
    async with _slots[loop]:
        yield


@dataclass(frozen=True, slots=True)
class Job:
    """What is to run, as the caller of `Sandbox.run` gave it."""

    argv: Sequence[str]
    files: Mapping[str, bytes | str]
    limits: Limits
    stdin: bytes
    collect: Sequence[str]

    def specification(self, *, cwd: str, namespace: bool, python: str, uid: int | None, nproc: int | None) -> bytes:
        """What `inside.py` reads.

        Args:
            namespace: the supervisor is process 1 of a namespace of its own.
            python: what `python3` stands for.
            uid: user id to change to before the program starts; None = stay.
            nproc: RLIMIT_NPROC; None = leave it.

        Raises:
            SandboxError: a file name that leaves the workspace, or more bytes than it can hold.
        """
        contents = {_relative(name): _bytes(content) for name, content in self.files.items()}
        size = sum(-(-len(content) // PAGE_BYTES) * PAGE_BYTES for content in [self.stdin, *contents.values()])
        if size > self.limits.disk_bytes:
            raise SandboxError(f"the files of this run need {size} bytes, more than disk_bytes = {self.limits.disk_bytes}; raise the limit")
        argv = [python if self.argv[0] == "python3" else self.argv[0], *self.argv[1:]]
        spec: dict[str, Any] = {
            "argv": argv,
            "env": ENVIRONMENT if namespace else {**ENVIRONMENT, "HOME": cwd, "TMPDIR": cwd},
            "cwd": cwd,
            "namespace": namespace,
            "uid": uid,
            "nproc": nproc,
            "limits": asdict(self.limits),
            "stdin": self.stdin,
            "files": contents,
            "collect": [_relative(name) for name in self.collect],
        }
        return marshal.dumps(spec, 2)


def _relative(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name or str(path) == ".":
        raise SandboxError(f"{name!r} is not a relative file name inside the workspace")
    return str(path)


def _bytes(content: bytes | str) -> bytes:
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content


def python_command() -> list[str]:
    """The command that starts the inner supervisor with this interpreter."""
    return [sys.executable, *inside_arguments()]


def inside_arguments() -> list[str]:
    """Arguments of an interpreter that make it the inner supervisor."""
    return ["-I", "-S", "-c", INSIDE.read_text(encoding="utf-8")]


async def supervise(
    process: asyncio.subprocess.Process,
    job: Job,
    specification: bytes,
    kill: Callable[[], Awaitable[None]],
    broken: Callable[[str], SandboxError],
) -> Completed:
    """Feeds the specification, waits for the report, and kills when the inner supervisor does not keep its limits.

    Args:
        process: started with pipes for stdin, stdout and stderr.
        kill: ends everything; called on every way out, so that nothing outlives this call.
        broken: makes the error from what the command wrote to stderr when the program never started.
    """
    assert process.stdin and process.stdout and process.stderr
    complaints = asyncio.ensure_future(_read(process.stderr, 1 << 16))
    running = False
    try:
        async with asyncio.timeout(START_SECONDS):
            await _feed(process.stdin, specification)
            started = await process.stdout.read(1)
        if started != b"S":
            await kill()
            raise broken((await complaints).decode(errors="replace").strip())
        running = True
        limits = job.limits
        cap = limits.output_bytes + limits.disk_bytes + (1 << 20)
        async with asyncio.timeout(limits.wall_seconds + GRACE_SECONDS):
            report = await _read(process.stdout, cap)
            await process.wait()
    except TimeoutError:
        if running:
            return _lost(job.limits, "wall")
        raise broken(f"it did not start within {START_SECONDS:.0f} s") from None
    finally:
        await kill()
        await _read(process.stdout, 0)
        await complaints
        await process.wait()
    return _completed(report, job)


async def _feed(stdin: asyncio.StreamWriter, specification: bytes) -> None:
    try:
        stdin.write(specification)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        stdin.close()  # the command died before it read; its stderr says why


async def _read(stream: asyncio.StreamReader, cap: int) -> bytes:
    """All of a stream, of which the first `cap` bytes are kept."""
    kept = bytearray()
    while piece := await stream.read(1 << 16):
        kept += piece[: cap - len(kept)]
    return bytes(kept)


def _lost(limits: Limits, why: str) -> Completed:
    return Completed(
        returncode=None,
        stdout=b"",
        stderr=b"",
        timed_out=why == "wall",
        output_truncated=False,
        wall_seconds=limits.wall_seconds,
        stopped=why,
    )


def _completed(report: bytes, job: Job) -> Completed:
    head, _, body = report.partition(b"\n")
    words = [None if word == "-" else word for word in head.decode("ascii", "replace").split(" ")]
    try:
        returncode = None if words[0] is None else int(words[0])
        stopped, wall_seconds = words[1], float(words[2] or "")
        sizes = [None if word is None else int(word) for word in words[3:]]
    except (ValueError, IndexError):
        return _lost(job.limits, "lost")
    if len(sizes) != 2 + len(job.collect) or any(size is not None and size < 0 for size in sizes) or sum(filter(None, sizes)) != len(body):
        return _lost(job.limits, "lost")
    pieces: list[bytes | None] = []
    for size in sizes:
        pieces.append(None if size is None else body[:size])
        body = body[size or 0 :]
    return Completed(
        returncode=returncode,
        stdout=pieces[0] or b"",
        stderr=pieces[1] or b"",
        timed_out=stopped in ("wall", "cpu"),
        output_truncated=stopped == "output",
        wall_seconds=wall_seconds,
        files={name: piece for name, piece in zip(job.collect, pieces[2:], strict=True) if piece is not None},
        stopped=stopped,
    )
