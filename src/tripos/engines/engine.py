"""The engine protocol and the registry of engines.

An engine is *one attempt at one request*: it raises `EngineError` (with kind, retryable, Retry-After) and never retries
by itself. Retries, concurrency, budgets and counters belong to `Endpoint`, which wraps an engine and is shared by
everybody who talks to the same server: candidates, agents, judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tripos.core.records import Completion, GenerationParams, Message
from tripos.core.registry import Registry


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How to reach a model.

    Attributes:
        model: the model id as the server knows it.
        base_url: of an OpenAI-compatible server, with or without `/v1`; None means the engine's own default.
        api_key: the key itself; kept out of reprs, files and logs.
        timeout_seconds: limit of one whole request.
        stall_seconds: limit without a single byte.
        stream: ask for a stream, so that time to first token is measured.
        options: engine-specific settings (path of a replayed run, skill of a simulated candidate, device, …).
    """

    model: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 600.0
    stall_seconds: float = 120.0
    stream: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was seen before the first sample: `models` the server lists (None: it has no such list), `warnings`."""

    url: str | None
    models: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


class Engine(Protocol):
    """Serves one model."""

    key: str
    simulated: bool
    endpoint_id: str
    """Requests with the same id share one concurrency limit: URL and account, not model."""

    async def preflight(self) -> Preflight:
        """Checks that the endpoint answers.

        Raises:
            EngineError: it does not, or it lists its models and ours is not among them; names URL and model ids.
        """
        ...

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """One request, one attempt. `context` (record_id, attempt, sample) is for `replay` and `simulated` only.

        Raises:
            EngineError: see the class.
        """
        ...

    async def close(self) -> None:
        """Releases connections."""
        ...


EngineFactory = Callable[[EngineSettings], Engine]

engines: Registry[EngineFactory] = Registry("engine", package="tripos.engines", group="tripos.engines")


def engine(*keys: str) -> Callable[[EngineFactory], EngineFactory]:
    """Registers an engine class (called with `EngineSettings`) under one or more keys."""

    def decorator(factory: EngineFactory) -> EngineFactory:
        for key in keys:
            engines.register(key, factory)
        return factory

    return decorator
