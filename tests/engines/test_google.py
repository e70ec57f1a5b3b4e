"""The Google engine through the real SDK, against a server on this machine that speaks the Gemini protocol."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from fake_http import Fake, Reply, serving

pytest.importorskip("google.genai", reason="the extra 'google' is not installed")

from tripos.core.errors import EngineError
from tripos.core.records import GenerationParams, Message, ToolCall, Usage
from tripos.engines.engine import EngineSettings, engines
from tripos.engines.google import Google, parse_raw

MODEL = "gemini-2.5-flash"
WHOLE, STREAM = f"/models/{MODEL}:generateContent", f"/models/{MODEL}:streamGenerateContent"
ASK = (Message(role="user", content="Say hi"),)
PARAMS = GenerationParams(max_tokens=64)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": SCHEMA}}


def answer(*parts: dict[str, Any], reason: str | None = "STOP", usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts) or [{"text": "Hi!"}]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    counts = usage or {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": MODEL, "responseId": "r1", **more}


def failure(status: int, name: str, words: str, *details: dict[str, Any], **headers: str) -> Reply:
    body = {"error": {"code": status, "message": words, "status": name, "details": list(details)}}
    return Reply(status, body, headers={n.replace("_", "-"): v for n, v in headers.items()})


def at(path: str, *replies: Reply) -> dict[str, list[Reply]]:
    """Routes of a path under whichever version of the API the SDK speaks."""
    return {f"/{version}{path}": list(replies) for version in ("v1", "v1beta")}


def events(*bodies: dict[str, Any]) -> list[str]:
    return [f"data: {json.dumps(body)}\r\n\r\n" for body in bodies]


def camel(body: Any) -> Any:
    """The API takes both spellings of a field, and versions of the SDK differ in which they send."""
    if isinstance(body, dict):
        return {re.sub("_([a-z])", lambda m: m.group(1).upper(), k): camel(v) for k, v in body.items()}
    return [camel(v) for v in body] if isinstance(body, list) else body


def engine_for(fake: Fake, **settings: Any) -> Google:
    return Google(EngineSettings(model=MODEL, base_url=fake.url, api_key="g-test", **settings))


async def ask(reply: Reply, *, stream: bool = False, **settings: Any) -> Any:
    with serving(at(STREAM if stream else WHOLE, reply)) as fake:
        engine = engine_for(fake, stream=stream, **settings)
        try:
            return await engine.generate(ASK, PARAMS)
        finally:
            await engine.close()
            assert len(fake.asked) == 1, "the SDK's own retries are off"


async def failing(reply: Reply, **settings: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await ask(reply, **settings)
    assert "g-test" not in str(caught.value)
    return caught.value


async def test_an_answer_with_everything_that_belongs_to_it() -> None:
    usage = {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 4, "thoughtsTokenCount": 20}
    done = await ask(Reply(body=answer({"text": "hm", "thought": True}, {"text": "Hi"}, {"text": "!"}, usage=usage)))
    assert (done.text, done.reasoning, done.finish_reason) == ("Hi!", "hm", "stop")
    assert done.usage == Usage(prompt_tokens=100, completion_tokens=24, reasoning_tokens=20, cached_tokens=60)
    assert done.cost_usd == pytest.approx((40 * 0.3 + 60 * 0.03 + 24 * 2.5) / 1e6)
    assert (done.request_id, done.model) == ("r1", MODEL)
    assert done.latency_seconds > 0 and done.ttft_seconds is None and done.started_at is not None
    assert parse_raw(done.raw, MODEL).text == "Hi!"


async def test_what_is_sent() -> None:
    picture = "data:image/png;base64," + base64.b64encode(b"png").decode()
    conversation = (
        Message(role="system", content="Be brief."),
        Message(role="user", content=[{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": picture}}]),
        Message(role="assistant", content="I add", tool_calls=(ToolCall(id="c1", name="add", arguments='{"a": 1}'),)),
        Message(role="tool", tool_call_id="c1", content="2"),
        Message(role="user", content="So?"),
    )
    extra = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}, "safetySettings": []}
    params = GenerationParams(max_tokens=5, temperature=0.0, top_p=0.9, stop=("END",), seed=3, extra=extra)
    with serving(at(WHOLE, Reply(body=answer()))) as fake:
        engine = engine_for(fake)
        await engine.generate(conversation, params, tools=[TOOL])
        await engine.close()
        asked = fake.asked[0]
    assert asked.headers["x-goog-api-key"] == "g-test"
    body = camel(asked.body)
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert body["generationConfig"] == {
        "temperature": 0.0,
        "topP": 0.9,
        "maxOutputTokens": 5,
        "stopSequences": ["END"],
        "seed": 3,
        "thinkingConfig": {"thinkingBudget": 0},
    }
    assert body["safetySettings"] == []
    assert body["tools"] == [{"functionDeclarations": [{"name": "add", "description": "Adds", "parametersJsonSchema": SCHEMA}]}]
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Look"}, {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"png").decode()}}]},
        {"role": "model", "parts": [{"text": "I add"}, {"functionCall": {"name": "add", "args": {"a": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"result": "2"}}}, {"text": "So?"}]},
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("RECITATION", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_reasons_to_stop_in_our_words(theirs: str, ours: str, stream: bool) -> None:
    body = answer(reason=theirs)
    done = await ask(Reply(chunks=events(body)) if stream else Reply(body=body), stream=stream)
    assert done.finish_reason == ours


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_is_an_empty_filtered_answer(stream: bool) -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}, "modelVersion": MODEL}
    done = await ask(Reply(chunks=events(body)) if stream else Reply(body=body), stream=stream)
    assert (done.text, done.finish_reason) == ("", "content_filter")
    assert done.usage == Usage(prompt_tokens=8) and done.cost_usd is None


async def test_a_call_comes_back_with_its_signature() -> None:
    signature = base64.b64encode(b"signed thought").decode()
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": signature}
    with serving(at(WHOLE, Reply(body=answer(call)), Reply(body=answer()))) as fake:
        engine = engine_for(fake)
        first = await engine.generate(ASK, PARAMS, tools=[TOOL])
        assert first.finish_reason == "tool_calls"
        assert [(c.name, json.loads(c.arguments)) for c in first.tool_calls] == [("add", {"a": 1})]
        turn = Message(role="assistant", content=first.text, tool_calls=first.tool_calls)
        await engine.generate((*ASK, turn, Message(role="tool", tool_call_id=first.tool_calls[0].id, content="2")), PARAMS, tools=[TOOL])
        await engine.close()
        assert fake.asked[1].body["contents"][1]["parts"] == [call]


async def test_calls_of_one_answer_have_ids_of_their_own() -> None:
    call = {"functionCall": {"name": "add", "args": {"a": 1}}}
    done = await ask(Reply(body=answer(call, call)))
    assert len({c.id for c in done.tool_calls}) == 2


async def test_a_stream_is_put_together_and_its_first_token_is_timed() -> None:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 7, "thoughtsTokenCount": 1}
    bodies = (
        answer({"text": "think", "thought": True}, reason=None),
        answer({"text": "Hel"}, reason=None),
        answer({"text": "lo é"}, reason="MAX_TOKENS", usage=usage),
    )
    done = await ask(Reply(chunks=events(*bodies), pause_seconds=0.02), stream=True)
    assert (done.text, done.reasoning, done.finish_reason) == ("Hello é", "think", "length")
    assert done.usage == Usage(prompt_tokens=9, completion_tokens=8, reasoning_tokens=1)
    assert 0 < done.ttft_seconds < done.latency_seconds
    assert parse_raw(done.raw, MODEL).text == "Hello é"


INFO = "type.googleapis.com/google.rpc"


@pytest.mark.parametrize(
    ("reply", "kind", "retryable", "wait"),
    [
        (failure(429, "RESOURCE_EXHAUSTED", "quota", retry_after="7"), "rate_limited", True, 7.0),
        (failure(429, "RESOURCE_EXHAUSTED", "quota", {"@type": f"{INFO}.RetryInfo", "retryDelay": "13.5s"}), "rate_limited", True, 13.5),
        (failure(500, "INTERNAL", "oops"), "server_error", True, None),
        (failure(503, "UNAVAILABLE", "overloaded"), "server_error", True, None),
        (
            failure(400, "INVALID_ARGUMENT", "API key not valid", {"@type": f"{INFO}.ErrorInfo", "reason": "API_KEY_INVALID"}),
            "auth",
            False,
            None,
        ),
        (failure(403, "PERMISSION_DENIED", "no"), "auth", False, None),
        (failure(404, "NOT_FOUND", "no such model"), "not_found", False, None),
        (failure(400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed (1048576)"), "context_length", False, None),
        (failure(400, "INVALID_ARGUMENT", "temperature out of range"), "bad_request", False, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_failures_say_whether_to_ask_again(reply: Reply, kind: str, retryable: bool, wait: float | None, stream: bool) -> None:
    error = await failing(reply, stream=stream)
    assert (error.kind, error.retryable, error.status, error.retry_after_seconds) == (kind, retryable, reply.status, wait)
    assert reply.body["error"]["message"] in str(error)


async def test_an_error_page_that_is_not_json() -> None:
    error = await failing(Reply(502, "<html>Bad gateway</html>"))
    assert (error.kind, error.retryable, error.status) == ("server_error", True, 502)


@pytest.mark.parametrize(
    "body", ["<html>gateway</html>", "[]", '{"candidates": []}', '{"candidates": [{"content": {"parts": [{"text": "x"}]}}]}', "3"]
)
async def test_a_body_that_is_no_answer_is_malformed(body: str) -> None:
    error = await failing(Reply(200, body))
    assert (error.kind, error.retryable) == ("malformed", True)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(chunks=events(answer(reason=None)), cut=True), "connection"),
        (Reply(chunks=events(answer(reason=None))), "connection"),
        (Reply(chunks=[]), "connection"),
        (Reply(chunks=["data: {bro\r\n\r\n"]), "malformed"),
        (Reply(chunks=events({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})), "server_error"),
    ],
)
async def test_half_a_stream_is_never_an_answer(reply: Reply, kind: str) -> None:
    error = await failing(reply, stream=True)
    assert (error.kind, error.retryable) == (kind, True)


async def test_a_cut_body_is_a_broken_connection() -> None:
    assert (await failing(Reply(body=answer(), cut=True))).kind == "connection"


async def test_silence_within_a_stream_is_a_stall_and_a_slow_answer_is_not() -> None:
    bodies = events(answer({"text": "a"}, reason=None), answer({"text": "b"}, reason=None), answer({"text": "c"}))
    assert (await ask(Reply(chunks=bodies, pause_seconds=0.9), stream=True, stall_seconds=2.0)).text == "abc"
    error = await failing(Reply(chunks=bodies, pause_seconds=3600), stream=True, stall_seconds=0.5)
    assert (error.kind, error.retryable) == ("stalled", True)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_takes_too_long_times_out(stream: bool) -> None:
    error = await failing(Reply(body=answer(), delay_seconds=3600), stream=stream, timeout_seconds=0.3)
    assert (error.kind, error.retryable) == ("timeout", True)


async def test_a_proxy_of_the_environment_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with (
        serving({"http://model.invalid": [Reply(body=answer({"text": "a"}))]}) as proxy,
        serving({"/": [Reply(body=answer({"text": "a"}))]}) as server,
    ):
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for url in ("http://model.invalid", server.url):
            engine = Google(EngineSettings(model=MODEL, base_url=url, api_key="k"))
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


async def test_preflight_knows_the_model() -> None:
    with serving(at(f"/models/{MODEL}", Reply(body={"name": f"models/{MODEL}"}))) as fake:
        engine = engine_for(fake)
        assert (await engine.preflight()).url == fake.url
        await engine.close()


async def test_preflight_names_the_nearest_model() -> None:
    page = {"models": [{"name": "models/gemini-2.5-flash-lite"}, {"name": "models/gemini-2.5-pro"}]}
    with serving({**at("/models/", failure(404, "NOT_FOUND", "no")), **at("/models", Reply(body=page))}) as fake:
        engine = engine_for(fake)
        with pytest.raises(EngineError, match=r"did you mean 'gemini-2\.5-flash-lite'") as caught:
            await engine.preflight()
        await engine.close()
    assert caught.value.kind == "not_found"


async def test_preflight_without_a_key_names_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EngineError, match="GEMINI_API_KEY or GOOGLE_API_KEY") as caught:
        await Google(EngineSettings(model=MODEL)).preflight()
    assert caught.value.kind == "auth"


async def test_what_cannot_be_sent_is_refused() -> None:
    engine = Google(EngineSettings(model=MODEL, api_key="k", base_url="http://127.0.0.1:1"))
    for message, words in (
        (Message(role="user", content=[{"type": "input_audio"}]), "input_audio"),
        (Message(role="tool", tool_call_id="nobody", content="2"), "nobody"),
    ):
        with pytest.raises(EngineError, match=words) as caught:
            await engine.generate((message,), PARAMS)
        assert not caught.value.retryable
    await engine.close()


def test_the_engine_is_registered_under_both_names() -> None:
    assert engines.get("google") is engines.get("gemini")
