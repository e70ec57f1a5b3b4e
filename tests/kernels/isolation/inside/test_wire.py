"""The channel between judge and worker: what arrives is what was sent, or the channel is broken, or it is late."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.kernels.isolation.inside.wire import MOST_BYTES, Broken, Channel, Late

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    with pair() as (left, right):
        yield left, right


class pair:
    def __enter__(self) -> tuple[Channel, Channel]:
        self.sockets = socket.socketpair()
        return Channel(self.sockets[0]), Channel(self.sockets[1])

    def __exit__(self, *_: object) -> None:
        for each in self.sockets:
            each.close()


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5))
def test_messages_arrive_as_they_were_sent(messages: list[dict[str, object]]) -> None:
    with pair() as (left, right):
        for message in messages:
            left.send(message, soon())
        assert [right.receive(soon()) for _ in messages] == messages
        assert not right.pending()


@given(st.dictionaries(st.text(), VALUES), st.lists(st.integers(1, 40), min_size=1))
def test_a_message_in_pieces_is_one_message(message: dict[str, object], pieces: list[int]) -> None:
    with pair() as (left, right):
        body = json.dumps(message).encode()
        whole = len(body).to_bytes(4, "big") + body

        def write() -> None:
            start = 0
            for size in itertools.cycle(pieces):
                if start >= len(whole):
                    return
                left.end.sendall(whole[start : start + size])
                start += size

        thread = threading.Thread(target=write)
        thread.start()
        assert right.receive(soon()) == message
        thread.join()


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_a_message_or_a_broken_channel(garbage: bytes) -> None:
    with pair() as (left, right):
        left.end.sendall(garbage)
        left.end.close()
        try:
            message = right.receive(soon())
        except Broken:
            return
        assert isinstance(message, dict)


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"a": ' + b"9" * 10_000 + b"}", b"[1]", b"null", b"\xff\xfe", b"", b"{" * 1000])
def test_what_is_no_object_breaks_the_channel(ends: tuple[Channel, Channel], body: bytes) -> None:
    left, right = ends
    left.end.sendall(len(body).to_bytes(4, "big") + body)
    with pytest.raises(Broken, match="not"):
        right.receive(soon())


def test_too_long_a_message_is_not_waited_for(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.end.sendall((MOST_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(Broken, match=f"{MOST_BYTES + 1} bytes"):
        right.receive(soon(60))


def test_a_deadline_holds_for_the_whole_message_not_for_each_byte(ends: tuple[Channel, Channel]) -> None:
    left, right = ends

    def drip() -> None:
        for byte in (100).to_bytes(4, "big") + b"{" * 96:
            left.end.sendall(bytes([byte]))
            time.sleep(0.05)

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(Late):
        right.receive(began + 0.2)
    assert thread.is_alive(), "it has not waited for the last byte"
    thread.join()


def test_nothing_comes(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(Late):
        ends[0].receive(time.monotonic() + 0.01)


def test_the_other_end_is_closed(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.end.close()
    with pytest.raises(Broken, match="closed"):
        right.receive(soon())
    with pytest.raises(Broken):
        for _ in range(3):
            right.send({"any": "thing"}, soon())


def test_half_a_surrogate_pair_goes_no_further(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    left.send({"text": "half \ud800 a character", "é": "日"}, soon())
    assert right.receive(soon()) == {"text": "half ? a character", "é": "日"}


def test_nobody_reads(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(Late):
        ends[0].send({"text": "x" * (8 << 20)}, time.monotonic() + 0.05)


def test_a_long_message_passes_to_somebody_who_reads(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    message = {"text": "x" * (3 << 20)}
    thread = threading.Thread(target=left.send, args=(message, soon()))
    thread.start()
    assert right.receive(soon()) == message
    thread.join()


def test_what_nobody_has_read_is_pending(ends: tuple[Channel, Channel]) -> None:
    left, right = ends
    assert not right.pending()
    left.send({})
    assert right.pending()
    right.receive()
    assert not right.pending()
