"""The sampler turns readings into intervals: exact for counters, a gap where something is not known."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
from devices import FakeNvml, Gpu

from running import wait_until
from tripos.telemetry.attribution import Account, Share
from tripos.telemetry.meters import Meter, Reading
from tripos.telemetry.nvidia import Nvidia
from tripos.telemetry.sampler import Sampler


@dataclass
class Bench:
    """A sampler whose clock and devices a test moves by hand."""

    gpus: list[Gpu]
    energy: bool = True
    now: float = 100.0
    shares: dict[str, Share] = field(default_factory=dict)
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        self.sampler = Sampler([Nvidia(FakeNvml(self.gpus))], self._emit, energy=self.energy, clock=lambda: self.now)
        self.sampler.tick()

    def _emit(self, shares: dict[str, Share], account: Account) -> None:
        self.shares |= shares
        self.account = Account(**{name: getattr(self.account, name) + getattr(account, name) for name in Account.__slots__})

    def go(self, seconds: float, *watts: float) -> None:
        """Time passes, counters run at so many watts, the sampler looks."""
        self.now += seconds
        for gpu, power in zip(self.gpus, watts, strict=True):
            if gpu.energy_mj is not None:
                gpu.energy_mj += round(power * seconds * 1000)
            gpu.power_mw = round(power * 1000)
        self.sampler.tick()

    def end(self) -> Account:
        self.sampler._finish()
        return self.account


def test_all_devices_are_added_up() -> None:
    bench = Bench([Gpu(energy_mj=10**9), Gpu(energy_mj=7)])
    for _ in range(10):
        bench.go(0.1, 300, 200)
    account = bench.end()
    assert account.measured_joules == pytest.approx(500.0)
    assert account.covered_seconds == pytest.approx(1.0)


def test_power_is_integrated_by_trapezoids() -> None:
    bench = Bench([Gpu(energy_mj=None, power_mw=0)])
    for watts in (100, 200, 300):
        bench.go(0.1, watts)
    assert bench.end().measured_joules == pytest.approx(0.1 * (50 + 150 + 250))


def test_a_counter_makes_good_for_a_failed_read() -> None:
    bench = Bench([Gpu()])
    bench.go(0.1, 100)
    bench.gpus[0].lost = True
    bench.go(0.1, 100)
    bench.gpus[0].lost = False
    bench.go(0.1, 100)
    account = bench.end()
    assert account.measured_joules == pytest.approx(30.0)
    assert account.covered_seconds == pytest.approx(0.3)


def test_power_does_not_make_good_for_a_failed_read() -> None:
    bench = Bench([Gpu(energy_mj=None)])
    bench.go(0.1, 100)
    bench.gpus[0].lost = True
    bench.go(0.1, 100)
    bench.gpus[0].lost = False
    bench.go(0.1, 100)
    bench.go(0.1, 100)
    account = bench.end()
    assert account.measured_joules == pytest.approx(20.0)
    assert (account.covered_seconds, account.seconds) == (pytest.approx(0.2), pytest.approx(0.4))


def test_a_counter_that_was_set_back_is_a_gap_and_never_negative() -> None:
    bench = Bench([Gpu(energy_mj=50_000)])
    bench.go(0.1, 100)
    bench.gpus[0].energy_mj = 0
    bench.go(0.1, 100)
    bench.go(0.1, 100)
    account = bench.end()
    assert account.measured_joules == pytest.approx(20.0)
    assert account.covered_seconds == pytest.approx(0.2)


def test_a_gpu_that_dies_leaves_the_rest_unmeasured() -> None:
    bench = Bench([Gpu(), Gpu()])
    bench.go(0.1, 100, 100)
    bench.gpus[1].lost = True
    for _ in range(9):
        bench.go(0.1, 100, 100)
    account = bench.end()
    assert account.measured_joules == pytest.approx(20.0)
    assert (account.covered_seconds, account.seconds) == (pytest.approx(0.1), pytest.approx(1.0))


def test_between_two_renewals_of_the_counter_power_is_even() -> None:
    """The hardware renews its counter every third tick; a request of one tick is billed a third, not nothing or everything."""
    bench = Bench([Gpu()])
    attribution = bench.sampler.attribution
    for tick in range(9):
        request = attribution.begin(f"c{tick}", bench.now)
        bench.now += 0.1
        if tick % 3 == 2:
            assert bench.gpus[0].energy_mj is not None
            bench.gpus[0].energy_mj += 30_000
        attribution.end(request, 10, bench.now)
        attribution.settle(f"c{tick}", bench.now, keep=True)
        bench.sampler.tick()
    bench.end()
    assert [s.energy_joules for s in bench.shares.values()] == [pytest.approx(10.0)] * 9


def test_a_counter_at_rest_is_nothing_used_and_not_a_gap() -> None:
    bench = Bench([Gpu()])
    for _ in range(25):
        bench.go(0.1, 0)
    account = bench.end()
    assert account.measured_joules == 0.0
    assert account.covered_seconds == pytest.approx(2.5)


def test_without_energy_only_utilisation_is_measured() -> None:
    bench = Bench([Gpu(utilization=20), Gpu(utilization=60)], energy=False)
    request = bench.sampler.attribution.begin("a", bench.now)
    bench.go(0.1, 100, 100)
    bench.go(0.1, 100, 100)
    bench.sampler.attribution.end(request, 5, bench.now)
    bench.sampler.attribution.settle("a", bench.now, keep=True)
    account = bench.end()
    assert bench.shares == {"a": Share(None, None, pytest.approx(40.0))}
    assert account.covered_seconds == account.measured_joules == 0.0


class Broken(Nvidia):
    """A meter whose library breaks in an unexpected way after a few readings."""

    def __init__(self) -> None:
        super().__init__(FakeNvml([Gpu()]))
        self.left = 3

    def read(self) -> tuple[Reading | None, ...]:
        self.left -= 1
        if self.left < 0:
            raise OSError("device vanished")
        return super().read()


def test_the_thread_measures_and_ends_and_keeps_its_error() -> None:
    nvml = FakeNvml([Gpu()])
    emitted: list[Account] = []
    began = time.monotonic()
    sampler = Sampler([Nvidia(nvml)], lambda _, account: emitted.append(account))
    sampler.start()
    started = time.monotonic()
    time.sleep(0.35)
    closing = time.monotonic()
    sampler.close()
    assert sampler.error is None
    assert closing - started <= sum(account.seconds for account in emitted) <= time.monotonic() - began
    assert nvml.open == 0, "the driver's session was given back"
    broken: Meter = Broken()
    sampler = Sampler([broken], lambda *_: None)
    sampler.start()
    wait_until(lambda: sampler.error is not None)
    sampler.close()
    assert isinstance(sampler.error, OSError)
