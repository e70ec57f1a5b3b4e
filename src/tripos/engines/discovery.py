"""Which engine serves a model: by name (`cloud`), by asking the servers of this machine (`auto`), and at which address.

Only the local addresses below, or those that the variables name, are ever contacted.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tripos.core.errors import ConfigError, nearest, unknown

_LOCAL_PORTS = {"vllm": 8000, "sglang": 30000, "llamacpp": 8080, "ollama": 11434, "lmstudio": 1234, "mlx": 8080}
_PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "google": "google", "gemini": "google"}
_FAMILIES = (
    ("openai", re.compile(r"gpt-(?!oss)|chatgpt-|o[1-9](-|$)|ft:(gpt|o[1-9])")),  # gpt-oss has open weights: not hosted there
    ("anthropic", re.compile(r"claude-")),
    ("google", re.compile(r"(models/)?gemini-")),
)
_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "transformers": ("HF_TOKEN",),
}
_CLOUD_URLS = {
    "openai": ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "anthropic": ("ANTHROPIC_BASE_URL", None),
    "google": ("GOOGLE_GEMINI_BASE_URL", None),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", None),
}
_PROBE_SECONDS = 2.0
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp"}  # what servers call themselves in `owned_by`


@dataclass(frozen=True, slots=True)
class Found:
    """A server, or a hosted service, for a model.

    Attributes:
        engine: key of the engine that speaks its protocol.
        base_url: None means the engine's own default.
        model: the id under which it has the model asked for; None: it does not list it.
        models: all ids that it lists; empty for a hosted service, which was not asked.
    """

    engine: str
    base_url: str | None
    model: str | None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    engine: str
    url: str
    models: tuple[str, ...] | None
    problem: str = ""


def cloud_engine(model: str, provider: str | None = None) -> str:
    """The engine of a hosted model: what `provider` says, else the family of the name.

    Raises:
        ConfigError: an unknown provider, or a name that belongs to no known family.
    """
    if provider:
        if provider.lower() not in _PROVIDERS:
            raise ConfigError(unknown("provider", provider, _PROVIDERS))
        return _PROVIDERS[provider.lower()]
    for engine, family in _FAMILIES:
        if family.match(model.lower()):
            return engine
    raise ConfigError(
        f"engine 'cloud': no hosted service is known for model {model!r}; say which: provider = "
        f"{', '.join(map(repr, _PROVIDERS))}, or name an engine (vllm, ollama, …) or a base URL"
    )


def default_base_url(engine: str) -> str | None:
    """Where an engine is found unless the user says otherwise: `<ENGINE>_HOST`, `OPENAI_BASE_URL`, … or the usual port.

    None where the engine needs no address or knows its own.

    Raises:
        ConfigError: the variable holds something that is no address.
    """
    if engine in _CLOUD_URLS:
        variable, default = _CLOUD_URLS[engine]
        return os.environ.get(variable) or default
    if engine not in _LOCAL_PORTS:
        return None
    port, variable = _LOCAL_PORTS[engine], f"{engine.upper()}_HOST"
    given = os.environ.get(variable, "").strip()
    return _address(given, port, variable) if given else f"http://localhost:{port}"


def api_key_for(engine: str) -> str | None:
    """The key for an engine from the usual variables. A local server never gets the key of a hosted service."""
    return next((value for name in _KEYS.get(engine, ()) if (value := os.environ.get(name))), None)


async def discover(model: str) -> list[Found]:
    """The local servers that list their models, in the order in which they are preferred; `Found.model` tells who has it."""
    answers = await _ask_everybody()
    return [Found(a.engine, a.url, _match(model, a.models), a.models) for a in answers if a.models is not None]


async def choose(model: str) -> Found:
    """Engine `auto`: the first local server that lists the model, else the hosted service of its family if its key is set.

    Raises:
        ConfigError: neither; says who was asked, what they have, and the nearest id.
    """
    answers = await _ask_everybody()
    for answer in answers:
        if answer.models and (name := _match(model, answer.models)):
            return Found(answer.engine, answer.url, name, answer.models)
    family = next((engine for engine, pattern in _FAMILIES if pattern.match(model.lower())), None)
    if family is not None and api_key_for(family):
        return Found(family, default_base_url(family), model)
    raise ConfigError(_nobody(model, answers, family))


def _nobody(model: str, answers: list[_Answer], family: str | None) -> str:
    said = []
    for answer in answers:
        have = (
            f"lists {', '.join(answer.models[:8]) or 'nothing'}{', …' if len(answer.models) > 8 else ''}"
            if answer.models is not None
            else ""
        )
        said.append(f"{answer.engine} at {answer.url} {have or answer.problem}")
    guess = nearest(model, [m for a in answers for m in a.models or ()])
    hint = f"did you mean {guess!r}? " if guess else ""
    key = f"set {' or '.join(_KEYS[family])} to use {family}, " if family else ""
    return f"no engine has model {model!r}; {hint}Asked: {'; '.join(said)}. Start a server, {key}or name one with --engine or --base-url"


def _match(model: str, models: tuple[str, ...]) -> str | None:
    """The id itself; Ollama's `name` also stands for `name:latest`."""
    return next((name for name in (model, f"{model}:latest") if name in models), None)


def _address(given: str, port: int, variable: str) -> str:
    """`host`, `host:port` and `:port` get the usual scheme and port; a URL is taken as it is. 0.0.0.0 means this machine."""
    has_scheme = "://" in given
    try:
        parts = urlsplit(given if has_scheme else f"http://{given}")
        named_port = parts.port
    except ValueError as error:
        raise ConfigError(f"{variable}={given!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or (not parts.hostname and not given.startswith(":")):
        raise ConfigError(f"{variable}={given!r} is no address; write for example http://localhost:{port}")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", None: "localhost"}.get(parts.hostname, parts.hostname)
    shown = f"[{host}]" if host and ":" in host else host
    wanted = named_port or (None if has_scheme else port)
    return f"{parts.scheme}://{shown}{f':{wanted}' if wanted else ''}{parts.path.rstrip('/')}"


async def _ask_everybody() -> list[_Answer]:
    """One question per address, all at the same time; engines that share a port are asked once."""
    from pyreqwest.client import ClientBuilder

    addresses: dict[str, str] = {}
    for engine in _LOCAL_PORTS:
        addresses.setdefault(default_base_url(engine) or "", engine)
    limit = timedelta(seconds=_PROBE_SECONDS)
    async with ClientBuilder().timeout(limit).connect_timeout(limit).no_proxy().follow_redirects(False).build() as client:
        return list(await asyncio.gather(*(_ask(client, engine, url) for url, engine in addresses.items())))


async def _ask(client: Any, engine: str, url: str) -> _Answer:
    from pyreqwest.exceptions import PyreqwestError, StatusError

    path = "/api/tags" if engine == "ollama" else "/v1/models" if not url.endswith("/v1") else "/models"
    try:
        response = await client.get(f"{url}{path}").build().send()
        if response.status != 200:
            return _Answer(engine, url, None, f"answers {response.status}")
        data = bytes(await response.bytes())
    except StatusError as error:
        return _Answer(engine, url, None, f"answers {error}")
    except PyreqwestError:
        return _Answer(engine, url, None, "does not answer")
    try:
        body = msgspec.json.decode(data)
        rows = body["models"] if engine == "ollama" else body["data"]
        models = tuple(str(row["name" if engine == "ollama" else "id"]) for row in rows)
        owner = next((_OWNERS[row["owned_by"]] for row in rows if row.get("owned_by") in _OWNERS), engine)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return _Answer(engine, url, None, "answers with something that is no list of models")
    return _Answer(owner, url, models)
