"""Reading and writing memory of a process; here our own and a child's."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

np = pytest.importorskip("numpy")
if not sys.platform.startswith("linux"):
    pytest.skip("needs Linux", allow_module_level=True)

from tripos.kernels.isolation.inside import memory  # noqa: E402

ME = os.getpid()


def here(content: bytes) -> tuple[Any, int]:
    buffer = ctypes.create_string_buffer(content, len(content))
    return buffer, ctypes.addressof(buffer)


@given(st.binary(min_size=1, max_size=5000))
def test_what_is_read_is_what_is_there(content: bytes) -> None:
    buffer, address = here(content)
    assert memory.read(ME, address, len(content)) == content == buffer.raw


@given(st.binary(min_size=1, max_size=5000), st.data())
def test_what_is_written_is_there_and_nothing_else_changes(content: bytes, data: st.DataObject) -> None:
    buffer, address = here(content)
    start = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.binary(max_size=len(content) - start))
    memory.write(ME, address + start, bytearray(piece))
    assert buffer.raw == content[:start] + piece + content[start + len(piece) :]


@given(st.binary(min_size=8, max_size=200), st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8)), max_size=2100))
def test_pieces_are_gathered_in_order(content: bytes, pieces: list[tuple[int, int]]) -> None:
    content += bytes(8)
    buffer, address = here(content)
    starts = np.array([address + start for start, _ in pieces], dtype=np.uint64)
    sizes = np.array([size for _, size in pieces], dtype=np.uint64)
    expected = b"".join(buffer.raw[start : start + size] for start, size in pieces)
    assert memory.gather(ME, starts, sizes) == expected


def test_more_pieces_than_the_kernel_takes_at_once() -> None:
    content = os.urandom(3 * memory.MOST_PIECES + 5)
    buffer, address = here(content)
    starts = np.arange(address, address + len(content), dtype=np.uint64)[::-1].copy()
    assert memory.gather(ME, starts, np.ones(len(content), dtype=np.uint64)) == buffer.raw[::-1]


@pytest.mark.parametrize("address", [0, 8, 4096, 1 << 46, (1 << 63) - 1])
def test_nothing_lies_there(address: int) -> None:
    with pytest.raises(memory.Unreachable):
        memory.read(ME, address, 16)
    with pytest.raises(memory.Unreachable):
        memory.write(ME, address, bytearray(16))
    with pytest.raises(memory.Unreachable):
        memory.gather(ME, np.array([address], dtype=np.uint64), np.array([16], dtype=np.uint64))


def test_only_a_part_is_there() -> None:
    import mmap

    with mmap.mmap(-1, 2 * mmap.PAGESIZE) as pages:
        whole = (ctypes.c_char * len(pages)).from_buffer(pages)
        address = ctypes.addressof(whole)
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + mmap.PAGESIZE), mmap.PAGESIZE, 0)
        with pytest.raises(memory.Unreachable):
            memory.read(ME, address, 2 * mmap.PAGESIZE)
        assert memory.read(ME, address, mmap.PAGESIZE) == bytes(mmap.PAGESIZE)
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + mmap.PAGESIZE), mmap.PAGESIZE, 3)
        del whole


def test_the_process_is_gone() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(memory.Unreachable):
        memory.read(ended.pid, 4096, 1)
