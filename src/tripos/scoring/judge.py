"""Asking a model to grade: one careful call, a strict parser, a full audit.

The candidate's text is data. It is fenced with a marker drawn at random for each call, so that it cannot close its own
fence, and the verdict is read only where the judge was told to put it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tripos.core.errors import EngineError, JudgeError
from tripos.core.records import Completion, GenerationParams, JudgeAudit, Message
from tripos.scoring.answers import visible

T = TypeVar("T")
Ask = Callable[[Sequence[Message], GenerationParams], Awaitable[Completion]]


@dataclass(frozen=True)
class Judge:
    """A model that grades. `ask` goes through the judge's own endpoint, so it never holds a slot of the candidate's."""

    ask: Ask
    model: str
    params: GenerationParams

    def identity(self) -> dict[str, Any]:
        """What a verdict depends on; the endpoint's address is not part of it."""
        return {"model": self.model, "params": self.params}

    async def rule(self, prompt: str, parse: Callable[[str], T | None], *, tries: int = 2) -> tuple[T, tuple[JudgeAudit, ...]]:
        """Asks until the reply can be parsed, `tries` times at most.

        Args:
            parse: reads the verdict out of the visible reply; None means that there is none.

        Raises:
            JudgeError: the endpoint failed or no reply could be parsed; carries the audits.
        """
        audits: list[JudgeAudit] = []
        for _ in range(tries):
            try:
                reply = await self.ask([Message(role="user", content=prompt)], self.params)
            except EngineError as error:
                audits.append(JudgeAudit(prompt=prompt, reply=None, model=self.model, error=f"{error.kind}: {error}"))
                raise JudgeError(f"the judge {self.model} could not be asked: {error}", tuple(audits)) from error
            parsed = parse(visible(reply.text))
            audits.append(_audit(prompt, reply, parsed, self.model))
            if parsed is not None:
                return parsed, tuple(audits)
        raise JudgeError(f"no verdict could be read in {tries} replies of the judge {self.model}", tuple(audits))


def _audit(prompt: str, reply: Completion, parsed: Any, model: str) -> JudgeAudit:
    return JudgeAudit(
        prompt=prompt,
        reply=reply.text,
        parsed=parsed,
        model=reply.model or model,
        usage=reply.usage,
        cost_usd=reply.cost_usd,
        latency_seconds=reply.latency_seconds,
        error=None if parsed is not None else "no verdict found",
    )
