"""Why a run ends before its last sample: a person, a budget, an interval that is narrow enough, a server that answers nobody."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tripos.runs.breaker import Breaker
from tripos.runs.tally import Tally
from tripos.runs.until import Until


@dataclass
class Control:
    """How a person (or a budget) stops a command: first drain, then drop."""

    stopping: str | None = None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def stop(self, why: str) -> None:
        """Nothing new is asked; what is under way is finished."""
        if self.stopping is None:
            self.stopping = why

    def interrupt(self) -> None:
        """Ctrl-C: once drains, twice drops what is under way."""
        if self.stopping is None:
            self.stop("interrupted")
        else:
            for task in self.tasks:
                task.cancel()


@dataclass(frozen=True)
class Stopping:
    """Of one run: the command's control, and what ends this run alone. Nothing new is begun once `now` is true."""

    control: Control
    breaker: Breaker
    until: Until | None

    @property
    def now(self) -> bool:
        """Whether the run is to end."""
        return self.control.stopping is not None or self.breaker.tripped or (self.until is not None and self.until.sure)

    def reason(self, tally: Tally) -> str | None:
        """What ended it: `interrupted`, `budget`, `until` or `given_up`; None where everything planned was done."""
        left = tally.done < tally.planned
        if left and self.control.stopping is not None:
            return self.control.stopping
        if self.until is not None and self.until.sure:
            return "until"
        return "given_up" if left and self.breaker.tripped else None


@asynccontextmanager
async def interruptible(control: Control) -> AsyncIterator[None]:
    """Ctrl-C and SIGTERM go to `control` while inside."""
    loop = asyncio.get_running_loop()
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in signals:
            loop.add_signal_handler(number, control.interrupt)
    except (NotImplementedError, ValueError, RuntimeError):  # no signals here: not the main thread, or Windows
        signals = ()
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
