"""The Anthropic engine through the real SDK, against a server on this machine that speaks the Messages protocol."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from fake_http import Fake, Reply, serving

pytest.importorskip("anthropic", reason="the extra 'anthropic' is not installed")

from tripos.core.errors import EngineError
from tripos.core.records import GenerationParams, Message, ToolCall, Usage
from tripos.engines.anthropic import Anthropic, parse_raw
from tripos.engines.engine import EngineSettings, engines

ASK = (Message(role="user", content="Say hi"),)
PARAMS = GenerationParams(max_tokens=64)
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type": "object", "properties": {"a": {}}}}}


def answer(*content: dict[str, Any], stop: str = "end_turn", usage: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(content) or [{"type": "text", "text": "Hi!"}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage or {"input_tokens": 10, "output_tokens": 4},
    }


def failure(status: int, kind: str, words: str, **headers: str) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": words}}
    return Reply(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def events(*items: dict[str, Any]) -> list[str]:
    return [f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in items]


BEGIN = {
    "type": "message_start",
    "message": {**answer(), "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}},
}
TEXT = (
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo é"}},
    {"type": "content_block_stop", "index": 0},
)
END = (
    {"type": "message_delta", "delta": {"stop_reason": "max_tokens", "stop_sequence": None}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)


def engine_for(fake: Fake, **settings: Any) -> Anthropic:
    return Anthropic(EngineSettings(model="claude-haiku-4-5", base_url=fake.url, api_key="sk-test", **settings))


async def test_an_answer_with_everything_that_belongs_to_it() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 100, "output_tokens": 4}
    body = answer({"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi!"}, usage=usage)
    with serving({"/v1/messages": [Reply(body=body, headers={"request-id": "req_7"})]}) as fake:
        engine = engine_for(fake)
        done = await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (done.text, done.reasoning, done.finish_reason) == ("Hi!", "hm", "stop")
    assert done.usage == Usage(prompt_tokens=200, completion_tokens=4, cached_tokens=90)
    assert done.cost_usd == pytest.approx((10 * 1.0 + 90 * 0.1 + 100 * 1.25 + 4 * 5.0) / 1e6)
    assert (done.request_id, done.model) == ("req_7", "claude-haiku-4-5-20251001")
    assert json.loads(done.raw or "") == body
    assert done.latency_seconds is not None and done.latency_seconds > 0
    assert done.ttft_seconds is None and done.started_at is not None
    assert not done.simulated
    assert parse_raw(done.raw or "", "m").text == "Hi!"


async def test_what_is_sent() -> None:
    picture = "data:image/png;base64," + base64.b64encode(b"png").decode()
    conversation = (
        Message(role="system", content="Be brief."),
        Message(
            role="user",
            content=[
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": picture}},
                {"type": "image_url", "image_url": "https://example.org/a.png"},
            ],
        ),
        Message(
            role="assistant", tool_calls=(ToolCall(id="t1", name="add", arguments='{"a": 1}'), ToolCall(id="t2", name="add", arguments="{"))
        ),
        Message(role="tool", tool_call_id="t1", content="2"),
        Message(role="tool", tool_call_id="t2", content="bad"),
        Message(role="user", content="So?"),
    )
    params = GenerationParams(max_tokens=5, temperature=0.5, top_p=0.9, stop=("END",), extra={"top_k": 3})
    with serving({"/v1/messages": [Reply(body=answer())]}) as fake:
        engine = engine_for(fake)
        await engine.generate(conversation, params, tools=[TOOL])
        await engine.close()
        asked = fake.asked[0]
    assert "sk-test" in asked.headers.get("x-api-key", "") + asked.headers.get("authorization", ""), (
        "the header differs between SDK versions"
    )
    assert asked.body == {
        "model": "claude-haiku-4-5",
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "stop_sequences": ["END"],
        "system": "Be brief.",
        "tools": [{"name": "add", "description": "Adds", "input_schema": {"type": "object", "properties": {"a": {}}}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"png").decode()}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
                    {"type": "tool_use", "id": "t2", "name": "add", "input": {"unparsed_arguments": "{"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "2"},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "bad"},
                    {"type": "text", "text": "So?"},
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
    ],
)
async def test_reasons_to_stop_in_our_words(theirs: str, ours: str) -> None:
    assert parse_raw(json.dumps(answer(stop=theirs)), "m").finish_reason == ours


async def test_thinking_that_led_to_a_tool_call_goes_back_with_its_result() -> None:
    thought = {"type": "thinking", "thinking": "add them", "signature": "sig"}
    call = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}
    with serving({"/v1/messages": [Reply(body=answer(thought, call, stop="tool_use")), Reply(body=answer())]}) as fake:
        engine = engine_for(fake)
        first = await engine.generate(ASK, PARAMS, tools=[TOOL])
        assert first.tool_calls == (ToolCall(id="t1", name="add", arguments='{"a": 1}'),)
        turn = Message(role="assistant", content=first.text, tool_calls=first.tool_calls)
        await engine.generate((*ASK, turn, Message(role="tool", tool_call_id="t1", content="2")), PARAMS, tools=[TOOL])
        await engine.close()
        assert fake.asked[1].body["messages"][1]["content"] == [thought, call]


async def test_a_stream_is_put_together_and_its_first_token_is_timed() -> None:
    chunks = events(BEGIN, *TEXT, *END)
    with serving({"/v1/messages": [Reply(chunks=chunks, pause_seconds=0.02, headers={"request-id": "req_s"})]}) as fake:
        engine = engine_for(fake, stream=True)
        done = await engine.generate(ASK, PARAMS)
        await engine.close()
        assert fake.asked[0].body["stream"] is True
    assert (done.text, done.finish_reason, done.request_id) == ("Hello é", "length", "req_s")
    assert done.usage == Usage(prompt_tokens=9, completion_tokens=7)
    assert done.ttft_seconds is not None and done.latency_seconds is not None
    assert 0 < done.ttft_seconds < done.latency_seconds
    assert parse_raw(done.raw or "", "m").text == "Hello é"


async def test_a_streamed_tool_call() -> None:
    parts = (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t9", "name": "add", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a": '}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "12}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )
    with serving({"/v1/messages": [Reply(chunks=events(BEGIN, *parts))]}) as fake:
        engine = engine_for(fake, stream=True)
        done = await engine.generate(ASK, PARAMS, tools=[TOOL])
        await engine.close()
    assert done.tool_calls == (ToolCall(id="t9", name="add", arguments='{"a": 12}'),)
    assert done.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("reply", "kind", "retryable", "wait"),
    [
        (failure(429, "rate_limit_error", "slow down", retry_after="7"), "rate_limited", True, 7.0),
        (failure(429, "rate_limit_error", "slow down", retry_after_ms="1500"), "rate_limited", True, 1.5),
        (failure(500, "api_error", "oops"), "server_error", True, None),
        (failure(529, "overloaded_error", "Overloaded", retry_after="3"), "server_error", True, 3.0),
        (failure(408, "timeout_error", "late"), "timeout", True, None),
        (failure(401, "authentication_error", "invalid x-api-key"), "auth", False, None),
        (failure(403, "permission_error", "no"), "auth", False, None),
        (failure(404, "not_found_error", "model: nope"), "not_found", False, None),
        (failure(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"), "context_length", False, None),
        (failure(400, "invalid_request_error", "temperature: range: 0..1"), "bad_request", False, None),
        (failure(413, "request_too_large", "Request exceeds the maximum size"), "bad_request", False, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_failures_say_whether_to_ask_again(reply: Reply, kind: str, retryable: bool, wait: float | None, stream: bool) -> None:
    with serving({"/v1/messages": [reply]}) as fake:
        engine = engine_for(fake, stream=stream)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
        assert len(fake.asked) == 1, "the SDK's own retries are off"
    error = caught.value
    assert (error.kind, error.retryable, error.status, error.retry_after_seconds) == (kind, retryable, reply.status, wait)
    assert reply.body["error"]["message"] in str(error)
    assert "sk-test" not in str(error)


@pytest.mark.parametrize("body", ["<html>gateway</html>", "", '{"id": "x"}', "[]", '"text"', "null"])
async def test_a_body_that_is_no_message_is_malformed(body: str) -> None:
    with serving({"/v1/messages": [Reply(200, body)]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (caught.value.kind, caught.value.retryable) == ("malformed", True)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(chunks=events(BEGIN, *TEXT), cut=True), "connection"),
        (Reply(chunks=events(BEGIN, *TEXT)), "connection"),
        (Reply(chunks=[]), "connection"),
        (Reply(chunks=["event: message_start\ndata: {bro\n\n"]), "malformed"),
        (Reply(chunks=events(*TEXT)), "connection"),
        (Reply(chunks=events(BEGIN, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})), "server_error"),
        (Reply(chunks=events(BEGIN, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}})), "rate_limited"),
    ],
)
async def test_half_a_stream_is_never_an_answer(reply: Reply, kind: str) -> None:
    with serving({"/v1/messages": [reply]}) as fake:
        engine = engine_for(fake, stream=True)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (caught.value.kind, caught.value.retryable) == (kind, True)


async def test_a_cut_body_is_a_broken_connection() -> None:
    with serving({"/v1/messages": [Reply(body=answer(), cut=True)]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (caught.value.kind, caught.value.retryable) == ("connection", True)


async def test_silence_within_a_stream_is_a_stall_and_a_slow_answer_is_not() -> None:
    slow = Reply(chunks=events(BEGIN, *TEXT, *END), pause_seconds=0.3)
    stuck = Reply(chunks=events(BEGIN, *TEXT, *END), pause_seconds=3600)
    with serving({"/v1/messages": [slow, stuck]}) as fake:
        engine = engine_for(fake, stream=True, stall_seconds=2.0)
        assert (await engine.generate(ASK, PARAMS)).text == "Hello é"
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (caught.value.kind, caught.value.retryable) == ("stalled", True)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_takes_too_long_times_out(stream: bool) -> None:
    with serving({"/v1/messages": [Reply(body=answer(), delay_seconds=3600)]}) as fake:
        engine = engine_for(fake, stream=stream, timeout_seconds=0.2)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        await engine.close()
    assert (caught.value.kind, caught.value.retryable) == ("timeout", True)


async def test_a_proxy_of_the_environment_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with (
        serving({"http://model.invalid/v1/messages": [Reply(body=answer())]}) as proxy,
        serving({"/v1/messages": [Reply(body=answer())]}) as server,
    ):
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for url in ("http://model.invalid", server.url):
            engine = Anthropic(EngineSettings(model="claude-haiku-4-5", base_url=url, api_key="k"))
            assert (await engine.generate(ASK, PARAMS)).text
            await engine.close()
    assert [a.path.startswith("http://model.invalid/") for a in proxy.asked] == [True]
    assert len(server.asked) == 1


async def test_nobody_listens() -> None:
    with serving({}) as gone:
        pass
    engine = engine_for(gone)
    with pytest.raises(EngineError) as caught:
        await engine.generate(ASK, PARAMS)
    await engine.close()
    assert (caught.value.kind, caught.value.retryable) == ("connection", True)
    assert gone.url in str(caught.value)


async def test_a_parameter_that_the_model_refuses_is_left_out_the_next_time_and_that_is_on_record() -> None:
    refusal = failure(400, "invalid_request_error", "`temperature` is deprecated for this model.")
    with serving({"/v1/messages": [refusal, Reply(body=answer())]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError) as caught:
            await engine.generate(ASK, PARAMS)
        assert caught.value.retryable and caught.value.kind == "bad_request"
        assert engine.omitted == {"temperature"}
        assert (await engine.generate(ASK, PARAMS)).text == "Hi!"
        await engine.close()
        assert ["temperature" in a.body for a in fake.asked] == [True, False]


async def test_of_two_parameters_that_exclude_each_other_top_p_goes() -> None:
    refusal = failure(400, "invalid_request_error", "`temperature` and `top_p` cannot both be specified for this model.")
    with serving({"/v1/messages": [refusal]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError):
            await engine.generate(ASK, GenerationParams(top_p=0.5))
        await engine.close()
    assert engine.omitted == {"top_p"}


async def test_preflight_knows_the_model() -> None:
    with serving({"/v1/models/claude-haiku-4-5": [Reply(body={"type": "model", "id": "claude-haiku-4-5-20251001"})]}) as fake:
        engine = engine_for(fake)
        assert (await engine.preflight()).url == fake.url
        await engine.close()


async def test_preflight_names_the_nearest_model() -> None:
    page = {"data": [{"type": "model", "id": "claude-haiku-4-5-20251001"}], "has_more": False, "first_id": None, "last_id": None}
    with serving({"/v1/models/": [failure(404, "not_found_error", "no")], "/v1/models": [Reply(body=page)]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError, match="claude-haiku-4-5-20251001") as caught:
            await engine.preflight()
        await engine.close()
    assert caught.value.kind == "not_found"


async def test_preflight_at_a_gateway_without_models_warns() -> None:
    with serving({"/v1/messages": [Reply(body=answer())]}) as fake:
        engine = engine_for(fake)
        assert "going on with 'claude-haiku-4-5'" in (await engine.preflight()).warnings[0]
        await engine.close()


async def test_preflight_without_a_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(EngineError, match="ANTHROPIC_API_KEY") as caught:
        await Anthropic(EngineSettings(model="claude-haiku-4-5")).preflight()
    assert caught.value.kind == "auth"


async def test_preflight_with_a_wrong_key_says_so() -> None:
    with serving({"/v1/models": [failure(401, "authentication_error", "invalid x-api-key")]}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError, match="invalid x-api-key") as caught:
            await engine.preflight()
        await engine.close()
    assert caught.value.kind == "auth"


async def test_what_cannot_be_sent_is_refused() -> None:
    engine = Anthropic(EngineSettings(model="claude-haiku-4-5", api_key="k", base_url="http://127.0.0.1:1"))
    for part, words in (
        ({"type": "input_audio"}, "input_audio"),
        ({"type": "image_url", "image_url": "data:image/png;base64,@"}, "base64"),
    ):
        with pytest.raises(EngineError, match=words) as caught:
            await engine.generate((Message(role="user", content=[part]),), PARAMS)
        assert not caught.value.retryable
    await engine.close()


def test_the_engine_is_registered_and_one_account_is_one_endpoint() -> None:
    first, second, other = (engines.get("anthropic")(EngineSettings(model=m, api_key=k)) for m, k in (("a", "k"), ("b", "k"), ("a", "l")))
    assert first.endpoint_id == second.endpoint_id != other.endpoint_id
    assert ":k" not in first.endpoint_id


def test_importing_the_engine_does_not_import_the_sdk() -> None:
    ours = "tripos.engines.anthropic, tripos.engines.google, tripos.engines.transformers, tripos.engines.discovery"
    heavy = "{'anthropic', 'google.genai', 'torch', 'transformers', 'httpx2', 'pyreqwest', 'numpy'}"
    code = f"import sys, {ours}; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
