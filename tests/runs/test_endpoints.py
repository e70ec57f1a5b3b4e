"""From a model specification to an endpoint that answers: engine, key, limit, preflight, and what is shared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import fake_server
from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import GenerationParams, Message
from tripos.core.secret import Secret
from tripos.engines.endpoint import Budget
from tripos.engines.openai import OpenAICompatible
from tripos.engines.simulated import Simulated
from tripos.runs.endpoints import Endpoints, engine_of
from tripos.runs.spec import JudgeSpec, ModelSpec, RunSpec

CANARY = "sk-canary-0123456789"
NOBODY = "http://127.0.0.1:9/v1"
ASK = (Message(role="user", content="QID-4"),)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with the model `fake`."""
    with fake_server() as server:
        yield server.url


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("VLLM", "SGLANG", "LLAMACPP", "OLLAMA", "LMSTUDIO", "MLX"):
        monkeypatch.setenv(f"{name}_HOST", "127.0.0.1:9")


def spec(model: ModelSpec, **more: Any) -> RunSpec:
    return RunSpec(**{"benchmark": "quiz", "model": model, **more})


def fake(url: str, name: str = "fake", **more: Any) -> ModelSpec:
    return ModelSpec(name=name, base_url=url, **more)


# Which engine


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (ModelSpec(name="m", base_url="http://h"), ("openai-compatible", "http://h", "m")),
        (ModelSpec(name="m", engine="auto", base_url="http://h"), ("openai-compatible", "http://h", "m")),
        (ModelSpec(name="m", engine="vllm", base_url="http://h"), ("vllm", "http://h", "m")),
        (ModelSpec(name="m", engine="ollama"), ("ollama", None, "m")),
        (ModelSpec(name="m", engine="simulated"), ("simulated", None, "m")),
        (ModelSpec(name="gpt-5-mini", engine="cloud"), ("openai", None, "gpt-5-mini")),
        (ModelSpec(name="claude-opus-4-6", engine="cloud"), ("anthropic", None, "claude-opus-4-6")),
        (ModelSpec(name="my-tune", provider="google"), ("google", None, "my-tune")),
    ],
)
async def test_the_engine_of_a_model(model: ModelSpec, found: tuple[str, str | None, str]) -> None:
    assert await engine_of(model) == found


async def test_an_unknown_engine_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown engine 'olama'; did you mean 'ollama'"):
        await engine_of(ModelSpec(name="m", engine="olama"))


async def test_a_model_that_nobody_has_says_who_was_asked() -> None:
    with pytest.raises(ConfigError, match="no engine has model 'nobodys-model'"):
        await engine_of(ModelSpec(name="nobodys-model"))


# Before the first sample


async def test_a_candidate_that_answers(url: str) -> None:
    endpoints = Endpoints()
    endpoint = await endpoints.candidate(spec(fake(url), max_workers=7, request_timeout_seconds=5.0, stream=True, stall_seconds=3.0))
    assert (await endpoint.generate(ASK, GenerationParams())).text == "ANSWER: A"
    await endpoints.close()
    assert isinstance(endpoint.engine, OpenAICompatible)
    made = endpoint.engine.settings
    assert (made.model, made.timeout_seconds, made.stall_seconds, made.stream) == ("fake", 5.0, 3.0, True)
    assert (endpoint.limiter.limit, endpoint.limiter.adaptive, endpoint.timeout_seconds) == (7, False, 5.0)
    assert endpoints.warnings == []


async def test_a_candidate_that_is_not_served_or_not_there_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match=r"does not serve 'fakke'; did you mean 'fake'\? It serves: fake"):
        await Endpoints().candidate(spec(fake(url, "fakke")))
    with pytest.raises(EngineError, match=r"http://127\.0\.0\.1:9/v1: Connection refused"):
        await Endpoints().candidate(spec(fake(NOBODY)))


async def test_a_judge_that_does_not_answer_now_is_a_warning_and_one_that_never_will_is_refused(url: str) -> None:
    endpoints = Endpoints()
    await endpoints.judge(spec(fake(url), judge=JudgeSpec(model=fake(NOBODY, "judge"))))
    assert len(endpoints.warnings) == 1 and "the judge does not answer: http://127.0.0.1:9/v1" in endpoints.warnings[0]
    with pytest.raises(EngineError, match="does not serve 'judge'"):
        await endpoints.judge(spec(fake(url), judge=JudgeSpec(model=fake(url, "judge"))))
    await endpoints.close()


async def test_simulated_candidates_are_announced_once() -> None:
    endpoints = Endpoints()
    model = ModelSpec(name="s", engine="simulated", options={"skill": 0.9})
    for _ in range(2):
        endpoint = await endpoints.candidate(spec(model))
    assert isinstance(endpoint.engine, Simulated) and endpoint.engine.skill == 0.9
    assert len(endpoints.warnings) == 1 and "SIMULATED" in endpoints.warnings[0]


# What is shared


async def test_one_model_of_a_suite_is_one_endpoint_whatever_the_benchmark(url: str) -> None:
    endpoints = Endpoints()
    made = [await endpoints.candidate(spec(fake(url, api_key=Secret(CANARY)), benchmark=name)) for name in ("a", "b")]
    assert made[0] is made[1], "the same key, though each run has its own copy"
    other = await endpoints.candidate(spec(fake(url, api_key=Secret("another"))))
    assert other is not made[0]
    assert CANARY not in repr(endpoints) + repr(made)
    await endpoints.close()


async def test_candidate_and_judge_on_one_server_share_its_slots_and_never_wait_for_each_other(url: str) -> None:
    """A judge is asked while no slot of the candidate is held: with a single slot both get through."""
    endpoints = Endpoints()
    run = spec(fake(url), max_workers=1, stream=True, judge=JudgeSpec(model=fake(url)))
    candidate, judge = await endpoints.candidate(run), await endpoints.judge(run)
    assert candidate is not judge and candidate.limiter is judge.limiter
    assert isinstance(judge.engine, OpenAICompatible) and not judge.engine.settings.stream, "nobody measures the judge's first token"

    async def sample() -> None:
        await candidate.generate(ASK, GenerationParams())
        await judge.generate(ASK, GenerationParams())

    await asyncio.wait_for(asyncio.gather(*(sample() for _ in range(20))), 60)
    assert candidate.limiter.peak == 1
    await endpoints.close()


async def test_servers_have_limits_of_their_own(url: str) -> None:
    endpoints = Endpoints()
    with fake_server() as other:
        first = await endpoints.candidate(spec(fake(url)))
        second = await endpoints.candidate(spec(fake(other.url), max_workers="auto"))
        assert first.limiter is not second.limiter
        assert (first.limiter.adaptive, second.limiter.adaptive) == (False, True)
        await endpoints.close()


async def test_a_budget_is_that_of_the_whole_command(url: str) -> None:
    endpoints = Endpoints(budget=Budget(max_tokens=1000))
    run = spec(fake(url), judge=JudgeSpec(model=fake(url)))
    candidate, judge = await endpoints.candidate(run), await endpoints.judge(run)
    assert candidate.budget is judge.budget is endpoints.budget
    await endpoints.close()


@pytest.mark.parametrize(
    ("model", "warned"),
    [
        (ModelSpec(name="fake", base_url="URL"), True),
        (ModelSpec(name="gpt-5-mini", engine="openai", base_url="URL"), True),
        (ModelSpec(name="s", engine="simulated"), False),
    ],
)
async def test_a_limit_of_cost_that_cannot_hold_is_said(url: str, model: ModelSpec, warned: bool) -> None:
    model = ModelSpec(name=model.name, engine=model.engine, base_url=model.base_url and url)
    endpoints = Endpoints(budget=Budget(max_cost_usd=1.0))
    await endpoints._get(model, spec(model))
    assert endpoints.warnings == ([f"--max-cost cannot hold {model.name} back: its price is not known"] if warned else [])
    quiet = Endpoints()
    await quiet._get(model, spec(model))
    assert quiet.warnings == []


async def test_a_limit_of_cost_holds_a_model_whose_price_is_known() -> None:
    model = ModelSpec(name="gpt-5-mini", engine="openai", api_key=Secret(CANARY))
    endpoints = Endpoints(budget=Budget(max_cost_usd=1.0))
    await endpoints._get(model, spec(model))
    assert endpoints.warnings == []


# Keys


async def test_a_key_comes_from_the_variable_that_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    endpoint = await Endpoints().candidate(spec(fake(url, api_key_env="MY_KEY")))
    assert isinstance(endpoint.engine, OpenAICompatible) and endpoint.engine._api_key == CANARY
    endpoint = await Endpoints().candidate(spec(fake(url, api_key_env="MY_KEY", api_key=Secret("given"))))
    assert isinstance(endpoint.engine, OpenAICompatible) and endpoint.engine._api_key == "given"


async def test_a_variable_that_is_not_set_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"model 'fake': the environment variable MY_KEY \(api_key_env\) is not set"):
        await Endpoints().candidate(spec(fake(url, api_key_env="MY_KEY")))


async def test_a_replay_needs_no_key(tmp_path: Path) -> None:
    row = {"record_id": "r1", "benchmark": "quiz", "model": "gpt-5-mini", "model_answer": "42"}
    (tmp_path / "old.jsonl").write_text(json.dumps(row) + "\n")
    model = ModelSpec(name="gpt-5-mini", engine="replay", api_key_env="MY_KEY", options={"recording": str(tmp_path / "old.jsonl")})
    endpoints = Endpoints()
    endpoint = await endpoints.candidate(spec(model))
    assert (await endpoint.generate(ASK, GenerationParams(), context={"record_id": "r1", "attempt": 0})).text == "42"
    await endpoints.close()
