"""Energy meters: what they promise, which ones this machine has, and why not the others.

A meter only reads. A device with a cumulative energy counter is read there (the sum over a window is then exact, however
seldom one looks); one without gives its power, which the sampler integrates. A read that fails is None, a gap, never 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tripos.core.errors import ConfigError, unknown


class Reading(NamedTuple):
    """One device at one instant.

    Attributes:
        joules: energy counter since some fixed moment; None where the device has no counter.
        power_watts: None where it is not told.
        utilization_pct: share of time in which any kernel ran (not occupancy), 0..100; None where it is not told.
    """

    joules: float | None = None
    power_watts: float | None = None
    utilization_pct: float | None = None


class Meter(Protocol):
    """Reads the devices of one vendor.

    Attributes:
        name: the vendor: "nvidia", "amd", "apple" or "cpu".
        devices: a name each; `read` answers in this order.
        method: how energy is had: "counter", "power" (integrated by the trapezoid rule) or "counter and power".
        resolution_seconds: how often the hardware renews its figures; shorter windows are interpolated.
    """

    name: str
    devices: tuple[str, ...]
    method: str
    resolution_seconds: float

    def read(self) -> tuple[Reading | None, ...]:
        """All devices now; None for one that could not be read."""
        ...

    def close(self) -> None:
        """Releases the vendor's library."""
        ...


class Unavailable(Exception):
    """A meter cannot be had. `mend` is the command that would change it, empty where nothing would."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.mend = mend


class Finding(NamedTuple):
    """What was found of one vendor; for `tripos doctor`."""

    name: str
    works: bool
    note: str
    mend: str = ""


def _nvidia() -> Meter:
    from tripos.telemetry.nvidia import Nvidia

    return Nvidia()


def _amd() -> Meter:
    from tripos.telemetry.amd import Amd

    return Amd()


def _apple() -> Meter:
    from tripos.telemetry.apple import Apple

    return Apple()


def _cpu() -> Meter:
    from tripos.telemetry.rapl import Rapl

    return Rapl()


VENDORS: dict[str, Callable[[], Meter]] = {"nvidia": _nvidia, "amd": _amd, "apple": _apple, "cpu": _cpu}
"""Accelerators first: where there is one, the model runs on it. Each is called without arguments and may raise `Unavailable`."""


def check_vendor(vendor: str) -> None:
    """Refuses a vendor that does not exist.

    Raises:
        ConfigError: names the nearest one.
    """
    if vendor and vendor not in VENDORS:
        raise ConfigError(f"energy_vendor: {unknown('vendor', vendor, VENDORS)}")


def choose(vendor: str = "") -> list[Meter]:
    """The meters of a run: of the vendor named, else of the first one whose devices can be read. Empty: nothing is measurable.

    Raises:
        ConfigError: there is no such vendor.
    """
    check_vendor(vendor)
    for name in (vendor,) if vendor else VENDORS:
        try:
            return [VENDORS[name]()]
        except Unavailable:
            continue
    return []


def available(vendor: str = "") -> list[Finding]:
    """What each vendor's meter says of this machine."""
    return [_finding(name) for name in VENDORS if vendor in ("", name)]


def _finding(name: str) -> Finding:
    try:
        meter = VENDORS[name]()
    except Unavailable as error:
        return Finding(name, False, str(error), error.mend)
    meter.close()
    return Finding(name, True, f"{', '.join(meter.devices)} ({meter.method})")


def why_nothing(vendor: str = "") -> str:
    """One sentence: what was tried and what would mend it."""
    tried = [f"{f.name}: {f.note}" + (f" (to mend: {f.mend})" if f.mend else "") for f in available(vendor) if not f.works]
    return "; ".join(tried)
