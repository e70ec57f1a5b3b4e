"""Backends: what a sample goes through, what names a trial, and what is refused before the first request."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from scripted_server import Body, Reply, calls, in_order, question, results, says, scripted, turn
from tripos.backends.agent import AgentBackend, introduced
from tripos.backends.backend import BackendSettings, backends, find
from tripos.backends.direct import Direct
from tripos.core.errors import ConfigError, EngineError
from tripos.core.identity import canonical
from tripos.core.records import Attachment, Completion, GenerationParams, Message, Sample
from tripos.engines.endpoint import Endpoint, RetryPolicy
from tripos.engines.engine import EngineSettings
from tripos.engines.limiter import Limiter
from tripos.engines.openai import OpenAICompatible
from tripos.engines.simulated import Simulated


def endpoint(url: str = "http://127.0.0.1:9/v1") -> Endpoint:
    return Endpoint(
        OpenAICompatible(EngineSettings(model="scripted", base_url=url)), Limiter(16), policy=RetryPolicy(tries=2, base_seconds=0.01)
    )


def agent(url: str = "http://127.0.0.1:9/v1", **settings: Any) -> AgentBackend:
    return AgentBackend(endpoint(url), GenerationParams(), BackendSettings(**settings))


async def ask(backend: AgentBackend, text: str, *attachments: Attachment) -> Completion:
    sample = Sample(record_id=text, input=text, attachments=attachments)
    return await backend.answer(sample, (Message(role="user", content=text),), 0, None)


def test_the_names_of_the_page_mean_ours() -> None:
    assert backends.names() == ["agent", "direct"]
    assert find("jarvis-direct") is find("direct") and find("jarvis-agent").key == "agent"


@pytest.mark.parametrize("name", ["hermes", "openclaw", "terminalbench-native"])
def test_a_backend_of_a_later_version_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=f"backend '{name}' is not in this version of Tripos; those that are: agent, direct"):
        find(name)


def test_an_unknown_backend_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'direct'"):
        find("dirct")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"agent": "orchestrater"}, "did you mean 'orchestrator'"),
        ({"tools": ("calculator", "file_raed")}, "unknown tool 'file_raed'; did you mean 'file_read'"),
        ({"agent": "simple", "tools": ("think",)}, "'simple' takes no tools; leave --tools away, or choose one of: orchestrator, react"),
        ({"tools": ("web_search",)}, "set TAVILY_API_KEY"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_asked(settings: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAVILY_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=said):
        agent(**settings)


def test_a_direct_trial_is_named_as_it_always_was() -> None:
    assert Direct(endpoint(), GenerationParams(), BackendSettings()).identity() == "direct"


def test_every_setting_of_an_agent_makes_another_trial() -> None:
    settings: list[dict[str, Any]] = [
        {}, {"agent": "simple"}, {"agent": "react"}, {"tools": ("think",)}, {"tools": ("think", "calculator")},
        {"agent": "react", "tools": ("think",)}, {"max_turns": 3}, {"max_tokens": 100}, {"seconds": 5.0},
    ]  # fmt: skip
    assert len({canonical(agent(**s).identity()) for s in settings}) == len(settings)


def test_what_is_the_same_has_the_same_name() -> None:
    assert agent(agent="orchestrator", max_turns=10).identity() == agent().identity()
    assert agent(tools=("think", "calculator")).identity() == agent(tools=("calculator", "think", "think")).identity()


def test_instructions_join_the_system_message_of_the_benchmark() -> None:
    user = Message(role="user", content="q")
    assert introduced((user,), "") == [user]
    assert introduced((user,), "Do.") == [Message(role="system", content="Do."), user]
    assert introduced((Message(role="system", content="Be brief."), user), "Do.")[0].content == "Do.\n\nBe brief."


async def test_without_tools_the_prompt_goes_out_as_it_is() -> None:
    with scripted(in_order(says("42"))) as server:
        found = await ask(agent(server.url), "What?")
    assert found.text == "42" and len(found.turns) == 1
    assert server.asked[0]["messages"] == [{"role": "user", "content": "What?"}] and "tools" not in server.asked[0]


async def test_attachments_lie_in_the_samples_own_folder(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("3\n4\n")
    with scripted(lambda b: says(results(b)[0]) if results(b) else calls(("file_read", {"path": "numbers.csv"}))) as server:
        attachment = Attachment(name="numbers.csv", path=str(tmp_path / "numbers.csv"))
        found = await ask(agent(server.url, tools=("file_read",)), "Add.", attachment)
    assert found.text == "3\n4\n"


async def test_samples_at_the_same_time_mix_neither_turns_nor_files(tmp_path: Path) -> None:
    def model(body: Body) -> Reply:
        name = question(body)
        steps = [
            ("file_read", {"path": "given.txt"}),
            ("file_write", {"path": "note.txt", "content": name}),
            ("file_read", {"path": "note.txt"}),
        ]
        number = turn(body)
        return calls(steps[number], delay_seconds=0.01) if number < 3 else says(f"{results(body)[0]}/{results(body)[2]}")

    with scripted(model) as server:
        backend = agent(server.url, tools=("file_read", "file_write"))
        attached = []
        for i in range(16):
            (tmp_path / f"{i}.txt").write_text(f"file {i}")
            attached.append(Attachment(name="given.txt", path=str(tmp_path / f"{i}.txt")))
        found = await asyncio.gather(*(ask(backend, f"sample {i}", attached[i]) for i in range(16)))
    for i, completion in enumerate(found):
        assert completion.text == f"file {i}/sample {i}" and completion.usage.prompt_tokens == 400
        assert [c["name"] for t in completion.turns for c in t.get("tool_calls", [])] == ["file_read", "file_write", "file_read"]
        assert f'"sample {i}"' in completion.turns[1]["tool_calls"][0]["arguments"]


async def test_no_folder_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = lambda b: calls(("file_write", {"path": "a", "content": "b"})) if turn(b) == 0 else Reply("no", status=400)  # noqa: E731
    with scripted(model) as server, pytest.raises(EngineError):
        await ask(agent(server.url, tools=("file_write",)), "q")
    assert not (await asyncio.to_thread(lambda: [*tmp_path.iterdir()]))


async def test_an_attachment_that_is_gone_is_our_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scripted(in_order(says("42"))) as server, pytest.raises(EngineError, match=r"gone\.csv") as caught:
        await ask(agent(server.url, tools=("file_read",)), "q", Attachment(name="gone.csv", path=str(tmp_path / "gone.csv")))
    assert caught.value.kind == "tool" and server.asked == []
    assert not await asyncio.to_thread(lambda: [*tmp_path.iterdir()])


async def test_a_server_without_function_calling_gets_a_hint() -> None:
    with scripted(in_order(Reply("this model does not support tools", status=400))) as server, pytest.raises(EngineError) as caught:
        await ask(agent(server.url, tools=("think",)), "q")
    assert "use --agent react" in " ".join(caught.value.__notes__)


async def test_a_simulated_model_needs_no_tools_to_answer() -> None:
    simulated = Endpoint(Simulated(EngineSettings(model="s", options={"text": "fine"})), Limiter(1))
    backend = AgentBackend(simulated, GenerationParams(), BackendSettings(tools=("calculator",)))
    found = await ask(backend, "q")
    assert found.text == "fine" and found.simulated
