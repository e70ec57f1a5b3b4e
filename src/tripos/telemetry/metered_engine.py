"""An engine that tells when its requests are on the wire: no queueing, no back-off, every try by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tripos.core.records import Completion, GenerationParams, Message, Usage
from tripos.engines.engine import Engine, Preflight
from tripos.telemetry.attribution import Attribution

_OWNER: ContextVar[str | None] = ContextVar("owner", default=None)


@contextmanager
def owned(candidate_id: str) -> Iterator[None]:
    """Requests inside belong to a candidate; those of a judge, outside, do not."""
    token = _OWNER.set(candidate_id)
    try:
        yield
    finally:
        _OWNER.reset(token)


class MeteredEngine:
    """Stands in for an engine while a run is measured."""

    def __init__(self, engine: Engine, attribution: Attribution) -> None:
        self.engine, self.attribution = engine, attribution
        self.key, self.simulated, self.endpoint_id = engine.key, engine.simulated, engine.endpoint_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    async def preflight(self) -> Preflight:
        """Of the engine."""
        return await self.engine.preflight()

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """Of the engine, with its time on the wire noted."""
        request = self.attribution.begin(_OWNER.get(), time.monotonic())
        tokens = None
        try:
            completion = await self.engine.generate(messages, params, tools=tools, context=context)
            tokens = scheduled_tokens(completion.usage)
            return completion
        finally:
            self.attribution.end(request, tokens, time.monotonic())

    async def close(self) -> None:
        """Of the engine."""
        await self.engine.close()


def scheduled_tokens(usage: Usage) -> float | None:
    """Tokens that the server had to work through: completion, and prompt less what was cached. None when it did not tell."""
    if usage.completion_tokens is None:
        return None
    prompt = max(0, (usage.prompt_tokens or 0) - (usage.cached_tokens or 0))
    return float(usage.completion_tokens + prompt) or None
