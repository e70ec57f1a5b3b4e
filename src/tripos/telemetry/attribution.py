"""Whose joules: the energy of each measured interval is shared among the requests in flight, so that it all adds up.

Within an interval power is taken as even. Every instant is shared among the requests then on the wire: in proportion to
their token rates where all are known, else evenly; an instant with none is idle. A request's rate is the tokens the server
had to work through for it (prompt less cached, plus completion) over its time on the wire, so it is known when it ends;
an instant is settled once all requests on the wire at that time have ended.

With power p, n requests and rates r, the joules of request i are ∫ p/n dt + r_i ∫ p/Σr dt over its time, the first
integral over instants where some rate is unknown, the second over the others. Both run on for all requests alike, so one
request costs two subtractions, however long it takes. Σ requests + idle = measured, whatever overlaps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

COVERAGE = 0.9
"""A candidate has a figure only if so much of its time on the wire was measured."""


class Share(NamedTuple):
    """What a candidate took. `power_watts` is its own energy over its own time on the wire, not the power of the device."""

    energy_joules: float | None
    power_watts: float | None
    gpu_utilization_pct: float | None


class Interval(NamedTuple):
    """Between two readings (monotonic seconds). `joules` over all devices, `utilization_pct` their mean; None: a gap."""

    start: float
    end: float
    joules: float | None
    utilization_pct: float | None = None


@dataclass(slots=True)
class Account:
    """Where the joules went. measured = samples + idle + other + what is not settled yet.

    Attributes:
        seconds, covered_seconds: time shared out, and the part of it in which energy was measured.
        other_joules: of judges, warm-ups, requests that failed for good, and candidates with gaps.
        token_joules: the part of all shares that went by tokens; the rest went evenly.
        busy_seconds: time with at least one request on the wire; `request_seconds` counts each of them.
    """

    seconds: float = 0.0
    covered_seconds: float = 0.0
    measured_joules: float = 0.0
    samples_joules: float = 0.0
    idle_joules: float = 0.0
    other_joules: float = 0.0
    token_joules: float = 0.0
    idle_seconds: float = 0.0
    busy_seconds: float = 0.0
    request_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Request:
    """One request on the wire. `owner` is a candidate; None: a warm-up, a judge, whatever is not under examination."""

    owner: str | None
    began: float
    ended: float | None = None
    tokens: float | None = None
    mark: _Integrals | None = None

    @property
    def rate(self) -> float | None:
        """Tokens a second; None while it lasts, and where the server did not tell."""
        if not self.tokens or self.ended is None or self.ended <= self.began:
            return None
        return self.tokens / (self.ended - self.began)


class _Integrals(NamedTuple):
    """Running integrals over time: shares, then seconds with energy measured, utilisation, seconds with it measured."""

    evenly: float = 0.0
    by_tokens: float = 0.0
    covered: float = 0.0
    utilization: float = 0.0
    utilized: float = 0.0


@dataclass(slots=True)
class _Owner:
    joules: float = 0.0
    seconds: float = 0.0
    covered: float = 0.0
    utilization: float = 0.0
    utilized: float = 0.0


class _Settle(NamedTuple):
    owner: str
    keep: bool


_Moment = tuple[float, Request | _Settle]


@dataclass
class Attribution:
    """Call `begin`, `end` and `settle` from one thread, the rest from another. Times are monotonic seconds.

    Args:
        at: when measuring starts.
    """

    at: float
    account: Account = field(default_factory=Account)
    _heard: deque[_Moment] = field(default_factory=deque)  # from the other thread, not looked at yet
    _moments: deque[_Moment] = field(default_factory=deque)
    _intervals: deque[Interval] = field(default_factory=deque)
    _open: dict[Request, None] = field(default_factory=dict)  # begun and not ended, in order
    _present: dict[Request, float | None] = field(default_factory=dict)  # on the wire at `at`, with their rates
    _total_rate: float = 0.0  # 0: some rate is unknown
    _run: _Integrals = _Integrals()
    _owners: dict[str, _Owner] = field(default_factory=dict)
    _shares: dict[str, Share] = field(default_factory=dict)

    def begin(self, owner: str | None, at: float) -> Request:
        """A request goes on the wire."""
        request = Request(owner, at)
        self._heard.append((at, request))
        return request

    def end(self, request: Request, tokens: float | None, at: float) -> None:
        """It came back, or failed; `tokens` as far as they are known."""
        request.tokens, request.ended = tokens, at
        self._heard.append((at, request))

    def settle(self, owner: str, at: float, *, keep: bool) -> None:
        """No more requests of this candidate will come. Without `keep` it has failed: its joules go to `other_joules`."""
        self._heard.append((at, _Settle(owner, keep)))

    def measured(self, interval: Interval) -> None:
        """Adds an interval; it begins where the last one ended."""
        if interval.end > interval.start:
            self._intervals.append(interval)

    def sweep(self, *, final: bool = False) -> None:
        """Shares out all that can be known by now; with `final`, all there is."""
        self._listen()
        until = self._intervals[-1].end if self._intervals else self.at
        if final:
            for request in list(self._open):
                self.end(request, None, max(until, request.began))
            self._listen()
        elif self._open:
            until = min(until, next(iter(self._open)).began)
        while self._intervals and self._intervals[0].start < until:
            interval = self._intervals[0]
            stop = min(interval.end, until)
            while self._moments and self._moments[0][0] <= stop and self._moments[0][1] not in self._open:
                at, what = self._moments.popleft()
                self._pass(interval, at)
                self._happen(what)
            self._pass(interval, stop)
            if stop < interval.end:
                return
            self._intervals.popleft()
        if final:
            for _, what in self._moments:  # after the last reading: nothing is known of that time
                self._happen(what)
            self._moments.clear()
            for owner in list(self._owners):
                self._happen(_Settle(owner, keep=False))

    def take(self) -> tuple[dict[str, Share], Account]:
        """The shares that became final, and the account, since the last call."""
        taken = self._shares, self.account
        self._shares, self.account = {}, Account()
        return taken

    def _listen(self) -> None:
        while self._heard:
            moment = self._heard.popleft()
            self._moments.append(moment)
            what = moment[1]
            if isinstance(what, Request):  # heard of twice: when it begins and when it ends
                if what in self._open:
                    del self._open[what]
                else:
                    self._open[what] = None

    def _happen(self, what: Request | _Settle) -> None:
        if isinstance(what, _Settle):
            self._settle(what)
        elif what in self._present:
            self._leave(what)
        else:
            what.mark = self._run
            self._present[what] = what.rate
            self._weigh()

    def _pass(self, interval: Interval, to: float) -> None:
        """Time goes on to `to`, inside `interval`."""
        seconds = to - self.at
        if seconds <= 0:
            return
        self.at = to
        account, run, here = self.account, self._run, len(self._present)
        account.seconds += seconds
        account.request_seconds += seconds * here
        account.busy_seconds += seconds if here else 0.0
        if interval.utilization_pct is not None:
            run = run._replace(utilization=run.utilization + interval.utilization_pct * seconds, utilized=run.utilized + seconds)
        if interval.joules is not None:
            joules = interval.joules * seconds / (interval.end - interval.start)
            account.measured_joules += joules
            account.covered_seconds += seconds
            run = run._replace(covered=run.covered + seconds)
            if not here:
                account.idle_joules += joules
                account.idle_seconds += seconds
            elif self._total_rate:
                account.token_joules += joules
                run = run._replace(by_tokens=run.by_tokens + joules / self._total_rate)
            else:
                run = run._replace(evenly=run.evenly + joules / here)
        self._run = run

    def _leave(self, request: Request) -> None:
        rate, mark, run = self._present.pop(request) or 0.0, request.mark or _Integrals(), self._run
        joules = run.evenly - mark.evenly + rate * (run.by_tokens - mark.by_tokens)
        if request.owner is None:
            self.account.other_joules += joules
        else:
            owner = self._owners.setdefault(request.owner, _Owner())
            owner.joules += joules
            owner.seconds += (request.ended or request.began) - request.began
            owner.covered += run.covered - mark.covered
            owner.utilization += run.utilization - mark.utilization
            owner.utilized += run.utilized - mark.utilized
        self._weigh()

    def _weigh(self) -> None:
        rates = self._present.values()
        self._total_rate = 0.0 if None in rates else sum(rate for rate in rates if rate is not None)
        if not self._present:
            self._run = _Integrals()  # nobody remembers the old ones; small numbers subtract better

    def _settle(self, settled: _Settle) -> None:
        owner = self._owners.pop(settled.owner, None)
        if owner is None:
            return
        seconds = owner.seconds
        energy = owner.joules if settled.keep and seconds and owner.covered >= COVERAGE * seconds else None
        utilization = owner.utilization / owner.utilized if seconds and owner.utilized >= COVERAGE * seconds else None
        if energy is None:
            self.account.other_joules += owner.joules
        else:
            self.account.samples_joules += energy
        if settled.keep and (energy is not None or utilization is not None):
            self._shares[settled.owner] = Share(energy, energy / seconds if energy is not None else None, utilization)
