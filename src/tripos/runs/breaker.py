"""When is a server given up on? When so many samples in a row failed in the same way, and nobody was answered between them.

Retries help one sample; this is for the run: a server that is gone, a key that has expired, a model that was unloaded. Without it
every sample that is left costs a request or a whole round of retries, and ends unscored all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from tripos.core.errors import EngineError, ErrorKind
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.endpoint import Endpoint

OF_SAMPLE = frozenset({"bad_request", "context_length", "tool"})
"""What can be the fault of a single prompt, however many of them follow each other (a content filter, a long document)."""
OF_SERVER = frozenset(get_args(ErrorKind)) - OF_SAMPLE

Ask = Callable[[Sequence[Message], GenerationParams], Awaitable[Completion]]


@dataclass
class Breaker:
    """Counts failures in a row, of one run (or of its judge).

    A row begins with a failure and ends with any answer or another kind of failure. What was under way when it began is one event,
    however many requests were in flight: only what was begun afterwards counts towards `after`.

    Attributes:
        after: so many in a row are enough; 0: never.
        answers: how many requests the server has answered so far.
        in_a_row, kind, error: of the row at hand; `error` is its last message.
        refused: how many were not even asked since it tripped (`Guarded` alone counts them).
    """

    after: int
    answers: Callable[[], int]
    tripped: bool = False
    in_a_row: int = 0
    kind: str = ""
    error: str = ""
    refused: int = 0
    _begun: int = field(default=0, repr=False)
    _under_way: int = field(default=0, repr=False)
    _counted: int = field(default=0, repr=False)
    _answers: int = field(default=0, repr=False)

    def begin(self) -> int:
        """Something is about to be asked. Returns its number, which `failed` wants to know."""
        self._begun += 1
        return self._begun

    def failed(self, number: int, kind: str, error: str) -> bool:
        """It ended in a failure for good. Returns whether this was the one too many."""
        if self.tripped or not self.after:
            return False
        answers = self.answers()
        if kind != self.kind or answers != self._answers or not self.in_a_row:
            self.kind, self._answers, self._under_way = kind, answers, self._begun
            self.in_a_row = self._counted = 0
        self.in_a_row += 1
        self.error = error
        self._counted += number > self._under_way
        self.tripped = kind in OF_SERVER and self._counted >= self.after
        return self.tripped

    def plain(self) -> dict[str, str | int] | None:
        """As the summary has it; None where it did not trip."""
        return {"in_a_row": self.in_a_row, "kind": self.kind, "error": self.error} if self.tripped else None


def breaker_of(endpoint: Endpoint, after: int) -> Breaker:
    """The breaker of a run on an endpoint. A recording that lacks an answer says nothing of the next one: it is never given up."""
    return Breaker(0 if endpoint.engine.key == "replay" else after, lambda: endpoint.counters.succeeded)


@dataclass(frozen=True)
class Guarded:
    """Asks, and fails at once from the moment on in which its own failures tripped the breaker."""

    ask: Ask
    breaker: Breaker

    async def __call__(self, messages: Sequence[Message], params: GenerationParams) -> Completion:
        breaker = self.breaker
        if breaker.tripped:
            breaker.refused += 1
            said = f"not asked: given up on after {breaker.in_a_row} requests in a row failed ({breaker.error})"
            raise EngineError(said, kind="connection")
        number = breaker.begin()
        try:
            return await self.ask(messages, params)
        except EngineError as error:
            breaker.failed(number, error.kind, str(error))
            raise
