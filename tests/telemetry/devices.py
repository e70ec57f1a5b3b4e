"""Devices for tests: a powercap tree on disk, and stand-ins for vendor libraries whose hardware cannot be installed here.

The stand-ins have the few functions that our meters call, with the libraries' own names, units and errors; what is under
test is our reading of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class PowercapTree:
    """A powercap tree as the kernel shows it for one or more sockets."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def domain(self, place: str, name: str, energy_uj: int = 0, max_range: int = 262_143_328_850) -> Path:
        """Adds `intel-rapl:0` or, below its package, `intel-rapl:0:1`; the kernel lists the latter at the top too, as a link."""
        package = ":".join(place.split(":")[:2])
        path = self.root / place if place == package else self.root / package / place
        path.mkdir(parents=True)
        if place != package:
            (self.root / place).symlink_to(path)
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{max_range}\n")
        (path / "energy_uj").write_text(f"{energy_uj}\n")
        return path / "energy_uj"


class FakeNVMLError(Exception):
    """As `pynvml.NVMLError`."""


@dataclass
class Gpu:
    """A scripted GPU. None: the driver says "not supported"; `lost` makes every question fail."""

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = "GPU-0000"
    energy_mj: int | None = 0
    power_mw: int | None = 100_000
    utilization: int | None = 50
    lost: bool = False


@dataclass
class FakeNvml:
    """The part of `pynvml` that is used."""

    gpus: list[Gpu]
    driver: bool = True
    open: int = 0
    NVMLError: type[Exception] = FakeNVMLError

    def nvmlInit(self) -> None:
        if not self.driver:
            raise FakeNVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> Gpu:
        return self.gpus[number]

    def nvmlDeviceGetName(self, gpu: Gpu) -> str:
        return gpu.name

    def nvmlDeviceGetUUID(self, gpu: Gpu) -> str:
        return gpu.uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: Gpu) -> int:
        return self._told(gpu, gpu.energy_mj)

    def nvmlDeviceGetPowerUsage(self, gpu: Gpu) -> int:
        return self._told(gpu, gpu.power_mw)

    def nvmlDeviceGetUtilizationRates(self, gpu: Gpu) -> Any:
        return SimpleNamespace(gpu=self._told(gpu, gpu.utilization), memory=0)

    def _told(self, gpu: Gpu, value: int | None) -> int:
        if gpu.lost or value is None:
            raise FakeNVMLError("GPU is lost" if gpu.lost else "Not Supported")
        return value


class FakeAmdSmiException(Exception):
    """As `amdsmi.AmdSmiException`."""


@dataclass
class FakeAmdSmi:
    """The part of `amdsmi` that is used: counter in ticks of 15.3 uJ, as on MI200; power "N/A" where it is not told."""

    ticks: list[int | None]
    power: Any = 250
    accumulator: str = "energy_accumulator"
    AmdSmiException: type[Exception] = field(default=FakeAmdSmiException)

    def amdsmi_init(self) -> None: ...

    def amdsmi_shut_down(self) -> None: ...

    def amdsmi_get_processor_handles(self) -> list[int]:
        return list(range(len(self.ticks)))

    def amdsmi_get_gpu_asic_info(self, number: int) -> dict[str, str]:
        return {"market_name": "AMD Instinct MI250X"}

    def amdsmi_get_energy_count(self, number: int) -> dict[str, float]:
        ticks = self.ticks[number]
        if ticks is None:
            raise FakeAmdSmiException("not supported on a virtual machine guest")
        return {self.accumulator: ticks, "counter_resolution": 15.3, "timestamp": 0}

    def amdsmi_get_power_info(self, number: int) -> dict[str, Any]:
        return {"current_socket_power": "N/A", "average_socket_power": self.power}

    def amdsmi_get_gpu_activity(self, number: int) -> dict[str, Any]:
        return {"gfx_activity": 40}


class FakeAppleMonitor:
    """The part of `AppleEnergyMonitor` that is used: named windows over one running counter."""

    def __init__(self) -> None:
        self.mj = 0
        self.fails = False
        self._windows: dict[str, int] = {}

    def begin_window(self, name: str) -> None:
        if self.fails:
            raise RuntimeError("IOReport")
        if name in self._windows:
            raise RuntimeError(f"window {name} is open")
        self._windows[name] = self.mj

    def end_window(self, name: str) -> Any:
        used = self.mj - self._windows.pop(name)
        return SimpleNamespace(cpu_total_mj=used, gpu_mj=2 * used, dram_mj=None, ane_mj=0)
