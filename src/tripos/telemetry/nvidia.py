"""NVIDIA GPUs through NVML: the cumulative energy counter of Volta and later, else power; and utilisation.

NVML renews power and counter about every 100 ms; power itself is averaged over up to a second on Ampere and later
(Yang et al. 2023, arXiv 2312.02741), so the counter is preferred wherever it exists.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tripos.telemetry.meters import Reading, Unavailable


class Nvidia:
    """Every GPU that NVML lists, or those of `CUDA_VISIBLE_DEVICES` (numbers in NVML's order, or UUIDs) where it is set.

    Args:
        nvml: a module with NVML's functions; None means `pynvml` of nvidia-ml-py.

    Raises:
        Unavailable: no package, no driver, no GPU.
    """

    name = "nvidia"
    resolution_seconds = 0.1

    def __init__(self, nvml: Any = None, visible: str | None = None) -> None:
        self._nvml: Any = nvml if nvml is not None else _load()
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise Unavailable(f"no NVIDIA driver ({error})") from error
        try:
            self._handles = self._visible(visible if visible is not None else os.environ.get("CUDA_VISIBLE_DEVICES"))
            self.devices = tuple(f"{_text(self._nvml.nvmlDeviceGetName(handle))} #{number}" for number, handle in self._handles)
            self._counts = [self._has_counter(handle) for _, handle in self._handles]
        except self._nvml.NVMLError as error:
            self._nvml.nvmlShutdown()
            raise Unavailable(f"NVML cannot read the GPUs: {error}") from error
        if not self._handles:
            self._nvml.nvmlShutdown()
            raise Unavailable("no NVIDIA GPU is visible")
        self.method = "counter" if all(self._counts) else "counter and power" if any(self._counts) else "power"

    def read(self) -> tuple[Reading | None, ...]:
        """All GPUs now."""
        return tuple(self._read(handle, counts) for (_, handle), counts in zip(self._handles, self._counts, strict=True))

    def close(self) -> None:
        """Ends the session with the driver."""
        self._nvml.nvmlShutdown()

    def _visible(self, wanted: str | None) -> list[tuple[int, Any]]:
        nvml = self._nvml
        handles = [(number, nvml.nvmlDeviceGetHandleByIndex(number)) for number in range(nvml.nvmlDeviceGetCount())]
        if wanted is None:
            return handles
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        uuids = [_text(nvml.nvmlDeviceGetUUID(handle)) for _, handle in handles]
        return [
            h
            for h, uuid in zip(handles, uuids, strict=True)
            if any(n == str(h[0]) or (n[:1] in "GM" and uuid.startswith(n)) for n in names)
        ]

    def _has_counter(self, handle: Any) -> bool:
        try:
            self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except self._nvml.NVMLError:
            return False
        return True

    def _read(self, handle: Any, counts: bool) -> Reading | None:
        nvml = self._nvml
        power = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000)  # mW
        utilization = self._ask(lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        if not counts:
            return Reading(None, power, utilization) if power is not None else None
        joules = self._ask(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)  # mJ
        return Reading(joules, power, utilization) if joules is not None else None

    def _ask(self, question: Callable[[], float]) -> float | None:
        try:
            return question()
        except self._nvml.NVMLError:  # a gap: lost GPU, reset, not supported
            return None


def _load() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise Unavailable("the package nvidia-ml-py is not installed", "pip install 'tripos[telemetry]'") from error
    return pynvml


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
