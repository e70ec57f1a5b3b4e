"""What a scorer and a transform are: the two halves of grading.

A *transform* reads an answer out of raw output and knows nothing of the reference; a *scorer* compares that answer with
the reference. Both are small frozen dataclasses: name + version + fields are their identity, so that changing a setting
(or `version`, when the code changes meaning) re-scores and never re-generates.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import msgspec

from tripos.core.errors import ScorerError
from tripos.core.records import Completion, Extraction, Outcome, Sample, Verdict
from tripos.core.registry import Registry

if TYPE_CHECKING:
    from tripos.sandbox.sandbox import Sandbox
    from tripos.scoring.judge import Judge

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate as a scorer sees it.

    Attributes:
        text: visible text, reasoning blocks removed.
        completion: everything the engine said.
        extraction: what the benchmark's transform read out of `text`.
    """

    text: str
    completion: Completion
    extraction: Extraction


T = TypeVar("T")


class Opened:
    """What scorers open once and share for the length of a command: a warm sandbox, a container, a browser."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._things: dict[Any, Any] = {}
        self._opening = asyncio.Lock()

    async def get(self, key: object, start: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """The thing under `key`, entered by the first who asks."""
        async with self._opening:
            if key not in self._things:
                self._things[key] = await self._stack.enter_async_context(start())
        thing: T = self._things[key]
        return thing

    async def close(self) -> None:
        """Leaves everything that was entered, last first."""
        self._things.clear()
        await self._stack.aclose()


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a scorer may use beside its own code. None where this run has none; a scorer that needs it names it in
    `needs`, and the plan refuses to start without it."""

    judge: Judge | None = None
    sandbox: Sandbox | None = None
    opened: Opened | None = None


class Transform(Protocol):
    """Reads an answer out of visible text. Must never raise on any text."""

    name: ClassVar[str]
    version: ClassVar[str]

    def __call__(self, sample: Sample, text: str) -> Extraction: ...


Rows = Sequence[tuple[Outcome, Mapping[str, float | None]]]
"""Outcome and metrics of one answer each."""


def means(rows: Rows, names: Iterable[str]) -> dict[str, float | None]:
    """The mean of each metric over the answers that have it; None where none has."""
    found = {name: [value for _, row in rows if (value := row.get(name)) is not None] for name in names}
    return {name: sum(values) / len(values) if values else None for name, values in found.items()}


class Scorer(Protocol):
    """Grades an answer. `score` may be a plain function (cheap, pure) or return an awaitable (judge, sandbox).

    Wrong, empty, refused, unreadable answers are verdicts. An exception means that *we* failed: the runner turns it
    into `judge_failed`, keeps the answer and retries on resume.

    A scorer may also have `async def prepare(self, instruments)`, awaited before the first sample is asked: what it finds
    missing, it raises, so that nothing is paid for an answer that cannot be scored. And `aggregate(self, rows)`: figures over the
    whole set, by name, for the summary.
    """

    name: ClassVar[str]
    version: ClassVar[str]

    @property
    def needs(self) -> frozenset[str]:
        """Subset of {"judge", "judge?", "sandbox", "docker", "network"}; "judge?" = used when there is one."""
        ...

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict | Awaitable[Verdict]: ...


scorers: Registry[Callable[..., Scorer]] = Registry("scorer", package="tripos.scoring", group="tripos.scorers")


transforms: Registry[Callable[..., Transform]] = Registry("transform", package="tripos.scoring", group="tripos.transforms")


def scorer(name: str) -> Callable[[type], type]:
    """Registers a scorer class under `name` (for `rescore`, TOML and plug-ins) and sets its `name`."""
    return _named(scorers, name)


def transform(name: str) -> Callable[[type], type]:
    """Registers a transform class under `name` (for `rescore` and plug-ins) and sets its `name`."""
    return _named(transforms, name)


def _named(registry: Registry[Callable[..., T]], name: str) -> Callable[[type], type]:
    def decorator(cls: type) -> type:
        cls.name = name  # type: ignore[attr-defined]
        registry.register(name, cls)
        return cls

    return decorator


def check_extraction(extraction: Extraction) -> Extraction:
    """What a transform gave, if it can be recorded.

    Raises:
        ScorerError: it is no extraction, or its answer cannot be written as JSON.
    """
    if not isinstance(extraction, Extraction):
        raise ScorerError(f"the transform gave {extraction!r:.80}, no Extraction")
    _check_written("the answer that was read", extraction.answer)
    return extraction


def check_verdict(verdict: Verdict) -> Verdict:
    """What a scorer gave, if it can be counted and recorded: a fault of the scorer must not become the candidate's.

    Raises:
        ScorerError: it is no verdict, its score is no finite number, or something in it cannot be written as JSON.
    """
    if not isinstance(verdict, Verdict):
        raise ScorerError(f"the scorer gave {verdict!r:.80}, no Verdict")
    for name, number in (("score", verdict.value), *verdict.metrics.items()):
        if type(name) is not str:
            raise ScorerError(f"the scorer named a metric {name!r:.80}, which is no text")
        if number is not None and type(number) not in (float, int):
            raise ScorerError(f"the scorer gave {name} = {number!r:.80}, no float")
    if verdict.value is not None and not math.isfinite(verdict.value):
        raise ScorerError(f"the scorer gave score = {verdict.value}")
    if verdict.is_correct is not None and type(verdict.is_correct) is not bool:
        raise ScorerError(f"the scorer gave is_correct = {verdict.is_correct!r:.80}, neither True nor False nor None")
    if not isinstance(verdict.outcome, Outcome):
        raise ScorerError(f"the scorer gave outcome = {verdict.outcome!r:.80}, no Outcome")
    if verdict.details:
        _check_written("what the scorer gave as details", {**verdict.details})
    return verdict


def _check_written(what: str, value: Any) -> None:
    try:
        _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ScorerError(f"{what} cannot be recorded: {error}") from error
