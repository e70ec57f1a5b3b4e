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

_GONE_AFTER = 4


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, bounded; a Retry-After that the server sends wins up to `longest_seconds`."""

    tries: int = 6
    base_seconds: float = 0.5
    longest_seconds: float = 60.0

    def delay_seconds(self, failures: int, error: EngineError, rng: random.Random) -> float:
        """How long to wait after the given number of failures."""
        if error.retry_after_seconds is not None:
            return min(error.retry_after_seconds, self.longest_seconds) + rng.uniform(0, 0.1)
        ceiling: float = min(self.base_seconds * 2.0 ** (failures - 1), self.longest_seconds)
        return rng.uniform(0.5 * ceiling, ceiling)


@dataclass(slots=True)
class Budget:
    """What the user allows a whole command to spend. None means unlimited."""

    max_cost_usd: float | None = None
    max_tokens: int | None = None
    cost_usd: float = 0.0
    tokens: int = 0

    def check(self) -> None:
        """Called before each request.

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
        """Requests that were not the first of their kind."""
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
        self._unreachable = 0  # requests in a row that never reached the server

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
        retries: list[dict[str, Any]] = []
        while True:
            self.budget.check()
            try:
                completion = await self._once(messages, params, tools, context)
            except EngineError as error:
                self.counters.errors[error.kind] += 1
                retries.append({"at": time.time(), "kind": error.kind, "status": error.status, "error": str(error)[:300]})
                self._unreachable = self._unreachable + 1 if error.kind == "connection" else 0
                gone = self._unreachable >= _GONE_AFTER * self.policy.tries  # do not wait out every sample at a dead server
                if gone or not error.retryable or len(retries) >= self.policy.tries:
                    error.add_note(f"after {len(retries)} tries" if len(retries) > 1 else "not retried")
                    raise
                await asyncio.sleep(self.policy.delay_seconds(len(retries), error, self._rng))
                continue
            return msgspec.structs.replace(completion, retries=tuple(retries)) if retries else completion

    async def _once(
        self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]], context: dict[str, Any] | None
    ) -> Completion:
        await self.limiter.acquire()
        self.counters.requests += 1
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                completion = await self.engine.generate(messages, params, tools=tools, context=context)
        except TimeoutError:
            raise EngineError(f"no answer within {self.timeout_seconds:g} s", kind="timeout", retryable=True) from None
        except EngineError as error:
            if error.kind == "rate_limited":
                self.limiter.rate_limited(error.retry_after_seconds)
            raise
        finally:
            self.limiter.release()
        self.limiter.succeeded(time.perf_counter() - began)
        self._count(completion)
        return completion

    def _count(self, completion: Completion) -> None:
        self._unreachable = 0
        counters = self.counters
        counters.succeeded += 1
        counters.prompt_tokens += completion.usage.prompt_tokens or 0
        counters.completion_tokens += completion.usage.completion_tokens or 0
        counters.cost_usd += completion.cost_usd or 0.0
        self.budget.charge(completion)
