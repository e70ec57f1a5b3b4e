"""What a backend is: the way from a sample to a candidate, and the registry of the ways there are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, GenerationParams, Message, Sample
from tripos.core.registry import Registry

if TYPE_CHECKING:
    from tripos.engines.endpoint import Endpoint

ALIASES = {"jarvis-direct": "direct", "jarvis-agent": "agent"}
PLANNED = ("hermes", "openclaw", "terminalbench-native")


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """What a run asks of its backend.

    Attributes:
        agent, tools: by name.
        max_turns, max_tokens, seconds: limits of one sample; `seconds` of model and tools. None: the backend's default.
    """

    agent: str | None = None
    tools: tuple[str, ...] = ()
    max_turns: int | None = None
    max_tokens: int | None = None
    seconds: float | None = None


class Backend(Protocol):
    """Answers the samples of one run."""

    def identity(self) -> Any:
        """What of the backend and its settings changes an answer: plain data, part of the identity of every trial."""
        ...

    def answer(
        self, sample: Sample, messages: Sequence[Message], attempt: int, context: dict[str, Any] | None
    ) -> Coroutine[Any, Any, Completion]:
        """One candidate. `messages` is the rendered prompt, `context` is for the engines `simulated` and `replay` only.

        A limit of the sample that ends it without an answer is a completion with the finish reason `limit`.

        Raises:
            EngineError: no candidate could be had, and that is not the model's fault.
            BudgetExhausted: nothing more may be spent.
        """
        ...


Build = Callable[["Endpoint", GenerationParams, BackendSettings], Backend]
B = TypeVar("B", bound=Build)


@dataclass(frozen=True)
class BackendEntry:
    """A backend as it is registered. `function` checks everything it needs and raises ConfigError or SandboxError."""

    key: str
    summary: str
    function: Build


backends: Registry[BackendEntry] = Registry("backend", package="tripos.backends", group="tripos.backends")


def backend(key: str, *, summary: str) -> Callable[[B], B]:
    """Registers a class (or function) that builds a backend."""

    def decorator(build: B) -> B:
        backends.register(key, BackendEntry(key, summary, build))
        return build

    return decorator


def find(name: str) -> BackendEntry:
    """The backend of that name or alias.

    Raises:
        ConfigError: there is none; the message names those there are.
    """
    name = ALIASES.get(name, name)
    if name in PLANNED and name not in backends:
        raise ConfigError(f"backend {name!r} is not in this version of Tripos; those that are: {', '.join(backends.names())}")
    return backends.get(name)
