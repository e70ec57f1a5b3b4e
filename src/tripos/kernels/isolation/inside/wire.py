"""Messages between the processes of an evaluation: four bytes of length, then JSON. Nothing is ever unpickled.

What a candidate sends is data from an untrusted place: longer than `MOST_BYTES`, or not JSON, it is a `Broken` channel.
"""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

MOST_BYTES = 4 << 20


class Broken(Exception):
    """The other side has closed the channel, or does not speak our language."""


class Late(Exception):
    """Nothing came, or nobody listened, before the deadline."""


class Channel:
    """One end. Every wait has a deadline on the monotonic clock (None = wait for ever)."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def send(self, message: dict[str, Any], deadline: float | None = None) -> None:
        """Raises Broken when the other end is closed, Late when nobody reads what is there already."""
        body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")  # half a surrogate pair goes no further
        rest = memoryview(len(body).to_bytes(4, "big") + body)
        while rest:
            if not select.select([], [self.end], [], _left(deadline))[1]:
                raise Late()
            try:
                rest = rest[self.end.send(rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Broken(str(error)) from error

    def receive(self, deadline: float | None = None) -> dict[str, Any]:
        """The next message. Raises Broken, Late."""
        size = int.from_bytes(self.exactly(4, deadline), "big")
        if size > MOST_BYTES:
            raise Broken(f"a message of {size} bytes; the most is {MOST_BYTES}")
        try:
            message = json.loads(self.exactly(size, deadline))
        except (ValueError, RecursionError) as error:
            raise Broken(f"not JSON: {error}") from error
        if not isinstance(message, dict):
            raise Broken("not a JSON object")
        return message

    def exactly(self, size: int, deadline: float | None = None) -> bytes:
        """The next `size` bytes. Raises Broken, Late."""
        parts, missing = [], size
        while missing:
            if deadline is not None and not select.select([self.end], [], [], _left(deadline))[0]:
                raise Late()
            try:
                piece = self.end.recv(min(missing, 1 << 20))
            except OSError as error:
                raise Broken(str(error)) from error
            if not piece:
                raise Broken("the channel is closed")
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def pending(self) -> bool:
        """Whether the other side has said something that nobody has read."""
        return bool(select.select([self.end], [], [], 0)[0])


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
