"""The OpenAI-compatible protocol: vLLM, SGLang, llama.cpp, Ollama, LM Studio, `transformers serve`, hosted services.

Bodies are built and read by msgspec and sent through pyreqwest (chosen by measurement, see ARCHITECTURE.md). Nothing is
fetched behind the user's back: no tokenizer, no price list, no model card.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from tripos.core.errors import EngineError, ErrorKind, nearest
from tripos.core.records import Completion, GenerationParams, Message, ToolCall, Usage
from tripos.engines.discovery import api_key_for, default_base_url
from tripos.engines.engine import EngineSettings, Preflight, engine
from tripos.engines.prices import cost_usd

_HOSTED = "https://api.openai.com"
_REASONING_MODEL = re.compile(r"^(o\d|gpt-5(?!.*chat))")  # these take max_completion_tokens and no temperature


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | None = ""


class _Call(msgspec.Struct):
    id: str | None = None
    index: int = 0
    function: _Function = msgspec.field(default_factory=_Function)


class _Reply(msgspec.Struct):
    content: str | None = None
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


class _Body(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Body).decode


@engine("openai", "openai-compatible", "vllm", "sglang", "llamacpp", "ollama", "lmstudio", "mlx")
class OpenAICompatible:
    """One model behind `{base_url}/v1/chat/completions`."""

    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        self.key = str(settings.options.get("engine", "openai"))
        base = settings.base_url or default_base_url(self.key) or _HOSTED
        self.url = normalise(base)
        self.settings = settings
        self.endpoint_id = self.url
        self._api_key = settings.api_key or api_key_for(self.key) or ""
        self._hosted = self.url.startswith(_HOSTED)
        self._chat_url = f"{self.url}/chat/completions"
        self._client: Any = None

    def _connect(self) -> Any:
        if self._client is None:
            from pyreqwest.client import ClientBuilder

            headers = {"Content-Type": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            builder = ClientBuilder().default_headers(headers).connect_timeout(timedelta(seconds=20)).follow_redirects(False)
            if self.settings.stream:  # a whole answer that is not streamed may be silent for long: that is no stall
                builder = builder.read_timeout(timedelta(seconds=self.settings.stall_seconds))
            self._client = builder.build()
        return self._client

    async def generate(
        self,
        messages: Sequence[Message],
        params: GenerationParams,
        *,
        tools: Sequence[dict[str, Any]] = (),
        context: dict[str, Any] | None = None,
    ) -> Completion:
        """One POST; see `Engine`."""
        started_at, began = time.time(), time.perf_counter()
        request = self._connect().post(self._chat_url).body_bytes(_encode(self._body(messages, params, tools)))
        try:
            if self.settings.stream:  # buffering would deliver several chunks at once and spoil the time to first token
                async with request.streamed_read_buffer_limit(0).build_streamed() as response:
                    await _require_ok(response, self._chat_url)
                    body, ttft = await _assemble(response, began)
                raw = msgspec.json.encode(body).decode()
            else:
                response = await request.build().send()
                await _require_ok(response, self._chat_url)
                data = bytes(await response.bytes())
                body, ttft, raw = _read(data), None, data.decode("utf-8", "replace")
        except EngineError:
            raise
        except Exception as error:
            raise _transport_error(error, self.url) from error
        completion = _completion(body, raw, self.settings.model, time.perf_counter() - began, started_at, ttft)
        return msgspec.structs.replace(completion, cost_usd=cost_usd(self.settings.model, completion.usage)) if self._hosted else completion

    async def preflight(self) -> Preflight:
        """GET /models. A server without a (working) list gets a warning, one that lists other models is refused."""
        url = f"{self.url}/models"
        if self._hosted and not self._api_key:
            raise EngineError(f"{self.url} needs a key: set OPENAI_API_KEY, or give --api-key", kind="auth")
        try:
            response = await self._connect().get(url).timeout(timedelta(seconds=10)).build().send()
            data = bytes(await response.bytes())
        except Exception as error:
            raise _transport_error(error, self.url) from error
        if response.status in (401, 403):
            raise EngineError(f"{url} refused the key (HTTP {response.status}): {_words(data)}", kind="auth", status=response.status)
        try:
            listed = tuple(str(m["id"]) for m in msgspec.json.decode(data)["data"]) if response.status == 200 else None
        except (msgspec.DecodeError, KeyError, TypeError):
            listed = None
        if not listed:
            warnings = (f"{url} lists no models (HTTP {response.status}); going on with {self.settings.model!r}", *self._warnings())
            return Preflight(self.url, None, warnings)
        if self.settings.model not in listed:
            guess = nearest(self.settings.model, listed)
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise EngineError(
                f"{self.url} does not serve {self.settings.model!r}{hint} It serves: {', '.join(listed[:12])}", kind="not_found", status=404
            )
        return Preflight(self.url, listed, self._warnings())

    def _warnings(self) -> tuple[str, ...]:
        reasoning = self._hosted and _REASONING_MODEL.match(self.settings.model)
        return (f"{self.settings.model} takes no temperature: none is sent",) if reasoning else ()

    async def close(self) -> None:
        """Closes the connection pool."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _body(self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.settings.model, "messages": [_wire(m) for m in messages]}
        if self._hosted and _REASONING_MODEL.match(self.settings.model):
            body["max_completion_tokens"] = params.max_tokens
        else:
            body["max_tokens"], body["temperature"] = params.max_tokens, params.temperature
        if params.top_p is not None:
            body["top_p"] = params.top_p
        if params.stop:
            body["stop"] = list(params.stop)
        if params.seed is not None:
            body["seed"] = params.seed
        if tools:
            body["tools"] = list(tools)
        if self.settings.stream:
            body["stream"], body["stream_options"] = True, {"include_usage": True}
        return {**body, **params.extra}


def normalise(url: str) -> str:
    """A base URL with exactly one `/v1` at its end (unless the path already has a version or is not empty)."""
    bare = url.strip().rstrip("/").removesuffix("/chat/completions")
    if "://" not in bare:
        bare = f"http://{bare}"
    path = bare.partition("://")[2].partition("/")[2]
    return bare if path else f"{bare}/v1"


def _wire(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _read(data: bytes) -> _Body:
    try:
        body = _decode(data)
    except msgspec.DecodeError as error:
        raise EngineError(f"the server's answer could not be read ({error}): {_words(data)}", kind="malformed", retryable=True) from error
    if body.error:
        raise EngineError(f"the server answered 200 with an error: {body.error}", kind="server_error", retryable=True)
    if not body.choices or body.choices[0].message is None:
        raise EngineError(f"the server's answer holds no choice: {_words(data)}", kind="malformed", retryable=True)
    return body


def _completion(body: _Body, raw: str, model: str, latency_seconds: float, started_at: float, ttft: float | None) -> Completion:
    choice = body.choices[0]
    reply = choice.message or _Reply()
    return Completion(
        text=reply.content or reply.refusal or "",
        reasoning=reply.reasoning_content or reply.reasoning,
        tool_calls=tuple(
            ToolCall(id=c.id or "", name=c.function.name, arguments=c.function.arguments or "") for c in reply.tool_calls or ()
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


def parse_raw(raw: str, model: str) -> Completion:
    """Reads a stored response again, as `replay` does. Times are those of the recording and are not known here.

    Raises:
        EngineError: it is not a chat completion.
    """
    return _completion(_read(raw.encode()), raw, model, 0.0, 0.0, None)


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
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if pending.startswith(b"data:"):
        yield pending[5:].strip()


async def _assemble(response: Any, began: float) -> tuple[_Body, float | None]:
    """Puts a stream together into the shape of a whole answer. Returns it and the time to the first token."""
    whole, text, thought = _Body(), [], []
    calls: dict[int, _Call] = {}
    ttft: float | None = None
    finish: str | None = None
    ended = False
    async for payload in _lines(response):
        if payload == b"[DONE]":
            ended = True
            break
        try:
            part = _decode(payload)
        except msgspec.DecodeError as error:
            raise EngineError(f"a chunk of the stream could not be read: {_words(payload)}", kind="malformed", retryable=True) from error
        if part.error:
            raise EngineError(f"the server broke the stream off: {part.error}", kind="server_error", retryable=True)
        whole.id, whole.model, whole.usage = part.id or whole.id, part.model or whole.model, part.usage or whole.usage
        for choice in part.choices[:1]:
            delta = choice.delta or _Reply()
            said = delta.content or delta.reasoning_content or delta.reasoning or delta.tool_calls
            if said and ttft is None:
                ttft = time.perf_counter() - began
            text.append(delta.content or "")
            thought.append(delta.reasoning_content or delta.reasoning or "")
            finish = choice.finish_reason or finish
            for call in delta.tool_calls or ():
                _extend(calls, call)
    if not ended and finish is None:
        raise EngineError("the stream ended before the answer did", kind="connection", retryable=True)
    reply = _Reply(content="".join(text), reasoning_content="".join(thought) or None, tool_calls=list(calls.values()) or None)
    whole.choices = [_Choice(message=reply, finish_reason=finish)]
    return whole, ttft


def _extend(calls: dict[int, _Call], part: _Call) -> None:
    known = calls.setdefault(part.index, _Call(index=part.index))
    known.id = part.id or known.id
    known.function.name += part.function.name or ""
    known.function.arguments = (known.function.arguments or "") + (part.function.arguments or "")


async def _require_ok(response: Any, url: str) -> None:
    status = response.status
    if status == 200:
        return
    data = bytes(await response.bytes())
    words = _words(data)
    kind: ErrorKind = "bad_request"
    if status == 429:
        kind = "rate_limited"
    elif status in (408, 409) or status >= 500:
        kind = "server_error"
    elif status in (401, 403):
        kind = "auth"
    elif status == 404:
        kind = "not_found"
    elif "context" in words.lower() and ("length" in words.lower() or "token" in words.lower()):
        kind = "context_length"
    raise EngineError(
        f"HTTP {status} from {url}: {words}",
        kind=kind,
        retryable=kind in ("rate_limited", "server_error"),
        status=status,
        retry_after_seconds=_retry_after(response.get_header("retry-after")),
    )


def _retry_after(header: str | None) -> float | None:
    """Seconds, or an HTTP date, as RFC 9110 allows."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
        except ValueError:
            return None


def _transport_error(error: Exception, url: str) -> EngineError:
    from pyreqwest import exceptions as wire

    if isinstance(error, wire.ReadTimeoutError):
        return EngineError(f"{url}: connected, but no byte for a while", kind="stalled", retryable=True)
    if isinstance(error, wire.RequestTimeoutError):
        return EngineError(f"{url}: timed out", kind="timeout", retryable=True)
    if isinstance(error, wire.BuilderError):
        return EngineError(f"{url}: not a usable address: {error}", kind="not_found")
    return EngineError(f"{url}: {type(error).__name__}: {str(error)[:300]}", kind="connection", retryable=True)


def _words(data: bytes) -> str:
    """What the server said, short enough to show."""
    text = data[:2000].decode("utf-8", "replace")
    try:
        said = msgspec.json.decode(data)
        said = said.get("error", said.get("detail", said))
        text = str(said.get("message", said) if isinstance(said, dict) else said)
    except (msgspec.DecodeError, AttributeError, UnicodeDecodeError):
        pass
    return " ".join(text.split())[:400] or "(empty body)"
