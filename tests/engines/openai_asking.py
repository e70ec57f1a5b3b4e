"""Asking a made-up server in the OpenAI-compatible protocol: what it sends, and how it is asked."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_http import Reply, serving

from tripos.core.errors import EngineError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.engine import EngineSettings
from tripos.engines.openai import OpenAICompatible

CANARY = "sk-canary-0123456789abcdef"
ASK = (Message(role="user", content="What is 6 x 7?"),)
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


def whole(content: Any = "42", finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"id": "c-1", "model": "served", "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], "usage": USAGE}


def piece(finish_reason: str | None = None, **delta: Any) -> str:
    body = {"id": "c-1", "model": "served", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
    return f"data: {json.dumps(body)}\n\n"


TOTALS = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n"
DONE = "data: [DONE]\n\n"


def settings(url: str | None, **more: Any) -> EngineSettings:
    return EngineSettings(**{"model": "m", "base_url": url, **more})


async def ask(url: str, params: GenerationParams = GenerationParams(), *, tools: Any = (), messages: Any = ASK, **more: Any) -> Completion:
    engine = OpenAICompatible(settings(url, **more))
    try:
        return await engine.generate(messages, params, tools=tools)
    finally:
        await engine.close()


async def answer(reply: Reply, **more: Any) -> Completion:
    with serving({"/v1/chat/completions": [reply]}) as server:
        return await ask(server.url, **more)


async def failure(reply: Reply, **more: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await answer(reply, **more)
    return caught.value


async def look(routes: dict[str, list[Reply]], **more: Any) -> Any:
    with serving(routes) as server:
        engine = OpenAICompatible(settings(server.url, **more))
        try:
            return await engine.preflight()
        finally:
            await engine.close()


@contextmanager
def nobody() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
