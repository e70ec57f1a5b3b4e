"""The second choice: a container without network, through the `docker` command.

The image must be on the machine: nothing is pulled behind the user's back. System calls are filtered by the engine's own
profile; older engines let vsock through, which bubblewrap's filter does not.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tripos.core.errors import SandboxError
from tripos.sandbox.sandbox import Completed, Limits
from tripos.sandbox.supervise import Job, inside_arguments, slot, supervise

IMAGE = "python:{}.{}-slim".format(*platform.python_version_tuple()[:2])
NOBODY = "65534:65534"


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
            try:
                process = await asyncio.create_subprocess_exec(*self._command(container, limits), stdin=pipe, stdout=pipe, stderr=pipe)
            except FileNotFoundError as error:
                raise SandboxError(str(self.missing())) from error
            return await supervise(process, job, specification, lambda: _kill(process, container), self._broken)

    def _command(self, container: str, limits: Limits) -> list[str]:
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
        return ["docker", "run", "--rm", "--interactive", "--read-only", *flat, self.image, *inside_arguments()]

    def _broken(self, complaint: str) -> SandboxError:
        return SandboxError(self.missing() or f"docker did not start the program: {_last_line(complaint)}")


async def _kill(process: asyncio.subprocess.Process, container: str) -> None:
    # Ending the command leaves its container running: the engine has to be told.
    if process.returncode is None:
        quiet = asyncio.subprocess.DEVNULL
        killer = await asyncio.create_subprocess_exec("docker", "kill", container, stdin=quiet, stdout=quiet, stderr=quiet)
        await killer.wait()
        if process.returncode is None:
            process.kill()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
