"""One thread a run that reads the meters ten times a second and has the joules shared out.

Memory holds what is not settled yet: the intervals since the oldest request on the wire began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from tripos.telemetry.attribution import Account, Attribution, Interval, Share
from tripos.telemetry.meters import Meter, Reading

PERIOD_SECONDS = 0.1
_EMIT_SECONDS = 2.0
_LONGEST_SECONDS = 1.0  # beyond this nobody can say what the power was between two readings, nor that a counter still moves

Emit = Callable[[dict[str, Share], Account], None]


class Sampler:
    """Reads `meters` from `start` to `close`; `emit` gets shares as they become final, in the sampler's thread.

    Args:
        energy: False measures utilisation only.
    """

    def __init__(self, meters: Sequence[Meter], emit: Emit, *, energy: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self.meters, self.emit, self.energy, self.clock = meters, emit, energy, clock
        self.error: Exception | None = None
        self.attribution = Attribution(clock())
        self._last: tuple[float, tuple[Reading, ...]] | None = None
        self._from = self.attribution.at
        self._missed = False
        self._utilization: list[float] = []
        self._emitted = self._from
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tripos-telemetry", daemon=True)

    def start(self) -> None:
        """Takes the first reading and starts the thread."""
        self.tick()
        self._thread.start()

    def close(self) -> None:
        """Takes the last reading, shares out all there is, and releases the meters."""
        self._stop.set()
        self._thread.join()
        try:
            if self.error is None:
                self._finish()
        finally:
            for meter in self.meters:
                meter.close()

    def tick(self) -> None:
        """One reading of everything. A device that cannot be read now leaves the interval open for the next reading."""
        now = self.clock()
        readings = tuple(reading for meter in self.meters for reading in meter.read())
        good = tuple(r for r in readings if r is not None)
        if len(good) < len(readings):
            self._missed = True
            return
        used = [r.utilization_pct for r in good if r.utilization_pct is not None]
        if used:
            self._utilization.append(sum(used) / len(used))
        before, seconds = self._last, now - self._from
        if before is not None and self.energy and seconds < _LONGEST_SECONDS and not _moved(before[1], good):
            return  # the counters have not been renewed: half an interval would be billed nothing, the next one double
        self._close_interval(now, good)

    def _close_interval(self, now: float, readings: tuple[Reading, ...] | None) -> None:
        joules = None
        if self._last is not None and readings is not None and self.energy:
            gap = self._missed or now - self._last[0] > _LONGEST_SECONDS
            joules = _joules(self._last[1], readings, now - self._last[0], gap=gap)
        mean = sum(self._utilization) / len(self._utilization) if self._utilization else None
        self.attribution.measured(Interval(self._from, now, joules, mean))
        self._from, self._missed, self._utilization = now, False, []
        if readings is not None:
            self._last = (now, readings)

    def _finish(self) -> None:
        now = self.clock()
        self.tick()
        if self._from < now:  # counters at rest are an answer now; devices that fail to the end are a gap
            readings = tuple(r for meter in self.meters for r in meter.read() if r is not None)
            whole = len(readings) == sum(len(meter.devices) for meter in self.meters)
            self._close_interval(now, readings if whole else None)
        self.attribution.sweep(final=True)
        self.emit(*self.attribution.take())

    def _work(self) -> None:
        try:
            while not self._stop.wait(PERIOD_SECONDS):
                self.tick()
                self.attribution.sweep()
                if self.clock() - self._emitted >= _EMIT_SECONDS:
                    self._emitted = self.clock()
                    self.emit(*self.attribution.take())
        except Exception as error:  # a thread has nobody to raise to; the run goes on and is told at its end
            self.error = error


def _moved(before: Sequence[Reading], after: Sequence[Reading]) -> bool:
    """Whether some counter was renewed; devices without one always count as renewed."""
    return any(a.joules is None or a.joules != b.joules for b, a in zip(before, after, strict=True))


def _joules(before: Sequence[Reading], after: Sequence[Reading], seconds: float, *, gap: bool) -> float | None:
    """Energy over all devices; None when that of one is not known."""
    total = 0.0
    for b, a in zip(before, after, strict=True):
        if a.joules is not None and b.joules is not None:
            used = a.joules - b.joules
        elif a.power_watts is not None and b.power_watts is not None and not gap:
            used = (a.power_watts + b.power_watts) / 2 * seconds
        else:
            return None
        if used < 0:  # the driver was loaded anew
            return None
        total += used
    return total
