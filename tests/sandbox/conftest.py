"""The real sandbox. Where it is missing these tests fail, and say how it is installed: they must not be skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tripos.sandbox.bubblewrap import Bubblewrap


@pytest.fixture(scope="session")
def sandbox() -> Bubblewrap:
    reason = Bubblewrap().missing()
    if reason is not None:
        pytest.fail(reason)
    return Bubblewrap()


def living(word: str) -> list[int]:
    """Processes of this machine with `word` in their command line."""
    return [int(entry.name) for entry in _processes() if word.encode() in _command_line(entry)]


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
