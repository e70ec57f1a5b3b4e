"""CPU packages and their memory through RAPL, as the Linux powercap tree shows it.

Counted are the package domains and, below each, its `dram` domain, which the package does not contain. `core` and `uncore`
lie inside the package, `psys` around it, and the `intel-rapl-mmio` tree shows the package once more: counting them too
would count joules twice (kernel documentation, power/powercap).
"""

from __future__ import annotations

import sys
from pathlib import Path

from tripos.telemetry.meters import Reading, Unavailable

ROOT = Path("/sys/class/powercap")


class Rapl:
    """The CPU of this machine. Works for Intel and for AMD, whose counters the same driver shows.

    Args:
        root: the powercap tree.

    Raises:
        Unavailable: no such tree, or it may not be read.
    """

    name = "cpu"
    method = "counter"
    resolution_seconds = 0.001

    def __init__(self, root: Path = ROOT) -> None:
        domains = list(_domains(root))
        if not domains:
            reason = "this kernel shows no RAPL package" if sys.platform == "linux" else "RAPL is read on Linux only"
            raise Unavailable(f"{reason} under {root}", "sudo modprobe intel_rapl_msr" if sys.platform == "linux" else "")
        unreadable = [place for place, _ in domains if _number(place / "energy_uj") is None]
        if unreadable:
            mend = f"sudo chmod a+r {root}/intel-rapl:*/energy_uj {root}/intel-rapl:*/*/energy_uj"
            raise Unavailable(f"{unreadable[0]}/energy_uj may be read by root only", mend)
        self.devices = tuple(name for _, name in domains)
        self._counters = [_Counter(place) for place, _ in domains]

    def read(self) -> tuple[Reading | None, ...]:
        """All domains now."""
        readings = (counter.joules() for counter in self._counters)
        return tuple(Reading(joules) if joules is not None else None for joules in readings)

    def close(self) -> None:
        """Nothing is open."""


class _Counter:
    """A counter in micro-joules that starts again at zero after `max_energy_range_uj`, made to run on."""

    def __init__(self, place: Path) -> None:
        self._file = place / "energy_uj"
        self._range = _number(place / "max_energy_range_uj")
        self._last = _number(self._file) or 0
        self._before = 0

    def joules(self) -> float | None:
        now = _number(self._file)
        if now is None:
            return None
        if now < self._last:
            if self._range is None:
                return None  # how far it had come is not known
            self._before += self._range + 1
        self._last = now
        return (self._before + now) / 1e6


def _domains(root: Path) -> list[tuple[Path, str]]:
    """(directory, name) of each domain that counts, packages in order, each followed by its memory."""
    found = []
    for package in sorted(root.glob("intel-rapl:*")):
        name = _name(package)
        if not name.startswith("package"):
            continue
        found.append((package, name))
        found += [(part, f"{name} dram") for part in sorted(package.glob("intel-rapl:*:*")) if _name(part) == "dram"]
    return found


def _name(place: Path) -> str:
    try:
        return (place / "name").read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
