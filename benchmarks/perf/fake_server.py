"""A fake OpenAI-compatible server for tests and the performance bench: fast, deterministic, with faults on demand.

    python benchmarks/perf/fake_server.py --port 0 --p429 5 --p500 5 --reset 2      prints {"port": N} and serves until killed

A question is known by the last `QID-<n>` in the request. The answer is "ANSWER: <letter>" with the letter "ABCD"[n % 4], but
for n % 10 == 9 the next one, so that a set whose keys are "ABCD"[n % 4] scores exactly 0.9. Faults are drawn from the seed,
the question and how often it was asked, so a run meets the same faults each time; a question never gets more than
two faults in a row. `GET /stats` tells how often each question was asked and answered; after `GET /go-on` no answer is held back for
--latency-ms or a hang, and those that are come at once. With --judge every answer is a fixed text; with
--fails-after N every request after the first N gets the status --fails-with.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial

_QID = re.compile(rb"QID-(\d+)")


class Faults:
    """What goes wrong, in percent of the questions; `hang` holds the reply back for `hang_seconds`."""

    def __init__(self, a: argparse.Namespace) -> None:
        self.shares = [("429", a.p429), ("500", a.p500), ("reset", a.reset), ("hang", a.hang)]
        self.seed, self.retry_after, self.hang_seconds = a.seed, a.retry_after, a.hang_seconds

    def draw(self, question: str, asked: int) -> str | None:
        if asked > 2:
            return None
        point = int.from_bytes(hashlib.blake2b(f"{self.seed}/{question}/{asked}".encode(), digest_size=4).digest(), "big") / 2**32 * 100
        for name, share in self.shares:
            if point < share:
                return name
            point -= share
        return None


class Server(asyncio.Protocol):
    """One connection; requests on it are answered in order."""

    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    held: dict[asyncio.TimerHandle, Callable[[], None]] = {}
    in_flight = peak = 0
    a: argparse.Namespace
    plan: Faults

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            self.request(head, body)

    def request(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/models"):
            self.reply(200, json.dumps({"data": [{"id": "fake"}]}).encode())
        elif path.endswith(b"/stats"):
            cls = type(self)
            stats = {"asked": cls.asked, "answered": cls.answered, "faults": cls.faults, "peak": cls.peak}
            self.reply(200, json.dumps(stats).encode())
        elif path.endswith(b"/go-on"):
            self.go_on()
            self.reply(200, b"{}")
        else:
            self.chat(body)

    def chat(self, body: bytes) -> None:
        cls = type(self)
        found = _QID.findall(body)
        question = found[-1].decode() if found else "?"
        cls.asked[question] += 1
        cls.in_flight += 1
        cls.peak = max(cls.peak, cls.in_flight)
        failing = 0 <= self.a.fails_after < sum(cls.asked.values())
        fault = str(self.a.fails_with) if failing else self.plan.draw(question, cls.asked[question])
        if fault is not None:
            cls.faults[fault] += 1
        delay = self.a.latency_ms / 1000 + (self.plan.hang_seconds if fault == "hang" else 0.0)
        self.later(delay, partial(self.finish, question, fault, b'"stream":true' in body))

    def later(self, delay: float, finish: Callable[[], None]) -> None:
        cls = type(self)
        if not delay:
            finish()
            return

        def due() -> None:
            del cls.held[timer]
            finish()

        timer = asyncio.get_running_loop().call_later(delay, due)
        cls.held[timer] = finish

    def go_on(self) -> None:
        cls = type(self)
        self.a.latency_ms = self.plan.hang_seconds = 0.0
        held, cls.held = cls.held, {}
        for timer, finish in held.items():
            timer.cancel()
            finish()

    def finish(self, question: str, fault: str | None, stream: bool) -> None:
        cls = type(self)
        cls.in_flight -= 1
        if fault == "reset":
            self.transport.abort()  # type: ignore[attr-defined]
        elif fault == "429":
            self.reply(429, b'{"error":{"message":"slow down"}}', f"retry-after: {self.plan.retry_after}\r\n".encode())
        elif fault == "500":
            self.reply(500, b'{"error":{"message":"overloaded"}}')
        elif fault not in (None, "hang"):
            self.reply(int(fault), b'{"error":{"message":"no longer"}}')
        else:
            cls.answered[question] += 1
            self.answer(question, stream)

    def answer(self, question: str, stream: bool) -> None:
        number = int(question) if question.isdigit() else 0
        text = self.a.judge or f"ANSWER: {'ABCD'[(number + (number % 10 == 9)) % 4]}"
        usage = {"prompt_tokens": 150, "completion_tokens": 4, "total_tokens": 154}
        if not stream:
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self.reply(
                200,
                json.dumps(
                    {"id": f"c-{question}", "object": "chat.completion", "model": "fake", "choices": [choice], "usage": usage}
                ).encode(),
            )
            return
        parts = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in re.split(r"(?<= )", text)]
        parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        parts.append({"choices": [], "usage": usage})
        events = "".join(f"data: {json.dumps({'id': f'c-{question}', 'model': 'fake', **p})}\n\n" for p in parts) + "data: [DONE]\n\n"
        self.reply(200, events.encode(), kind=b"text/event-stream")

    def reply(self, status: int, body: bytes, extra: bytes = b"", kind: bytes = b"application/json") -> None:
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s\r\n" % (status, kind, len(body), extra)
            self.transport.write(head + body)  # type: ignore[attr-defined]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    for name in ("p429", "p500", "reset", "hang"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="percent of the requests")
    parser.add_argument("--fails-after", type=int, default=-1, help="requests after which all get the status --fails-with; -1: never")
    parser.add_argument("--fails-with", type=int, default=401)
    parser.add_argument("--retry-after", default="0.2")
    parser.add_argument("--hang-seconds", type=float, default=30.0)
    parser.add_argument("--judge", default="", help="answer every request with this text")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def main() -> None:
    Server.a = arguments()
    Server.plan = Faults(Server.a)
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", Server.a.port, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
