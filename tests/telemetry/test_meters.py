"""Meters count each joule once, run on over wrap-arounds, and say why they cannot be had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from devices import FakeAmdSmi, FakeAppleMonitor, FakeNvml, Gpu, PowercapTree

from tripos.core.errors import ConfigError
from tripos.telemetry import meters
from tripos.telemetry.amd import Amd
from tripos.telemetry.apple import Apple
from tripos.telemetry.meters import Reading, Unavailable, available, choose, why_nothing
from tripos.telemetry.nvidia import Nvidia
from tripos.telemetry.rapl import Rapl


def joules(meter: meters.Meter) -> list[float | None]:
    return [r.joules if r is not None else None for r in meter.read()]


class TestRapl:
    def test_counts_packages_and_their_memory_and_nothing_twice(self, tmp_path: Path) -> None:
        tree = PowercapTree(tmp_path)
        tree.domain("intel-rapl:0", "package-0", 1_000_000)
        tree.domain("intel-rapl:0:0", "core", 700_000)
        tree.domain("intel-rapl:0:1", "uncore", 100_000)
        tree.domain("intel-rapl:0:2", "dram", 250_000)
        tree.domain("intel-rapl:1", "package-1", 3_000_000)
        tree.domain("intel-rapl:2", "psys", 9_000_000)
        tree.domain("intel-rapl-mmio:0", "package-0", 1_000_000)
        meter = Rapl(tmp_path)
        assert meter.devices == ("package-0", "package-0 dram", "package-1")
        assert joules(meter) == [1.0, 0.25, 3.0]

    def test_runs_on_when_the_counter_starts_again(self, tmp_path: Path) -> None:
        tree = PowercapTree(tmp_path)
        counter = tree.domain("intel-rapl:0", "package-0", 900_000, max_range=999_999)
        meter = Rapl(tmp_path)
        before = joules(meter)[0]
        counter.write_text("100000\n")
        after = joules(meter)[0]
        assert before is not None and after == pytest.approx(before + 0.2)
        counter.write_text("50000\n")
        assert joules(meter)[0] == pytest.approx(before + 1.15)

    def test_a_failed_read_is_a_gap(self, tmp_path: Path) -> None:
        counter = PowercapTree(tmp_path).domain("intel-rapl:0", "package-0", 1_000_000)
        meter = Rapl(tmp_path)
        counter.write_text("")
        assert meter.read() == (None,)
        counter.write_text("2000000")
        assert joules(meter) == [2.0]

    def test_no_tree_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="RAPL"):
            Rapl(tmp_path / "powercap")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_counter_for_root_only_names_the_command(self, tmp_path: Path) -> None:
        PowercapTree(tmp_path).domain("intel-rapl:0", "package-0").chmod(0)
        self._refused(tmp_path)

    def test_an_unreadable_counter_names_the_command(self, tmp_path: Path) -> None:
        counter = PowercapTree(tmp_path).domain("intel-rapl:0", "package-0")
        counter.unlink()
        counter.mkdir()  # cannot be read by root either
        self._refused(tmp_path)

    def _refused(self, root: Path) -> None:
        with pytest.raises(Unavailable, match="by root only") as caught:
            Rapl(root)
        assert caught.value.mend.startswith("sudo chmod a+r")


class TestNvidia:
    """Against a stand-in: an NVIDIA GPU cannot be installed."""

    def test_reads_counter_power_and_utilisation_in_our_units(self) -> None:
        meter = Nvidia(FakeNvml([Gpu(energy_mj=12_345, power_mw=99_500, utilization=37)]), visible=None)
        assert meter.read() == (Reading(12.345, 99.5, 37.0),)
        assert (meter.method, meter.devices) == ("counter", ("NVIDIA H100 80GB HBM3 #0",))

    def test_before_volta_there_is_power_only(self) -> None:
        meter = Nvidia(FakeNvml([Gpu(energy_mj=None), Gpu(energy_mj=5)]))
        assert meter.method == "counter and power"
        assert meter.read()[0] == Reading(None, 100.0, 50.0)

    def test_a_lost_gpu_is_a_gap_and_not_zero(self) -> None:
        gpus = [Gpu(energy_mj=1000), Gpu(energy_mj=None)]
        meter = Nvidia(FakeNvml(gpus))
        for gpu in gpus:
            gpu.lost = True
        assert meter.read() == (None, None)

    def test_what_a_device_does_not_tell_is_none(self) -> None:
        meter = Nvidia(FakeNvml([Gpu(energy_mj=1000, power_mw=None, utilization=None)]))
        assert meter.read() == (Reading(1.0, None, None),)

    @pytest.mark.parametrize(("visible", "seen"), [("1", ["#1"]), ("2,0", ["#0", "#2"]), ("GPU-bb", ["#1"]), ("0,GPU-cc1", ["#0", "#2"])])
    def test_the_environment_chooses_gpus(self, visible: str, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        meter = Nvidia(FakeNvml([Gpu(uuid="GPU-aa1"), Gpu(uuid="GPU-bb1"), Gpu(uuid="GPU-cc1")]))
        assert [d.rpartition(" ")[2] for d in meter.devices] == seen

    def test_no_driver_and_no_gpu_are_reasons(self) -> None:
        with pytest.raises(Unavailable, match="Driver Not Loaded"):
            Nvidia(FakeNvml([], driver=False))
        nvml = FakeNvml([Gpu()])
        with pytest.raises(Unavailable, match="no NVIDIA GPU is visible"):
            Nvidia(nvml, visible="")
        assert nvml.open == 0, "the driver's session was given back"

    def test_the_real_library_has_every_function_that_is_called(self) -> None:
        pynvml = pytest.importorskip("pynvml", reason="needs nvidia-ml-py")
        called = [name for name in dir(FakeNvml) if name.startswith("nvml")]
        assert len(called) == 9
        assert all(callable(getattr(pynvml, name)) for name in called)
        assert issubclass(pynvml.NVMLError, Exception)


class TestAmd:
    """Against a stand-in: an AMD GPU cannot be installed."""

    @pytest.mark.parametrize("accumulator", ["energy_accumulator", "power"])
    def test_ticks_become_joules(self, accumulator: str) -> None:
        meter = Amd(FakeAmdSmi([1_000_000], accumulator=accumulator))
        assert meter.read() == (Reading(pytest.approx(15.3), 250.0, 40.0),)

    def test_not_available_is_none(self) -> None:
        assert Amd(FakeAmdSmi([1], power="N/A")).read()[0] == Reading(pytest.approx(15.3e-6), None, 40.0)

    def test_a_guest_without_counter_is_refused(self) -> None:
        with pytest.raises(Unavailable, match="energy counter"):
            Amd(FakeAmdSmi([None]))


def test_apple_windows_become_one_counter() -> None:
    """Against a stand-in: a Mac cannot be installed."""
    monitor = FakeAppleMonitor()
    meter = Apple(monitor)
    monitor.mj = 1000
    assert joules(meter) == [3.0]
    monitor.fails = True
    assert meter.read() == (None,)
    monitor.fails, monitor.mj = False, 3000
    assert joules(meter) == [9.0], "what was used during the gap is counted"


def test_the_first_vendor_that_works_is_chosen_and_a_named_one_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    PowercapTree(tmp_path).domain("intel-rapl:0", "package-0")

    def no_gpu() -> meters.Meter:
        raise Unavailable("no driver", "install one")

    monkeypatch.setattr(meters, "VENDORS", {"nvidia": no_gpu, "amd": no_gpu, "cpu": lambda: Rapl(tmp_path)})
    assert [m.name for m in choose()] == ["cpu"]
    assert [m.name for m in choose("cpu")] == ["cpu"]
    assert choose("nvidia") == []
    assert why_nothing("nvidia") == "nvidia: no driver (to mend: install one)"
    assert [(f.name, f.works) for f in available()] == [("nvidia", False), ("amd", False), ("cpu", True)]
    assert available("cpu")[0].note == "package-0 (counter)"


def test_an_unknown_vendor_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"energy_vendor: unknown vendor 'nvida'; did you mean 'nvidia'\?"):
        choose("nvida")


def test_doctor_gets_an_answer_for_every_vendor_on_this_machine() -> None:
    found = available()
    assert [f.name for f in found] == ["nvidia", "amd", "apple", "cpu"]
    assert all(f.note for f in found)
