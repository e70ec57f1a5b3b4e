"""Reading and writing another process's memory (process_vm_readv, process_vm_writev; Linux).

The judge looks at outputs where they lie, so that a process cannot answer one thing and hold another, and never has to
trust a copy that the process makes. An address that a process claims is only ever an address in that same process.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

MOST_PIECES = 1024  # IOV_MAX

_libc = ctypes.CDLL(None, use_errno=True)


class _Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class MemoryError_(OSError):
    """The process is gone, or there is nothing at that address."""


def read(pid: int, address: int, size: int) -> bytearray:
    """`size` bytes at `address`.

    Raises:
        MemoryError_: the process is gone, or there is nothing at that address.
    """
    kept = bytearray(size)
    _move(_libc.process_vm_readv, pid, address, (ctypes.c_char * size).from_buffer(kept), size)
    return kept


def write(pid: int, address: int, content: bytes | bytearray | memoryview) -> None:
    """Writes `content` at `address`. Raises as `read` does."""
    view = memoryview(content).cast("B")
    if view.readonly:
        view = memoryview(bytearray(view))
    size = len(view)
    if size:
        _move(_libc.process_vm_writev, pid, address, (ctypes.c_char * size).from_buffer(view), size)


def gather(pid: int, addresses: Sequence[int], size: int) -> bytearray:
    """`size` bytes at each of the addresses, one after another. Raises as `read` does."""
    kept = bytearray(size * len(addresses))
    buffer = (ctypes.c_char * len(kept)).from_buffer(kept)
    start = ctypes.addressof(buffer)
    for first in range(0, len(addresses), MOST_PIECES):
        part = addresses[first : first + MOST_PIECES]
        here = _Piece(start + first * size, size * len(part))
        there = (_Piece * len(part))(*[(address, size) for address in part])
        moved = _libc.process_vm_readv(pid, ctypes.byref(here), 1, there, len(part), 0)
        if moved != size * len(part):
            raise MemoryError_(ctypes.get_errno() if moved < 0 else 0, f"nothing to read in process {pid}: {_reason(moved)}")
    return kept


def _move(call: ctypes._NamedFuncPointer, pid: int, address: int, buffer: ctypes.Array[ctypes.c_char], size: int) -> None:
    done, start = 0, ctypes.addressof(buffer)
    while done < size:
        here, there = _Piece(start + done, size - done), _Piece(address + done, size - done)
        moved = call(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        if moved <= 0:
            raise MemoryError_(ctypes.get_errno() if moved < 0 else 0, f"no memory at {address:#x} of process {pid}: {_reason(moved)}")
        done += moved


def _reason(moved: int) -> str:
    return os.strerror(ctypes.get_errno()) if moved < 0 else "only a part is there"
