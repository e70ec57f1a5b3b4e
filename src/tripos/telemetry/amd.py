"""AMD GPUs through amdsmi, the Python package of ROCm: the energy accumulator, power and activity."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from tripos.telemetry.meters import Reading, Unavailable


class Amd:
    """Every GPU that amdsmi lists.

    Args:
        smi: a module with amdsmi's functions; None means the installed one.

    Raises:
        Unavailable: no package, no driver, no GPU, or no energy counter.
    """

    name = "amd"
    method = "counter"
    resolution_seconds = 0.1

    def __init__(self, smi: Any = None) -> None:
        self._smi: Any = smi if smi is not None else _load()
        try:
            self._smi.amdsmi_init()
            self._handles = list(self._smi.amdsmi_get_processor_handles())
        except self._smi.AmdSmiException as error:
            raise Unavailable(f"no AMD GPU driver ({error})") from error
        self.devices = tuple(f"{self._named(handle)} #{number}" for number, handle in enumerate(self._handles))
        if not self._handles or all(r is None for r in self.read()):
            self._smi.amdsmi_shut_down()
            raise Unavailable("no AMD GPU with an energy counter" if self._handles else "no AMD GPU is visible")

    def read(self) -> tuple[Reading | None, ...]:
        """All GPUs now."""
        return tuple(self._read(handle) for handle in self._handles)

    def close(self) -> None:
        """Ends the session with the driver."""
        self._smi.amdsmi_shut_down()

    def _named(self, handle: Any) -> str:
        found = self._ask(lambda: self._smi.amdsmi_get_gpu_asic_info(handle)["market_name"])
        return str(found or "AMD GPU")

    def _read(self, handle: Any) -> Reading | None:
        smi = self._smi
        joules = self._ask(lambda: _joules(smi.amdsmi_get_energy_count(handle)))
        if joules is None:
            return None
        power = self._ask(lambda: _power(smi.amdsmi_get_power_info(handle)))
        return Reading(joules, power, _number(self._ask(lambda: smi.amdsmi_get_gpu_activity(handle)["gfx_activity"])))

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (self._smi.AmdSmiException, KeyError):  # a gap, or a field that this version does not have
            return None


def _joules(count: dict[str, Any]) -> float:
    """Ticks times micro-joules a tick; older versions call the ticks `power`."""
    ticks = count["energy_accumulator"] if "energy_accumulator" in count else count["power"]
    return float(ticks) * float(count["counter_resolution"]) / 1e6


def _power(info: dict[str, Any]) -> float | None:
    current = _number(info.get("current_socket_power"))
    return current if current is not None else _number(info.get("average_socket_power"))


def _number(value: Any) -> float | None:
    """amdsmi says "N/A" for what a device does not tell."""
    return float(value) if isinstance(value, (int, float)) else None


def _load() -> Any:
    try:
        return importlib.import_module("amdsmi")
    except (ImportError, KeyError, OSError) as error:  # without ROCm the package breaks while it looks for its library
        raise Unavailable("the package amdsmi is not installed", "pip install amdsmi (in the version of your ROCm)") from error
