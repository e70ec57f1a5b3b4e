"""What the engines of hosted services share: failures by status, accounts, keys, images."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tripos.core.errors import ConfigError, EngineError, ErrorKind, unknown

_TOO_LONG = re.compile(r"context.?(length|window|size)|prompt is too long|maximum number of tokens|too many tokens|input token count", re.I)
_BY_STATUS: dict[int, ErrorKind] = {401: "auth", 403: "auth", 404: "not_found", 408: "timeout", 429: "rate_limited"}


def fault(where: str, status: int, words: str, headers: Mapping[str, str] | None = None) -> EngineError:
    """The error for an HTTP status: 408, 409, 429 and 5xx can be asked again, other 4xx cannot."""
    retryable = status in (408, 409, 429) or status >= 500
    kind: ErrorKind = _BY_STATUS.get(status, "server_error" if retryable else "bad_request")
    if status in (400, 413, 422) and _TOO_LONG.search(words):
        kind = "context_length"
    return EngineError(
        f"{where} answered {status}: {words.strip()[:600] or '(nothing)'}",
        kind=kind,
        retryable=retryable,
        status=status,
        retry_after_seconds=retry_after_seconds(headers or {}) if retryable else None,
    )


def is_here(url: str | None) -> bool:
    """Whether a server is on this machine: no proxy of the environment leads there."""
    host = urlsplit(url or "").hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds asked for by `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 §10.2.3); None if absent."""
    named = {name.lower(): value for name, value in headers.items()}
    milliseconds, seconds = named.get("retry-after-ms"), named.get("retry-after")
    for text, scale in ((milliseconds, 1e-3), (seconds, 1.0)):
        if text and re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
            return float(text) * scale
    try:
        return max(0.0, parsedate_to_datetime(seconds).timestamp() - time.time()) if seconds else None
    except (ValueError, OverflowError):
        return None


def account_id(engine: str, base_url: str | None, api_key: str | None) -> str:
    """Service, address and account; the key goes in as a hash only."""
    account = hashlib.sha256(api_key.encode()).hexdigest()[:8] if api_key else "no-key"
    return f"{engine}:{base_url or 'default'}:{account}"


def missing_key(engine: str, *variables: str) -> EngineError:
    """No key was given for a service that wants one."""
    return EngineError(f"engine {engine!r} needs a key: set {' or '.join(variables)}", kind="auth")


def missing_package(engine: str, error: ImportError) -> ConfigError:
    """The extra of the engine is not installed."""
    return ConfigError(f"engine {engine!r} needs a package that is not installed ({error.name}): pip install 'tripos[{engine}]'")


def not_listed(where: str, model: str, models: tuple[str, ...]) -> EngineError:
    """The service answers, but does not have the model."""
    return EngineError(f"{where}: {unknown('model', model, models)}", kind="not_found", status=404)


def refused(engine: str, what: str) -> EngineError:
    """A request that this engine cannot express."""
    return EngineError(f"engine {engine!r} cannot send {what}", kind="bad_request")


def split_data_url(url: str) -> tuple[str, bytes] | None:
    """Media type and bytes of a base64 `data:` URL, None for any other URL.

    Raises:
        EngineError: it is a data URL that cannot be decoded.
    """
    match = re.match(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,", url)
    if match is None:
        if url.startswith("data:"):
            raise EngineError(f"image {url[:40]!r}… is not a base64 data URL", kind="bad_request")
        return None
    try:
        return match.group(1), base64.b64decode(url[match.end() :], validate=True)
    except binascii.Error as error:
        raise EngineError(f"image {url[:40]!r}… is not valid base64: {error}", kind="bad_request") from error


def arguments_object(arguments: str) -> dict[str, Any]:
    """Arguments of a tool call as an object; what the model wrote otherwise goes back to it under a name that says so."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"unparsed_arguments": arguments}


class Keepsakes(OrderedDict[str, Any]):
    """What a service wants to see again in the next turn (signed thoughts), by tool call id; the oldest go first."""

    def __init__(self, most: int = 10_000) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > self.most:
            self.popitem(last=False)
