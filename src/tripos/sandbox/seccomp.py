"""A system-call filter for the bubblewrap sandbox: what no honest program needs, and what escapes every other limit.

Memory that no process owns (memfd, System V), sockets beyond the namespace (vsock reaches the host of a virtual
machine), new namespaces, tracing, and kernel interfaces with a history of holes. Denied calls fail with an error
number; a call through another architecture's entry kills the program. `program` is classic BPF, see seccomp(2), for bwrap;
`profile` says the same in the words of Docker and its kin, see the OCI runtime specification.
"""

from __future__ import annotations

import errno
import json
import platform
import struct
from collections.abc import Mapping

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000

DENIED: dict[str, tuple[int, int]] = {  # name: (number on x86_64, number on aarch64)
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)
FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag that clone(2) takes

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data (little-endian machines)


def program(machine: str = platform.machine(), also: Mapping[str, tuple[int, int]] = {}) -> bytes | None:
    """The compiled filter, or None on a machine whose call numbers are not in the table (it then runs without).

    `also`: further calls to deny, as in `DENIED`.
    """
    if machine not in ARCHITECTURES:
        return None
    column = list(ARCHITECTURES).index(machine)
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, ARCHITECTURES[machine], 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
        *(_when(AT_LEAST, X32_BIT, _error(errno.EPERM)) if machine == "x86_64" else []),
    ]
    for numbers in [*DENIED.values(), *also.values()]:
        steps += _when(EQUAL, numbers[column], _error(errno.EPERM))
    steps += _when(EQUAL, CLONE3[column], _error(errno.ENOSYS))  # flags lie in memory; libc falls back to clone
    clone = [_step(LOAD, FIRST_ARGUMENT), *_when(ANY_BIT, NEW_NAMESPACES, _error(errno.EPERM)), _step(RETURN, ALLOW)]
    steps += [_step(EQUAL, CLONE[column], 0, len(clone)), *clone]
    families = [step for family in FAMILIES for step in _when(EQUAL, family, _step(RETURN, ALLOW))]
    socket = [_step(LOAD, FIRST_ARGUMENT), *families, _error(errno.EAFNOSUPPORT)]
    steps += [_step(EQUAL, SOCKET[column], 0, len(socket)), *socket]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def profile() -> str:
    """The same filter as JSON: calls by name, numbers are the engine's business."""
    rules: list[dict[str, object]] = [_denied(list(DENIED), errno.EPERM), _denied(["clone3"], errno.ENOSYS)]
    bits = [1 << place for place in range(32) if NEW_NAMESPACES >> place & 1]
    rules += [_denied(["clone"], errno.EPERM, {"op": "SCMP_CMP_MASKED_EQ", "value": bit, "valueTwo": bit}) for bit in bits]
    between = [family for family in range(max(FAMILIES)) if family not in FAMILIES]
    families = [("SCMP_CMP_EQ", family) for family in between] + [("SCMP_CMP_GT", max(FAMILIES))]
    rules += [_denied(["socket"], errno.EAFNOSUPPORT, {"op": how, "value": family}) for how, family in families]
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})


def _denied(names: list[str], number: int, *first_argument: dict[str, object]) -> dict[str, object]:
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number, "args": [{"index": 0, **test} for test in first_argument]}


def _step(code: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, jump_true, jump_false, value)


def _when(test: int, value: int, then: bytes) -> list[bytes]:
    return [_step(test, value, 0, 1), then]


def _error(number: int) -> bytes:
    return _step(RETURN, 0x00050000 | number)
