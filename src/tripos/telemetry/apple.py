"""Apple silicon through zeus-apple-silicon, which reads the energy channels of IOReport without root."""

from __future__ import annotations

import importlib
import platform
from typing import Any

from tripos.telemetry.meters import Reading, Unavailable

_RAILS = ("cpu_total_mj", "gpu_mj", "dram_mj", "ane_mj")


class Apple:
    """The chip as one device: CPU, GPU, memory and neural engine together, as far as the chip tells them.

    The package measures windows; here one window follows the other, each begun before the last is ended, so that the sum
    is a counter. Utilisation is not told.

    Args:
        monitor: an `AppleEnergyMonitor`; None means a new one.

    Raises:
        Unavailable: another machine, or no package.
    """

    name = "apple"
    devices: tuple[str, ...] = ("Apple silicon",)
    method = "counter"
    resolution_seconds = 0.1

    def __init__(self, monitor: Any = None) -> None:
        self._monitor: Any = monitor if monitor is not None else _load()
        self._joules = 0.0
        self._window = 0
        self._monitor.begin_window(str(self._window))

    def read(self) -> tuple[Reading | None, ...]:
        """The chip now."""
        try:
            self._monitor.begin_window(str(self._window + 1))
            used = self._monitor.end_window(str(self._window))
        except RuntimeError:  # IOReport did not answer
            return (None,)
        self._window += 1
        told = [value for value in (getattr(used, rail, None) for rail in _RAILS) if value is not None]
        if not told:
            return (None,)
        self._joules += sum(told) / 1000
        return (Reading(self._joules),)

    def close(self) -> None:
        """Ends the open window."""
        self._monitor.end_window(str(self._window))


def _load() -> Any:
    if platform.system() != "Darwin":
        raise Unavailable("not a Mac")
    try:
        package = importlib.import_module("zeus_apple_silicon")
    except ImportError as error:
        raise Unavailable("the package zeus-apple-silicon is not installed", "pip install zeus-apple-silicon") from error
    try:
        return package.AppleEnergyMonitor()
    except RuntimeError as error:
        raise Unavailable(f"IOReport cannot be read: {error}") from error
