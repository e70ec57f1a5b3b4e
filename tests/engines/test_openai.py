"""The OpenAI-compatible protocol against a real server: what is sent, what is read, what every failure is called."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from fake_http import Fake, Reply, serving

from tripos.core.errors import ConfigError, EngineError
from tripos.core.records import Completion, GenerationParams, Message, ToolCall, Usage
from tripos.engines.chat_completion import parse_raw
from tripos.engines.engine import EngineSettings
from tripos.engines.openai import OpenAICompatible, normalise

CANARY = "sk-canary-0123456789abcdef"
ASK = (Message(role="user", content="What is 6 x 7?"),)
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = [f"{what}_PROXY" for what in ("HTTP", "HTTPS", "ALL", "NO")]
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", *proxies, *map(str.lower, proxies)):
        monkeypatch.delenv(name, raising=False)


def whole(content: Any = "42", finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"id": "c-1", "model": "served", "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], "usage": USAGE}


def piece(finish_reason: str | None = None, **delta: Any) -> str:
    body = {"id": "c-1", "model": "served", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
    return f"data: {json.dumps(body)}\n\n"


TOTALS = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n"
DONE = "data: [DONE]\n\n"


def settings(url: str | None, **more: Any) -> EngineSettings:
    return EngineSettings(**{"model": "m", "base_url": url, **more})


async def ask(url: str, params: GenerationParams = GenerationParams(), *, tools: Any = (), messages: Any = ASK, **more: Any) -> Completion:
    engine = OpenAICompatible(settings(url, **more))
    try:
        return await engine.generate(messages, params, tools=tools)
    finally:
        await engine.close()


async def answer(reply: Reply, **more: Any) -> Completion:
    with serving({"/v1/chat/completions": [reply]}) as server:
        return await ask(server.url, **more)


async def failure(reply: Reply, **more: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await answer(reply, **more)
    return caught.value


async def look(routes: dict[str, list[Reply]], **more: Any) -> Any:
    with serving(routes) as server:
        engine = OpenAICompatible(settings(server.url, **more))
        try:
            return await engine.preflight()
        finally:
            await engine.close()


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


# What is read


async def test_an_answer_with_everything_the_server_said() -> None:
    before = time.time()
    done = await answer(Reply(body=whole(), delay_seconds=0.05))
    assert (done.text, done.finish_reason, done.model, done.request_id) == ("42", "stop", "served", "c-1")
    assert done.usage == Usage(prompt_tokens=11, completion_tokens=3)
    assert done.ttft_seconds is None, "not streamed: not measured"
    assert done.cost_usd is None, "no price is known for a server of one's own"
    assert done.started_at is not None and before <= done.started_at <= time.time()
    assert done.latency_seconds is not None and 0.05 <= done.latency_seconds <= time.time() - before + 0.01
    assert done.raw is not None and json.loads(done.raw) == whole()
    assert not done.simulated


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (USAGE, Usage(prompt_tokens=11, completion_tokens=3)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(prompt_tokens=0, completion_tokens=0)),
        ({"prompt_tokens": 11}, Usage(prompt_tokens=11)),
        ({}, Usage()),
        (None, Usage()),
        (
            {
                **USAGE,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
            },
            Usage(prompt_tokens=11, completion_tokens=3, reasoning_tokens=2, cached_tokens=8),
        ),
        ({**USAGE, "prompt_tokens_details": None}, Usage(prompt_tokens=11, completion_tokens=3)),
    ],
)
async def test_usage_is_what_the_server_said_and_nothing_else(usage: Any, read: Usage) -> None:
    long = (Message(role="user", content="a long prompt " * 500),)
    assert (await answer(Reply(body={**whole(), "usage": usage}), messages=long)).usage == read
    events = [piece(content="42"), piece("stop"), f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n", DONE]
    assert (await answer(Reply(chunks=events), messages=long, stream=True)).usage == read


async def test_an_answer_without_usage_has_none() -> None:
    body = whole()
    del body["usage"]
    assert (await answer(Reply(body=body))).usage == Usage()


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "tool_calls", None])
async def test_the_finish_reason_is_the_servers_word(reason: str | None) -> None:
    assert (await answer(Reply(body=whole(finish_reason=reason)))).finish_reason == reason
    assert (await answer(Reply(chunks=[piece(content="42"), piece(reason), DONE]), stream=True)).finish_reason == reason


CALLS = [
    {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
    {"id": "t2", "type": "function", "function": {"name": "now", "arguments": ""}},
]
READ = (ToolCall(id="t1", name="add", arguments='{"a": 1}'), ToolCall(id="t2", name="now", arguments=""))


async def test_tool_calls_of_a_whole_answer() -> None:
    done = await answer(Reply(body=whole(None, "tool_calls", tool_calls=CALLS)))
    assert (done.text, done.tool_calls, done.finish_reason) == ("", READ, "tool_calls")


def call(function: dict[str, str], **more: Any) -> str:
    return piece(tool_calls=[{"function": function, **more}])


STREAMED_CALLS = {
    "in pieces": [
        call({"name": "add", "arguments": ""}, index=0, id="t1"),
        call({"arguments": '{"a"'}, index=0),
        call({"name": "now", "arguments": ""}, index=1, id="t2"),
        call({"arguments": ": 1}"}, index=0),
    ],
    "id and name again in every piece": [
        call({"name": "add", "arguments": '{"a"'}, index=0, id="t1"),
        call({"name": "add", "arguments": ": 1}"}, index=0, id="t1"),
        call({"name": "now", "arguments": ""}, index=1, id="t2"),
    ],
    "all numbered 0": [call(CALLS[0]["function"], index=0, id="t1"), call(CALLS[1]["function"], index=0, id="t2")],  # type: ignore[arg-type]
    "not numbered": [
        call({"name": "add", "arguments": '{"a"'}, id="t1"),
        call({"arguments": ": 1}"}),
        call({"name": "now", "arguments": ""}, id="t2"),
    ],
    "number null": [call(CALLS[0]["function"], index=None, id="t1"), call(CALLS[1]["function"], index=None, id="t2")],  # type: ignore[arg-type]
}


@pytest.mark.parametrize("pieces", STREAMED_CALLS.values(), ids=STREAMED_CALLS.keys())
async def test_tool_calls_of_a_stream_are_put_together(pieces: list[str]) -> None:
    done = await answer(Reply(chunks=[*pieces, piece("tool_calls"), DONE]), stream=True)
    assert done.tool_calls == READ and done.ttft_seconds is not None


async def test_arguments_that_come_as_an_object_become_text() -> None:
    calls = [{"id": "t1", "function": {"name": "add", "arguments": {"a": 1}}}]
    (made,) = (await answer(Reply(body=whole(None, tool_calls=calls)))).tool_calls
    assert json.loads(made.arguments) == {"a": 1}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_that_is_sent_apart_stays_apart(name: str) -> None:
    done = await answer(Reply(body=whole(**{name: "six sevens"})))
    assert (done.text, done.reasoning) == ("42", "six sevens")
    done = await answer(
        Reply(chunks=[piece(**{name: "six "}), piece(**{name: "sevens"}), piece(content="42"), piece("stop"), DONE]), stream=True
    )
    assert (done.text, done.reasoning) == ("42", "six sevens")


async def test_a_refusal_is_an_answer_that_says_so() -> None:
    done = await answer(Reply(body=whole(None, refusal="I will not.")))
    assert (done.text, done.finish_reason) == ("I will not.", "refusal")
    done = await answer(Reply(chunks=[piece(refusal="I will "), piece(refusal="not."), piece("stop"), DONE]), stream=True)
    assert (done.text, done.finish_reason) == ("I will not.", "refusal")


async def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    assert (await answer(Reply(body=whole(parts)))).text == "42"


async def test_an_empty_answer_is_an_answer() -> None:
    assert (await answer(Reply(body=whole("")))).text == ""
    assert (await answer(Reply(body=whole(None)))).text == ""
    assert (await answer(Reply(chunks=[piece("stop"), DONE]), stream=True)).text == ""


async def test_unicode_comes_back_unharmed_and_half_a_character_is_replaced() -> None:
    assert (await answer(Reply(body=whole("é \U0001f600 \u2028 \x00")))).text == "é \U0001f600 \u2028 \x00"
    half = json.dumps(whole("a\ud83d b"))
    assert (await answer(Reply(body=half))).text == "a\ufffd b"
    assert (await answer(Reply(chunks=[piece(content="a\ud83d b"), piece("stop"), DONE]), stream=True)).text == "a\ufffd b"


async def test_a_large_answer_is_read_whole() -> None:
    text = "x" * 5_000_000
    assert (await answer(Reply(body=whole(text)))).text == text


async def test_a_stored_answer_can_be_read_again() -> None:
    for reply, stream in (
        (Reply(body=whole(None, tool_calls=CALLS)), False),
        (Reply(chunks=[*STREAMED_CALLS["in pieces"], piece("tool_calls"), TOTALS, DONE]), True),
    ):
        done = await answer(reply, stream=stream)
        assert done.raw is not None
        again = parse_raw(done.raw, "m")
        assert (again.text, again.tool_calls, again.usage, again.finish_reason) == (
            done.text,
            done.tool_calls,
            done.usage,
            done.finish_reason,
        )
        assert (again.latency_seconds, again.started_at, again.ttft_seconds) == (None, None, None)


# Streams


async def test_the_time_to_the_first_token_is_that_of_the_first_token() -> None:
    chunks = [": hello\n\n", piece(role="assistant", content=""), piece(content="4"), piece(content="2"), piece("stop"), TOTALS, DONE]
    done = await answer(Reply(chunks=chunks, delay_seconds=0.1, pause_seconds=0.1), stream=True)
    assert done.text == "42"
    assert done.ttft_seconds is not None and done.latency_seconds is not None
    assert 0.28 <= done.ttft_seconds < 0.40, "after the head, a comment and a role: 0.1 + 2 x 0.1 s"
    assert done.latency_seconds >= done.ttft_seconds + 0.35


async def test_a_stream_is_asked_for_with_its_usage() -> None:
    with serving({"/v1/chat/completions": [Reply(chunks=[piece(content="42"), piece("stop"), TOTALS, DONE])]}) as server:
        done = await ask(server.url, stream=True)
        body = server.asked[0].body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert done.usage == Usage(prompt_tokens=11, completion_tokens=3)


async def test_events_may_be_cut_anywhere() -> None:
    text = "".join([piece(content="4"), "\r\n", "data:\n\n", piece(content="2é"), piece("stop"), TOTALS, DONE])
    done = await answer(Reply(chunks=[text[i : i + 7] for i in range(0, len(text), 7)]), stream=True)
    assert (done.text, done.usage.prompt_tokens) == ("42é", 11)


async def test_a_stream_need_not_say_done_if_it_said_how_it_ended() -> None:
    done = await answer(Reply(chunks=[piece(content="42"), piece("stop")]), stream=True)
    assert (done.text, done.finish_reason, done.usage) == ("42", "stop", Usage())


@pytest.mark.parametrize("chunks", [[piece(content="4")], [], [DONE], [TOTALS, DONE], [": nothing\n\n"]])
async def test_a_stream_that_ends_before_the_answer_is_no_short_answer(chunks: list[str]) -> None:
    error = await failure(Reply(chunks=chunks), stream=True)
    assert (error.kind, error.retryable) == ("connection", True)


async def test_a_stream_that_is_cut_is_no_short_answer() -> None:
    error = await failure(Reply(chunks=[piece(content="4")], cut=True), stream=True)
    assert (error.kind, error.retryable) == ("connection", True)


async def test_a_stream_that_breaks_off_with_an_error_is_no_short_answer() -> None:
    error = await failure(Reply(chunks=[piece(content="4"), 'data: {"error": {"message": "out of memory"}}\n\n', DONE]), stream=True)
    assert (error.kind, error.retryable) == ("server_error", True)
    assert "out of memory" in str(error)


async def test_a_chunk_that_cannot_be_read_is_named() -> None:
    error = await failure(Reply(chunks=["data: {oops\n\n"]), stream=True)
    assert (error.kind, error.retryable) == ("malformed", True) and "{oops" in str(error)


async def test_a_server_that_does_not_stream_is_understood() -> None:
    done = await answer(Reply(body=whole()), stream=True)
    assert (done.text, done.ttft_seconds) == ("42", None)


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that sends `[DONE]` and the end of the body apart, and counts its connections."""
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                for text in (piece(content="42"), piece("stop"), DONE):
                    writer.write(f"{len(text):x}\r\n{text}\r\n".encode())
                    await asyncio.sleep(0.005)
                writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections


async def test_streams_share_a_connection() -> None:
    async with counting() as (url, connections):
        engine = OpenAICompatible(settings(url, stream=True))
        for _ in range(5):
            assert (await engine.generate(ASK, GenerationParams())).text == "42"
        await engine.close()
    assert len(connections) == 1


# Silence


async def test_a_stream_without_a_byte_is_stalled() -> None:
    error = await failure(Reply(chunks=[piece(content="4"), piece("stop"), DONE], pause_seconds=3600), stream=True, stall_seconds=0.2)
    assert (error.kind, error.retryable) == ("stalled", True) and "no byte for 0.2 s" in str(error)


async def test_a_stream_that_never_begins_is_stalled() -> None:
    error = await failure(Reply(chunks=[DONE], delay_seconds=3600), stream=True, stall_seconds=0.2)
    assert (error.kind, error.retryable) == ("stalled", True)


async def test_a_slow_stream_is_no_stall() -> None:
    done = await answer(Reply(chunks=[*[piece(content="a")] * 8, piece("stop"), DONE], pause_seconds=0.3), stream=True, stall_seconds=2.0)
    assert done.text == "a" * 8 and done.latency_seconds is not None and done.latency_seconds > 2.0


async def test_a_long_silence_before_a_whole_answer_is_no_stall() -> None:
    assert (await answer(Reply(body=whole(), delay_seconds=0.6), stall_seconds=0.1)).text == "42"


# Failures


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "said"),
    [
        (400, {"error": {"message": "bad role", "code": 400}}, "bad_request", False, "bad role"),
        (400, {"error": {"message": "This model's maximum context length is 4096 tokens. However, …"}}, "context_length", False, "4096"),
        (400, {"error": {"message": "the request exceeds the available context size"}}, "context_length", False, "context size"),
        (422, {"detail": [{"loc": ["body", "x"], "msg": "extra"}]}, "bad_request", False, "extra"),
        (401, {"error": {"message": "no key"}}, "auth", False, "no key"),
        (403, "<html>Forbidden</html>", "auth", False, "Forbidden"),
        (404, {"error": {"message": "The model `m` does not exist."}}, "not_found", False, "does not exist"),
        (405, {"detail": "Method Not Allowed"}, "bad_request", False, "Method Not Allowed"),
        (408, {}, "timeout", True, ""),
        (409, {"error": "conflict"}, "server_error", True, "conflict"),
        (413, "too large", "bad_request", False, "too large"),
        (429, {"error": {"message": "slow down"}}, "rate_limited", True, "slow down"),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, "auth", False, "exceeded your quota"),
        (500, {"error": {"message": "CUDA error"}}, "server_error", True, "CUDA error"),
        (500, "", "server_error", True, "(empty body)"),
        (502, "<html><head><title>502 Bad Gateway</title></head></html>", "server_error", True, "502 Bad Gateway"),
        (503, {"error": {"message": "Loading model"}}, "server_error", True, "Loading model"),
        (529, {"error": {"message": "Overloaded"}}, "server_error", True, "Overloaded"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_says_what_failed_and_whether_asking_again_can_help(
    status: int, body: Any, kind: str, retryable: bool, said: str, stream: bool
) -> None:
    error = await failure(Reply(status, body), stream=stream)
    assert (error.kind, error.retryable, error.status) == (kind, retryable, status)
    assert said in str(error) and f"answered {status}" in str(error) and "/v1/chat/completions" in str(error)
    assert "<" not in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert (await failure(Reply(429, {"error": "slow"}, headers=headers))).retry_after_seconds == seconds
    assert (await failure(Reply(503, {"error": "busy"}, headers=headers))).retry_after_seconds == seconds


async def test_retry_after_may_be_a_date() -> None:
    from email.utils import formatdate

    error = await failure(Reply(429, "", headers={"retry-after": formatdate(time.time() + 600, usegmt=True)}))
    assert error.retry_after_seconds is not None and 300 < error.retry_after_seconds <= 600


async def test_a_redirect_is_not_followed_but_named() -> None:
    error = await failure(Reply(307, "", headers={"location": "https://other/v1/chat/completions"}))
    assert (error.kind, error.retryable) == ("not_found", False)
    assert "redirects to https://other/v1 (HTTP 307): give that as base URL" in str(error)


MALFORMED = {
    "no JSON": "hello",
    "cut JSON": json.dumps(whole())[:-5],
    "empty": "",
    "a list": "[]",
    "no choices": json.dumps({"choices": []}),
    "no message": json.dumps({"choices": [{"finish_reason": "stop"}]}),
    "another shape": json.dumps({"choices": [{"message": {"content": 42}}]}),
    "an HTML page": "<html>Sign in</html>",
    "very deep": "[" * 100_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_body_that_is_no_answer_is_no_empty_answer(body: str) -> None:
    error = await failure(Reply(200, body))
    assert (error.kind, error.retryable) == ("malformed", True)
    assert len(str(error)) < 700


async def test_an_error_in_a_body_with_status_200_is_an_error() -> None:
    error = await failure(Reply(200, {"error": {"message": "provider is down", "code": 502}}))
    assert (error.kind, error.retryable) == ("server_error", True) and "provider is down" in str(error)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
async def test_an_answer_on_which_the_server_gave_up_is_not_the_models(reason: str) -> None:
    for reply, stream in (
        (Reply(body=whole("half an ans", reason)), False),
        (Reply(chunks=[piece(content="half"), piece(reason), DONE]), True),
    ):
        error = await failure(reply, stream=stream)
        assert (error.kind, error.retryable) == ("server_error", True) and reason in str(error)


@contextmanager
def raw_server(data: bytes, *, reset: bool = False) -> Iterator[str]:
    """Answers each connection with these bytes and closes it, or resets it."""
    import struct
    import threading

    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(data)
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{", b"SSH-2.0-OpenSSH_9.6\r\n"]
)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_breaks_can_be_tried_again(data: bytes, reset: bool) -> None:
    with raw_server(data, reset=reset) as url, pytest.raises(EngineError) as caught:
        await ask(url)
    assert (caught.value.kind, caught.value.retryable) == ("connection", True) and url in str(caught.value)


async def test_bytes_that_are_no_text_are_malformed() -> None:
    body = json.dumps(whole("caf?")).encode().replace(b"?", b"\xe9")
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
    with raw_server(head + body) as url, pytest.raises(EngineError) as caught:
        await ask(url)
    assert caught.value.kind == "malformed"


@contextmanager
def nobody() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def test_a_port_on_which_nobody_listens() -> None:
    with nobody() as url, pytest.raises(EngineError) as caught:
        await ask(url)
    assert (caught.value.kind, caught.value.retryable) == ("connection", True)
    assert str(caught.value).startswith(f"{url}/v1: Connection refused")


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(EngineError) as caught:
        await ask("http://model.invalid:8000")
    assert caught.value.kind == "connection" and "http://model.invalid:8000/v1" in str(caught.value)


async def test_a_mistake_of_ours_is_not_called_a_failure_of_the_server() -> None:
    with serving({"/v1/chat/completions": [Reply(body=whole())]}) as server, pytest.raises(TypeError):
        await ask(server.url, GenerationParams(extra={"x": object()}))


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
