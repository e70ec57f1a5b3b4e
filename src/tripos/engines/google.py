"""Gemini models through Google's own SDK (`google-genai`, the Gemini API with a key).

The SDK sends and receives over a connection pool of ours, so that its silent re-sending is off and a stall can be told
from a long answer. `params.extra` is merged into the request body as it is (`{"generationConfig": {…}}`).
"""

from __future__ import annotations

import asyncio
import json
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

_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_BLOCKED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "LANGUAGE"}
_HOME = "https://generativelanguage.googleapis.com"


@engine("google", "gemini")
class Google:
    """One Gemini model."""

    key = "google"
    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.url = settings.base_url or default_base_url(self.key) or _HOME
        self._api_key = settings.api_key or api_key_for(self.key)
        self.endpoint_id = account_id(self.key, self.url, self._api_key)
        self._signatures = Keepsakes()
        self._sdk: Any = None
        self._pool: Any = None

    def _client(self) -> Any:
        if self._sdk is None:
            if not self._api_key:
                raise missing_key(self.key, "GEMINI_API_KEY", "GOOGLE_API_KEY")
            try:
                import httpx2
                from google import genai
                from google.genai import types
            except ImportError as error:
                raise missing_package(self.key, error) from error
            silence = self.settings.stall_seconds if self.settings.stream else self.settings.timeout_seconds
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=512)
            timeout = httpx2.Timeout(self.settings.timeout_seconds, read=silence, connect=20.0)
            self._pool = _pool_class()(timeout=timeout, limits=limits, trust_env=not is_here(self.url))
            options = types.HttpOptions(base_url=self.url, httpx_async_client=self._pool, retry_options=types.HttpRetryOptions(attempts=1))
            self._sdk = genai.Client(api_key=self._api_key, enterprise=False, http_options=options)
        return self._sdk

    async def preflight(self) -> Preflight:
        """The key is there and the service knows the model."""
        client = self._client()
        try:
            with _translated(self.url, streamed=False):
                await client.aio.models.get(model=self.settings.model)
        except EngineError as error:
            if error.kind != "not_found":
                raise
        else:
            return Preflight(self.url)
        with _translated(self.url, streamed=False):
            page = await client.aio.models.list(config={"page_size": 1000, "query_base": True})
        raise not_listed(self.url, self.settings.model, tuple((m.name or "").removeprefix("models/") for m in page.page))

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
        ask = _streamed if self.settings.stream else _whole
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                with _translated(self.url, streamed=self.settings.stream):
                    body, ttft = await ask(client, request, began)
        except TimeoutError as error:
            raise EngineError(f"no answer within {self.settings.timeout_seconds:g} s", kind="timeout", retryable=True) from error
        latency = time.perf_counter() - began
        completion = parse_raw(json.dumps(body), self.settings.model)
        self._remember(body, completion)
        return msgspec.structs.replace(completion, latency_seconds=latency, ttft_seconds=ttft, started_at=started_at)

    async def close(self) -> None:
        """Closes the connection pool."""
        if self._sdk is not None:
            await self._pool.aclose()
            await self._sdk.aio.aclose()
            self._sdk.close()
            self._sdk = self._pool = None

    def _request(self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
        from google.genai import types

        system = "\n\n".join(text_of(m.content) for m in messages if m.role in ("system", "developer"))
        declared = [types.FunctionDeclaration(**_function(t)) for t in tools]
        config = types.GenerateContentConfig(
            system_instruction=system or None,
            temperature=params.temperature,
            top_p=params.top_p,
            max_output_tokens=params.max_tokens,
            stop_sequences=list(params.stop) or None,
            seed=params.seed,
            tools=[types.Tool(function_declarations=declared)] if declared else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            http_options=types.HttpOptions(extra_body=dict(params.extra)) if params.extra else None,
        )
        return {"model": self.settings.model, "contents": self._conversation(messages), "config": config}

    def _conversation(self, messages: Sequence[Message]) -> list[Any]:
        from google.genai import types

        names = {call.id: call.name for message in messages for call in message.tool_calls}
        turns: list[Any] = []
        for message in messages:
            if message.role in ("system", "developer"):
                continue
            role = "model" if message.role == "assistant" else "user"
            parts = [_result(message, names)] if message.role == "tool" else self._parts(message)
            if not parts:
                continue
            if turns and turns[-1].role == role:
                turns[-1].parts.extend(parts)
            else:
                turns.append(types.Content(role=role, parts=parts))
        return turns

    def _parts(self, message: Message) -> list[Any]:
        from google.genai import types

        content = [{"type": "text", "text": message.content}] if isinstance(message.content, str) else message.content
        parts = [_part(p) for p in content if p.get("type") != "text" or p["text"]]
        for call in message.tool_calls:
            asked = types.FunctionCall(name=call.name, args=arguments_object(call.arguments))
            parts.append(types.Part(function_call=asked, thought_signature=self._signatures.get(call.id)))
        return parts

    def _remember(self, body: dict[str, Any], completion: Completion) -> None:
        """Signed thoughts must come back with the call that they led to."""
        calls = [part for part in _answer_parts(body) if "functionCall" in part]
        for call, part in zip(completion.tool_calls, calls, strict=True):
            if part.get("thoughtSignature"):
                self._signatures[call.id] = part["thoughtSignature"]


async def _whole(client: Any, request: dict[str, Any], began: float) -> tuple[dict[str, Any], float | None]:
    return _plain(await client.aio.models.generate_content(**request)), None


async def _streamed(client: Any, request: dict[str, Any], began: float) -> tuple[dict[str, Any], float | None]:
    """Puts the chunks together into the shape of a whole answer."""
    whole: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []
    ttft: float | None = None
    async for chunk in await client.aio.models.generate_content_stream(**request):
        body = _plain(chunk)
        said = _answer_parts(body)
        if said and ttft is None:
            ttft = time.perf_counter() - began
        parts += said
        candidates = [{**(whole.get("candidates") or [{}])[0], **c} for c in (body.get("candidates") or [])[:1]]
        whole = {**whole, **body, **({"candidates": candidates} if candidates else {})}
    if parts:
        whole["candidates"][0]["content"] = {"role": "model", "parts": _joined(parts)}
    ended = any(c.get("finishReason") for c in whole.get("candidates") or ()) or whole.get("promptFeedback")
    if not ended:
        raise EngineError("the stream ended before the answer did", kind="connection", retryable=True)
    return whole, ttft


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring pieces of one text become one part."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        plain = set(part) <= {"text", "thought"}
        if joined and plain and set(joined[-1]) <= {"text", "thought"} and joined[-1].get("thought") == part.get("thought"):
            joined[-1] = {**joined[-1], "text": joined[-1].get("text", "") + part.get("text", "")}
        else:
            joined.append(part)
    return joined


def _plain(response: Any) -> dict[str, Any]:
    unsent = {"sdk_http_response", "parsed", "automatic_function_calling_history"}
    body: dict[str, Any] = json.loads(response.model_dump_json(by_alias=True, exclude_none=True, exclude=unsent))
    return body


def parse_raw(raw: str, model: str) -> Completion:
    """Reads a stored response. Times are those of the recording and are not known here.

    Raises:
        EngineError: it is not an answer of the Gemini API.
    """
    body = json.loads(raw)
    blocked = (body.get("promptFeedback") or {}).get("blockReason")
    candidate = (body.get("candidates") or [{}])[0]
    reason = candidate.get("finishReason")
    if not blocked and not reason:
        raise EngineError(f"the answer holds no finished candidate: {raw[:200]!r}", kind="malformed", retryable=True)
    parts = _answer_parts(body)
    response_id = body.get("responseId")
    calls = tuple(
        ToolCall(id=c.get("id") or f"call-{response_id}-{i}", name=c.get("name") or "", arguments=json.dumps(c.get("args") or {}))
        for i, c in enumerate(p["functionCall"] for p in parts if "functionCall" in p)
    )
    usage = _usage(body.get("usageMetadata") or {})
    return Completion(
        text="".join(p.get("text", "") for p in parts if not p.get("thought")),
        reasoning="".join(p.get("text", "") for p in parts if p.get("thought")) or None,
        tool_calls=calls,
        finish_reason=_finish(reason, bool(calls), bool(blocked)),
        usage=usage,
        cost_usd=cost_usd(model, usage),
        model=body.get("modelVersion") or model,
        request_id=response_id,
        raw=raw,
    )


def _answer_parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    candidate = (body.get("candidates") or [{}])[0]
    parts: list[dict[str, Any]] = (candidate.get("content") or {}).get("parts") or []
    return parts


def _finish(reason: str | None, called: bool, blocked: bool) -> str:
    if blocked or reason in _BLOCKED or (reason or "").startswith("IMAGE_"):
        return "content_filter"
    if called and reason == "STOP":
        return "tool_calls"
    return _FINISH.get(reason or "", (reason or "").lower())


def _usage(reported: dict[str, Any]) -> Usage:
    """Thoughts are billed as output and counted beside the answer by Google, within it by us."""
    said, thought = reported.get("candidatesTokenCount"), reported.get("thoughtsTokenCount")
    given, tools = reported.get("promptTokenCount"), reported.get("toolUsePromptTokenCount")
    return Usage(
        prompt_tokens=None if given is None else given + (tools or 0),
        completion_tokens=None if said is None and thought is None else (said or 0) + (thought or 0),
        reasoning_tokens=thought,
        cached_tokens=reported.get("cachedContentTokenCount"),
    )


def _part(part: dict[str, Any]) -> Any:
    from google.genai import types

    if part.get("type") == "text":
        return types.Part(text=part["text"])
    if part.get("type") != "image_url":
        raise refused("google", f"a content part of type {part.get('type')!r}")
    image = part["image_url"]
    url = image["url"] if isinstance(image, dict) else image
    inline = split_data_url(url)
    if inline is None:
        return types.Part(file_data=types.FileData(file_uri=url))
    return types.Part(inline_data=types.Blob(mime_type=inline[0], data=inline[1]))


def _result(message: Message, names: dict[str, str]) -> Any:
    from google.genai import types

    name = names.get(message.tool_call_id or "")
    if name is None:
        raise refused("google", f"the result of a tool call that nobody made ({message.tool_call_id!r})")
    return types.Part(function_response=types.FunctionResponse(name=name, response={"result": text_of(message.content)}))


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:
        raise refused("google", f"a tool without `function`: {tool!r}")
    schema = {"parameters_json_schema": function["parameters"]} if function.get("parameters") else {}
    return {"name": function["name"], "description": function.get("description"), **schema}


def _pool_class() -> Any:
    """The SDK passes `timeout=None` with every request, which would switch the limits of the pool off."""
    import httpx2

    class Pool(httpx2.AsyncClient):
        def build_request(self, *args: Any, timeout: Any = None, **kwargs: Any) -> Any:
            return super().build_request(*args, timeout=self.timeout if timeout is None else timeout, **kwargs)

    return Pool


@contextmanager
def _translated(where: str, *, streamed: bool) -> Iterator[None]:
    """Failures of the SDK and of its transport as `EngineError`."""
    import httpx2
    from google.genai import errors

    silent: ErrorKind = "stalled" if streamed else "timeout"
    try:
        yield
    except errors.APIError as error:
        raise _api_fault(where, error) from error
    except httpx2.TimeoutException as error:
        connecting = isinstance(error, httpx2.ConnectTimeout)
        kind: ErrorKind = "connection" if connecting else silent
        raise EngineError(f"{where}: {'no connection' if connecting else 'no byte'} in time", kind=kind, retryable=True) from error
    except httpx2.TransportError as error:
        raise EngineError(f"{where}: {type(error).__name__}: {error}", kind="connection", retryable=True) from error
    except (ValueError, TypeError, KeyError, AttributeError, errors.UnknownApiResponseError) as error:  # the SDK's reader on nonsense
        raise EngineError(f"{where}: the answer cannot be read: {str(error)[:300]}", kind="malformed", retryable=True) from error


def _api_fault(where: str, error: Any) -> EngineError:
    headers = getattr(error.response, "headers", None) or {}
    found = fault(where, int(error.code or 500), str(error.message or error.details), headers)
    details = json.dumps(error.details, default=str)
    if "API_KEY_INVALID" in details:
        found.kind = "auth"  # Google answers 400 to a wrong key
    delay = re.search(r'"retryDelay": ?"([\d.]+)s"', details)
    if delay and found.retryable and found.retry_after_seconds is None:
        found.retry_after_seconds = float(delay.group(1))
    return found
