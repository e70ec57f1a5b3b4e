"""Claude models through Anthropic's own SDK (Messages API).

The SDK sends and receives; its retries are off, because retries belong to `Endpoint`. Sampling parameters that a model
refuses (Claude Opus 4.7 and later take no temperature) are left out after the first refusal, which is raised as
retryable and so stands in the record of the candidate that met it; see `Anthropic.omitted`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tripos.core.errors import EngineError, ErrorKind
from tripos.core.records import Completion, GenerationParams, Message, ToolCall, Usage, text_of
from tripos.engines.discovery import api_key_for, default_base_url
from tripos.engines.engine import EngineSettings, Preflight, engine
from tripos.engines.hosted import (
    Keepsakes,
    account_id,
    arguments_object,
    fault,
    is_here,
    missing_key,
    missing_package,
    not_listed,
    refused,
    split_data_url,
)
from tripos.engines.prices import cost_usd

_log = logging.getLogger(__name__)
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_STREAM_STATUS = {"rate_limit_error": 429, "overloaded_error": 529, "authentication_error": 401, "invalid_request_error": 400}
_NOT_TAKEN = re.compile(r"deprecated|not supported|unsupported|cannot both|does not support|may only be set|non-default", re.I)
_NO_PROXY = dict.fromkeys(("all://", "http://", "https://"))  # the SDK asks the environment even where it is told not to trust it


@engine("anthropic")
class Anthropic:
    """One Claude model. Option `beta`: a list of beta headers."""

    key = "anthropic"
    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.url = settings.base_url or default_base_url(self.key)
        self._api_key = settings.api_key or api_key_for(self.key)
        self.endpoint_id = account_id(self.key, self.url, self._api_key)
        self.omitted: frozenset[str] = frozenset()
        """Sampling parameters that the model refused and that are no longer sent."""
        self._thoughts = Keepsakes()
        self._sdk: Any = None

    def _client(self) -> Any:
        if self._sdk is None:
            if not self._api_key:
                raise missing_key(self.key, "ANTHROPIC_API_KEY")
            try:
                import anthropic
            except ImportError as error:
                raise missing_package(self.key, error) from error
            silence = self.settings.stall_seconds if self.settings.stream else self.settings.timeout_seconds
            headers = {"anthropic-beta": ",".join(beta)} if (beta := self.settings.options.get("beta")) else None
            self._sdk = anthropic.AsyncAnthropic(
                api_key=self._api_key,
                base_url=self.url,
                max_retries=0,
                timeout=anthropic.Timeout(self.settings.timeout_seconds, read=silence, connect=20.0),
                default_headers=headers,
                http_client=anthropic.DefaultAsyncHttpxClient(mounts=_NO_PROXY) if is_here(self.url) else None,
            )
        return self._sdk

    async def preflight(self) -> Preflight:
        """The key is there and the service knows the model (aliases count). A gateway without a model list gets a warning."""
        client = self._client()
        where = str(client.base_url)
        try:
            with _translated(where, streamed=False):
                await client.models.retrieve(self.settings.model, timeout=20.0)
        except EngineError as error:
            if error.kind != "not_found":
                raise
        else:
            return Preflight(where)
        try:
            with _translated(where, streamed=False):
                page = await client.models.list(limit=1000, timeout=20.0)
        except EngineError as error:
            if error.kind != "not_found":
                raise
            return Preflight(where, None, (f"{where} has no list of models; going on with {self.settings.model!r}",))
        raise not_listed(where, self.settings.model, tuple(m.id for m in page.data))

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """One request, one attempt; see `Engine`."""
        client = self._client()
        request = self._request(messages, params, tools)
        started_at, began = time.time(), time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                with _translated(str(client.base_url), streamed=self.settings.stream):
                    raw, request_id, ttft = await (_streamed(client, request, began) if self.settings.stream else _whole(client, request))
        except TimeoutError as error:
            raise EngineError(f"no answer within {self.settings.timeout_seconds:g} s", kind="timeout", retryable=True) from error
        except EngineError as error:
            self._learn(error, request)
            raise
        latency = time.perf_counter() - began
        body = _read(raw)
        self._remember(body)
        completion = _completion(body, raw, self.settings.model)
        return msgspec.structs.replace(
            completion, latency_seconds=latency, ttft_seconds=ttft, started_at=started_at, request_id=request_id or completion.request_id
        )

    async def close(self) -> None:
        """Closes the connection pool."""
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    def _request(self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if params.seed is not None:
            _log.warning("the Messages API has no seed: seed=%s is not sent", params.seed)
        sampling = {"temperature": params.temperature, "top_p": params.top_p}
        sent = {name: value for name, value in sampling.items() if value is not None and name not in self.omitted}
        request: dict[str, Any] = {
            "model": self.settings.model,
            "max_tokens": params.max_tokens,
            "messages": self._conversation(messages),
            "system": "\n\n".join(text_of(m.content) for m in messages if m.role in ("system", "developer")) or None,
            "stop_sequences": list(params.stop) or None,
            "tools": [_tool(t) for t in tools] or None,
            "extra_body": {**sent, **params.extra},  # the SDK of 2026 has no sampling arguments any more, the API has
        }
        return {name: value for name, value in request.items() if value is not None}

    def _conversation(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Turns of user and assistant; the results of one turn's tool calls come back in one user message."""
        turns: list[dict[str, Any]] = []
        for message in messages:
            if message.role in ("system", "developer"):
                continue
            role = "user" if message.role == "tool" else message.role
            blocks = self._blocks(message)
            if not blocks:
                continue  # the API takes no empty turn
            if turns and turns[-1]["role"] == role:
                turns[-1]["content"] += blocks
            else:
                turns.append({"role": role, "content": blocks})
        return turns

    def _blocks(self, message: Message) -> list[dict[str, Any]]:
        if message.role == "tool":
            return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": text_of(message.content)}]
        thoughts = self._thoughts.get(message.tool_calls[0].id, []) if message.tool_calls else []
        calls = [{"type": "tool_use", "id": c.id, "name": c.name, "input": arguments_object(c.arguments)} for c in message.tool_calls]
        return [*thoughts, *_parts(message), *calls]

    def _remember(self, body: dict[str, Any]) -> None:
        """Thinking that led to a tool call must come back, signed, with the result of the call."""
        first_call = next((b["id"] for b in body["content"] if b.get("type") == "tool_use"), None)
        thoughts = [b for b in body["content"] if b.get("type") in ("thinking", "redacted_thinking")]
        if first_call is not None and thoughts:
            self._thoughts[first_call] = thoughts

    def _learn(self, error: EngineError, request: dict[str, Any]) -> None:
        """After 'this model takes no temperature', the same request without it can succeed."""
        words = str(error)
        if error.status != 400 or not _NOT_TAKEN.search(words):
            return
        named = {name for name in ("temperature", "top_p") if name in request["extra_body"] and name in words}
        if "cannot both" in words.lower():
            named &= {"top_p"}
        if named:
            self.omitted |= named
            error.retryable = True
            error.add_note(f"{', '.join(sorted(named))} will not be sent to {self.settings.model} any more")
            _log.warning("%s refuses %s: asked without it from now on", self.settings.model, " and ".join(sorted(named)))


async def _whole(client: Any, request: dict[str, Any]) -> tuple[str, str | None, float | None]:
    response = await client.messages.with_raw_response.create(**request)
    return response.http_response.text, response.headers.get("request-id"), None


async def _streamed(client: Any, request: dict[str, Any], began: float) -> tuple[str, str | None, float | None]:
    ttft: float | None = None
    async with client.messages.stream(**request) as stream:
        async for event in stream:
            if ttft is None and event.type == "content_block_delta":
                ttft = time.perf_counter() - began
        try:
            message = stream.current_message_snapshot
        except AssertionError:
            message = None  # not even a first event
        if message is None or message.stop_reason is None:
            raise EngineError("the stream ended before the answer did", kind="connection", retryable=True)
        return message.to_json(indent=None), stream.request_id, ttft


def parse_raw(raw: str, model: str) -> Completion:
    """Reads a stored response again. Times are those of the recording and are not known here.

    Raises:
        EngineError: it is not a message of the Messages API.
    """
    return _completion(_read(raw), raw, model)


def _read(raw: str) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise EngineError(f"the answer is not JSON ({error}): {raw[:200]!r}", kind="malformed", retryable=True) from error
    if not isinstance(body, dict) or not isinstance(body.get("content"), list):
        raise EngineError(f"the answer is not a message: {raw[:200]!r}", kind="malformed", retryable=True)
    return body


def _completion(body: dict[str, Any], raw: str, model: str) -> Completion:
    blocks: dict[str, list[dict[str, Any]]] = {}
    for block in body["content"]:
        blocks.setdefault(block.get("type", ""), []).append(block)
    reported = body.get("usage") or {}
    usage, written = _usage(reported)
    hour = (reported.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    reason = body.get("stop_reason")
    return Completion(
        text="".join(b.get("text", "") for b in blocks.get("text", ())),
        reasoning="\n".join(b.get("thinking", "") for b in blocks.get("thinking", ())) or None,
        tool_calls=tuple(ToolCall(id=b["id"], name=b["name"], arguments=json.dumps(b["input"])) for b in blocks.get("tool_use", ())),
        finish_reason=_FINISH.get(reason, reason) if reason else None,
        usage=usage,
        cost_usd=None if hour else cost_usd(model, usage, cache_write_tokens=written),  # an hour's cache has another price
        model=body.get("model") or model,
        request_id=body.get("id"),
        raw=raw,
    )


def _usage(reported: dict[str, Any]) -> tuple[Usage, int]:
    """Usage in our words, and tokens written to the cache. The API counts cached tokens beside `input_tokens`, we within."""
    plain, read = reported.get("input_tokens"), reported.get("cache_read_input_tokens")
    written = reported.get("cache_creation_input_tokens") or 0
    usage = Usage(
        prompt_tokens=None if plain is None else plain + (read or 0) + written,
        completion_tokens=reported.get("output_tokens"),
        reasoning_tokens=(reported.get("output_tokens_details") or {}).get("thinking_tokens"),
        cached_tokens=read,
    )
    return usage, written


def _parts(message: Message) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}] if message.content.strip() else []
    return [_part(part) for part in message.content]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "text", "text": part["text"]}
    if part.get("type") != "image_url":
        raise refused("anthropic", f"a content part of type {part.get('type')!r}")
    image = part["image_url"]
    url = image["url"] if isinstance(image, dict) else image
    inline = split_data_url(url)
    if inline is None:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": {"type": "base64", "media_type": inline[0], "data": url.partition(",")[2]}}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI-style function as the Messages API wants it; anything else goes through as it is."""
    function = tool.get("function")
    if function is None:
        return tool
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    described = {"description": function["description"]} if function.get("description") else {}
    return {"name": function["name"], "input_schema": schema, **described}


@contextmanager
def _translated(where: str, *, streamed: bool) -> Iterator[None]:
    """Failures of the SDK and of its transport as `EngineError`."""
    import anthropic
    import httpx2

    silent: ErrorKind = "stalled" if streamed else "timeout"
    try:
        yield
    except anthropic.APIStatusError as error:
        status = error.status_code
        if status < 400:  # an error event within a stream that began well
            body = error.body if isinstance(error.body, dict) else {}
            status = _STREAM_STATUS.get((body.get("error") or {}).get("type", ""), 500)
        raise fault(where, status, _words(error), error.response.headers) from error
    except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        connecting = isinstance(error.__cause__ or error, httpx2.ConnectTimeout)
        kind: ErrorKind = "connection" if connecting else silent
        raise EngineError(f"{where}: {'no connection' if connecting else 'no byte'} in time", kind=kind, retryable=True) from error
    except (anthropic.APIConnectionError, httpx2.TransportError) as error:
        cause = error.__cause__ or error
        raise EngineError(f"{where}: {type(cause).__name__}: {cause}", kind="connection", retryable=True) from error
    except anthropic.APIResponseValidationError as error:
        raise EngineError(f"{where}: the answer cannot be read: {error}", kind="malformed", retryable=True) from error
    except (ValueError, RuntimeError, IndexError, AttributeError, KeyError) as error:  # what the SDK's reader raises on nonsense
        raise EngineError(f"{where}: the answer cannot be read: {error!r}", kind="malformed", retryable=True) from error


def _words(error: Any) -> str:
    body = error.body
    if isinstance(body, dict):
        said = body.get("error", body)
        return str(said.get("message", said) if isinstance(said, dict) else said)
    return str(body or error)
