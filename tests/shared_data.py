"""Real rows for tests, kept beside the project and never copied into it."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = (Path(__file__).resolve().parents[1] / "../shared/data").resolve()


def shared(relative: str) -> Path:
    """A file or directory of the shared data; skips the test where it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"shared data {relative!r} is not here (looked for {path})")
    return path
