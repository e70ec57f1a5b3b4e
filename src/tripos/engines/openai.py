"""The OpenAI-compatible protocol: vLLM, SGLang, llama.cpp, Ollama, LM Studio, `transformers serve`, hosted services.

Bodies are built and read by msgspec and sent through pyreqwest (chosen by measurement, see ARCHITECTURE.md). Nothing is
fetched behind the user's back: no tokenizer, no price list, no model card. Proxies of the environment (`HTTPS_PROXY`, …)
are used, except for servers of this machine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tripos.core.errors import ConfigError, EngineError, nearest
from tripos.core.records import Completion, GenerationParams, Message
from tripos.core.secret import without_password
from tripos.engines.chat_completion import Body, assemble, completion_of, read, words_of
from tripos.engines.discovery import api_key_for, default_base_url
from tripos.engines.engine import EngineSettings, Preflight, engine
from tripos.engines.hosted import fault, is_here, missing_key
from tripos.engines.prices import cost_usd

_HOSTED = "https://api.openai.com/"
_REASONING_MODEL = re.compile(r"^(ft:)?(o\d|gpt-5(?!.*chat))")  # these take max_completion_tokens and no temperature
_LISTING_SECONDS = 10


_encode = msgspec.json.Encoder().encode


@engine("openai", "openai-compatible", "vllm", "sglang", "llamacpp", "ollama", "lmstudio", "mlx")
class OpenAICompatible:
    """One model behind `{base_url}/v1/chat/completions`."""

    simulated = False

    def __init__(self, settings: EngineSettings) -> None:
        self.key = str(settings.options.get("engine", "openai"))
        for name in settings.options.keys() - {"engine"}:
            raise ConfigError(f"option {name!r}: the {self.key} engine takes none")
        self.url = normalise(settings.base_url or default_base_url(self.key) or _HOSTED)
        self.settings = settings
        self._shown = without_password(self.url)
        self.endpoint_id = self._shown
        self._api_key = _header_safe(settings.api_key or api_key_for(self.key) or "", self._shown)
        self.hosted = self.url.startswith(_HOSTED)
        self._reasoning = self.hosted and _REASONING_MODEL.match(settings.model) is not None
        self.omitted = frozenset({"temperature"} if self._reasoning else ())
        self._chat_url = f"{self.url}/chat/completions"
        self._client: Any = None

    def _connect(self) -> Any:
        if self._client is None:
            from pyreqwest.client import ClientBuilder

            headers = {"Content-Type": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            limit = timedelta(seconds=self.settings.timeout_seconds)  # pyreqwest goes on with a request whose task was cancelled
            builder = ClientBuilder().default_headers(headers).connect_timeout(timedelta(seconds=20)).timeout(limit).follow_redirects(False)
            if self.settings.stream:  # a whole answer that is not streamed may be silent for long: that is no stall
                builder = builder.read_timeout(timedelta(seconds=self.settings.stall_seconds))
            if is_here(self.url):
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
            raise _transport_error(error, self._shown, self._late(time.perf_counter() - began)) from error
        completion = completion_of(body, raw, self.settings.model, time.perf_counter() - began, started_at, ttft)
        return msgspec.structs.replace(completion, cost_usd=cost_usd(self.settings.model, completion.usage)) if self.hosted else completion

    def _late(self, seconds: float) -> EngineError:
        limit = self.settings.timeout_seconds
        if self.settings.stream and seconds < 0.99 * limit:
            said = f"{self._shown}: connected, but no byte for {self.settings.stall_seconds:g} s"
            return EngineError(said, kind="stalled", retryable=True)
        return EngineError(f"{self._shown}: no answer within {limit:g} s", kind="timeout", retryable=True)

    async def _whole(self, response: Any) -> tuple[Body, None, str]:
        data = bytes(await response.bytes())
        if response.status != 200:
            raise _refusal(response, data, f"{self._shown}/chat/completions", self._api_key)
        return read(data, self._api_key), None, data.decode("utf-8", "replace")

    async def _streamed(self, response: Any, began: float) -> tuple[Body, float | None, str]:
        if response.status != 200 or "json" in (response.get_header("content-type") or ""):  # no stream, whatever was asked for
            return await self._whole(response)
        body, ttft = await assemble(response, began, self._api_key)
        return body, ttft, msgspec.json.encode(body).decode()

    async def preflight(self) -> Preflight:
        """GET /models. A server without a (working) list gets a warning, one that lists other models is refused."""
        url = f"{self._shown}/models"
        if self.hosted and not self._api_key:
            raise missing_key("openai", "OPENAI_API_KEY", "--api-key (of a judge: --judge-base-url or --judge-api-key-env)")
        try:
            response = await self._connect().get(f"{self.url}/models").timeout(timedelta(seconds=_LISTING_SECONDS)).build().send()
            data = bytes(await response.bytes())
        except Exception as error:
            late = EngineError(f"{url}: no answer within {_LISTING_SECONDS} s", kind="timeout", retryable=True)
            raise _transport_error(error, self._shown, late) from error
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
    bare = url.strip() if "://" in url else f"http://{url.strip()}"
    bare = bare.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    try:
        parts = urlsplit(bare)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", bare):
        shown = without_password(re.sub(r"[?#].*", "?…", url))
        raise ConfigError(f"base URL {shown!r} cannot be used; write for example http://localhost:8000/v1")
    return re.sub(r"(/v1)+$", "/v1", bare) if parts.path else f"{bare}/v1"


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


def _refusal(response: Any, data: bytes, url: str, hide: str) -> EngineError:
    """The error for a status other than 200, in the server's words."""
    status, words = response.status, words_of(data, hide)
    if 300 <= status < 400:
        target = (response.get_header("location") or "nowhere").removesuffix("/chat/completions").removesuffix("/models")
        return EngineError(
            f"{url} redirects to {without_password(target)} (HTTP {status}): give that as base URL", kind="not_found", status=status
        )
    if status == 429 and b"insufficient_quota" in data:  # an empty account, not a busy one
        return EngineError(f"{url} answered 429: {words}", kind="auth", status=status)
    headers = {name: value for name in ("retry-after-ms", "retry-after") if (value := response.get_header(name))}
    return fault(url, status, words, headers)


def _transport_error(error: Exception, url: str, late: EngineError) -> Exception:
    """What to raise for an error of the client; `late` where time ran out. An error that is not the client's stays what it is."""
    from pyreqwest import exceptions as wire

    if not isinstance(error, wire.PyreqwestError):
        return error
    details = getattr(error, "details", None) or {}
    causes = [str(cause["message"]) for cause in details.get("causes") or ()] or [str(error)]
    if isinstance(error, wire.RequestTimeoutError) and "client error (Connect)" not in causes:
        return late
    said = f"{url}: {causes[-1]}"[:300]
    if isinstance(error, wire.BuilderError):
        return EngineError(f"{said}: not a usable address", kind="not_found")
    return EngineError(said, kind="connection", retryable=True)
