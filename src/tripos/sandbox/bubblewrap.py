"""The first choice: Linux namespaces through `bwrap`, for any user and for root.

Own user, process, network, IPC, host-name and control-group namespaces; a read-only system of `/usr` and this
interpreter; one small memory file system for the workspace and `/tmp`, so that no disk can be filled; a system-call
filter; an empty environment; limits of `inside.py`, which is process 1 and outside the program's reach.

The kernel does not bound the processes of its own root user. So for root the namespace gets two users: its root, who
sets up and supervises, and one drawn at random for this run, as whom the program runs.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from tripos.core.errors import SandboxError
from tripos.sandbox import seccomp
from tripos.sandbox.sandbox import Completed, Limits
from tripos.sandbox.supervise import Job, python_command, slot, supervise

WORKSPACE = "/tmp/work"
USER = 1000  # the program's user id inside; what it is outside depends, see `second_user`
INSTALL = "install bubblewrap: apt-get install bubblewrap"
MAPPING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """`Sandbox` by bubblewrap."""

    name: str = "bubblewrap"

    def missing(self) -> str | None:
        """Why it cannot be had and what mends it; None when it works. Starts one empty sandbox (about 10 ms)."""
        if not sys.platform.startswith("linux"):
            return f"bubblewrap needs Linux, this is {sys.platform}; install Docker"
        if not shutil.which("bwrap"):
            return f"there is no program `bwrap`; {INSTALL}"
        command = ["bwrap", *namespaces(), *system(), "--", "/usr/bin/env", "true"]
        try:
            tried = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`bwrap` cannot be run: {error}; {INSTALL}"
        return None if tried.returncode == 0 else mend(tried.stderr.decode(errors="replace").strip())

    async def run(
        self,
        argv: Sequence[str],
        files: Mapping[str, bytes | str],
        limits: Limits = Limits(),
        *,
        stdin: bytes = b"",
        collect: Sequence[str] = (),
    ) -> Completed:
        """See `Sandbox.run`."""
        second = second_user()
        job = Job(argv, files, limits, stdin, collect)
        specification = job.specification(
            cwd=WORKSPACE, namespace=True, python=sys.executable, uid=USER if second else None, nproc=_processes(limits, second)
        )
        async with slot():
            process = await _launch(limits, second)
            return await supervise(process, job, specification, lambda: _kill(process), _broken)


async def _launch(limits: Limits, second: int | None) -> asyncio.subprocess.Process:
    """Starts bwrap with the system-call filter and the supervisor inside."""
    options = [*namespaces(), *system(limits.disk_bytes), "--as-pid-1"]
    with ExitStack() as stack:
        passed: list[int] = []
        rules = seccomp.program()
        if rules is not None:
            rules_read, rules_write = _pipe(stack)
            rules_write.write(rules)
            rules_write.close()
            options += ["--seccomp", str(rules_read.fileno())]
            passed.append(rules_read.fileno())
        if second is None:
            return await start([*options, "--uid", str(USER), "--gid", str(USER)], python_command(), passed)
        return await start_with_users(options, python_command(), passed, second, ("SETUID", "SETGID", "CHOWN", "KILL"))


async def start_with_users(
    options: Sequence[str], argv: Sequence[str], passed: Sequence[int], first: int, capabilities: Sequence[str], users: int = 1
) -> asyncio.subprocess.Process:
    """For the machine's root: starts bwrap as the root of its user namespace, which also holds `users` others from `USER` on.

    Args:
        first: the first of their ids outside, see `second_user`.
        capabilities: what the root inside may do inside, without `CAP_`.

    Raises:
        SandboxError: the namespace could not be given its users.
    """
    with ExitStack() as stack:
        told, tell = _pipe(stack)
        wait, go = _pipe(stack)
        options = [*options, *as_root(capabilities), "--info-fd", str(tell.fileno()), "--userns-block-fd", str(wait.fileno())]
        process = await start(options, argv, [*passed, tell.fileno(), wait.fileno()])
        try:
            tell.close()
            child = await asyncio.wait_for(_child(told), MAPPING_SECONDS)
            if child is not None:  # otherwise bwrap has ended, and its last words become the SandboxError
                _give_users(child, first, users)
                go.write(b"1")
        except BaseException as error:
            await _kill(process)
            if isinstance(error, OSError | TimeoutError):
                raise SandboxError(f"bubblewrap's user namespace could not be set up: {error}") from error
            raise
    return process


def as_root(capabilities: Sequence[str]) -> list[str]:
    """Options that make the program root of its namespace, with these capabilities in there and no other."""
    kept = [word for name in capabilities for word in ("--cap-add", f"CAP_{name}")]
    return ["--uid", "0", "--gid", "0", "--cap-drop", "ALL", *kept]


def _pipe(stack: ExitStack) -> tuple[FileIO, FileIO]:
    """A pipe (read end, write end), closed with the stack."""
    read_end, write_end = os.pipe()
    return stack.enter_context(FileIO(read_end, "r")), stack.enter_context(FileIO(write_end, "w"))


async def start(options: Sequence[str], argv: Sequence[str], passed: Sequence[int]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec("bwrap", *options, "--", *argv, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=passed)
    except FileNotFoundError as error:
        raise SandboxError(f"there is no program `bwrap`; {INSTALL}") from error


async def _child(told: FileIO) -> int | None:
    """Process id (outside) of the sandbox's first process, as bwrap tells it; None when bwrap ended instead."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    text = b""
    loop.add_reader(told.fileno(), ready.set)
    try:
        while b"}" not in text:
            await ready.wait()
            ready.clear()
            piece = told.read(4096)
            if not piece:
                return None
            text += piece
    finally:
        loop.remove_reader(told.fileno())
    found = re.search(rb'"child-pid": *(\d+)', text)
    return int(found[1]) if found else None


def _give_users(child: int, first: int, users: int) -> None:
    for table in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{table}").write_text(f"0 0 1\n{USER} {first} {users}\n", encoding="ascii")


async def _kill(process: asyncio.subprocess.Process) -> None:
    # --die-with-parent: process 1 of the namespace dies with bwrap, and every process in it with process 1.
    if process.returncode is None:
        process.kill()


def _broken(complaint: str) -> SandboxError:
    return SandboxError(mend(complaint))


def mend(complaint: str) -> str:
    hint = "run `tripos doctor`"
    if "ermission" in complaint or "not permitted" in complaint:
        hint = (
            "user namespaces are forbidden here; allow them (sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, "
            "or kernel.unprivileged_userns_clone=1; in a container: --security-opt seccomp=unconfined) or use docker"
        )
    return f"bubblewrap did not start: {complaint or 'no message'}; {hint}"


def second_user() -> int | None:
    """For the machine's real root: a user id outside, drawn for one run, that no account has; else None."""
    if os.getuid() != 0 or Path("/proc/self/uid_map").read_text(encoding="ascii").split() != ["0", "0", str(2**32 - 1)]:
        return None
    return (1 << 30) + secrets.randbelow(1 << 29)


def _processes(limits: Limits, second: int | None) -> int | None:
    """RLIMIT_NPROC. Linux counts it apart for each user namespace since 5.14; before, only `inside.py` counts."""
    version = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    if version < (5, 14):
        return None
    return limits.processes if second else limits.processes + 1  # the supervisor has the same user then


def namespaces() -> list[str]:
    apart = ["user", "pid", "net", "ipc", "uts", "cgroup-try"]
    return [*(f"--unshare-{name}" for name in apart), "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]


def system(disk_bytes: int = 1 << 20, more: Sequence[str] = ()) -> list[str]:
    """The file system of the sandbox: what a program needs to start and `more`, read-only, and one bounded place to write."""
    options = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    options += ["--perms", "0755", "--dir", "/etc"]  # otherwise for bwrap's own user only, see `_interpreter`
    for file in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        options += ["--ro-bind-try", file, file]
    options += ["--proc", "/proc", "--dev", "/dev"]
    options += ["--perms", "1777", "--size", str(max(1 << 20, disk_bytes // 4)), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    options += ["--perms", "1777", "--size", str(disk_bytes), "--tmpfs", "/tmp"]
    options += _interpreter()  # after /tmp: it may lie in there
    return [*options, *more, "--remount-ro", "/", "--chdir", "/"]


def _interpreter() -> list[str]:
    """Binds of this interpreter where it lies outside /usr: its programs and libraries, nothing else of their folders.

    Our own package is masked: a generated benchmark's hidden answers could be computed from it.
    """
    executable, real = Path(sys.executable), Path(sys.executable).resolve()
    shown: dict[Path, list[str]] = {}
    for root in (Path(sys.prefix), Path(sys.base_prefix), real.parent.parent):
        for path in (root / "lib", root / "lib64", root / "pyvenv.cfg"):
            if path.exists():
                shown[path] = ["--ro-bind", str(path.resolve()), str(path)]
    shown[real] = ["--ro-bind", str(real), str(real)]
    if executable != real:
        shown[executable] = ["--symlink", str(real), str(executable)]
    outside = {path: option for path, option in shown.items() if not path.is_relative_to("/usr")}
    # bwrap makes the folders above a bind for its own user only, and the program may be another.
    folders = sorted({folder for path in outside for folder in path.parents if folder != Path("/")})
    options = [word for folder in folders for word in ("--perms", "0755", "--dir", str(folder))]
    options += [word for option in outside.values() for word in option]
    package = Path(__file__).resolve().parents[1]
    if any(package.is_relative_to(path.resolve()) for path in [*outside, Path("/usr")]):
        options += ["--tmpfs", str(package), "--remount-ro", str(package)]
    return options
