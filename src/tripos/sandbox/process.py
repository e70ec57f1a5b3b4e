"""No walls: an ordinary process with limits. Used only when asked for by name.

It bounds time, memory of each process, file size and output, clears the environment and gives a temporary directory; the
program still sees your files and your network, and a process that it detaches outlives it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tripos.core.errors import SandboxError
from tripos.sandbox.sandbox import Completed, Limits
from tripos.sandbox.supervise import ENVIRONMENT, Job, python_command, slot, supervise


@dataclass(frozen=True, slots=True)
class Process:
    """`Sandbox` by resource limits only."""

    name: str = "process"

    def missing(self) -> str | None:
        """Why it cannot be had; None when it works."""
        return None if os.name == "posix" else f"resource limits need Linux or macOS, this is {sys.platform}; install Docker"

    async def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str],
        limits: Limits = Limits(),
        *,
        stdin: bytes = b"",
        collect: Sequence[str] = (),
    ) -> Completed:
        """See `Sandbox.run`. `disk_bytes` bounds only what is put in."""
        if reason := self.missing():
            raise SandboxError(reason)
        job = Job(argv, files, limits, stdin, collect)
        pipe = asyncio.subprocess.PIPE
        async with slot():
            with tempfile.TemporaryDirectory(prefix="tripos-", ignore_cleanup_errors=True) as workspace:
                nproc = await asyncio.to_thread(_room_for, limits.processes)
                specification = job.specification(cwd=workspace, namespace=False, python=sys.executable, uid=None, nproc=nproc)
                process = await asyncio.create_subprocess_exec(
                    *python_command(), stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT, start_new_session=True
                )
                return await supervise(process, job, specification, lambda: _kill(process), SandboxError)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group may have gone; macOS says EPERM for zombies
        os.killpg(process.pid, signal.SIGKILL)


def _room_for(processes: int) -> int | None:
    """RLIMIT_NPROC counts every thread of the user: those there are, and `processes` more. Does not bind root."""
    if not sys.platform.startswith("linux"):
        return None
    threads = 0
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                threads += entry.joinpath("task").stat().st_nlink - 2
    return threads + processes + 1
