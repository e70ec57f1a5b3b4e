"""The OpenAI-compatible protocol: vLLM, SGLang, llama.cpp, Ollama, LM Studio, `transformers serve`, hosted services.

Bodies are built and read by msgspec and sent through pyreqwest (chosen by measurement, see ARCHITECTURE.md). Nothing is
fetched behind the user's back: no tokenizer, no price list, no model card. Proxies of the environment (`HTTPS_PROXY`, …)
are used, except for servers of this machine.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from tripos.core.errors import ConfigError, EngineError, nearest, unknown
from tripos.core.records import Completion, GenerationParams, Message, ToolCall, Usage
from tripos.core.secret import without_password
from tripos.engines.discovery import api_key_for, default_base_url
from tripos.engines.engine import EngineSettings, Preflight, engine
from tripos.engines.hosted import fault
from tripos.engines.prices import cost_usd

_HOSTED = "https://api.openai.com/"
_REASONING_MODEL = re.compile(r"^(ft:)?(o\d|gpt-5(?!.*chat))")  # these take max_completion_tokens and no temperature
_BROKEN = {"error", "abort", "insufficient_system_resource"}  # OpenRouter, SGLang and vLLM, DeepSeek: the server gave up
_LISTING_SECONDS = 10


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
        for name in settings.options.keys() - {"engine"}:
            raise ConfigError(unknown(f"option of the {self.key} engine", name, ()))
        self.url = normalise(settings.base_url or default_base_url(self.key) or _HOSTED)
        self.settings = settings
        self._shown = without_password(self.url)
        self.endpoint_id = self._shown
        self._api_key = _header_safe(settings.api_key or api_key_for(self.key) or "", self._shown)
        self._hosted = self.url.startswith(_HOSTED)
        self._reasoning = self._hosted and _REASONING_MODEL.match(settings.model) is not None
        self.omitted = frozenset({"temperature"} if self._reasoning else ())
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
            if _is_here(self.url):
                builder = builder.no_proxy()
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
                    body, ttft, raw = await self._streamed(response, began)
            else:
                response = await request.build().send()
                body, ttft, raw = await self._whole(response)
        except EngineError:
            raise
        except Exception as error:
            raise _transport_error(error, self._shown, self.settings.stall_seconds) from error
        completion = _completion(body, raw, self.settings.model, time.perf_counter() - began, started_at, ttft)
        return msgspec.structs.replace(completion, cost_usd=cost_usd(self.settings.model, completion.usage)) if self._hosted else completion

    async def _whole(self, response: Any) -> tuple[_Body, None, str]:
        data = bytes(await response.bytes())
        if response.status != 200:
            raise _refusal(response, data, f"{self._shown}/chat/completions", self._api_key)
        return _read(data, self._api_key), None, data.decode("utf-8", "replace")

    async def _streamed(self, response: Any, began: float) -> tuple[_Body, float | None, str]:
        if response.status != 200 or "json" in (response.get_header("content-type") or ""):  # no stream, whatever was asked for
            return await self._whole(response)
        body, ttft = await _assemble(response, began, self._api_key)
        return body, ttft, msgspec.json.encode(body).decode()

    async def preflight(self) -> Preflight:
        """GET /models. A server without a (working) list gets a warning, one that lists other models is refused."""
        url = f"{self._shown}/models"
        try:
            response = await self._connect().get(f"{self.url}/models").timeout(timedelta(seconds=_LISTING_SECONDS)).build().send()
            data = bytes(await response.bytes())
        except Exception as error:
            raise _transport_error(error, self._shown, _LISTING_SECONDS, "timeout") from error
        if 300 <= response.status < 400 or response.status in (401, 403, 502, 503, 504):
            raise _refusal(response, data, url, self._api_key)
        try:
            listed = tuple(str(m["id"]) for m in msgspec.json.decode(data)["data"]) if response.status == 200 else None
        except (ValueError, KeyError, TypeError):
            listed = None
        model = self.settings.model
        if not listed:
            return Preflight(
                self._shown, None, (f"{url} lists no models (HTTP {response.status}); going on with {model!r}", *self._warnings())
            )
        if not {model, f"{model}:latest", f"models/{model}"} & set(listed):  # Ollama and Google know a model by both
            guess = nearest(model, listed)
            hint = f"; did you mean {guess!r}?" if guess else "."
            have = ", ".join(listed[:12]) + (", …" if len(listed) > 12 else "")
            raise EngineError(f"{self._shown} does not serve {model!r}{hint} It serves: {have}", kind="not_found", status=404)
        return Preflight(self._shown, listed, self._warnings())

    def _warnings(self) -> tuple[str, ...]:
        return (f"{self.settings.model} takes no temperature: none is sent",) if self._reasoning else ()

    async def close(self) -> None:
        """Closes the connection pool."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _body(self, messages: Sequence[Message], params: GenerationParams, tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.settings.model, "messages": [_wire(m) for m in messages]}
        if self._reasoning:
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
        if params.extra:
            body.update(params.extra)
        return body


def normalise(url: str) -> str:
    """A base URL that ends with a version: `/v1` is added where there is no path; a path that is there is kept.

    Raises:
        ConfigError: it is no http address, or has a query, which cannot be kept.
    """
    bare = url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    bare = bare if "://" in bare else f"http://{bare}"
    try:
        parts = urlsplit(bare)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", bare):
        shown = without_password(re.sub(r"[?#].*", "?…", url))
        raise ConfigError(f"base URL {shown!r} cannot be used; write for example http://localhost:8000/v1")
    return re.sub(r"(/v1)+$", "/v1", bare) if parts.path else f"{bare}/v1"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def _header_safe(api_key: str, shown: str) -> str:
    key = api_key.strip()
    if not key.isprintable() or not key.isascii():
        raise ConfigError(f"the API key for {shown} holds a character that no key can hold (a line break, or not ASCII)")
    return key


def _wire(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _read(data: bytes, hide: str = "") -> _Body:
    """A whole answer. `hide` is the key, should the server repeat it in what it says."""
    body = _parse(data, hide)
    if body.error:
        raise EngineError(f"the server answered 200 with an error: {_words(data, hide)}", kind="server_error", retryable=True)
    if not body.choices or body.choices[0].message is None:
        raise EngineError(f"the server's answer holds no choice: {_words(data, hide)}", kind="malformed", retryable=True)
    return body


def _parse(data: bytes, hide: str) -> _Body:
    try:
        return _decode(data)
    except (ValueError, RecursionError) as error:  # not JSON, another shape, not UTF-8
        try:  # half a surrogate pair is a character that the model left unfinished: U+FFFD, as servers in Python write it
            text = json.dumps(json.loads(data), ensure_ascii=False)
            return _decode(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        except (ValueError, RecursionError):
            said = f"the server's answer could not be read ({error}): {_words(data, hide)}"
            raise EngineError(said, kind="malformed", retryable=True) from error


def _completion(body: _Body, raw: str, model: str, latency_seconds: float, started_at: float, ttft: float | None) -> Completion:
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
            if line.startswith(b"data:") and (payload := line[5:].strip()):
                yield payload
    if pending.startswith(b"data:"):
        yield pending[5:].strip()


async def _assemble(response: Any, began: float, hide: str) -> tuple[_Body, float | None]:
    """Puts a stream together into the shape of a whole answer. Returns it and the time to the first token."""
    whole, text, thought, declined = _Body(), [], [], []
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
            raise EngineError(f"the server broke the stream off: {_words(payload, hide)}", kind="server_error", retryable=True)
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


def _extend(calls: dict[int, _Call], part: _Call) -> None:
    """Adds a piece to its call. Some servers number no call, or all of them 0: there a new id begins a new call."""
    known = next(reversed(calls.values()), None) if part.index is None else calls.get(part.index)
    if known is None or (part.id and known.id and part.id != known.id):
        free = part.index is not None and part.index not in calls
        known = calls[part.index if free and part.index is not None else max(calls, default=-1) + 1] = _Call()
    known.id = part.id or known.id
    known.function.name = known.function.name or part.function.name
    known.function.arguments = _arguments(known.function) + _arguments(part.function)


def _refusal(response: Any, data: bytes, url: str, hide: str) -> EngineError:
    """The error for a status other than 200, in the server's words."""
    status, words = response.status, _words(data, hide)
    if 300 <= status < 400:
        target = (response.get_header("location") or "nowhere").removesuffix("/chat/completions").removesuffix("/models")
        return EngineError(
            f"{url} redirects to {without_password(target)} (HTTP {status}): give that as base URL", kind="not_found", status=status
        )
    if status == 429 and b"insufficient_quota" in data:  # an empty account, not a busy one
        return EngineError(f"{url} answered 429: {words}", kind="auth", status=status)
    headers = {name: value for name in ("retry-after-ms", "retry-after") if (value := response.get_header(name))}
    return fault(url, status, words, headers)


def _transport_error(error: Exception, url: str, seconds: float, silence: Literal["stalled", "timeout"] = "stalled") -> Exception:
    from pyreqwest import exceptions as wire

    if not isinstance(error, wire.PyreqwestError):
        return error
    if isinstance(error, wire.RequestTimeoutError) and not isinstance(error, wire.ConnectTimeoutError):
        return EngineError(f"{url}: connected, but no byte for {seconds:g} s", kind=silence, retryable=True)
    causes = getattr(error, "details", {}).get("causes") or [{"message": str(error.args[0] if error.args else error)}]
    said = f"{url}: {causes[-1]['message']}"[:300]
    if isinstance(error, wire.BuilderError):
        return EngineError(f"{said}: not a usable address", kind="not_found")
    return EngineError(said, kind="connection", retryable=True)


def _words(data: bytes, hide: str) -> str:
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
