"""The sandbox contract.

`Sandbox.run(argv, files, limits)` runs a program over a private copy of `files` and returns what it printed. Whatever
the program does is a `Completed`, not an exception: time-outs, crashes, floods are data. `SandboxError` is raised only
when the sandbox itself cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run. Sizes in bytes, times in seconds."""

    wall_seconds: float = 10.0
    cpu_seconds: float = 10.0
    memory_bytes: int = 1 << 30
    output_bytes: int = 1 << 20
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    processes: int = 64


@dataclass(frozen=True, slots=True)
class Completed:
    """What happened.

    Attributes:
        returncode: exit status, 128 + n when signal n ended it; None when a limit ended it.
        timed_out: the wall clock or the CPU limit ended it.
        files: those of `collect` that exist, are regular files and not larger than `file_bytes`.
        stopped: the limit that ended it: "wall", "cpu", "output", "memory", "processes", "disk", or "lost" when its
            supervisor was killed with it; None when it ended by itself.
    """

    returncode: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool
    output_truncated: bool
    wall_seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)
    stopped: str | None = None


class Sandbox(Protocol):
    """One way to run untrusted programs."""

    @property
    def name(self) -> str:
        """As `choose` takes it and `tripos doctor` shows it."""
        ...

    async def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str],
        limits: Limits = Limits(),
        *,
        stdin: bytes = b"",
        collect: Sequence[str] = (),
    ) -> Completed:
        """Runs `argv` in a fresh workspace holding `files` (relative names), which is its working directory.

        `argv[0] == "python3"` means this interpreter. Nothing of the caller's environment, home or network is seen.
        At most as many programs run at once as the machine has cores; further callers wait.

        Raises:
            SandboxError: the sandbox cannot be had; the message has the command that installs it.
        """
        ...
