"""Official harnesses that grade in containers: what they need on this machine, and how one is run for one answer."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tripos.core.errors import SandboxError, ScorerError
from tripos.core.records import JSON

APPLY_FAILED, APPLIED = ">>>>> Patch Apply Failed", ">>>>> Applied Patch"  # what SWE-bench's harness and its kin write into a log
_TAIL = 2000


def docker_missing() -> str | None:
    """Why no container can be started here and what mends it; None where an engine answers. Waits 20 s at most."""
    if not shutil.which("docker"):
        return "there is no program `docker` (install it: https://docs.docker.com/engine/install/)"
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`docker` does not answer: {error} (start the engine: systemctl start docker)"
    if asked.returncode:
        words = asked.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        return f"the Docker engine does not run (start it: systemctl start docker; it said: {words[-1]})"
    return None


def package_missing(name: str, install: str) -> str | None:
    """Why a harness's package cannot be used, and the command that installs it; None where it is installed."""
    return None if version_of(name) else f"the package {name} is not installed (install it: {install})"


def version_of(name: str) -> str | None:
    """The installed version of a package, None where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def require(key: str, *missing: str | None) -> None:
    """Refuses a run whose answers could not be graded.

    Raises:
        SandboxError: something of `missing` is; all of it in one sentence.
    """
    reasons = [reason for reason in missing if reason is not None]
    if reasons:
        raise SandboxError(f"{key} is graded by its official harness in containers, which cannot be had here: {', and '.join(reasons)}")


@dataclass
class Bench:
    """Shared for the length of a command: how many harnesses may run at once, and what was measured once for all answers."""

    places: asyncio.Semaphore
    measured: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(cls, places: int) -> AsyncIterator[Bench]:
        """For `Opened.get`."""
        yield cls(asyncio.Semaphore(places))


@asynccontextmanager
async def run_harness(
    argv: Sequence[str], files: Mapping[str, str], seconds: float, *, containers: str, python: str = sys.executable
) -> AsyncIterator[tuple[Path, str]]:
    """Runs `python -m …` in a new directory that holds `files`; gives the directory, while it lasts, and the last words said.

    `python` is the interpreter that has the harness, this one unless another is named.

    Keys of model providers are not passed on. Whatever exit status the harness has, its reports decide. Where it has to be
    ended, so are the containers that have `containers` in their names.

    Raises:
        ScorerError: it did not end within `seconds`.
    """
    with TemporaryDirectory(prefix="tripos-harness-") as name:
        folder = Path(name)
        for relative, content in files.items():
            (folder / relative).write_text(content, encoding="utf-8", errors="surrogatepass", newline="")
        environment = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
        process = await asyncio.create_subprocess_exec(
            *(python, *argv),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError as error:
            raise ScorerError(f"the harness ({argv[1]}) did not end within {seconds:g} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                await asyncio.to_thread(_remove_containers, containers)
        yield folder, said.decode(errors="replace")[-_TAIL:]


def _remove_containers(part: str) -> None:
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", f"name={part}"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    found = listed.stdout.decode().split()
    if found:
        subprocess.run(["docker", "rm", "-f", *found], capture_output=True, check=False, stdin=subprocess.DEVNULL)


def whose_failure(log: Path, words: str, timed_out: str, broke: re.Pattern[str] | None = None) -> dict[str, JSON]:
    """What it means that a harness left no report for an answer: {"applied", "why"}, read from its log of the instance.

    A patch that does not fit, or with which the tests do not come to an end, is the candidate's failure, as it is officially;
    what goes wrong before the patch is looked at is ours.

    Args:
        broke: a line of the log with which the harness tells an error of its own.

    Raises:
        ScorerError: it was ours.
    """
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = broke.search(text) if broke else None
    if found:
        raise ScorerError(f"the harness broke: {found[0][:500]}")
    if APPLY_FAILED in text:
        return {"applied": False, "why": "the patch does not apply"}
    if APPLIED in text:
        return {"applied": True, "why": "the tests ran out of time" if timed_out in text else "the tests came to no end with this patch"}
    raise ScorerError(f"the harness left no report and never applied the patch; its last words: {(text or words).strip()[-500:]}")
