"""Σ samples + idle + other = measured, whatever overlaps; and each share is what the formula says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.telemetry.attribution import Account, Attribution, Interval, Request, Share


@dataclass(frozen=True)
class Asked:
    """A request as a test describes it."""

    owner: str | None
    began: float
    ended: float
    tokens: float | None = None
    keep: bool = True


def shared(asked: list[Asked], intervals: list[Interval], *, every: int = 1) -> tuple[dict[str, Share], Account]:
    """Feeds requests and intervals in the order of time, sweeping after every so many intervals."""
    attribution = Attribution(intervals[0].start)
    last = {a.owner: max(b.ended for b in asked if b.owner == a.owner) for a in asked}
    moments: list[tuple[float, int, Asked]] = sorted(
        [(a.began, 0, a) for a in asked] + [(a.ended, 1, a) for a in asked], key=lambda m: (m[0], m[1])
    )
    requests: dict[Asked, Request] = {}
    settled: set[str | None] = {None}
    shares: dict[str, Share] = {}
    total = Account()

    def collect() -> None:
        nonlocal total
        new, account = attribution.take()
        assert not shares.keys() & new.keys(), "a share is final"
        shares.update(new)
        total = Account(**{name: getattr(total, name) + getattr(account, name) for name in Account.__slots__})

    def hear(until: float) -> None:
        while moments and moments[0][0] <= until:
            at, ends, a = moments.pop(0)
            if not ends:
                requests[a] = attribution.begin(a.owner, at)
                continue
            attribution.end(requests[a], a.tokens, at)
            if last[a.owner] == at and a.owner not in settled and not any(m[2].owner == a.owner for m in moments):
                settled.add(a.owner)
                assert a.owner is not None
                attribution.settle(a.owner, at, keep=a.keep)

    for number, interval in enumerate(intervals):
        hear(interval.end)
        attribution.measured(interval)
        if number % every == 0:
            attribution.sweep()
            collect()
    hear(math.inf)
    attribution.sweep(final=True)
    collect()
    return shares, total


def even(watts: float, seconds: int, utilization: float | None = None) -> list[Interval]:
    return [Interval(float(s), float(s + 1), watts, utilization) for s in range(seconds)]


def test_one_request_alone_takes_all_the_rest_is_idle() -> None:
    shares, account = shared([Asked("a", 2.5, 4.0, 10)], even(100.0, 10, 80.0))
    assert shares == {"a": Share(pytest.approx(150.0), pytest.approx(100.0), pytest.approx(80.0))}
    assert account.idle_joules == pytest.approx(850.0)
    assert account.measured_joules == pytest.approx(1000.0)
    assert account.idle_seconds == pytest.approx(8.5)


def test_two_that_overlap_share_by_tokens() -> None:
    shares, account = shared([Asked("a", 1, 5, 300), Asked("b", 1, 5, 100)], even(100.0, 6))
    assert shares["a"].energy_joules == pytest.approx(300.0)
    assert shares["b"].energy_joules == pytest.approx(100.0)
    assert shares["b"].power_watts == pytest.approx(25.0), "its own energy over its own time"
    assert account.token_joules == pytest.approx(400.0)


def test_a_rate_holds_over_the_whole_time_on_the_wire() -> None:
    """a: 10 tokens/s over 0..4, b: 30 tokens/s over 2..4. Alone until 2, then 1 : 3."""
    shares, _ = shared([Asked("a", 0, 4, 40), Asked("b", 2, 4, 60)], even(100.0, 4))
    assert shares["a"].energy_joules == pytest.approx(200 + 50)
    assert shares["b"].energy_joules == pytest.approx(150)


def test_unknown_tokens_mean_equal_shares_while_they_overlap_and_only_then() -> None:
    shares, account = shared([Asked("a", 0, 6, 900), Asked("b", 0, 4, 100), Asked("c", 0, 2, None)], even(90.0, 6))
    assert shares["c"].energy_joules == pytest.approx(60.0)
    # 2..4: a has 150 tokens/s, b 25; 4..6: a alone
    assert shares["a"].energy_joules == pytest.approx(60 + 180 * 150 / 175 + 180)
    assert shares["b"].energy_joules == pytest.approx(60 + 180 * 25 / 175)
    assert account.token_joules == pytest.approx(360.0)


def test_retries_and_turns_are_one_candidate_on_the_wire_time_only() -> None:
    """Two tries with a pause between: the pause is idle, the power is over 2 + 3 seconds."""
    shares, account = shared([Asked("a", 0, 2), Asked("a", 5, 8, 50)], even(100.0, 10))
    assert shares["a"].energy_joules == pytest.approx(500.0)
    assert shares["a"].power_watts == pytest.approx(100.0)
    assert account.idle_joules == pytest.approx(500.0)


def test_judges_and_failures_take_joules_that_no_sample_is_billed_for() -> None:
    shares, account = shared([Asked("a", 0, 4), Asked(None, 0, 4), Asked("lost", 0, 4, keep=False)], even(90.0, 4))
    assert shares.keys() == {"a"}
    assert account.samples_joules == pytest.approx(120.0)
    assert account.other_joules == pytest.approx(240.0)


def test_a_candidate_that_lived_in_a_gap_has_no_energy_rather_than_too_little() -> None:
    intervals = [Interval(0, 2, 100.0), Interval(2, 4, None), Interval(4, 40, 1800.0)]
    shares, account = shared([Asked("gap", 1, 4, 10), Asked("brief", 3.5, 40, 10), Asked("whole", 5, 9, 10)], intervals)
    assert "gap" not in shares
    assert shares["brief"].energy_joules is not None, "nine tenths of its time were measured"
    assert shares["whole"].energy_joules is not None
    assert account.covered_seconds == pytest.approx(38.0)
    assert account.seconds == pytest.approx(40.0)
    assert account.samples_joules + account.idle_joules + account.other_joules == pytest.approx(account.measured_joules)


def test_utilisation_alone_is_a_share_without_energy() -> None:
    shares, account = shared([Asked("a", 0.5, 2.5)], [Interval(0, 1, None, 20.0), Interval(1, 3, None, 60.0)])
    assert shares == {"a": Share(None, None, pytest.approx((0.5 * 20 + 1.5 * 60) / 2))}
    assert account.measured_joules == 0.0


def test_no_time_on_the_wire_is_not_measured() -> None:
    shares, _ = shared([Asked("a", 1.0, 1.0, 10)], even(100.0, 3))
    assert shares == {}


def test_shares_wait_for_those_that_overlap_and_no_longer() -> None:
    attribution = Attribution(0.0)
    long, short = attribution.begin("long", 0.0), attribution.begin("short", 1.0)
    attribution.end(short, 10, 2.0)
    attribution.settle("short", 2.0, keep=True)
    attribution.measured(Interval(0.0, 3.0, 300.0))
    attribution.sweep()
    assert attribution.take()[0] == {}, "how fast the long one was is not known yet"
    attribution.end(long, 30, 3.5)
    attribution.settle("long", 3.5, keep=True)
    attribution.measured(Interval(3.0, 4.0, 100.0))
    attribution.sweep()
    assert attribution.take()[0].keys() == {"long", "short"}


def test_memory_holds_only_what_is_not_settled() -> None:
    attribution = Attribution(0.0)
    for n in range(2000):
        request = attribution.begin(f"c{n}", n + 0.2)
        attribution.end(request, 5, n + 0.8)
        attribution.settle(f"c{n}", n + 0.8, keep=True)
        attribution.measured(Interval(float(n), n + 1.0, 50.0))
        attribution.sweep()
        attribution.take()
    assert not attribution._intervals and not attribution._moments and not attribution._open and not attribution._owners


TIMES = st.floats(0, 20, allow_nan=False)


@st.composite
def requests(draw: st.DrawFn) -> list[Asked]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        began = draw(TIMES)
        ended = began + draw(st.floats(0, 8))
        owner = draw(st.sampled_from([f"c{number}", "shared", None]))
        keep = owner == "shared" or draw(st.booleans())
        found.append(Asked(owner, began, ended, draw(st.none() | st.integers(0, 5000)), keep))
    return found


@st.composite
def timelines(draw: st.DrawFn) -> list[Interval]:
    at, found = draw(st.floats(0, 3)), []
    for _ in range(draw(st.integers(1, 40))):
        length = draw(st.floats(0.01, 2))
        found.append(Interval(at, at + length, draw(st.none() | st.floats(0, 1000)), draw(st.none() | st.floats(0, 100))))
        at += length
    return found


@given(requests(), timelines(), st.integers(1, 7))
def test_nothing_is_lost_and_nothing_is_made(asked: list[Asked], intervals: list[Interval], every: int) -> None:
    shares, account = shared(asked, intervals, every=every)
    measured = sum(i.joules for i in intervals if i.joules is not None)
    assert account.measured_joules == pytest.approx(measured, abs=1e-6)
    assert account.samples_joules == pytest.approx(sum(s.energy_joules for s in shares.values() if s.energy_joules is not None), abs=1e-6)
    assert account.samples_joules + account.idle_joules + account.other_joules == pytest.approx(measured, abs=1e-6)
    assert account.seconds == pytest.approx(intervals[-1].end - intervals[0].start)
    assert all(s.energy_joules is None or s.energy_joules >= -1e-9 for s in shares.values())
    assert all(s.gpu_utilization_pct is None or -1e-6 <= s.gpu_utilization_pct <= 100 + 1e-6 for s in shares.values())


@given(requests(), timelines(), st.integers(2, 7))
def test_how_often_one_looks_changes_nothing(asked: list[Asked], intervals: list[Interval], every: int) -> None:
    often, rarely = shared(asked, intervals)[0], shared(asked, intervals, every=every)[0]
    assert often.keys() == rarely.keys()
    for owner, share in often.items():
        for mine, other in zip(share, rarely[owner], strict=True):
            assert mine == pytest.approx(other, abs=1e-6)
