"""Retries, time limits, budgets and counters around an engine; slots are held only while a request is on the wire."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from fake_http import Reply, serving
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import now, run

from tripos.core.errors import BudgetExhausted, EngineError
from tripos.core.records import Completion, GenerationParams, Message, Usage
from tripos.engines.endpoint import Budget, Endpoint, RetryPolicy
from tripos.engines.engine import EngineSettings, Preflight
from tripos.engines.limiter import Limiter
from tripos.engines.openai import OpenAICompatible

ASK = (Message(role="user", content="?"),)
PARAMS = GenerationParams()
DONE = Completion(text="42", usage=Usage(prompt_tokens=10, completion_tokens=5), cost_usd=0.25)
SLOW_DOWN = EngineError("slow down", kind="rate_limited", retryable=True, status=429)
OVERLOADED = EngineError("overloaded", kind="server_error", retryable=True, status=500)
REFUSED = EngineError("Connection refused", kind="connection", retryable=True)
STALLED = EngineError("no byte", kind="stalled", retryable=True)
WRONG = EngineError("bad role", kind="bad_request", status=400)

Answer = Completion | EngineError | Callable[[], Awaitable[Completion]]


class Scripted:
    """An engine that answers from a list, the last entry for ever. The error is made anew each time, as a real one is."""

    key, simulated, endpoint_id = "scripted", False, "scripted"

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked, self.times = list(answers), 0, []  # type: ignore[var-annotated]

    async def preflight(self) -> Preflight:
        return Preflight(None)

    async def close(self) -> None: ...

    async def generate(
        self, messages: Sequence[Message], params: GenerationParams, *, tools: Sequence[dict[str, Any]] = (), context: Any = None
    ) -> Completion:
        self.asked += 1
        self.times.append(asyncio.get_running_loop().time())
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, EngineError):
            more = {"status": found.status, "retry_after_seconds": found.retry_after_seconds}
            raise EngineError(str(found), kind=found.kind, retryable=found.retryable, **more)  # type: ignore[arg-type]
        return found if isinstance(found, Completion) else await found()


def endpoint(*answers: Answer, limit: int | None = 4, **more: Any) -> tuple[Endpoint, Scripted]:
    engine = Scripted(*answers)
    return Endpoint(engine, Limiter(limit, clock=now), **more), engine


def ask(made: Endpoint) -> Awaitable[Completion]:
    return made.generate(ASK, PARAMS)


async def fails(made: Endpoint) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await ask(made)
    return caught.value


# Retries


def test_an_answer_is_handed_out_as_it_came() -> None:
    async def work() -> None:
        made, engine = endpoint(DONE)
        done = await ask(made)
        assert done.queued_seconds is not None and msgspec.structs.replace(done, queued_seconds=None) == DONE
        assert (engine.asked, made.counters.requests, made.counters.succeeded, made.counters.retries) == (1, 1, 1, 0)

    run(work())


@pytest.mark.parametrize("error", [SLOW_DOWN, OVERLOADED, REFUSED, STALLED])
def test_what_may_succeed_later_is_asked_again_and_the_failures_are_kept(error: EngineError) -> None:
    async def work() -> None:
        made, engine = endpoint(error, error, DONE)
        done = await ask(made)
        assert (done.text, engine.asked) == ("42", 3)
        assert [(r["kind"], r["status"], r["error"]) for r in done.retries] == [(error.kind, error.status, str(error))] * 2
        assert made.counters.errors == {error.kind: 2} and made.counters.retries == 2
        assert (made.counters.requests, made.counters.succeeded) == (3, 1)

    run(work())


@pytest.mark.parametrize("tries", [1, 2, 6])
def test_tries_are_bounded(tries: int) -> None:
    async def work() -> None:
        made, engine = endpoint(OVERLOADED, policy=RetryPolicy(tries=tries))
        error = await fails(made)
        assert engine.asked == tries
        assert error.__notes__ == ([f"after {tries} tries"] if tries > 1 else ["not retried"])

    run(work())


@pytest.mark.parametrize("kind", ["bad_request", "auth", "not_found", "context_length"])
def test_what_cannot_succeed_is_not_asked_again(kind: Any) -> None:
    async def work() -> None:
        made, engine = endpoint(EngineError("no", kind=kind, status=400))
        error = await fails(made)
        assert (engine.asked, now(), error.kind, error.__notes__) == (1, 0.0, kind, ["not retried"])

    run(work())


def test_an_error_that_is_no_engines_goes_through_and_leaves_the_slot() -> None:
    async def broken() -> Completion:
        raise ZeroDivisionError

    async def work() -> None:
        made, engine = endpoint(broken, limit=1)
        with pytest.raises(ZeroDivisionError):
            await ask(made)
        assert (engine.asked, made.limiter.in_flight) == (1, 0)

    run(work())


# Waiting


def error_with(asked: float | None, kind: Any = "server_error") -> EngineError:
    return EngineError("later", kind=kind, retryable=True, retry_after_seconds=asked)


@given(failures=st.integers(1, 40), seed=st.integers(0, 2**32), asked=st.none() | st.floats(0, 1e9))
def test_every_wait_is_bounded_and_none_is_shorter_than_what_the_server_asked(failures: int, seed: int, asked: float | None) -> None:
    policy = RetryPolicy()
    for kind in ("server_error", "rate_limited"):
        wait = policy.delay_seconds(failures, error_with(asked, kind), random.Random(seed))
        assert 0 <= wait <= policy.longest_seconds + 0.1
        assert wait >= min(asked or 0.0, policy.longest_seconds)


@pytest.mark.parametrize(
    ("failures", "low", "high"), [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (7, 16.0, 32.0), (8, 30.0, 60.0), (99, 30.0, 60.0)]
)
def test_waits_double_and_are_spread_between_half_and_the_whole(failures: int, low: float, high: float) -> None:
    rng = random.Random(7)
    waits = [RetryPolicy().delay_seconds(failures, OVERLOADED, rng) for _ in range(500)]
    assert low <= min(waits) < low + (high - low) / 20 and high - (high - low) / 20 < max(waits) <= high
    assert len(set(waits)) == 500, "nobody asks again at the same moment"


def test_the_same_random_numbers_give_the_same_waits() -> None:
    policy = RetryPolicy()
    first, second = ([policy.delay_seconds(n, OVERLOADED, rng) for n in range(1, 9)] for rng in (random.Random(3), random.Random(3)))
    assert first == second


def test_a_retry_after_is_kept_to_and_repeated_failures_wait_longer_all_the_same() -> None:
    rng = random.Random(1)
    assert 2.0 <= RetryPolicy().delay_seconds(1, error_with(2.0), rng) <= 2.1
    assert 0.0 <= RetryPolicy().delay_seconds(1, error_with(0.0), rng) <= 0.1
    assert 4.0 <= RetryPolicy().delay_seconds(5, error_with(0.0), rng) <= 8.0
    assert 60.0 <= RetryPolicy().delay_seconds(1, error_with(3600.0), rng) <= 60.1


def test_six_tries_reach_beyond_a_quota_by_the_minute() -> None:
    rng, policy = random.Random(1), RetryPolicy()
    waited = sum(policy.delay_seconds(n, SLOW_DOWN, rng) for n in range(1, policy.tries))
    assert 31 <= waited <= 62
    assert sum(policy.delay_seconds(n, OVERLOADED, rng) for n in range(1, policy.tries)) <= 15.5


def test_the_waits_are_waited() -> None:
    async def work() -> None:
        made, engine = endpoint(OVERLOADED, error_with(30.0), DONE)
        await ask(made)
        first, second = engine.times[1] - engine.times[0], engine.times[2] - engine.times[1]
        assert 0.25 <= first <= 0.5 and 30.0 <= second <= 30.1

    run(work())


def test_the_slot_is_free_while_a_request_waits_to_be_asked_again() -> None:
    async def work() -> None:
        made, _ = endpoint(error_with(50.0), DONE, limit=1)
        unlucky = asyncio.create_task(ask(made))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert made.limiter.in_flight == 0
        await ask(made)
        assert now() == pytest.approx(1.0)
        await unlucky
        assert now() >= 50.0

    run(work())


@pytest.mark.parametrize(
    ("kind", "status", "everybody"), [("rate_limited", 429, True), ("server_error", 503, True), ("server_error", 500, False)]
)
def test_a_server_that_keeps_saying_when_to_come_back_is_left_alone_by_everybody(kind: Any, status: int, everybody: bool) -> None:
    async def work() -> None:
        later = EngineError("later", kind=kind, retryable=True, status=status, retry_after_seconds=20.0)
        made, _ = endpoint(later, later, later, DONE)
        unlucky = [asyncio.create_task(ask(made)) for _ in range(3)]  # type: ignore[arg-type]
        await asyncio.sleep(1)
        await ask(made)
        assert (now() >= 20.0) == everybody
        await asyncio.gather(*unlucky)

    run(work())


# Time


async def hang() -> Completion:
    await asyncio.sleep(1e9)
    return DONE


def test_a_request_without_end_is_cut_asked_again_and_given_up() -> None:
    async def work() -> None:
        made, engine = endpoint(hang, timeout_seconds=600.0)
        error = await fails(made)
        assert (error.kind, str(error), engine.asked) == ("timeout", "no answer within 600 s", 3)
        assert now() < 3 * 600 + 2, "the last sample of a run ends"
        assert made.limiter.in_flight == 0

    run(work())


def test_one_that_hangs_once_is_answered_in_the_end() -> None:
    async def work() -> None:
        made, _ = endpoint(hang, DONE, timeout_seconds=10.0)
        assert [r["kind"] for r in (await ask(made)).retries] == ["timeout"]

    run(work())


def test_a_request_that_is_dropped_leaves_no_slot_taken() -> None:
    async def work() -> None:
        made, engine = endpoint(hang, hang, hang, OVERLOADED, DONE, limit=2)
        tasks = [asyncio.create_task(ask(made)) for _ in range(3)]  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert made.limiter.in_flight == 2
        for task in tasks:  # two on the wire, one in the queue
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert made.limiter.in_flight == 0 and engine.asked == 2
        made.engine.answers = [OVERLOADED]  # type: ignore[attr-defined]
        waiting = asyncio.create_task(ask(made))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        waiting.cancel()  # while it waits to be asked again
        await asyncio.gather(waiting, return_exceptions=True)
        assert made.limiter.in_flight == 0

    run(work())


# Budgets


def test_a_budget_of_cost_stops_before_the_next_request() -> None:
    async def work() -> None:
        made, engine = endpoint(DONE, budget=Budget(max_cost_usd=0.5))
        await ask(made)
        await ask(made)
        with pytest.raises(BudgetExhausted, match=r"--max-cost 0\.5 is spent \(\$0\.5000\)"):
            await ask(made)
        assert engine.asked == made.counters.requests == 2 and made.limiter.in_flight == 0

    run(work())


def test_a_budget_of_tokens_counts_prompt_and_answer() -> None:
    async def work() -> None:
        made, engine = endpoint(DONE, budget=Budget(max_tokens=31))
        for _ in range(3):
            await ask(made)
        with pytest.raises(BudgetExhausted, match=r"--max-tokens-total 31 is spent \(45 tokens\)"):
            await ask(made)
        assert engine.asked == 3

    run(work())


def test_those_who_wait_for_a_slot_do_not_spend_what_is_spent_meanwhile() -> None:
    async def slow() -> Completion:
        await asyncio.sleep(1)
        return DONE

    async def work() -> None:
        made, engine = endpoint(slow, limit=2, budget=Budget(max_tokens=15))
        results = await asyncio.gather(*(ask(made) for _ in range(100)), return_exceptions=True)
        assert engine.asked == 2, "only what was in flight already"
        assert sum(isinstance(r, BudgetExhausted) for r in results) == 98

    run(work())


def test_a_budget_is_shared_and_what_is_not_known_is_not_charged() -> None:
    async def work() -> None:
        budget = Budget(max_cost_usd=1.0, max_tokens=100)
        first, _ = endpoint(DONE, budget=budget)
        second, _ = endpoint(Completion(text="x"), budget=budget)
        await ask(first)
        await ask(second)
        assert (budget.cost_usd, budget.tokens) == (0.25, 15)
        assert second.counters.succeeded == 1 and second.counters.prompt_tokens == 0

    run(work())


def test_a_budget_that_is_spent_while_waiting_to_ask_again_ends_the_waiting() -> None:
    async def work() -> None:
        budget = Budget(max_tokens=15)
        made, _ = endpoint(OVERLOADED, DONE, budget=budget)
        unlucky = asyncio.create_task(ask(made))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        await ask(made)
        with pytest.raises(BudgetExhausted):
            await unlucky

    run(work())


def test_counters_add_up_what_the_server_reported() -> None:
    async def work() -> None:
        made, _ = endpoint(OVERLOADED, DONE)
        await asyncio.gather(*(ask(made) for _ in range(4)))
        counters = made.counters
        assert (counters.prompt_tokens, counters.completion_tokens, counters.cost_usd, counters.succeeded) == (40, 20, 1.0, 4)

    run(work())


# A server that is gone


def test_a_server_that_is_gone_does_not_cost_every_sample_its_tries() -> None:
    async def work() -> None:
        made, engine = endpoint(REFUSED, limit=8)
        errors = await asyncio.gather(*(ask(made) for _ in range(8)), return_exceptions=True)
        assert all(isinstance(e, EngineError) and e.kind == "connection" for e in errors)
        before, since = engine.asked, now()
        for _ in range(1000):
            error = await fails(made)
        assert (engine.asked - before, now()) == (1000, since), "one request each, without a wait"
        assert error.__notes__ == ["not retried"]

    run(work())


def test_a_server_that_comes_back_is_trusted_again_after_one_answer() -> None:
    async def work() -> None:
        made, engine = endpoint(REFUSED)
        await fails(made)
        engine.answers = [DONE, REFUSED, DONE]
        await ask(made)
        assert [r["kind"] for r in (await ask(made)).retries] == ["connection"]

    run(work())


def test_a_restart_of_the_server_loses_nobody() -> None:
    """256 requests are reset at once and nobody gets through for three seconds: all are answered in the end."""

    async def work() -> None:
        async def server() -> Completion:
            await asyncio.sleep(0.01)
            if 1.0 <= now() < 4.0:
                raise EngineError("Connection reset", kind="connection", retryable=True)
            return DONE

        made, _ = endpoint(server, limit=256)

        async def keep_asking() -> None:
            while now() < 6:
                await ask(made)

        await asyncio.gather(*(keep_asking() for _ in range(256)))
        assert made.counters.errors["connection"] > 256 and made.counters.succeeded == made.counters.requests - made.counters.retries

    run(work())


class Poisonable(Scripted):
    """Resets the connection of the question with seed 13, always."""

    async def generate(self, messages: Sequence[Message], params: GenerationParams, **more: Any) -> Completion:
        if params.seed == 13:
            raise EngineError("Connection reset", kind="connection", retryable=True)
        return await super().generate(messages, params, **more)


def test_a_question_that_breaks_its_connection_is_not_the_end_of_a_server_that_answers_others() -> None:
    async def work() -> None:
        made = Endpoint(Poisonable(DONE), Limiter(2, clock=now))
        unlucky = asyncio.create_task(made.generate(ASK, GenerationParams(seed=13)))
        for _ in range(100):
            await asyncio.sleep(0.2)
            await ask(made)
        with pytest.raises(EngineError, match="reset") as caught:
            await unlucky
        assert caught.value.__notes__ == ["after 6 tries"]
        made.engine.answers = [REFUSED, DONE]  # type: ignore[attr-defined]
        assert len((await ask(made)).retries) == 1, "the others are still asked again"

    run(work())


def test_an_error_of_the_server_is_a_sign_of_life() -> None:
    async def work() -> None:
        made, engine = endpoint(REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, OVERLOADED)
        await fails(made)
        engine.answers, engine.asked = [REFUSED, DONE], 0
        await ask(made)
        assert engine.asked == 2

    run(work())


# Against a real server


def chat(text: str = "42") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


async def test_a_real_server_with_real_faults_answers_in_the_end() -> None:
    slow = Reply(429, {"error": {"message": "slow down"}}, headers={"retry-after": "0.05"})
    replies = [slow, Reply(500, "oops"), Reply(body=chat(), cut=True), Reply(200, "<html>"), Reply(body=chat("at last"))]
    with serving({"/v1": replies}) as server:
        engine = OpenAICompatible(EngineSettings(model="m", base_url=server.url))
        made = Endpoint(engine, Limiter(1), policy=RetryPolicy(base_seconds=0.01))
        done = await made.generate(ASK, PARAMS)
        ended = time.time()
        await engine.close()
    assert done.text == "at last"
    assert [(r["kind"], r["status"]) for r in done.retries] == [
        ("rate_limited", 429),
        ("server_error", 500),
        ("connection", None),
        ("malformed", None),
    ]
    assert done.started_at is not None and done.started_at > done.retries[-1]["at"], "of the request that succeeded, without waits"
    assert done.latency_seconds is not None and done.latency_seconds <= ended - done.started_at + 0.01


async def test_every_try_has_its_times_and_the_wait_for_a_slot_is_known() -> None:
    slow = Reply(429, {"error": {"message": "slow down"}}, headers={"retry-after": "0.05"}, delay_seconds=0.02)
    with serving({"/v1": [slow, Reply(500, "oops"), Reply(body=chat(), delay_seconds=0.05)]}) as server:
        engine = OpenAICompatible(EngineSettings(model="m", base_url=server.url))
        made = Endpoint(engine, Limiter(1), policy=RetryPolicy(base_seconds=0.01))
        asked = time.time()
        first, second = await asyncio.gather(made.generate(ASK, PARAMS), made.generate(ASK, PARAMS))
        await engine.close()
    retries = sorted((*first.retries, *second.retries), key=lambda r: r["started_at"])
    assert [r.get("retry_after_seconds") for r in retries] == [0.05, None]
    for retry in retries:
        assert asked <= retry["started_at"] <= retry["at"] and retry["backoff_seconds"] > 0
    assert retries[0]["at"] - retries[0]["started_at"] >= 0.015 and retries[0]["backoff_seconds"] >= 0.045
    assert retries[1]["started_at"] >= retries[0]["at"], "one slot"
    assert first.queued_seconds is not None and second.queued_seconds is not None
    assert second.queued_seconds > max(first.queued_seconds, 0.015), "who came second waited for the slot"


async def test_a_request_that_fails_for_good_carries_all_its_tries() -> None:
    with serving({"/v1": [Reply(500, "oops"), Reply(500, "oops"), Reply(400, {"error": {"message": "bad role"}})]}) as server:
        engine = OpenAICompatible(EngineSettings(model="m", base_url=server.url))
        error = await fails(Endpoint(engine, Limiter(1), policy=RetryPolicy(base_seconds=0.01)))
        await engine.close()
    assert [t["status"] for t in error.tries] == [500, 500, 400]
    assert ["backoff_seconds" in t for t in error.tries] == [True, True, False], "nobody waits after the last"


async def test_a_recording_keeps_the_times_of_its_own_day() -> None:
    recorded = msgspec.structs.replace(DONE, started_at=5.0, queued_seconds=0.5, retries=({"at": 4.0},))

    class Recorded(Scripted):
        key = "replay"

    assert await Endpoint(Recorded(recorded), Limiter(1)).generate(ASK, PARAMS) == recorded


async def test_two_models_of_one_server_share_its_slots() -> None:
    with serving({"/v1": [Reply(body=chat(), delay_seconds=0.05)]}) as server:
        engines = [OpenAICompatible(EngineSettings(model=name, base_url=server.url)) for name in ("a", "b")]
        assert engines[0].endpoint_id == engines[1].endpoint_id
        limiter = Limiter(2)
        both = [Endpoint(engine, limiter) for engine in engines]
        await asyncio.gather(*(made.generate(ASK, PARAMS) for made in both * 6))
        for engine in engines:
            await engine.close()
    assert limiter.peak == 2 and len(server.asked) == 12
