"""What a worker does to itself before it runs code that is not ours: namespaces, an empty place to write, limits, no way back.

The box (bubblewrap) already hides the machine. Here every worker gets, beyond that, process, mount, network and IPC
namespaces of its own, so that no worker sees another, the judge or the zygote; and it gives up every privilege.
`containment` names what was done, because a result must say how it was guarded.
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, RECURSIVE = 1, 2, 4, 8, 32, 4096, 16384
SET_NO_NEW_PRIVS, SET_SECCOMP, CAPBSET_DROP, SET_PDEATHSIG = 38, 22, 24, 1
LAST_CAPABILITY = 63
JUDGE = str(Path(__file__).parents[1])  # where our own files are shown; nobody needs them any more
RLIMIT_SIGPENDING = 11  # Linux; `resource` has no name for it
M_MMAP_THRESHOLD, MOST_KEPT_BYTES = -3, 1 << 30  # malloc.h
MOST_TIMERS = 128  # each may interrupt whoever runs, even while its owner is stopped

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """Bounds of one worker; bytes and seconds. `processes`: threads count too; None = the kernel counts those of others with them."""

    memory_bytes: int
    disk_bytes: int
    processes: int | None
    cpu_seconds: int
    file_bytes: int = 1 << 30


def separate() -> list[str]:
    """In the keeper, before it forks the worker, which becomes process 1 of its namespace. Returns what was done."""
    _check(_libc.unshare(NEWNS | NEWPID | NEWIPC | NEWNET | NEWUTS), "unshare")
    return ["processes", "network", "ipc"]


def settle(limits: Limits, user: int | None, filter_: bytes | None) -> list[str]:
    """In the worker: files, limits, privileges, system-call filter, in that order. Returns what was done.

    Args:
        user: user id to become; None = stay.
        filter_: compiled classic BPF; None = no filter.
    """
    _mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    _renew_tmp(f"size={limits.disk_bytes},mode=1777,nr_inodes=50000")
    _mount("tmpfs", "/dev/shm", "tmpfs", NOSUID | NODEV, f"size={limits.disk_bytes // 4},mode=1777,nr_inodes=1000")
    _mount("tmpfs", JUDGE, "tmpfs", RDONLY | NOSUID | NODEV, "size=4096,mode=0755")
    workspace = Path("/tmp/work")
    workspace.mkdir()
    workspace.chmod(0o777)
    os.chdir(workspace)
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # where memory is short, this goes before anything else
    _bound(limits)
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _drop_capabilities()
    die_with_parent()
    _check(_libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    done = ["files", "limits", *(["process_count"] if limits.processes is not None else []), "privileges"]
    if filter_:
        _install(filter_)
        done += ["system_calls"]
    return done


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends."""
    _libc.prctl(SET_PDEATHSIG, 9, 0, 0, 0)


def keep_large_results() -> None:
    """Has malloc take results of any size from memory that it keeps, else pages fresh from the kernel are most of a large one's time, and
    a solution that sets this for itself twice as fast. Where the C library refuses so much, what the environment says stays."""
    _libc.mallopt(M_MMAP_THRESHOLD, MOST_KEPT_BYTES)


def silence() -> None:
    """Standard input is empty, standard output and error go nowhere: whoever would read them does not run beside us."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.close(nothing)


def _bound(limits: Limits) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        RLIMIT_SIGPENDING: MOST_TIMERS,
    }
    if limits.processes is not None:
        bounds[resource.RLIMIT_NPROC] = limits.processes
    for what, most in bounds.items():
        ceiling = resource.getrlimit(what)[1]
        most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        resource.setrlimit(what, (most, most))


def _renew_tmp(options: str) -> None:
    """An empty /tmp, but for what the box shows there: the interpreter, where it lies in /tmp."""
    shown = [(name, os.open(f"/tmp/{name}", os.O_PATH)) for name in os.listdir("/tmp")]  # noqa: PTH208
    _mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, options)
    for name, place in shown:
        target = f"/tmp/{name}"
        Path(target).mkdir()
        _mount(f"/proc/self/fd/{place}", target, "none", BIND | RECURSIVE)
        _mount("none", target, "none", BIND | REMOUNT | RDONLY | NOSUID | NODEV)
        os.close(place)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _check(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()), f"mount {target}")


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _drop_capabilities() -> None:
    header, nothing = _Header(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _check(_libc.capset(ctypes.byref(header), nothing), "capset")


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_char_p)]


def _install(rules: bytes) -> None:
    program = _Program(len(rules) // 8, rules)
    _check(_libc.prctl(SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
