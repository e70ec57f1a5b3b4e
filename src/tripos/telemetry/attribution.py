"""Whose joules: the energy of each measured interval is shared among the requests in flight, so that it all adds up.

Within an interval power is taken as even. Every instant is shared among the requests then on the wire: in proportion to
their token rates where all are known, else evenly; an instant with none is idle. A request's rate is the tokens the server
had to work through for it (prompt less cached, plus completion) over its time on the wire, so it is known when it ends;
an instant is therefore settled once all requests on the wire then have ended. Equal shares of device counters among
overlapping requests are what ML.ENERGY (arXiv 2505.06371) finds missing elsewhere, where each request is billed for all.

With power p, n requests and rates r, the joules of request i are ∫ p/n dt + r_i ∫ p/Σr dt over its time, the first
integral over instants where some rate is unknown, the second over the others. Both integrals run on, so that a request costs
two subtractions, however long it takes. Σ requests + idle = measured holds by construction and is tested.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

COVERAGE = 0.9
"""A candidate has figures only if so much of its time on the wire was measured."""


class Share(NamedTuple):
    """What a candidate took. `power_watts` is its own energy over its own time on the wire, not the device's power."""

    energy_joules: float | None
    power_watts: float | None
    gpu_utilization_pct: float | None


class Interval(NamedTuple):
    """Between two readings (monotonic seconds). `joules` over all devices and `utilization_pct` as their mean; None: a gap."""

    start: float
    end: float
    joules: float | None
    utilization_pct: float | None = None


class Request:
    """One request on the wire. `owner` is a candidate; None: a warm-up, a judge, or anything else that is not examined."""

    __slots__ = ("began", "ended", "mark", "owner", "tokens")

    def __init__(self, owner: str | None, began: float) -> None:
        self.owner, self.began = owner, began
        self.ended: float | None = None
        self.tokens: float | None = None
        self.mark: tuple[float, ...] = ()

    @property
    def rate(self) -> float | None:
        """Tokens a second; None while it lasts and where the server did not tell."""
        if self.tokens is None or self.ended is None or self.ended <= self.began:
            return None
        return self.tokens / (self.ended - self.began)


class _Settle(NamedTuple):
    owner: str
    keep: bool


class Attribution:
    """Call `begin`, `end` and `settle` from one thread, the rest from another. Times are monotonic seconds, never decreasing."""

    def __init__(self, start: float) -> None:
        self._happened: deque[tuple[float, Request | _Settle]] = deque()  # from the other thread, not looked at yet
        self._moments: deque[tuple[float, Request | _Settle]] = deque()
        self._open: dict[Request, None] = {}  # on the wire, in order of their beginning
        self._intervals: deque[Interval] = deque()
        self._at = start
        self._present: dict[Request, float | None] = {}
        self._total_rate: float | None = None
        self._integrals = _Integrals()
        self._owners: dict[str, _Integrals] = {}
        self._shares: dict[str, Share] = {}
        self.account = Account()

    def begin(self, owner: str | None, at: float) -> Request:
        """A request goes on the wire."""
        request = Request(owner, at)
        self._happened.append((at, request))
        return request

    def end(self, request: Request, tokens: float | None, at: float) -> None:
        """It has come back, or failed; `tokens` as far as they are known."""
        request.tokens = tokens if tokens else None
        request.ended = at
        self._happened.append((at, request))

    def settle(self, owner: str, at: float, *, keep: bool) -> None:
        """No more requests of this candidate will come. `keep=False`: it has failed, its joules belong to nobody."""
        self._happened.append((at, _Settle(owner, keep)))

    def measured(self, interval: Interval) -> None:
        """Adds an interval; it begins where the last one ended."""
        if interval.end > interval.start:
            self._intervals.append(interval)

    def sweep(self, *, final: bool = False) -> None:
        """Shares out everything that can be known now; with `final` nothing is left open."""
        self._listen()
        until = self._intervals[-1].end if self._intervals else self._at
        if final:
            for request in list(self._open):
                self.end(request, None, max(until, request.began))
            self._listen()
        elif self._open:
            until = min(until, next(iter(self._open)).began)
        while self._intervals and self._intervals[0].start < until:
            interval = self._intervals[0]
            stop = min(interval.end, until)
            while self._moments and self._moments[0][0] <= stop and not self._waits(self._moments[0][1]):
                self._moment(interval)
            self._pass(interval, stop)
            if stop < interval.end:
                return
            self._intervals.popleft()
        while final and self._moments:
            self._moment(None)
        if final:
            for owner in list(self._owners):
                self._settle(_Settle(owner, keep=False))

    def take(self) -> tuple[dict[str, Share], Account]:
        """The shares that became final, and the account, since the last call."""
        taken = self._shares, self.account
        self._shares, self.account = {}, Account()
        return taken

    def _listen(self) -> None:
        while self._happened:
            at, what = moment = self._happened.popleft()
            self._moments.append(moment)
            if isinstance(what, Request):
                if what in self._open:
                    del self._open[what]
                elif what.ended is None or what.began == at and what.mark == ():
                    self._open[what] = None

    def _waits(self, what: Request | _Settle) -> bool:
        return isinstance(what, Request) and what in self._open

    def _moment(self, interval: Interval | None) -> None:
        at, what = self._moments.popleft()
        if interval is not None:
            self._pass(interval, at)
        if isinstance(what, _Settle):
            self._settle(what)
        elif what in self._present:
            self._leave(what)
        else:
            what.mark = self._integrals
            self._present[what] = what.rate
            self._weigh()
