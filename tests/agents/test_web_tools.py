"""The tools that reach the network: what they refuse, what they read, and how they fail."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest

from engines.fake_http import Fake, Reply, serving
from tripos.agents.tool import ToolError
from tripos.agents.toolbox import Toolbox
from tripos.agents.tools import http_request as web
from tripos.agents.tools.http_request import Address, fetch, is_public
from tripos.agents.tools.page_text import page_text
from tripos.core.errors import ConfigError

INSIDE = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
URLS = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/", "http://2130706433:{port}/",
    "http://0x7f.1:{port}/", "http://127.1:{port}/", "http://0177.0.0.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://localhost.:{port}/", "http://１２７.0.0.1:{port}/", "http://127.0.0.1\t.:{port}/", "http://127。0。0。1:{port}/",
    "http://user:pw@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@8.8.8.8/", "http://127.0.0.1:{port}#@8.8.8.8/",
    "http://127.0.0.1%2f@8.8.8.8:{port}/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/",
]  # fmt: skip


def loopback(address: Address) -> bool:
    """What a test may reach: one address of this machine, but not its neighbour."""
    return str(address) == "127.0.0.1"


@pytest.fixture
def site() -> Iterator[Fake]:
    with serving({"/": [Reply(body="<p>front</p>", headers={})]}) as fake:
        yield fake


@pytest.mark.parametrize("address", INSIDE)
def test_private_and_reserved_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", URLS)
async def test_nothing_of_this_machine_or_network_is_asked(site: Fake, url: str) -> None:
    arguments = json.dumps({"url": url.format(port=site.url.rpartition(":")[2])})
    found = await Toolbox(["http_request"]).call("http_request", arguments, None)
    assert found.failed and any(words in found.text for words in ("may not be asked", "not an address", "not known"))
    assert site.asked == []


NO_ADDRESSES = [
    "file:///etc/passwd", "ftp://example.org/", "gopher://x/", "/etc/passwd", "http://", "http://x:0/", "http://x:99999/", "http://[::1",
    "http://a b/", "http://x\\@y/", "http://u:p@x.org/", "http://..org/", "http://\ud800.org/",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESSES)
async def test_other_schemes_and_broken_addresses_are_refused(url: str) -> None:
    with pytest.raises(ToolError, match="not an address"):
        await fetch(url)


async def test_a_redirect_to_a_forbidden_address_is_not_followed() -> None:
    with serving({"/": [Reply(body="secret")]}) as inner:
        there = inner.url.replace("127.0.0.1", "127.0.0.2")
        with serving({"/": [Reply(302, "", headers={"location": there})]}) as outer, pytest.raises(ToolError, match="may not be asked"):
            await fetch(outer.url + "/", allowed=loopback)
        assert inner.asked == []


async def test_redirects_are_followed_and_bounded() -> None:
    routes = {
        "/a": [Reply(302, "", headers={"location": "/b"})],
        "/b": [Reply(body="arrived")],
        "/loop": [Reply(302, "", headers={"location": "/loop"})],
    }
    with serving(routes) as fake:
        found = await fetch(f"{fake.url}/a", method="POST", body='"x"', headers={"X-Test": "1"}, allowed=loopback)
        assert (found.status, found.data, found.url) == (200, b"arrived", f"{fake.url}/b")
        assert [(a.method, a.headers["x-test"]) for a in fake.asked] == [("POST", "1"), ("GET", "1")]
        with pytest.raises(ToolError, match="more than 5 redirects"):
            await fetch(f"{fake.url}/loop", allowed=loopback)


async def test_keys_are_not_carried_to_another_host() -> None:
    with serving({"/": [Reply(body="other")]}) as other, serving({"/": [Reply(302, "", headers={"location": other.url})]}) as first:
        await fetch(first.url + "/", headers={"Authorization": "Bearer x", "X-Kept": "1"}, allowed=loopback)
    assert "authorization" in first.asked[0].headers and "authorization" not in other.asked[0].headers
    assert other.asked[0].headers["x-kept"] == "1"


async def test_a_name_is_connected_where_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def renamed(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    with serving({"/": [Reply(body="pinned")]}) as fake:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", renamed)
        found = await fetch(f"http://name.invalid:{fake.url.rpartition(':')[2]}/", allowed=loopback)
    assert found.data == b"pinned" and fake.asked[0].headers["host"].startswith("name.invalid")


async def test_a_host_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def both(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("8.8.8.8", 0)), (2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(ToolError, match="may not be asked"):
        await fetch("http://rebind.example/")


async def test_an_endless_answer_is_cut_and_a_dead_server_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1000)
    with serving({"/": [Reply(chunks=["x" * 600] * 5)]}) as fake:
        found = await fetch(fake.url + "/", allowed=loopback)
        assert found.cut and len(found.data) == 1000 and "only the first 1000 bytes" in found.text()
    with pytest.raises(ToolError, match=r"127\.0\.0\.1"):
        await fetch(fake.url + "/", allowed=loopback)


async def test_error_pages_and_binaries_are_told(site: Fake) -> None:
    with serving({"/gone": [Reply(404, "not here")], "/image": [Reply(body="a\0b")]}) as fake:
        assert (await fetch(f"{fake.url}/gone", allowed=loopback)).status == 404
        assert "not text" in (await fetch(f"{fake.url}/image", allowed=loopback)).text()


def test_the_text_of_a_page() -> None:
    html = """<html><head><title>T</title><style>x{}</style></head><body><script>alert(1)</script>
      <h1>Colleges &amp; halls</h1><p>There   are <b>31</b> of them, see the
      <a href="/list">list</a> or <a href="#top">the top</a>.</p>
      <table><tr><th>Name</th><th>Founded</th></tr><tr><td>Peterhouse</td><td>1284</td></tr></table></body></html>"""
    assert page_text(html, "http://x.org/a/b").splitlines() == [
        "Colleges & halls",
        "There are 31 of them, see the list <http://x.org/list> or the top.",
        "Name | Founded",
        "Peterhouse | 1284",
    ]
    assert page_text("<head><title>x<body>left open", "http://x") == "left open"
    assert page_text("<<<a href='http://[x'>y</a", "http://x").strip()


def test_search_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAVILY_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="TAVILY_API_KEY"):
        Toolbox(["web_search"]).check()


async def test_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # no proxy leads to a server of this machine
    monkeypatch.setenv("TAVILY_API_KEY", "tvly-canary")
    toolbox = Toolbox(["web_search"])
    hits = {"results": [{"title": "Tripos", "url": "http://t.org", "content": "an examination", "score": 0.9}]}
    with serving({"/search": [Reply(body=hits), Reply(body={"results": []}), Reply(400, "odd query"), Reply(432, "plan used up")]}) as fake:
        monkeypatch.setenv("TAVILY_BASE_URL", fake.url)
        found = await toolbox.call("web_search", '{"query": "tripos", "results": 3}', None)
        assert found == ("Tripos\nhttp://t.org\nan examination", False)
        assert fake.asked[0].body == {"query": "tripos", "max_results": 3}
        assert fake.asked[0].headers["authorization"] == "Bearer tvly-canary"
        assert (await toolbox.call("web_search", '{"query": "x"}', None)).text == "(nothing was found)"
        assert (await toolbox.call("web_search", '{"query": "x"}', None)).failed
        with pytest.raises(OSError, match="432"):  # ours, not the model's
            await toolbox.call("web_search", '{"query": "x"}', None)
        assert (await toolbox.call("web_search", '{"query": "x", "results": 99}', None)).failed
