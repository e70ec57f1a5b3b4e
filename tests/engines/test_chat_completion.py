"""What is read out of an answer of the OpenAI-compatible protocol, whole or in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake_http import Reply, serving
from openai_asking import ASK, DONE, TOTALS, USAGE, answer, ask, failure, piece, settings, whole

from tripos.core.records import GenerationParams, Message, ToolCall, Usage
from tripos.engines.chat_completion import parse_raw
from tripos.engines.openai import OpenAICompatible

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
