"""A chat completion as it comes over the wire, whole or in pieces, and what is made of it.

Servers differ in what they leave out, number or send in another type; what is missing stays missing (a token count that the
server did not send is None), and what cannot be an answer of the model is an error, never an empty answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from tripos.core.errors import EngineError
from tripos.core.records import Completion, ToolCall, Usage

_BROKEN = {"error", "abort", "insufficient_system_resource"}  # OpenRouter, SGLang and vLLM, DeepSeek: the server gave up
_DRAIN_SECONDS = 0.2


class _Function(msgspec.Struct):
    name: str | None = ""
    arguments: str | dict[str, Any] | None = ""


class _Call(msgspec.Struct):
    id: str | None = None
    index: int | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Reply(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Reply | None = None
    delta: _Reply | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: _Details | None = None
    prompt_tokens_details: _Details | None = None


class Body(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Body).decode


def read(data: bytes, hide: str = "") -> Body:
    """A whole answer. `hide` is the key, should the server repeat it in what it says.

    Raises:
        EngineError: there is none in it (malformed), or an error (server_error).
    """
    body = _parse(data, hide)
    if body.error:
        raise EngineError(f"the server answered 200 with an error: {words_of(data, hide)}", kind="server_error", retryable=True)
    if not body.choices or body.choices[0].message is None:
        raise EngineError(f"the server's answer holds no choice: {words_of(data, hide)}", kind="malformed", retryable=True)
    return body


def _parse(data: bytes, hide: str) -> Body:
    try:
        return _decode(data)
    except (ValueError, RecursionError) as error:  # not JSON, another shape, not UTF-8
        try:  # half a surrogate pair is a character that the model left unfinished: U+FFFD, as servers in Python write it
            text = json.dumps(json.loads(data), ensure_ascii=False)
            return _decode(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        except (ValueError, RecursionError):
            said = f"the server's answer could not be read ({error}): {words_of(data, hide)}"
            raise EngineError(said, kind="malformed", retryable=True) from error


def completion_of(
    body: Body, raw: str, model: str, latency_seconds: float | None, started_at: float | None, ttft: float | None
) -> Completion:
    """The answer in a body that has one.

    Raises:
        EngineError: the server says that it gave up.
    """
    choice = body.choices[0]
    reply = choice.message or _Reply()
    if choice.finish_reason in _BROKEN:
        raise EngineError(f"the server gave up on the answer ({choice.finish_reason})", kind="server_error", retryable=True)
    return Completion(
        text=_text(reply.content) or reply.refusal or "",
        reasoning=reply.reasoning_content or reply.reasoning,
        tool_calls=tuple(
            ToolCall(id=c.id or "", name=c.function.name or "", arguments=_arguments(c.function)) for c in reply.tool_calls or ()
        ),
        finish_reason="refusal" if reply.refusal and not reply.content else choice.finish_reason,
        usage=_usage(body.usage),
        latency_seconds=latency_seconds,
        ttft_seconds=ttft,
        started_at=started_at,
        model=body.model or model,
        request_id=body.id,
        raw=raw,
    )


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    return content or ""


def _arguments(function: _Function) -> str:
    given = function.arguments
    return json.dumps(given) if isinstance(given, dict) else given or ""


def parse_raw(raw: str, model: str) -> Completion:
    """Reads a stored response again, as `replay` does. Times are those of the recording and are not known here.

    Raises:
        EngineError: it is not a chat completion.
    """
    return completion_of(read(raw.encode()), raw, model, None, None, None)


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        reasoning_tokens=usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None,
        cached_tokens=usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None,
    )


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """The payloads of a server-sent event stream."""
    pending = b""
    while (chunk := await response.body_reader.read_chunk()) is not None:
        pending += bytes(chunk)
        *complete, pending = pending.split(b"\n")
        for line in complete:
            if line.startswith(b"data:") and (payload := line[5:].strip()):
                yield payload
    if pending.startswith(b"data:"):
        yield pending[5:].strip()


async def assemble(response: Any, began: float, hide: str) -> tuple[Body, float | None]:
    """Puts a stream together into the shape of a whole answer. Returns it and the seconds from `began` to the first token.

    Raises:
        EngineError: it breaks off, or cannot be read.
    """
    whole, text, thought, declined = Body(), [], [], []
    calls: dict[int, _Call] = {}
    ttft: float | None = None
    finish: str | None = None
    begun = ended = False
    async for payload in _lines(response):
        if payload == b"[DONE]":
            ended = True
            break
        part = _parse(payload, hide)
        if part.error:
            raise EngineError(f"the server broke the stream off: {words_of(payload, hide)}", kind="server_error", retryable=True)
        whole.id, whole.model, whole.usage = part.id or whole.id, part.model or whole.model, part.usage or whole.usage
        for choice in part.choices[:1]:
            begun = True
            delta = choice.delta or choice.message or _Reply()
            if ttft is None and (delta.content or delta.reasoning_content or delta.reasoning or delta.refusal or delta.tool_calls):
                ttft = time.perf_counter() - began
            text.append(_text(delta.content))
            thought.append(delta.reasoning_content or delta.reasoning or "")
            declined.append(delta.refusal or "")
            finish = choice.finish_reason or finish
            for call in delta.tool_calls or ():
                _extend(calls, call)
    if ended:
        await _drain(response)
    if finish is None and not (ended and begun):
        raise EngineError("the stream ended before the answer did", kind="connection", retryable=True)
    reply = _Reply(
        content="".join(text),
        reasoning_content="".join(thought) or None,
        refusal="".join(declined) or None,
        tool_calls=list(calls.values()) or None,
    )
    whole.choices = [_Choice(message=reply, finish_reason=finish)]
    return whole, ttft


async def _drain(response: Any) -> None:
    """Reads what follows `[DONE]`, the end of the body, so that the connection serves the next request too."""
    from pyreqwest.exceptions import PyreqwestError

    with contextlib.suppress(TimeoutError, PyreqwestError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await response.body_reader.read_chunk() is not None:
                pass


def _extend(calls: dict[int, _Call], part: _Call) -> None:
    """Adds a piece to its call. Some servers number no call, or all of them 0: there a new id begins a new call."""
    known = next(reversed(calls.values()), None) if part.index is None else calls.get(part.index)
    if known is None or (part.id and known.id and part.id != known.id):
        place = part.index if part.index is not None and part.index not in calls else max(calls, default=-1) + 1
        known = calls[place] = _Call()
    known.id = part.id or known.id
    known.function.name = known.function.name or part.function.name
    known.function.arguments = _arguments(known.function) + _arguments(part.function)


def words_of(data: bytes, hide: str) -> str:
    """What the server said, short enough to show, without the key."""
    text = data[:4000].decode("utf-8", "replace")
    try:
        said = msgspec.json.decode(data)
        said = said.get("error", said.get("detail", said))
        text = str(said.get("message", said) if isinstance(said, dict) else said)
    except (ValueError, AttributeError, RecursionError):
        text = re.sub(r"<[^>]*>", " ", text)
    text = text.replace(hide, "***") if hide else text
    return " ".join(text.split())[:400] or "(empty body)"
