"""A real OpenAI-compatible server on 127.0.0.1 whose model is a function of the conversation, tool calls included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


@dataclass
class Reply:
    """What the scripted model does in one turn; a status other than 200 is an error of the server."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str | None = None
    usage: dict[str, int] | None = field(default_factory=lambda: dict(USAGE))
    delay_seconds: float = 0.0
    status: int = 200


def says(text: str, **more: Any) -> Reply:
    """A reply in words."""
    return Reply(text, **more)


def calls(*wanted: tuple[str, Any], text: str = "", **more: Any) -> Reply:
    """A reply that asks for tools: (name, arguments as an object, or as text to be sent as it is)."""
    return Reply(text, tuple((name, a if isinstance(a, str) else json.dumps(a)) for name, a in wanted), **more)


def results(body: Body) -> list[str]:
    """What the tools of the conversation have returned so far."""
    return [m["content"] for m in body["messages"] if m["role"] == "tool"]


def turn(body: Body) -> int:
    """How many replies the conversation holds already."""
    return sum(m["role"] == "assistant" for m in body["messages"])


def question(body: Body) -> str:
    """The prompt of the sample."""
    return next(str(m["content"]) for m in body["messages"] if m["role"] == "user")


def in_order(*replies: Reply) -> Callable[[Body], Reply]:
    """A model that says the same things to everybody; the last one for ever."""
    return lambda body: replies[min(turn(body), len(replies) - 1)]


class Scripted:
    """A running server; `asked` holds every request in the order of arrival."""

    def __init__(self, model: Callable[[Body], Reply]) -> None:
        self.model = model
        self.asked: list[Body] = []
        self.url = ""

    def answer(self, body: Body) -> tuple[int, Body]:
        """Status and body of the reply to a request."""
        self.asked.append(body)
        number = len(self.asked)
        reply = self.model(body)
        time.sleep(reply.delay_seconds)
        if reply.status != 200:
            return reply.status, {"error": {"message": reply.text}}
        message: Body = {"role": "assistant", "content": reply.text}
        if reply.calls:
            message["tool_calls"] = [
                {"id": f"r{number}c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for i, (name, arguments) in enumerate(reply.calls)
            ]
        choice = {"index": 0, "message": message, "finish_reason": reply.finish or ("tool_calls" if reply.calls else "stop")}
        return 200, {"id": f"r{number}", "model": "scripted", "choices": [choice], "usage": reply.usage}


@contextmanager
def scripted(model: Callable[[Body], Reply]) -> Iterator[Scripted]:
    """Serves a model until the block ends."""
    server = Scripted(model)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send(200, {"data": [{"id": "scripted"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            try:
                self.send(*server.answer(body))
            except OSError:
                self.close_connection = True  # the client left

        def send(self, status: int, body: Body) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    http = Server(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
