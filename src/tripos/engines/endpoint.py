"""An endpoint: an engine with a concurrency limit, retries, a budget and counters.

Candidates, agents and judges all ask through endpoints, so that retry and spending rules exist once. A slot is held
only while a request is on the wire: back-off happens outside, so one unlucky sample never starves the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tripos.core.errors import BudgetExhausted, EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.engine import Engine
from tripos.engines.limiter import Limiter

_OVERLOADED = (503, 529)
_PER_MINUTE = 4.0  # quotas are counted by the minute: six tries after a 429 must reach beyond one


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off, jittered between half and the whole, bounded. A Retry-After that the server sends wins.

    Attributes:
        tries: requests in all, the first included.
        timeouts: how many of them may run into the time limit, which costs the most and helps the least.
        base_seconds: after the first failure; four times that after a 429 that names no time.
        longest_seconds: bound of every single wait, whatever the server asks for.
    """

    tries: int = 6
    timeouts: int = 3
    base_seconds: float = 0.5
    longest_seconds: float = 60.0

    def ends(self, error: EngineError, failures: Sequence[dict[str, Any]]) -> bool:
        """Whether the last of the `failures`, which is `error`, is final."""
        if not error.retryable or len(failures) >= self.tries:
            return True
        return error.kind == "timeout" and sum(f["kind"] == "timeout" for f in failures) >= self.timeouts

    def delay_seconds(self, failures: int, error: EngineError, rng: random.Random) -> float:
        """How long to wait after the given number of failures; never less than a (bounded) Retry-After."""
        asked = error.retry_after_seconds
        least = 0.0 if asked is None else min(asked, self.longest_seconds) + rng.uniform(0, 0.1)
        if asked is not None and failures == 1:
            return least
        base = self.base_seconds * (_PER_MINUTE if error.kind == "rate_limited" and asked is None else 1.0)
        ceiling: float = min(base * 2.0 ** (failures - 1), self.longest_seconds)
        return max(least, rng.uniform(0.5 * ceiling, ceiling))


@dataclass(slots=True)
class Budget:
    """What the user allows a whole command to spend. None means unlimited."""

    max_cost_usd: float | None = None
    max_tokens: int | None = None
    cost_usd: float = 0.0
    tokens: int = 0

    def check(self) -> None:
        """Called before each request, when it is its turn.

        Raises:
            BudgetExhausted: the limit is reached; requests in flight may still add to it.
        """
        if self.max_cost_usd is not None and self.cost_usd >= self.max_cost_usd:
            raise BudgetExhausted(f"--max-cost {self.max_cost_usd} is spent (${self.cost_usd:.4f})")
        if self.max_tokens is not None and self.tokens >= self.max_tokens:
            raise BudgetExhausted(f"--max-tokens-total {self.max_tokens} is spent ({self.tokens} tokens)")

    def charge(self, completion: Completion) -> None:
        """Adds what a completion used, as far as it is known."""
        self.cost_usd += completion.cost_usd or 0.0
        self.tokens += (completion.usage.prompt_tokens or 0) + (completion.usage.completion_tokens or 0)


@dataclass(slots=True)
class Counters:
    """What went over the wire, for the live display and the summary. Tokens as the server reported them."""

    requests: int = 0
    succeeded: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def retries(self) -> int:
        """Requests that failed, and were asked again if that could help."""
        return sum(self.errors.values())


class Endpoint:
    """See the module. `limiter` may be shared by several endpoints of one server and account."""

    def __init__(
        self,
        engine: Engine,
        limiter: Limiter,
        *,
        policy: RetryPolicy = RetryPolicy(),
        budget: Budget | None = None,
        timeout_seconds: float = 600.0,
    ) -> None:
        self.engine, self.limiter, self.policy = engine, limiter, policy
        self.budget = budget or Budget()
        self.timeout_seconds = timeout_seconds
        self.counters = Counters()
        self._rng = random.Random()
        self._answers = 0  # of the server, errors of its own included
        self._gone = False

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """Asks until an answer comes, an error says that asking again cannot help, or the tries are used up.

        Raises:
            EngineError: of the last try.
            BudgetExhausted: nothing was sent.
        """
        asked = time.time()
        failures: list[dict[str, Any]] = []
        answers = 0
        while True:
            await self.limiter.acquire()
            sent = time.time()
            try:
                completion = await self._send(messages, params, tools, context)
            except EngineError as error:
                self.counters.errors[error.kind] += 1
                answers = answers if failures else self._answers
                failures.append(_failure(error, sent))
                final = self.policy.ends(error, failures)
                if self._is_gone(error, never_answered=final and self._answers == answers) or final:
                    error.add_note(f"after {len(failures)} tries" if len(failures) > 1 else "not retried")
                    error.tries = tuple(failures)
                    raise
                await asyncio.sleep(self.policy.delay_seconds(len(failures), error, self._rng))
                failures[-1]["backoff_seconds"] = round(time.time() - failures[-1]["at"], 6)
                continue
            if self.engine.key == "replay":
                return completion  # a recording has the times of its own day
            began = failures[0]["started_at"] if failures else completion.started_at or sent
            queued = round(began - asked, 6) if began >= asked else None  # None: the clock was set back meanwhile
            return msgspec.structs.replace(completion, queued_seconds=queued, retries=tuple(failures))

    def _is_gone(self, error: EngineError, *, never_answered: bool) -> bool:
        """Whether waiting for the server is in vain. It is gone once a request used up its tries and nobody at all was answered
        meanwhile; from then on the others fail at once, until one is answered."""
        if error.status is not None:
            self._answered()
        if error.kind != "connection":
            return False
        self._gone = self._gone or never_answered
        return self._gone

    def _answered(self) -> None:
        self._answers += 1
        self._gone = False

    async def _send(
        self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]], context: dict[str, Any] | None
    ) -> Completion:
        """One request; gives back the slot that the caller took."""
        try:
            self.budget.check()
            self.counters.requests += 1
            began = time.perf_counter()
            async with asyncio.timeout(self.timeout_seconds):
                completion = await self.engine.generate(messages, params, tools=tools, context=context)
        except TimeoutError:
            raise EngineError(f"no answer within {self.timeout_seconds:g} s", kind="timeout", retryable=True) from None
        except EngineError as error:
            if error.kind == "rate_limited" or error.status in _OVERLOADED:
                self.limiter.rate_limited(error.retry_after_seconds)
            raise
        finally:
            self.limiter.release()
        self.limiter.succeeded(time.perf_counter() - began)
        self._count(completion)
        return completion

    def _count(self, completion: Completion) -> None:
        self._answered()
        counters = self.counters
        counters.succeeded += 1
        counters.prompt_tokens += completion.usage.prompt_tokens or 0
        counters.completion_tokens += completion.usage.completion_tokens or 0
        counters.cost_usd += completion.cost_usd or 0.0
        self.budget.charge(completion)


def _failure(error: EngineError, sent: float) -> dict[str, Any]:
    """What is kept of a request that failed."""
    found: dict[str, Any] = {"started_at": sent, "at": time.time(), "kind": error.kind, "status": error.status, "error": str(error)[:300]}
    if error.retry_after_seconds is not None:
        found["retry_after_seconds"] = error.retry_after_seconds
    return found
