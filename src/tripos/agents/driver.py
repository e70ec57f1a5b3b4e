"""Runs inside the sandbox: starts a program and afterwards says which files it left and what it changed.

    python3 driver.py REPORT MAX_BYTES PROGRAM [ARGUMENTS...]

The report is JSON, `{"left": [names], "changed": {name: base64}}`. Files beyond MAX_BYTES together are left out and named on
stderr. Standard library only; the exit status is the program's.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys


def state(own: set[str]) -> dict[str, tuple[int, int]]:
    """(size, time of the last change in ns) of every plain file below the working directory."""
    found = {}
    for folder, _, names in os.walk("."):
        for name in names:
            path = os.path.relpath(f"{folder}/{name}", ".")
            about = os.lstat(path)
            if path not in own and stat.S_ISREG(about.st_mode):
                found[path] = (about.st_size, about.st_mtime_ns)
    return found


def main(report: str, room: int, command: list[str]) -> int:
    """Runs the program; returns its exit status."""
    own = {report, os.path.basename(__file__)}  # noqa: PTH119 - pathlib is slow to import
    before = state(own)
    status = subprocess.call(command)
    after = state(own)
    changed = {}
    for name, about in after.items():
        if before.get(name) == about:
            continue
        room -= about[0]
        if room < 0:
            print(f"{name} was not kept: too large", file=sys.stderr)
            continue
        with open(name, "rb") as file:  # noqa: PTH123
            changed[name] = base64.b64encode(file.read()).decode()
    with open(report, "w") as file:  # noqa: PTH123
        json.dump({"left": sorted(after), "changed": changed}, file)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
