"""The replay engine hands out what a recording holds, and names what it does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.endpoint import Endpoint
from tripos.engines.engine import EngineSettings
from tripos.engines.limiter import Limiter
from tripos.engines.replay import Replay

ASK = (Message(role="user", content="?"),)


class Box:
    source = "old.jsonl"

    def __init__(self, *, simulated: bool = False) -> None:
        self.simulated, self.closed = simulated, False

    def lookup(self, record_id: str, attempt: int, variant: str) -> Completion | None:
        return Completion(text=f"{record_id}/{attempt}/{variant}", latency_seconds=1.5) if record_id != "lost" else None

    def close(self) -> None:
        self.closed = True


def replay(recording: Any) -> Replay:
    return Replay(EngineSettings(model="m", options={"engine": "replay", "recording": recording}))


async def test_the_answer_is_that_of_the_sample_attempt_and_prompt_variant() -> None:
    engine = replay(Box())
    for context, text in (
        ({"record_id": "r1", "attempt": 2, "variant": "cot"}, "r1/2/cot"),
        ({"record_id": "r1", "attempt": 0}, "r1/0/default"),
    ):
        done = await engine.generate(ASK, GenerationParams(), context=context)
        assert (done.text, done.latency_seconds) == (text, 1.5)


async def test_a_missing_answer_is_a_failure_with_a_name_and_is_not_asked_again() -> None:
    endpoint = Endpoint(replay(Box()), Limiter(1))
    with pytest.raises(EngineError, match=r"^old\.jsonl holds no answer for lost \(attempt 0\)") as caught:
        await endpoint.generate(ASK, GenerationParams(), context={"record_id": "lost", "attempt": 0})
    assert (caught.value.kind, endpoint.counters.requests) == ("not_found", 1)
    with pytest.raises(EngineError, match=r"prompt variant cot, attempt 1"):
        await endpoint.generate(ASK, GenerationParams(), context={"record_id": "lost", "attempt": 1, "variant": "cot"})


async def test_what_was_simulated_stays_simulated() -> None:
    assert replay(Box(simulated=True)).simulated and not replay(Box()).simulated
    assert "SIMULATED" in (await replay(Box(simulated=True)).preflight()).warnings[0]
    assert (await replay(Box()).preflight()).warnings == ()


async def test_it_closes_its_recording() -> None:
    box = Box()
    await replay(box).close()
    assert box.closed


def test_without_a_recording_there_is_nothing_to_replay() -> None:
    with pytest.raises(ConfigError, match="--replay FILE"):
        Replay(EngineSettings(model="m", options={"engine": "replay"}))
