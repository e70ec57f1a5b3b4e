"""Where and with what a run was made. Attributes of the record, never part of an identity."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from typing import Any

import tripos
from tripos.engines.engine import Engine


def provenance(engine: Engine) -> dict[str, Any]:
    """Versions, machine, revision of the working directory, which endpoint answered, and what the model would not take."""
    return {**_machine(), "endpoint": engine.endpoint_id, "parameters_omitted": sorted(getattr(engine, "omitted", ()))}


@cache
def _machine() -> dict[str, Any]:
    return {
        "tripos": tripos.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "git_commit": _git_commit(),
        "argv0": os.path.basename(sys.argv[0]),  # noqa: PTH119  # never the arguments: they may hold a key
    }


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _git_commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
