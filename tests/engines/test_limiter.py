"""Slots: never more than the limit, first come first served, none lost; and a limit that finds the server's capacity."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import now, run

from tripos.core.errors import ConfigError
from tripos.engines.limiter import CEILING, START, Limiter


async def spin(rounds: int = 3) -> None:
    """Lets everybody who can go on do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@given(
    limit=st.integers(1, 5),
    jobs=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.none() | st.integers(0, 40)), min_size=1, max_size=25),
)
def test_never_more_in_flight_than_the_limit_and_no_slot_is_lost_however_jobs_are_dropped(
    limit: int, jobs: list[tuple[int, int, int | None]]
) -> None:
    """Jobs start, hold a slot and are cancelled at random times, many at the same instant."""

    async def work() -> None:
        limiter, held, most = Limiter(limit), 0, 0

        async def job(start: int, hold: int) -> None:
            nonlocal held, most
            await asyncio.sleep(start)
            await limiter.acquire()
            try:
                held += 1
                most = max(most, held)
                await asyncio.sleep(hold)
            finally:
                held -= 1
                limiter.release()

        tasks = [asyncio.create_task(job(start, hold)) for start, hold, _ in jobs]
        for task, (_, _, drop) in zip(tasks, jobs, strict=True):
            if drop is not None:
                asyncio.get_running_loop().call_later(drop, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= limit and limiter.peak == most
        assert (held, limiter.in_flight) == (0, 0)
        for _ in range(limit):  # all slots are there again
            await asyncio.wait_for(limiter.acquire(), 1)
        assert all(isinstance(t.exception(), type(None)) for t in tasks if not t.cancelled()), "a dropped job ends as dropped"

    run(work())


async def test_first_come_first_served() -> None:
    limiter, order = Limiter(1), []
    await limiter.acquire()

    async def wait(name: int) -> None:
        await limiter.acquire()
        order.append(name)
        limiter.release()

    tasks = [asyncio.create_task(wait(i)) for i in range(10)]
    await spin()
    limiter.release()
    await asyncio.gather(*tasks)
    assert order == list(range(10))


async def test_a_newcomer_does_not_overtake_the_queue() -> None:
    limiter, order = Limiter(1), []
    await limiter.acquire()

    async def wait(name: str) -> None:
        await limiter.acquire()
        order.append(name)

    first = asyncio.create_task(wait("first"))
    await spin()
    limiter.release()  # the slot is the first one's, though it has not run yet
    second = asyncio.create_task(wait("second"))
    await spin()
    assert order == ["first"] and limiter.in_flight == 1
    limiter.release()
    await asyncio.gather(first, second)


async def test_a_job_dropped_at_the_moment_of_its_turn_passes_the_slot_on() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
    await spin()
    limiter.release()  # to the first …
    waiting[0].cancel()  # … who is dropped before it can take it
    await spin()
    assert waiting[0].cancelled() and waiting[1].done() and not waiting[2].done()
    limiter.release()
    await waiting[2]


async def test_a_job_dropped_just_before_its_turn_ends_as_dropped() -> None:
    limiter = Limiter(1)
    await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(2)]
    await spin()
    waiting[0].cancel()
    limiter.release()  # passes over the first before it could leave the queue itself
    await spin()
    assert waiting[0].cancelled() and waiting[1].done()
    assert limiter.in_flight == 1


def test_everybody_waits_as_long_as_the_server_asked_those_in_the_queue_too() -> None:
    async def work() -> None:
        limiter, times = Limiter(2, clock=now), []
        await limiter.acquire()
        await limiter.acquire()

        async def wait() -> None:
            await limiter.acquire()
            times.append(now())
            limiter.release()

        tasks = [asyncio.create_task(wait()) for _ in range(3)]
        await spin()
        for _ in range(3):
            limiter.rate_limited(10.0)
        limiter.release()
        limiter.release()
        await asyncio.sleep(4)
        limiter.rate_limited(3.0)  # shorter than what is left
        tasks.append(asyncio.create_task(wait()))
        await asyncio.sleep(4)
        assert times == []
        await asyncio.gather(*tasks)
        assert times == pytest.approx([10.0] * 4)

    run(work())


def test_one_refusal_among_answers_holds_nobody_else_back() -> None:
    async def work() -> None:
        limiter = Limiter(1, clock=now)
        for _ in range(20):
            await limiter.acquire()
            limiter.rate_limited(30.0)
            limiter.release()
            await limiter.acquire()
            limiter.release()
            limiter.succeeded(0.1)
        assert now() == 0.0

    run(work())


def test_a_pause_is_bounded_and_can_grow() -> None:
    async def work() -> None:
        limiter = Limiter(1, clock=now)
        for _ in range(3):
            limiter.rate_limited(2.0)
        limiter.rate_limited(86400.0)
        await limiter.acquire()
        assert now() == pytest.approx(60.0)
        limiter.rate_limited(0.0)
        limiter.rate_limited(None)
        limiter.release()
        await limiter.acquire()
        assert now() == pytest.approx(60.0)

    run(work())


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_under_which_nothing_is_sent_is_refused(limit: int) -> None:
    with pytest.raises(ConfigError, match=f"max_workers = {limit}"):
        Limiter(limit)


def test_a_fixed_limit_stays() -> None:
    async def work() -> None:
        limiter = Limiter(3, clock=now)
        await drive(limiter, queueing(50, 0.1), seconds=5)
        limiter.rate_limited(1.0)
        assert limiter.limit == limiter.peak == 3

    run(work())


# Finding the limit. Servers of capacity C in virtual time; the client has 512 workers.

Serve = Callable[[], Awaitable[bool]]


def queueing(capacity: int, seconds: float, seed: int | None = None) -> Serve:
    """Serves `capacity` at once and lets the others queue, like a local server; with a seed, answers differ in length."""
    places, rng = asyncio.Semaphore(capacity), random.Random(seed)

    async def serve() -> bool:
        async with places:
            await asyncio.sleep(seconds if seed is None else rng.expovariate(1 / seconds))
        return True

    return serve


def refusing(capacity: int, seconds: float) -> Serve:
    """Serves `capacity` at once and answers 429 to the others, like a hosted service."""
    in_flight = 0

    async def serve() -> bool:
        nonlocal in_flight
        if in_flight >= capacity:
            await asyncio.sleep(0.01)
            return False
        in_flight += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            in_flight -= 1
        return True

    return serve


def batching(half: float, seconds: float) -> Serve:
    """Continuous batching: n at once take 1 + n / half times as long, so throughput is n / (1 + n / half) / seconds."""
    in_flight = 0

    async def serve() -> bool:
        nonlocal in_flight
        in_flight += 1
        try:
            for _ in range(10):
                await asyncio.sleep(seconds / 10 * (1 + in_flight / half))
        finally:
            in_flight -= 1
        return True

    return serve


async def drive(limiter: Limiter, serve: Serve, seconds: float, workers: int = 512) -> list[int]:
    """Keeps a server busy; returns the limit at every tenth of the time."""
    end, seen = now() + seconds, []

    async def work() -> None:
        rng = random.Random(1)
        while now() < end:
            await limiter.acquire()
            began = now()
            try:
                done = await serve()
                if not done:
                    limiter.rate_limited(None)
            finally:
                limiter.release()
            if done:
                limiter.succeeded(now() - began)
            else:
                await asyncio.sleep(rng.uniform(0.5, 1))

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
        seen.append(limiter.limit)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    return seen


def found(make: Callable[[], Serve], seconds: float) -> list[int]:
    """The limits that an adaptive limiter came to in the second half of the time."""

    async def work() -> list[int]:
        limiter = Limiter(None, clock=now)
        assert limiter.limit == START
        return (await drive(limiter, make(), seconds))[5:]

    limits: list[int] = run(work())
    return limits


def assert_near(limits: list[int], capacity: int, trial: float = 3) -> None:
    """Within a factor of two, and within `trial` while a higher or lower level is tried."""
    assert capacity / 2 <= sorted(limits)[len(limits) // 2] <= 2 * capacity, limits
    assert all(capacity / trial <= limit <= trial * capacity for limit in limits), limits


@pytest.mark.parametrize("capacity", [1, 2, 4, 8, 16, 33, 50, 100])
def test_the_capacity_of_a_server_that_queues_is_found(capacity: int) -> None:
    assert_near(found(lambda: queueing(capacity, 1.0), seconds=300), capacity)


@pytest.mark.parametrize("capacity", [4, 16, 50])
def test_the_capacity_is_found_though_answers_differ_in_length(capacity: int) -> None:
    assert_near(found(lambda: queueing(capacity, 1.0, seed=capacity), seconds=600), capacity, trial=4)


@pytest.mark.parametrize("capacity", [4, 8, 16, 50, 100])
def test_the_capacity_of_a_server_that_says_429_is_found(capacity: int) -> None:
    assert_near(found(lambda: refusing(capacity, 0.5), seconds=120), capacity)


def test_a_server_that_slows_down_gradually_is_used_well() -> None:
    limits = found(lambda: batching(20.0, 1.0), seconds=400)
    typical = sorted(limits)[len(limits) // 2]
    assert typical / (typical + 20.0) > 0.6, f"share of the most it can do, {limits}"
    assert max(limits) <= 200, "and its queue is not filled for nothing"


def test_a_server_without_end_gets_as_much_as_there_is() -> None:
    assert CEILING / 2 < max(found(lambda: queueing(100_000, 1.0), seconds=60)) <= CEILING


def test_longer_answers_in_the_next_benchmark_do_not_look_like_a_slower_server() -> None:
    """The limiter is shared by all runs of a suite: short answers first, answers that take a hundred times as long next."""

    async def work() -> tuple[int, int]:
        limiter = Limiter(None, clock=now)
        short = (await drive(limiter, queueing(64, 0.1), seconds=40))[-1]
        long = (await drive(limiter, queueing(64, 10.0), seconds=3000))[-1]
        return short, long

    for limit in run(work()):
        assert 32 <= limit <= 128


def test_a_limit_grows_quickly_at_first() -> None:
    async def work() -> int:
        limiter = Limiter(None, clock=now)
        await drive(limiter, queueing(1000, 1.0), seconds=15)
        return limiter.peak

    assert run(work()) >= 128


def test_a_429_cuts_once_per_cool_down() -> None:
    async def work() -> None:
        limiter = Limiter(None, clock=now)
        limiter._resize(100)
        for _ in range(20):
            limiter.rate_limited(None)
        assert limiter.limit == 75
        await asyncio.sleep(4)
        limiter.rate_limited(None)
        assert limiter.limit == 75, "sent before the cut"
        await asyncio.sleep(2)
        limiter.rate_limited(20.0)
        assert limiter.limit == 56
        await asyncio.sleep(10)
        limiter.rate_limited(None)
        assert limiter.limit == 56, "the server asked for longer"
        for _ in range(50):
            await asyncio.sleep(30)
            limiter.rate_limited(None)
        assert limiter.limit == 1

    run(work())


def test_few_jobs_do_not_move_the_limit() -> None:
    async def work() -> int:
        limiter = Limiter(None, clock=now)
        await drive(limiter, queueing(1000, 1.0), seconds=100, workers=3)
        return limiter.limit

    assert run(work()) == START
