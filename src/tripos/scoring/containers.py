"""One container for one answer: started, given commands and files, read, removed. Through the `docker` command.

    async with container("ubuntu:24.04", cpus=1, memory_mb=2048) as box:
        await box.write("/tmp/answer.sh", script)
        ended = await box.run(["bash", "/tmp/answer.sh"], seconds=60)
        await box.put(folder, "/tests")
        reward = await box.read("/logs/verifier/reward.txt")

What runs in it is not ours: commands that fail or run out of time are data. `ScorerError` says that the engine itself failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tripos.core.errors import ScorerError

ENGINE_SECONDS = 600.0  # for one command to the engine itself: pulling an image takes the longest
MOST_OUTPUT = 1 << 20
MOST_PROCESSES = 4096  # otherwise a script that forks for ever takes the machine
STARTING_SECONDS = 10.0  # for an engine that is asked to stop while it starts a container
KILLED, SETTLING_SECONDS = 137, 1.0  # the engine calls a container running for a moment after its processes were killed
SCRIPT = "/tmp/answer.sh"  # where a candidate's script is put


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command inside ended.

    Attributes:
        returncode: its exit status, None where it ran out of time.
        said: the last of what it wrote on stdout and stderr.
    """

    returncode: int | None
    said: str


@dataclass(frozen=True, slots=True)
class Container:
    """A running container."""

    name: str

    async def run(
        self,
        argv: Sequence[str],
        *,
        seconds: float,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        user: str = "",
        errors: bool = True,
    ) -> Ended:
        """Runs a command in it. What is still running when the time is over is left alone, as a terminal would leave it.

        Args:
            errors: keep what it writes on stderr too.

        Raises:
            ScorerError: the engine failed, or the container is gone.
        """
        variables = [word for name, value in (environment or {}).items() for word in ("--env", f"{name}={value}")]
        account = ["--user", user] if user else []
        command = ["exec", "--interactive", *variables, *account, self.name, *argv]
        ended = await docker(command, seconds=seconds, stdin=stdin, errors=errors)
        if ended.returncode == KILLED:
            await asyncio.sleep(SETTLING_SECONDS)
        if ended.returncode != 0 and not await self._is_up():
            raise ScorerError(f"the container of this answer is gone or does not answer: {ended.said[-300:]}")
        return ended

    async def write(self, path: str, text: str) -> None:
        """Writes a file, of any size.

        Raises:
            ScorerError: the engine failed.
        """
        written = await self.run(["sh", "-c", 'cat > "$0"', path], seconds=60, stdin=text)
        if written.returncode != 0:
            raise ScorerError(f"{path} could not be written in the container: {written.said[-300:]}")

    async def put(self, folder: Path, target: str) -> None:
        """Copies the content of a folder to `target`, which is made.

        Raises:
            ScorerError: the engine failed.
        """
        made = await self.run(["mkdir", "-p", target], seconds=60, user="root")
        copied = await docker(["cp", f"{folder}/.", f"{self.name}:{target}"], seconds=ENGINE_SECONDS)
        if made.returncode != 0 or copied.returncode != 0:  # None: it ran out of time
            raise ScorerError(f"{folder} could not be copied into the container: {(made.said + copied.said)[-300:]}")

    async def read(self, path: str) -> str | None:
        """The text of a file in it, None where there is none."""
        ended = await self.run(["cat", path], seconds=60, user="root", errors=False)
        return ended.said if ended.returncode == 0 else None

    async def _is_up(self) -> bool:
        state = await docker(["inspect", "--format", "{{.State.Running}}", self.name], seconds=60, errors=False)
        return state.returncode == 0 and state.said.strip() == "true"


@asynccontextmanager
async def container(
    image: str, *, cpus: float | None = None, memory_mb: int | None = None, network: bool = True
) -> AsyncIterator[Container]:
    """A new container of an image, which the engine pulls where it has not got it; removed at the end, whatever happened.

    Raises:
        ScorerError: the engine could not start it.
    """
    name = f"tripos-{uuid.uuid4().hex}"
    limits = ["--cpus", f"{cpus:g}"] if cpus else []
    limits += ["--memory", f"{memory_mb}m"] if memory_mb else []
    limits += [] if network else ["--network", "none"]
    limits += ["--pids-limit", str(MOST_PROCESSES), "--stop-timeout", "1"]
    # `sleep` is process 1, which no signal from inside can end: a script that kills whatever it can leaves the container to its check.
    command = ["run", "--detach", "--name", name, *limits, "--entrypoint", "sleep", image, "infinity"]
    start = asyncio.create_task(docker(command, seconds=ENGINE_SECONDS))
    try:
        started = await asyncio.shield(start)
        if started.returncode != 0:
            raise ScorerError(f"a container of {image} could not be started: {_message(started)}")
        yield Container(name)
    finally:
        await asyncio.shield(_remove(name, start))


async def _remove(name: str, start: asyncio.Task[Ended]) -> None:
    # Ending the command that starts a container would not keep the engine from making it a moment later.
    with contextlib.suppress(TimeoutError, ScorerError):
        await asyncio.wait_for(start, STARTING_SECONDS)
    await docker(["rm", "--force", "--volumes", name], seconds=120)


def _message(ended: Ended) -> str:
    """What the engine said, without the client's advice."""
    lines = [line for line in ended.said.splitlines() if line.strip() and "--help" not in line]
    return "\n".join(lines)[-300:] or ("it ran out of time" if ended.returncode is None else "it said nothing")


async def build(folder: Path, tag: str, *, seconds: float) -> None:
    """Builds an image from a folder with a Dockerfile.

    Raises:
        ScorerError: it could not be built in that time.
    """
    ended = await docker(["build", "--quiet", "--force-rm", "--tag", tag, str(folder)], seconds=seconds)
    if ended.returncode != 0:
        why = "it ran out of time" if ended.returncode is None else _message(ended)
        raise ScorerError(f"the image of {folder} could not be built: {why}")


def image_missing(image: str, advice: str) -> str | None:
    """Why an image that is never pulled cannot be used, and what mends it; None where it is here. Waits 20 s at most."""
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`docker` does not answer: {error}"
    return f"the image {image} is not here ({advice})" if asked.returncode else None


async def docker(arguments: Sequence[str], *, seconds: float, stdin: str = "", errors: bool = True) -> Ended:
    """One command to the engine; ended where it takes too long.

    Args:
        errors: keep stderr too, where the command itself also warns of things like a configuration that it cannot read.

    Raises:
        ScorerError: there is no `docker`.
    """
    pipe, stderr = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT if errors else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec("docker", *arguments, stdin=pipe, stdout=pipe, stderr=stderr)
    except FileNotFoundError as error:
        raise ScorerError("there is no program `docker`") from error
    said = bytearray()

    async def feed() -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(stdin.encode(errors="replace"))
            await process.stdin.drain()
        process.stdin.close()

    async def listen() -> None:
        assert process.stdout is not None
        while block := await process.stdout.read(1 << 16):
            said.extend(block)
            del said[:-MOST_OUTPUT]
        await process.wait()

    try:
        await asyncio.wait_for(asyncio.gather(feed(), listen()), seconds)
    except TimeoutError:
        return Ended(None, said.decode(errors="replace"))
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Ended(process.returncode, said.decode(errors="replace"))
