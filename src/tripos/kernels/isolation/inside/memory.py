"""Reading and writing another process's memory (process_vm_readv, process_vm_writev; Linux).

The judge looks at outputs where they lie, so that a process cannot answer one thing and hold another, and never has to
trust a copy that the process makes. An address that a process claims is only ever an address in that same process.
"""

from __future__ import annotations

import ctypes
import os

import numpy as np
from numpy.typing import NDArray

MOST_PIECES = 1024  # IOV_MAX
Numbers = NDArray[np.uint64]

_libc = ctypes.CDLL(None, use_errno=True)


class Unreachable(OSError):
    """The process is gone, or there is nothing at that address."""


def read(pid: int, address: int, size: int) -> bytearray:
    """`size` bytes at `address`. Raises Unreachable."""
    kept = bytearray(size)
    _move(_libc.process_vm_readv, pid, address, kept)
    return kept


def write(pid: int, address: int, content: bytearray | memoryview) -> None:
    """Writes `content`, which must be writable itself, at `address`. Raises Unreachable."""
    _move(_libc.process_vm_writev, pid, address, content)


def gather(pid: int, addresses: Numbers, sizes: Numbers) -> bytearray:
    """`sizes[i]` bytes at `addresses[i]`, one piece after another. Raises Unreachable."""
    kept = bytearray(int(sizes.sum()))
    if not kept:
        return kept
    there = np.stack([addresses, sizes], axis=1)
    here = np.array([ctypes.addressof((ctypes.c_char * len(kept)).from_buffer(kept)), 0], dtype=np.uint64)
    for first in range(0, len(there), MOST_PIECES):
        part = there[first : first + MOST_PIECES]
        here[1] = part[:, 1].sum()
        moved = _libc.process_vm_readv(pid, _pointer(here), 1, _pointer(part), len(part), 0)
        if moved != here[1]:
            raise Unreachable(ctypes.get_errno() if moved < 0 else 0, f"nothing to read in process {pid}: {_reason(moved)}")
        here[0] += here[1]
    return kept


def _move(call: ctypes._NamedFuncPointer, pid: int, address: int, buffer: bytearray | memoryview) -> None:
    size = len(buffer)
    done, start = 0, ctypes.addressof((ctypes.c_char * size).from_buffer(buffer)) if size else 0
    while done < size:
        here, there = (np.array([base + done, size - done], dtype=np.uint64) for base in (start, address))
        moved = call(pid, _pointer(here), 1, _pointer(there), 1, 0)
        if moved <= 0:
            raise Unreachable(ctypes.get_errno() if moved < 0 else 0, f"no memory at {address:#x} of process {pid}: {_reason(moved)}")
        done += moved


def _pointer(pieces: Numbers) -> ctypes.c_void_p:
    """Of an array of (address, length), which is what struct iovec is."""
    return ctypes.c_void_p(pieces.ctypes.data)


def _reason(moved: int) -> str:
    return os.strerror(ctypes.get_errno()) if moved < 0 else "only a part is there"
