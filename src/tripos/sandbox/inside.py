"""The supervisor that runs inside a sandbox, beside the untrusted program. Standard library only; sent as source text.

It reads one specification from stdin (`marshal`), starts the program with all limits applied, watches it, and writes one
report to stdout: the byte `S` when the program starts; then one line of returncode, stopped, wall_seconds and the sizes of
stdout, stderr and each collected file, `-` for what there is not; then their bytes. In a namespace of its own it is
process 1, so that whatever the program leaves behind dies with it.

Every run waits for this file to be compiled and its imports to load: hence no json, typing, contextlib, pathlib, signal.
"""

from __future__ import annotations

import marshal
import os
import resource
import select
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

SIGKILL, SIGXCPU = 9, 24
TICK_SECONDS = 0.025
MAX_INODES = 50_000


def start(spec: dict[str, Any], out: int, err: int) -> int:
    """Forks the program; returns its process id once it runs. The child never returns.

    A program that cannot be executed ends with status 127, as in a shell.

    Raises:
        SystemExit: the workspace or a limit could not be set up: our failure, not the program's.
    """
    heard, troubles = os.pipe()
    child = os.fork()
    if child == 0:
        _become(spec, out, err, troubles)
    os.close(troubles)
    with open(heard) as trouble:  # noqa: PTH123 - closed by exec
        text = trouble.read()
    if text:
        raise SystemExit(text)
    return child


def _become(spec: dict[str, Any], out: int, err: int, troubles: int) -> None:
    try:
        if spec["uid"] is not None:
            os.setgroups([])
            os.setresgid(spec["uid"], spec["uid"], spec["uid"])
            os.setresuid(spec["uid"], spec["uid"], spec["uid"])
        os.makedirs(spec["cwd"], exist_ok=True)  # noqa: PTH103 - pathlib is slow to import
        os.chdir(spec["cwd"])
        source = _stdin_file(spec["stdin"])
        for name, content in spec["files"].items():
            _write(name, content)
        for descriptor, target in ((source, 0), (out, 1), (err, 2)):
            os.dup2(descriptor, target)
        os.dup2(troubles, 3, inheritable=False)
        troubles = 3
        os.closerange(4, 256)
        _limit(spec)
    except BaseException as error:
        os.write(troubles, f"the workspace could not be set up: {type(error).__name__}: {error}".encode())
        os._exit(127)
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except BaseException as error:
        os.write(2, f"{spec['argv'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _stdin_file(content: bytes) -> int:
    # A file, not a pipe: nobody has to feed it, and /dev/stdin can be opened by another user id.
    source = os.open(".stdin", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(".stdin")  # noqa: PTH108
    _write_all(source, content)
    os.lseek(source, 0, os.SEEK_SET)
    return source


def _write(name: str, content: bytes) -> None:
    if "/" in name:
        os.makedirs(name.rpartition("/")[0], exist_ok=True)  # noqa: PTH103
    target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755)
    _write_all(target, content)
    os.close(target)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _limit(spec: dict[str, Any]) -> None:
    limits = spec["limits"]
    cpu = max(1, -int(-limits["cpu_seconds"] // 1))
    bounds = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (limits["file_bytes"], limits["file_bytes"]),
        resource.RLIMIT_NOFILE: (256, 256),
        resource.RLIMIT_CPU: (cpu, cpu + 1),
    }
    if sys.platform == "linux":
        bounds[resource.RLIMIT_AS] = (limits["memory_bytes"], limits["memory_bytes"])
    if spec["nproc"] is not None:
        bounds[resource.RLIMIT_NPROC] = (spec["nproc"], spec["nproc"])
    for what, (soft, hard) in bounds.items():
        ceiling = resource.getrlimit(what)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(what, (soft, hard))


class Watch:
    """Waits for the program, keeps what it prints, and stops it at the first limit that it crosses."""

    def __init__(self, spec: dict[str, Any], child: int, out: int, err: int) -> None:
        self.spec, self.limits, self.child = spec, spec["limits"], child
        self.printed: dict[int, bytearray] = {out: bytearray(), err: bytearray()}
        self.status: int | None = None
        self.cpu_seconds = 0.0
        self.stopped: str | None = None

    def run(self) -> float:
        """Returns the wall seconds that the program took."""
        started = time.monotonic()
        deadline = started + self.limits["wall_seconds"]
        readable = list(self.printed)
        if hasattr(os, "pidfd_open"):
            readable.append(os.pidfd_open(self.child))  # wakes us the moment the program ends
        looked = 0.0
        while self.status is None and self.stopped is None:
            ready = select.select(readable, [], [], TICK_SECONDS)[0]
            readable = [fd for fd in readable if fd not in ready or fd not in self.printed or self._read(fd)]
            self._reap()
            now = time.monotonic()
            if self.status is None and now - looked >= TICK_SECONDS:
                looked = now
                self.stopped = self.stopped or ("wall" if now >= deadline else self._excess())
        wall_seconds = time.monotonic() - started
        self._kill()
        self._drain(readable)
        return wall_seconds

    def _read(self, descriptor: int) -> bool:
        piece = os.read(descriptor, 1 << 16)
        kept = self.printed[descriptor]
        room = self.limits["output_bytes"] - sum(map(len, self.printed.values()))
        kept += piece[:room]
        if len(piece) > room:
            self.stopped = "output"
        return bool(piece)

    def _drain(self, readable: list[int]) -> None:
        # What was printed before the end is in the pipes; a survivor outside a namespace may hold them open for ever.
        pending = [fd for fd in readable if fd in self.printed]
        while pending and self.stopped != "output":
            ready = select.select(pending, [], [], 0 if self.spec["namespace"] else 0.05)[0]
            if not ready:
                return
            pending = [fd for fd in pending if fd not in ready or self._read(fd)]

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child:
                self.status, self.cpu_seconds = status, used.ru_utime + used.ru_stime

    def _kill(self) -> None:
        whom = -1 if self.spec["namespace"] else self.child
        try:
            os.kill(whom, SIGKILL)
            while True:
                os.wait4(whom, 0)
        except (ProcessLookupError, ChildProcessError):
            return  # nobody is left

    def _excess(self) -> str | None:
        """The limit of the whole namespace that is exceeded: memory of all processes, their number, files."""
        if not self.spec["namespace"]:
            return None
        used = processes = 0
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit() and name != "1":
                processes += 1
                used += _private_bytes(name)
        if used > self.limits["memory_bytes"]:
            return "memory"
        if processes > self.limits["processes"]:
            return "processes"
        inodes = os.statvfs("/tmp")
        return "disk" if inodes.f_files - inodes.f_ffree > MAX_INODES else None

    def returncode(self) -> int | None:
        """Exit status of the program, 128 + n for signal n, None when a limit ended it."""
        if self.stopped is None and self.status is not None and os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            if number == SIGXCPU or (number == SIGKILL and self.cpu_seconds >= self.limits["cpu_seconds"]):
                self.stopped = "cpu"
            else:
                return 128 + number
        return None if self.stopped or self.status is None else os.waitstatus_to_exitcode(self.status)


def _private_bytes(pid: str) -> int:
    total = 0
    try:
        with open(f"/proc/{pid}/status", "rb") as status:  # noqa: PTH123
            for line in status:
                if line.startswith((b"RssAnon", b"RssShmem")):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return 0  # it has ended
    return total


def collect(spec: dict[str, Any]) -> list[bytes | None]:
    """The files asked for, None for what does not exist, is no plain file or lies outside the workspace."""
    root = os.path.realpath(spec["cwd"])
    found: list[bytes | None] = []
    for name in spec["collect"]:
        path = os.path.realpath(root + "/" + name)
        content = None
        if path.startswith(root + "/") and os.path.exists(path):  # noqa: PTH110
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            about = os.fstat(descriptor)
            if stat.S_ISREG(about.st_mode) and about.st_size <= spec["limits"]["file_bytes"]:
                with open(descriptor, "rb") as file:  # noqa: PTH123
                    content = file.read()
        found.append(content)
    return found


def _hide() -> None:
    # The program has our user id here: without this it could read and write our memory through /proc.
    import ctypes

    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def main(source: BinaryIO, sink: BinaryIO) -> None:
    """Reads the specification, runs the program, writes the report."""
    spec = marshal.load(source)
    if spec["namespace"] and spec["uid"] is None:
        _hide()
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    if spec["uid"] is not None:  # so that /dev/stdout can be opened by the program
        os.fchown(out_end, spec["uid"], spec["uid"])
        os.fchown(err_end, spec["uid"], spec["uid"])
    child = start(spec, out_end, err_end)
    os.close(out_end)
    os.close(err_end)
    sink.write(b"S")
    sink.flush()
    watch = Watch(spec, child, out, err)
    wall_seconds = watch.run()
    returncode = watch.returncode()
    blobs = [bytes(watch.printed[out]), bytes(watch.printed[err]), *collect(spec)]
    words = [returncode, watch.stopped, wall_seconds, *(None if blob is None else len(blob) for blob in blobs)]
    sink.write(" ".join("-" if word is None else str(word) for word in words).encode() + b"\n")
    for blob in blobs:
        sink.write(blob or b"")
    sink.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
