"""Fetching web pages, and nothing of this machine's own network.

Naming the tool in `--tools` is the permission to reach the internet; there is no other switch. An address is asked for
only when every address of its host is public, the connection goes to an address that was checked (a name that changes its mind
between the check and the connection gains nothing), and each redirect is checked again. Proxies of the environment are not used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from tripos.agents.tool import ToolError, page, tool
from tripos.agents.tools.page_text import page_text

SECONDS, REDIRECTS, MAX_BYTES = 30.0, 5, 4 << 20
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z][a-z0-9-]*\.?")  # the last label begins with a letter: it is no number in disguise
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@tool("http_request", seconds=120.0)
async def http_request(
    url: str, method: Literal["GET", "HEAD", "POST"] = "GET", body: str = "", headers: dict[str, str] | None = None, offset: int = 0
) -> str:
    """Send a request to a web server and get the answer as text; of an HTML page you get the readable text and the links.
    Long answers come in pages: the end of a page tells where the next begins.

    Args:
        url: address, beginning with http:// or https://.
        method: GET, HEAD or POST.
        body: what a POST sends.
        headers: further headers of the request, by name.
        offset: number of characters of the answer to skip.
    """
    answer = await fetch(url, method=method, body=body, headers=headers or {})
    return f"HTTP {answer.status} {answer.kind} {answer.url}\n\n{page(answer.text(), offset, 'the answer')}"


@dataclass(frozen=True)
class Fetched:
    """What a server answered; `cut` when there was more than we read."""

    url: str
    status: int
    kind: str
    data: bytes
    cut: bool

    def text(self) -> str:
        """The body as text."""
        charset = self.kind.partition("charset=")[2].split(";")[0].strip("\"' ") or "utf-8"
        if b"\0" in self.data[:4096]:
            return f"({len(self.data)} bytes that are not text)"
        try:
            text = self.data.decode(charset, "replace")
        except LookupError:
            text = self.data.decode("utf-8", "replace")
        note = f"\n[only the first {MAX_BYTES} bytes were read]" if self.cut else ""
        return (page_text(text, self.url) if "html" in self.kind.lower() else text) + note


def is_public(address: Address) -> bool:
    """Whether an address is reachable by everybody: not this machine, not this network, nothing reserved, nor an IPv6
    address that only wraps such an IPv4 one."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast


async def fetch(
    url: str, *, method: str = "GET", body: str = "", headers: Mapping[str, str] = {}, allowed: Callable[[Address], bool] = is_public
) -> Fetched:
    """One request and its redirects.

    Raises:
        ToolError: an address that is not allowed, or a server that cannot be reached.
    """
    for _ in range(REDIRECTS + 1):
        parts = _parts(url)
        address, port = await _address(parts, allowed)
        fetched, location = await _once(parts, address, port, method, body, headers)
        if location is None:
            return fetched
        following = urljoin(url, location)
        if fetched.status == 303 or (method == "POST" and fetched.status in (301, 302)):
            method, body = "GET", ""
        if urlsplit(following).netloc != parts.netloc:
            headers = {name: value for name, value in headers.items() if name.lower() not in ("authorization", "cookie")}
        url = following
    raise ToolError(f"{url}: more than {REDIRECTS} redirects")


def _parts(url: str) -> SplitResult:
    """An address made anew from the parts that are checked, so that no second parser can read another host out of it."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise ToolError(f"{url!r} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or port == 0 or "@" in parts.netloc or not (_is_literal(host) or _NAME.fullmatch(host)):
        raise ToolError(f"{url!r} is not an address of the form http(s)://host/path")
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    return parts._replace(netloc=netloc, fragment="")


async def _address(parts: SplitResult, allowed: Callable[[Address], bool]) -> tuple[str, int]:
    """An address of the host, once all of them have been found to be allowed."""
    assert parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ToolError(f"the host {parts.hostname!r} is not known: {error}") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses or not all(allowed(ipaddress.ip_address(a)) for a in addresses):
        raise ToolError(f"{parts.hostname!r} is not on the public internet and may not be asked")
    return addresses[0], port


async def _once(
    parts: SplitResult, address: str, port: int, method: str, body: str, headers: Mapping[str, str]
) -> tuple[Fetched, str | None]:
    """(answer, where it redirects to)."""
    from pyreqwest import exceptions as wire
    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder().no_proxy().follow_redirects(False).timeout(timedelta(seconds=SECONDS)).user_agent("tripos")
    if parts.hostname and not _is_literal(parts.hostname):
        builder = builder.resolve(parts.hostname, address, port)
    try:
        async with builder.build() as client:
            request = client.request(method, parts.geturl()).headers(dict(headers))
            if body and method == "POST":
                request = request.body_text(body)
            async with request.build_streamed() as response:
                data, cut = await _body(response)
                kind = str(response.get_header("content-type") or "")
                location = response.get_header("location") if response.status in _REDIRECTING else None
                return Fetched(parts.geturl(), response.status, kind, data, cut), location
    except (wire.PyreqwestError, ValueError) as error:
        raise ToolError(f"{parts.geturl()}: {type(error).__name__}: {str(error)[:300]}") from error


async def _body(response: Any) -> tuple[bytes, bool]:
    data = b""
    while (chunk := await response.body_reader.read_chunk()) is not None:
        data += bytes(chunk)
        if len(data) > MAX_BYTES:
            return data[:MAX_BYTES], True
    return data, False


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
