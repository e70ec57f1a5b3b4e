"""How many requests may be in flight at one endpoint: a fixed number, or one that is found while running.

The adaptive rule is additive increase, multiplicative decrease with two signals. A 429 says "too many" on hosted
services; local servers never send one, they queue, so growth also stops when latency rises and throughput does not.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

START, CEILING = 8, 512
_MIN_ROUND = 8
_CUT = 0.75
_COOL_DOWN_SECONDS = 5.0  # successes inside it left before the cut: they say nothing about the new limit


class Limiter:
    """A resizable semaphore, first come first served.

    Args:
        limit: slots; None means adaptive, starting at 8.
    """

    def __init__(self, limit: int | None) -> None:
        self.adaptive = limit is None
        self.limit = limit if limit is not None else START
        self.in_flight = 0
        self.peak = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._blocked_until = 0.0
        self._slow_start = True
        self._round: list[float] = []
        self._round_began = time.monotonic()
        self._best_latency = float("inf")
        self._last_rate = 0.0
        self._cool_until = 0.0

    async def acquire(self) -> None:
        """Waits for a slot, and for the end of a pause that a server asked for."""
        while (pause := self._blocked_until - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        if self.in_flight < self.limit and not self._waiting:
            self._take()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            else:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Gives the slot back and wakes whoever fits."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self, latency_seconds: float) -> None:
        """A request came back; in adaptive mode a full round of them may move the limit."""
        if not self.adaptive or time.monotonic() < self._cool_until:
            return
        if self.in_flight < 0.8 * self.limit:
            return  # not saturated: the round says nothing about the limit
        self._round.append(latency_seconds)
        if len(self._round) >= max(self.limit, _MIN_ROUND):
            self._end_round()

    def rate_limited(self, retry_after_seconds: float | None) -> None:
        """A 429: everyone waits as long as the server asked, and an adaptive limit is cut once per cool-down."""
        now = time.monotonic()
        if retry_after_seconds:
            self._blocked_until = max(self._blocked_until, now + min(retry_after_seconds, 60.0))
        if self.adaptive and now >= self._cool_until:
            self._cut(now, max(_COOL_DOWN_SECONDS, retry_after_seconds or 0.0))

    def _end_round(self) -> None:
        now = time.monotonic()
        latencies = sorted(self._round)
        median = latencies[len(latencies) // 2]
        rate = len(latencies) / max(now - self._round_began, 1e-9)
        queueing = median > 1.5 * self._best_latency and rate < 1.1 * self._last_rate
        self._best_latency, self._last_rate = min(self._best_latency, median), rate
        self._round, self._round_began = [], now
        if queueing:
            self._slow_start = False
            self.limit = max(1, int(self.limit * 0.9))
        else:
            self.limit = min(CEILING, self.limit * 2 if self._slow_start else self.limit + max(1, self.limit // 20))
        self._wake()

    def _cut(self, now: float, cool_down_seconds: float) -> None:
        self._slow_start = False
        self.limit = max(1, int(self.limit * _CUT))
        self._cool_until, self._round, self._round_began = now + cool_down_seconds, [], now + cool_down_seconds

    def _take(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def _wake(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)
