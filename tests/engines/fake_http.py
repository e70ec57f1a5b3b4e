"""A real HTTP server on 127.0.0.1 that answers from a script and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One answer. `chunks` are sent one by one; `cut` closes the connection before the announced end."""

    status: int = 200
    body: Any = None
    chunks: Sequence[str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    pause_seconds: float = 0.0
    cut: bool = False


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Fake:
    """Answers of one path are used in order, the last of them for ever."""

    def __init__(self, routes: dict[str, list[Reply]]) -> None:
        self.routes = {path: list(replies) for path, replies in routes.items()}
        self.asked: list[Asked] = []
        self.url = ""

    def reply(self, path: str) -> Reply:
        for prefix in sorted(self.routes, key=len, reverse=True):
            if path.startswith(prefix):
                replies = self.routes[prefix]
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return Reply(404, {"error": {"message": f"no such path {path}"}})


@contextmanager
def serving(routes: dict[str, list[Reply]], port: int = 0) -> Iterator[Fake]:
    """Serves `routes` (path prefix to replies) until the block ends."""
    fake = Fake(routes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(data) if data else None
            fake.asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            reply = fake.reply(self.path)
            time.sleep(reply.delay_seconds)
            try:
                self.send(reply)
            except OSError:
                self.close_connection = True  # the client left

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunks is not None:
                self.stream(reply)
                return
            data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data) + (100 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = reply.cut or self.close_connection

        def stream(self, reply: Reply) -> None:
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in reply.chunks or ():
                self.wfile.write(f"{len(chunk.encode()):x}\r\n{chunk}\r\n".encode())
                self.wfile.flush()
                time.sleep(reply.pause_seconds)
            if not reply.cut:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = reply.cut or self.close_connection

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
