"""The OpenAI-compatible protocol where something fails: what every failure is called, and whether asking again can help."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_http import Reply, serving
from openai_asking import DONE, answer, ask, failure, nobody, piece, whole

from tripos.core.errors import EngineError
from tripos.core.records import GenerationParams

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
