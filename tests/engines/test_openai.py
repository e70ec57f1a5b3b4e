"""The OpenAI-compatible protocol against a real server: what is sent and to whom, and what is said before the first sample."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_http import Fake, Reply, serving
from openai_asking import ASK, CANARY, ask, look, nobody, settings, whole

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import GenerationParams, Message, ToolCall
from tripos.engines.openai import OpenAICompatible, normalise

# Addresses


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/chat/completions/", "http://localhost:8000/v1"),
        ("  http://localhost:8000 ", "http://localhost:8000/v1"),
        ("localhost:8000", "http://localhost:8000/v1"),
        ("localhost", "http://localhost/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai"),
        ("https://host/proxy", "https://host/proxy"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
    ],
)
def test_a_base_url_ends_with_one_version(given: str, url: str) -> None:
    assert normalise(given) == url == normalise(url)


@pytest.mark.parametrize(
    "given", ["http://", "", "ftp://host", "http://host:port", "http://[::1", "http://a b", "http://host:99999", "http://h/v1?key=sk-1"]
)
def test_what_is_no_address_is_refused_without_a_request(given: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used; write for example http://localhost:8000/v1") as caught:
        normalise(given)
    assert "sk-1" not in str(caught.value)


# What is sent


async def sent(params: GenerationParams = GenerationParams(), **more: Any) -> dict[str, Any]:
    with serving({"/v1/chat/completions": [Reply(body=whole())]}) as server:
        await ask(server.url, params, **more)
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["content-type"] == "application/json"
    body: dict[str, Any] = asked.body
    return body


async def test_the_smallest_body() -> None:
    assert await sent() == {
        "model": "m", "messages": [{"role": "user", "content": "What is 6 x 7?"}], "max_tokens": 2048, "temperature": 0.0,
    }  # fmt: skip


async def test_every_parameter_is_sent_when_given() -> None:
    params = GenerationParams(temperature=0.7, max_tokens=5, top_p=0.9, stop=("\n",), seed=3, extra={"top_k": 20, "min_p": 0.1})
    body = await sent(params, tools=[{"type": "function", "function": {"name": "add"}}])
    del body["model"], body["messages"]
    assert body == {
        "max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "stop": ["\n"], "seed": 3, "top_k": 20, "min_p": 0.1,
        "tools": [{"type": "function", "function": {"name": "add"}}],
    }  # fmt: skip


async def test_a_conversation_with_images_and_tools_is_sent_as_it_is() -> None:
    picture = [{"type": "text", "text": "this"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content=picture),
        Message(role="assistant", tool_calls=(ToolCall(id="t1", name="add", arguments='{"a": 1}'),)),
        Message(role="tool", content="3", tool_call_id="t1"),
    )
    body = await sent(messages=messages)
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": picture},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "content": "3", "tool_call_id": "t1"},
    ]  # fmt: skip


@pytest.mark.parametrize("model", ["o1", "o3-mini", "gpt-5-mini-2025-08-07", "gpt-5", "ft:o4-mini:us::x"])
def test_reasoning_models_get_other_parameters_where_openai_serves_them_and_nowhere_else(model: str) -> None:
    hosted = OpenAICompatible(settings("https://api.openai.com", model=model))
    body = hosted._body(ASK, GenerationParams(), ())
    assert body["max_completion_tokens"] == 2048 and not {"temperature", "max_tokens"} & body.keys()
    assert hosted.omitted == {"temperature"}, "what was not sent stands in the record"
    local = OpenAICompatible(settings("http://localhost:8000", model=model))
    body = local._body(ASK, GenerationParams(), ())
    assert (body["max_tokens"], body["temperature"], local.omitted) == (2048, 0.0, frozenset())


@pytest.mark.parametrize(
    ("url", "model"),
    [("https://api.openai.com", "gpt-4o"), ("https://api.openai.com", "gpt-5-chat-latest"), ("https://api.openai.com.evil.test", "o3")],
)
def test_other_models_and_other_hosts_get_the_usual_parameters(url: str, model: str) -> None:
    assert "temperature" in OpenAICompatible(settings(url, model=model))._body(ASK, GenerationParams(), ())


def test_an_option_that_would_have_no_effect_is_refused() -> None:
    with pytest.raises(ConfigError, match="option 'device': the vllm engine takes none"):
        OpenAICompatible(settings("http://h", options={"engine": "vllm", "device": "cuda"}))


# Before the first sample


def listing(*ids: str) -> Reply:
    return Reply(body={"object": "list", "data": [{"id": i} for i in ids]})


async def test_a_server_that_lists_the_model_is_fine() -> None:
    found = await look({"/v1/models": [listing("other", "m")]})
    assert found.models == ("other", "m") and found.warnings == () and found.url.endswith("/v1")


@pytest.mark.parametrize("listed", ["m:latest", "models/m"])
async def test_a_model_may_be_listed_under_its_longer_name(listed: str) -> None:
    assert (await look({"/v1/models": [listing(listed)]})).models == (listed,)


async def test_a_server_with_other_models_is_refused_with_the_nearest() -> None:
    with pytest.raises(EngineError) as caught:
        await look({"/v1/models": [listing("qwen3:8b", "llama3")]}, model="qwen3-8b")
    assert (caught.value.kind, caught.value.retryable) == ("not_found", False)
    assert "/v1 does not serve 'qwen3-8b'; did you mean 'qwen3:8b'? It serves: qwen3:8b, llama3" in str(caught.value)
    with pytest.raises(EngineError, match=r"does not serve 'zzzz'\. It serves: a0, .*, a11, …$"):
        await look({"/v1/models": [listing(*[f"a{i}" for i in range(20)])]}, model="zzzz")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, {"error": "no"}),
        Reply(500, "oops"),
        Reply(200, "<html>"),
        Reply(200, {"data": []}),
        Reply(200, {"data": [{"name": "m"}]}),
        Reply(200, []),
        Reply(429, ""),
    ],
)
async def test_a_server_without_a_list_that_works_gets_a_warning(reply: Reply) -> None:
    found = await look({"/v1/models": [reply]})
    assert found.models is None and f"(HTTP {reply.status}); going on with 'm'" in found.warnings[0]


@pytest.mark.parametrize(
    ("reply", "kind", "retryable"),
    [
        (Reply(401, {"error": {"message": "no such key"}}), "auth", False),
        (Reply(403, ""), "auth", False),
        (Reply(502, "<html>Bad gateway</html>"), "server_error", True),
        (Reply(503, {"error": {"message": "Loading model"}}), "server_error", True),
        (Reply(301, "", headers={"location": "https://h/v1/models"}), "not_found", False),
    ],
)
async def test_a_server_that_cannot_serve_now_is_refused(reply: Reply, kind: str, retryable: bool) -> None:
    with pytest.raises(EngineError) as caught:
        await look({"/v1/models": [reply]})
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable) and "/v1/models" in str(caught.value)


async def test_a_server_that_is_not_there_is_refused() -> None:
    with nobody() as url, pytest.raises(EngineError) as caught:
        await OpenAICompatible(settings(url)).preflight()
    assert (caught.value.kind, caught.value.retryable) == ("connection", True) and url in str(caught.value)


# Keys


async def test_the_key_goes_into_the_header_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/v1": [Reply(body=whole())]}) as server:
        engine = OpenAICompatible(settings(server.url, api_key=f" {CANARY}\n"))
        done = await engine.generate(ASK, GenerationParams())
        await engine.close()
        (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in repr(engine) + str(engine) + repr(engine.settings) + engine.endpoint_id + repr(done) + json.dumps(asked.body)


async def test_without_a_key_there_is_no_header() -> None:
    with serving({"/v1": [Reply(body=whole())]}) as server:
        await ask(server.url)
    assert "authorization" not in server.asked[0].headers


async def test_a_local_server_does_not_get_the_key_of_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    with serving({"/v1": [Reply(body=whole())]}) as server:
        await ask(server.url, options={"engine": "openai-compatible"})
        await ask(server.url, options={"engine": "openai"})
    assert ["authorization" in a.headers for a in server.asked] == [False, True]


@pytest.mark.parametrize("key", ["sk\n" + CANARY, "sk-ü-" + CANARY, "sk\x00" + CANARY])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="holds a character that no key can hold") as caught:
        OpenAICompatible(settings("http://h", api_key=key))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("padding", [0, 380, 395])
@pytest.mark.parametrize(
    "make",
    [
        lambda said: Reply(401, {"error": {"message": said}}),
        lambda said: Reply(500, said),
        lambda said: Reply(200, {"error": {"message": said}}),
        lambda said: Reply(200, said),
        lambda said: Reply(chunks=[f"data: {json.dumps({'error': said})}\n\n"]),
        lambda said: Reply(chunks=[f"data: {said}\n\n"]),
    ],
)
async def test_a_server_that_repeats_the_key_does_not_get_it_into_a_message(make: Any, padding: int) -> None:
    reply = make("x" * padding + f" Incorrect key: Bearer {CANARY}")
    with serving({"/v1": [reply]}) as server:
        engine = OpenAICompatible(settings(server.url, api_key=CANARY, stream=reply.chunks is not None))
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, GenerationParams())
        assert "canary" not in str(caught.value)
        try:
            assert "canary" not in repr(await engine.preflight())
        except EngineError as error:
            assert "canary" not in str(error)
        await engine.close()


async def test_a_password_in_the_address_is_not_shown() -> None:
    with nobody() as url:
        engine = OpenAICompatible(settings(url.replace("://", "://user:hunter2@")))
        for asked in (engine.generate(ASK, GenerationParams()), engine.preflight()):
            with pytest.raises(EngineError) as caught:
                await asked
            assert "hunter2" not in str(caught.value) and "user:***@127.0.0.1" in str(caught.value)
    assert "hunter2" not in engine.endpoint_id


# Proxies


async def test_a_proxy_of_the_environment_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"http://model.invalid/v1": [Reply(body=whole())]}) as proxy, serving({"/v1": [Reply(body=whole())]}) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert (await ask("http://model.invalid/v1")).text == "42"
        assert (await ask(server.url)).text == "42"
    assert [a.path for a in proxy.asked] == ["http://model.invalid/v1/chat/completions"]
    assert len(server.asked) == 1


# Giving up


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that never answers, and tells when its client has left."""
    left = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        left.set()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", left


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_ran_out_of_time_leaves_the_server_free(stream: bool) -> None:
    async with silent() as (url, left):
        engine = OpenAICompatible(settings(url, timeout_seconds=0.2, stream=stream))
        with pytest.raises(EngineError, match=r"no answer within 0\.2 s") as caught:
            await engine.generate(ASK, GenerationParams())
        assert (caught.value.kind, caught.value.retryable) == ("timeout", True)
        await asyncio.wait_for(left.wait(), 60)
        await engine.close()


async def test_a_request_that_was_dropped_leaves_the_server_free_when_its_time_is_over() -> None:
    async with silent() as (url, left):
        engine = OpenAICompatible(settings(url, timeout_seconds=2.5))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.generate(ASK, GenerationParams()), 1.0)
        await asyncio.wait_for(left.wait(), 60)
        await engine.close()


async def test_an_engine_can_be_used_again_after_it_was_closed(tmp_path: Any) -> None:
    with serving({"/v1": [Reply(body=whole())]}) as server:
        engine = OpenAICompatible(settings(server.url))
        for _ in range(2):
            assert (await engine.generate(ASK, GenerationParams())).text == "42"
            await engine.close()


def asked_bodies(server: Fake) -> list[Any]:
    return [a.body for a in server.asked]


async def test_many_at_once_get_each_their_own_answer() -> None:
    with serving({"/v1": [Reply(body=whole(str(i))) for i in range(40)]}) as server:
        engine = OpenAICompatible(settings(server.url))
        done = await asyncio.gather(*(engine.generate(ASK, GenerationParams(seed=i)) for i in range(40)))
        await engine.close()
        assert sorted(b["seed"] for b in asked_bodies(server)) == list(range(40))
    assert sorted(int(d.text) for d in done) == list(range(40))
