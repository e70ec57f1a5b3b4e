"""What counts as a dead server: so many failures of one kind in a row, begun after the first of them, and no answer in between."""

from __future__ import annotations

import random

import pytest

from tripos.core.errors import EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.runs.breaker import Breaker, Guarded


class Server:
    """Counts its answers."""

    answers = 0


def breaker(after: int = 3) -> tuple[Breaker, Server]:
    server = Server()
    return Breaker(after, lambda: server.answers), server


def fail(b: Breaker, times: int, kind: str = "connection") -> bool:
    return [b.failed(b.begin(), kind, f"{kind}!") for _ in range(times)][-1]


def test_so_many_in_a_row_are_enough() -> None:
    b, _ = breaker(3)
    assert not fail(b, 3), "the first of a row was under way when the row began"
    assert fail(b, 1) and b.tripped
    assert b.plain() == {"in_a_row": 4, "kind": "connection", "error": "connection!"}


def test_any_answer_in_between_begins_a_new_row() -> None:
    b, server = breaker(3)
    for _ in range(50):
        assert not fail(b, 3)
        server.answers += 1
    assert b.plain() is None


def test_another_kind_of_failure_begins_a_new_row() -> None:
    b, _ = breaker(3)
    for _ in range(20):
        assert not fail(b, 2, "timeout") and not fail(b, 2, "server_error")


def test_what_was_under_way_when_it_began_is_one_event_however_many_they_are() -> None:
    b, _ = breaker(3)
    under_way = [b.begin() for _ in range(500)]
    assert not any(b.failed(number, "connection", "refused") for number in under_way)
    assert fail(b, 3) and b.in_a_row == 503


@pytest.mark.parametrize("kind", ["bad_request", "context_length", "tool"])
def test_what_may_be_the_fault_of_a_prompt_never_counts(kind: str) -> None:
    b, _ = breaker(3)
    assert not fail(b, 1000, kind)


@pytest.mark.parametrize("kind", ["connection", "auth", "not_found", "server_error", "timeout", "stalled", "rate_limited", "malformed"])
def test_what_a_server_can_do_wrong_counts(kind: str) -> None:
    b, _ = breaker(3)
    assert fail(b, 4, kind)


def test_nought_means_never() -> None:
    b, _ = breaker(0)
    assert not fail(b, 1000) and b.plain() is None


@pytest.mark.parametrize("workers", [1, 4, 64])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_server_with_random_errors_never_trips_it(workers: int, share: float) -> None:
    rng, (b, server) = random.Random(workers), breaker(20)
    under_way = [b.begin() for _ in range(workers)]
    for _ in range(20_000):
        number = under_way.pop(rng.randrange(workers))
        under_way.append(b.begin())
        if rng.random() < share:
            b.failed(number, "server_error", "HTTP 500")
        else:
            server.answers += 1
    assert not b.tripped


async def test_a_guarded_judge_is_not_asked_any_more() -> None:
    asked = 0

    async def ask(messages: object, params: object) -> Completion:
        nonlocal asked
        asked += 1
        raise EngineError("connection refused", kind="connection", retryable=True)

    guarded = Guarded(ask, Breaker(3, lambda: 0))
    for _ in range(10):
        with pytest.raises(EngineError):
            await guarded([Message(role="user", content="?")], GenerationParams())
    assert (asked, guarded.breaker.refused, guarded.breaker.tripped) == (4, 6, True)
