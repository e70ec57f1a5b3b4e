"""Web search through Tavily (https://docs.tavily.com), with the user's key."""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec

from tripos.agents.tool import ToolError, tool
from tripos.core.errors import ConfigError
from tripos.engines.hosted import is_here

URL = "https://api.tavily.com"
MOST = 20


class _Found(msgspec.Struct):
    title: str = ""
    url: str = ""
    content: str = ""


class _Reply(msgspec.Struct):
    results: list[_Found] = []


def _key() -> str:
    key = os.environ.get("TAVILY_API_KEY")
    if not key:
        raise ConfigError("the tool web_search needs a key of Tavily: set TAVILY_API_KEY (https://app.tavily.com)")
    return key


def _check() -> None:
    _key()


@tool("web_search", check=_check)
async def web_search(query: str, results: int = 5) -> str:
    """Search the web and get titles, addresses and excerpts.

    Args:
        query: what to search for, as you would type it into a search engine.
        results: how many results, 1 to 20.
    """
    from pyreqwest.client import ClientBuilder

    if not 1 <= results <= MOST or not query.strip():
        raise ToolError(f"a query and 1 to {MOST} results are needed, got {query!r} and {results}")
    url = os.environ.get("TAVILY_BASE_URL", URL).rstrip("/") + "/search"
    builder = ClientBuilder().timeout(timedelta(seconds=30))
    async with (builder.no_proxy() if is_here(url) else builder).build() as client:
        request = client.post(url).header("Authorization", f"Bearer {_key()}").body_json({"query": query, "max_results": results})
        response = await request.build().send()
        data = bytes(await response.bytes())
    if response.status in (400, 422):
        raise ToolError(f"the search engine did not accept the query: {_words(data)}")
    if response.status != 200:  # a spent key or a server in trouble must not look like a model that finds nothing
        raise OSError(f"{url} answered HTTP {response.status}: {_words(data)}")
    found = msgspec.json.decode(data, type=_Reply).results
    return "\n\n".join(f"{f.title}\n{f.url}\n{f.content}" for f in found) or "(nothing was found)"


def _words(data: bytes) -> str:
    return " ".join(data[:1000].decode("utf-8", "replace").split())[:300]
