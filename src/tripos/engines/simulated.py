"""Simulated candidates: no model is asked. For demonstrations, tests and planning; labelled in every output.

A candidate of skill s answers a sample rightly with probability s. Two candidates find the same samples hard: each
sample has a difficulty z, each candidate adds noise of its own, and it is right where √ρ·z + √(1-ρ)·noise < Φ⁻¹(s)
(a Gaussian copula, so that the marginal probability is exactly s and paired comparison has something to gain).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Completion, GenerationParams, Message, Usage, text_of
from tripos.engines.engine import EngineSettings, Preflight, engine

_RHO = 0.6
_OPTIONS = {"skill", "seed", "latency_seconds", "text"}
_NORMAL = NormalDist()


@engine("simulated")
class Simulated:
    """Options: `skill` (0..1, default 0.7), `seed`, `latency_seconds` (default 0), `text` (always answer this)."""

    key = "simulated"
    simulated = True

    def __init__(self, settings: EngineSettings) -> None:
        for name in settings.options.keys() - _OPTIONS - {"engine"}:
            raise ConfigError(unknown("option of the simulated engine", name, _OPTIONS))
        self.model = settings.model
        self.endpoint_id = f"simulated:{settings.model}"
        self.skill = _number(settings, "skill", 0.7, most=1.0)
        self.seed = settings.options.get("seed", 0)
        self.latency_seconds = _number(settings, "latency_seconds", 0.0, most=86400.0)
        self.text = settings.options.get("text")

    async def preflight(self) -> Preflight:
        """There is nothing to reach."""
        return Preflight(None, None, (f"{self.model}: answers are SIMULATED, no model is asked",))

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """An answer that is right or wrong as the skill has it; `context` brings both."""
        began, started_at = time.perf_counter(), time.time()
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        text = self._answer(messages, context or {})
        prompt_tokens = sum(len(text_of(m.content)) for m in messages) // 4 + 1
        return Completion(
            text=text,
            finish_reason="stop",
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(text) // 4 + 1),
            latency_seconds=time.perf_counter() - began,
            started_at=started_at,
            model=self.model,
            simulated=True,
        )

    async def close(self) -> None:
        """Nothing to close."""

    def _answer(self, messages: Sequence[Message], context: dict[str, Any]) -> str:
        if self.text is not None:
            return str(self.text)
        name = str(context.get("record_id") or text_of(messages[-1].content))
        attempt = context.get("attempt", 0)
        difficulty = _draw(f"sample/{name}")
        own = _draw(f"candidate/{self.model}/{self.seed}/{name}/{attempt}")
        right = _RHO**0.5 * difficulty + (1 - _RHO) ** 0.5 * own < _threshold(self.skill)
        perfect = context.get("perfect")
        if right and perfect is not None:
            return str(perfect)
        return str(context.get("wrong") or "I am not certain enough to answer this.")


def _number(settings: EngineSettings, name: str, default: float, *, most: float) -> float:
    given = settings.options.get(name, default)
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0.0 <= number <= most:
        raise ConfigError(f"option {name} = {given!r} of the simulated engine: must be a number in 0..{most:g}")
    return number


def _threshold(skill: float) -> float:
    if skill in (0.0, 1.0):
        return float("-inf") if skill == 0.0 else float("inf")
    return _NORMAL.inv_cdf(skill)


def _draw(name: str) -> float:
    """A standard normal number that depends on the name alone."""
    drawn = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 12
    uniform = (drawn + 0.5) / 2.0**52  # 52 bits: never rounded to 1
    return _NORMAL.inv_cdf(uniform)
