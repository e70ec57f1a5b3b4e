"""How many requests may be in flight at one endpoint: a fixed number, or one that is found while running.

The adaptive rule listens to two signals. A 429 says "too many" on hosted services: the limit is cut at once. Local servers
never send one, they queue, so the limit is also found by trying: a level is kept when throughput follows it, and given
up when only latency does. Throughput is requests in flight over mean latency (Little's law), which bursts of answers do not
disturb. Only neighbouring rounds are compared, so a benchmark with longer answers does not look like a slower server.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from tripos.core.errors import ConfigError

START, CEILING = 8, 512
_LONGEST_PAUSE_SECONDS = 60.0
_CUT = 0.75
_COOL_DOWN_SECONDS = 5.0  # 429s inside it were sent before the cut: they say nothing about the new limit
_SATURATED = 0.8
_MIN_ROUND = 32
_WORTH = 0.2  # a level is worth it when throughput gains a fifth of what the limit gains
_COARSE, _FINE = 2.0, 1.5
_REST_ROUNDS = 8
_CLOSED_AFTER = 3  # refusals in a row that mean the server is closed, not picky


class Limiter:
    """A resizable semaphore, first come first served.

    Args:
        limit: slots; None means adaptive, starting at 8.
        clock: monotonic seconds.

    Raises:
        ConfigError: a limit under which nothing would ever be sent.
    """

    def __init__(self, limit: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        if limit is not None and limit < 1:
            raise ConfigError(f"max_workers = {limit}: at least one request must be allowed in flight")
        self.adaptive = limit is None
        self.limit = limit if limit is not None else START
        self.in_flight = 0
        self.peak = 0
        self._clock = clock
        self._climb = _Climb(START)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._cool_until = 0.0
        self._refused = 0  # 429s since the last answer

    async def acquire(self) -> None:
        """Waits for a slot, and for the end of a pause that a server asked for."""
        if self.in_flight < self.limit and not self._waiting and self._pause is None:
            self._take()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # it was our turn already
            else:
                with contextlib.suppress(ValueError):  # whoever gave a slot back meanwhile has passed us over
                    self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Gives the slot back and wakes whoever fits."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self, latency_seconds: float) -> None:
        """A request came back and its slot is released; in adaptive mode a round of them may move the limit."""
        self._refused = 0
        if not self.adaptive:
            return
        if self._clock() < self._cool_until or self.in_flight < _SATURATED * self.limit:
            self._climb.interrupt()  # the latency says nothing about the limit
        elif self._climb.counted(latency_seconds):
            self._resize(self._climb.limit)

    def rate_limited(self, retry_after_seconds: float | None) -> None:
        """A 429: an adaptive limit is cut once per cool-down. Refused several times in a row, everyone waits as long as asked.

        One 429 among answers holds only its own request back: servers also refuse at random, and pausing all for each
        took two thirds of the throughput at two refusals in a hundred. The wait is a minute at most.
        """
        now = self._clock()
        self._refused += 1
        if retry_after_seconds and self._refused >= _CLOSED_AFTER:
            self._paused_until = max(self._paused_until, now + min(retry_after_seconds, _LONGEST_PAUSE_SECONDS))
            if self._pause is None:
                self._pause = asyncio.get_running_loop().call_later(self._paused_until - now, self._resume)
        if self.adaptive and now >= self._cool_until:
            self._cool_until = now + max(_COOL_DOWN_SECONDS, min(retry_after_seconds or 0.0, _LONGEST_PAUSE_SECONDS))
            self._climb.cut(max(1, int(self.limit * _CUT)))
            self._resize(self._climb.limit)

    def _resume(self) -> None:
        left = self._paused_until - self._clock()
        if left > 0:
            self._pause = asyncio.get_running_loop().call_later(left, self._resume)
            return
        self._pause = None
        self._wake()

    def _resize(self, limit: int) -> None:
        self.limit = limit
        self._wake()

    def _take(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def _wake(self) -> None:
        while self._waiting and self.in_flight < self.limit and self._pause is None:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)


class _Climb:
    """Finds by trial the smallest limit with nearly the best throughput.

    Coarse steps (doubling) first, up and then down, each as long as it is worth it; then a rest, and from time to time finer
    steps, measured longer. A round is as many answers as the limit, or twice that, after as many have passed that began
    under the limit before.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: tuple[int, float] | None = None  # the level to go back to, and its throughput
        self._step, self._up = _COARSE, True
        self._rest = 0
        self._passing, self._count, self._seconds = limit, 0, 0.0

    def interrupt(self) -> None:
        """What was counted of this round is void."""
        self._passing, self._count, self._seconds = self.limit, 0, 0.0

    def cut(self, limit: int) -> None:
        """Somebody who knows said that the limit is too high."""
        self._known, self._step, self._up, self._rest = None, _FINE, True, _REST_ROUNDS
        self._go(limit)

    def counted(self, latency_seconds: float) -> bool:
        """One more answer under the present limit; True when that ends a round and `limit` may be another."""
        if self._passing:
            self._passing -= 1
            return False
        self._count += 1
        self._seconds += latency_seconds
        if self._count < max(_MIN_ROUND, self.limit if self._step == _COARSE else 2 * self.limit):
            return False
        throughput = self.limit * self._count / max(self._seconds, 1e-9)
        self._count, self._seconds = 0, 0.0
        self._judge(throughput)
        return True

    def _judge(self, throughput: float) -> None:
        if self._known is None or self.limit == self._known[0]:  # not a trial: so much does the level bear now
            self._known = self.limit, throughput
            self._rest -= 1
            if self._rest < 0:
                self._try()
            return
        before, known = self._known
        if throughput / known >= 1 + _WORTH * (self.limit / before - 1):
            self._known = self.limit, throughput
            self._try()
            return
        self._turn()
        self._go(before)

    def _try(self) -> None:
        """Goes to the next level in the present direction, or turns where there is none."""
        if self._up:
            limit = min(CEILING, max(self.limit + 1, round(self.limit * self._step)))
        else:
            limit = max(1, min(self.limit - 1, int(self.limit / self._step)))
        if limit != self.limit:
            self._go(limit)
        else:
            self._turn()

    def _turn(self) -> None:
        if self._up:
            self._up = False
        else:
            self._up, self._step, self._rest = True, _FINE, _REST_ROUNDS

    def _go(self, limit: int) -> None:
        self.limit = limit
        self.interrupt()
