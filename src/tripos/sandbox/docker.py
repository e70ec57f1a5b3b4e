"""The second choice: a container without network, through the `docker` command.

The image must be on the machine: nothing is pulled behind the user's back. System calls are filtered as in bubblewrap: the
profiles of engines let memory that no process owns through, and older ones vsock, which reaches the host of a virtual machine.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tripos.core.errors import SandboxError
from tripos.sandbox import seccomp
from tripos.sandbox.sandbox import Completed, Limits
from tripos.sandbox.supervise import Job, inside_arguments, slot, supervise

IMAGE = "python:{}.{}-slim".format(*platform.python_version_tuple()[:2])
NOBODY = "65534:65534"
REMOVE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Docker:
    """`Sandbox` by Docker. `image` needs a `python3` of version 3.9 or later."""

    image: str = IMAGE
    name: str = "docker"

    def missing(self) -> str | None:
        """Why it cannot be had and what mends it; None when it works. Asks the engine, at most 20 s."""
        if not shutil.which("docker"):
            return "there is no program `docker`; install it: https://docs.docker.com/engine/install/"
        asks = (
            (["docker", "version", "--format", "{{.Server.Version}}"], "start the Docker engine: systemctl start docker"),
            (["docker", "image", "inspect", "--format", "{{.Id}}", self.image], f"fetch the image: docker pull {self.image}"),
        )
        for command, remedy in asks:
            try:
                asked = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
            except (OSError, subprocess.TimeoutExpired) as error:
                return f"`docker` does not answer: {error}; {remedy}"
            if asked.returncode:
                return f"`docker` says: {_last_line(asked.stderr.decode(errors='replace'))}; {remedy}"
        return None

    async def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str],
        limits: Limits = Limits(),
        *,
        stdin: bytes = b"",
        collect: Sequence[str] = (),
    ) -> Completed:
        """See `Sandbox.run`; `python3` is the image's."""
        job = Job(argv, files, limits, stdin, collect)
        specification = job.specification(cwd="/tmp/work", namespace=True, python="python3", uid=None, nproc=None)
        container = f"tripos-{uuid.uuid4().hex}"
        pipe = asyncio.subprocess.PIPE
        async with slot():
            with tempfile.NamedTemporaryFile("w", prefix="tripos-", suffix=".json", encoding="ascii") as profile:
                profile.write(seccomp.profile())
                profile.flush()
                command = self._command(container, limits, profile.name)
                try:
                    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
                except FileNotFoundError as error:
                    raise SandboxError(str(self.missing())) from error
                return await supervise(process, job, specification, lambda: _kill(process, container), self._broken)

    def _command(self, container: str, limits: Limits, profile: str) -> list[str]:
        memory = str(limits.memory_bytes + limits.disk_bytes)  # the memory file system counts too
        options = {
            "--name": container,
            "--pull": "never",
            "--network": "none",
            "--user": NOBODY,
            "--cap-drop": "ALL",
            "--security-opt": "no-new-privileges",
            "--memory": memory,
            "--memory-swap": memory,
            "--pids-limit": str(limits.processes + 1),
            "--tmpfs": f"/tmp:rw,exec,nosuid,nodev,mode=1777,size={limits.disk_bytes}",
            "--shm-size": str(max(1 << 20, limits.disk_bytes // 4)),
            "--entrypoint": "python3",
        }
        flat = [word for option in options.items() for word in option]
        filtered = ["--security-opt", f"seccomp={profile}"]
        return ["docker", "run", "--rm", "--interactive", "--read-only", *flat, *filtered, self.image, *inside_arguments()]

    def _broken(self, complaint: str) -> SandboxError:
        return SandboxError(self.missing() or f"docker did not start the program: {_last_line(complaint)}")


async def _kill(process: asyncio.subprocess.Process, container: str) -> None:
    # Ending the command leaves its container running, and the engine may only be about to make it: the engine is told until it had it.
    until = time.monotonic() + REMOVE_SECONDS
    pipe, quiet = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    while process.returncode is None and time.monotonic() < until:
        command = ["docker", "rm", "--force", "--volumes", container]
        remover = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=pipe, stderr=quiet)
        removed, _ = await remover.communicate()
        if removed.strip():
            break
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.05)
    if process.returncode is None:
        process.kill()


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip() and "docker run --help" not in line]
    return (lines or ["no message"])[-1]
