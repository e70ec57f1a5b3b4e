"""Only time on the wire counts, every try by itself, and a judge's requests are nobody's."""

from __future__ import annotations

import pytest

from tripos.core.errors import EngineError
from tripos.core.records import Completion, GenerationParams, Message, Usage
from tripos.engines.engine import EngineSettings
from tripos.engines.simulated import Simulated
from tripos.telemetry.attribution import Attribution, Interval
from tripos.telemetry.metered_engine import MeteredEngine, owned, scheduled_tokens

ASK = [Message(role="user", content="2 + 2?")]


class Failing(Simulated):
    """Fails every second time."""

    asked = 0

    async def generate(self, *positional: object, **named: object) -> Completion:
        completion = await super().generate(*positional, **named)  # type: ignore[arg-type]
        self.asked += 1
        if self.asked % 2:
            raise EngineError("busy", kind="server_error", retryable=True)
        return completion


def engine(kind: type[Simulated] = Simulated) -> MeteredEngine:
    inner = kind(EngineSettings(model="m", options={"latency_seconds": 0.02, "text": "four"}))
    return MeteredEngine(inner, Attribution(0.0))


async def test_requests_inside_belong_to_the_candidate_and_those_after_do_not() -> None:
    metered = engine()
    with owned("candidate"):
        await metered.generate(ASK, GenerationParams())
    await metered.generate(ASK, GenerationParams())
    attribution = metered.attribution
    heard = [what for _, what in attribution._heard]
    first, judge = heard[0], heard[2]
    attribution.settle("candidate", judge.ended, keep=True)
    attribution.at = first.began
    attribution.measured(Interval(first.began, judge.ended, 10.0))
    attribution.sweep(final=True)
    shares, account = attribution.take()
    assert shares["candidate"].energy_joules == pytest.approx(5.0, rel=0.5)
    assert account.other_joules == pytest.approx(10.0 - shares["candidate"].energy_joules - account.idle_joules)
    assert account.other_joules > 1.0


async def test_a_try_that_fails_ends_too() -> None:
    metered = engine(Failing)
    with pytest.raises(EngineError):
        await metered.generate(ASK, GenerationParams())
    (began, request), (ended, same) = metered.attribution._heard
    assert request is same and request.tokens is None
    assert ended - began == pytest.approx(0.02, abs=0.015)


def test_it_stands_in_for_the_engine() -> None:
    metered = engine()
    assert (metered.key, metered.simulated, metered.endpoint_id) == ("simulated", True, "simulated:m")
    assert metered.skill == 0.7
    with pytest.raises(AttributeError):
        _ = metered.nothing_of_the_kind


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(prompt_tokens=100, completion_tokens=20), 120.0),
        (Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=90), 30.0),
        (Usage(completion_tokens=20), 20.0),
        (Usage(prompt_tokens=100), None),
        (Usage(), None),
        (Usage(prompt_tokens=0, completion_tokens=0), None),
    ],
)
def test_tokens_are_those_the_server_worked_through(usage: Usage, tokens: float | None) -> None:
    assert scheduled_tokens(usage) == tokens
