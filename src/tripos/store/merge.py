"""Uniting stores: shards of a run that was spread over machines, or the record of a colleague.

A merge is a union of sets of streams. A stream gets another number here, which changes the positions of its events and
nothing else: their digests are chained over the id of the stream. Merging the same shard again adds nothing; a shard
that has grown adds what is new.
"""

from __future__ import annotations

from dataclasses import dataclass

from tripos.core.errors import StoreError
from tripos.store.database import Database, Row
from tripos.store.events import SPAN, link
from tripos.store.rebuild import CHUNK, derive, refuse_while_written
from tripos.store.verify import fault_of
from tripos.store.writer import open_stream


@dataclass
class Merged:
    """What a merge added."""

    streams: int = 0
    events: int = 0
    blobs: int = 0


def merge(target: Database, source: Database) -> Merged:
    """Adds everything of `source` to `target`, in one transaction, and derives the projections anew if anything was new.

    Raises:
        StoreError: one of the two was tampered with (names the event), or a run is being written; nothing has changed.
    """
    refuse_while_written(target)
    added = Merged()
    with target.transaction():
        mine: dict[str, int] = dict(target.execute("SELECT stream_id, number FROM stream"))
        for number, stream_id in source.execute("SELECT number, stream_id FROM stream ORDER BY number"):
            added.streams += stream_id not in mine
            known = mine[stream_id] if stream_id in mine else open_stream(target, stream_id)
            added.events += _stream(target, known, source, number, stream_id)
        if added.events:
            added.blobs = _blobs(target, source)
            derive(target)
    return added


def _stream(target: Database, known: int, source: Database, number: int, stream_id: str) -> int:
    """Copies the events of a stream that the target does not have yet; checks the chain of all that it reads."""
    place, last = _end(target, known)
    if place and last != _digest(source, number, place - 1, missing=last):
        raise StoreError(
            f"stream {stream_id}: {target.name} and {source.name} differ at event {place - 1}; run `tripos store verify` on both"
        )
    rows: list[Row] = []
    copied = 0
    sql = "SELECT position, run_id, kind, candidate_id, at, body, digest FROM event WHERE position >= ? AND position < ? ORDER BY position"
    for position, run_id, kind, candidate_id, at, body, digest in source.stream(
        sql, (number * SPAN + place, (number + 1) * SPAN), chunk=CHUNK
    ):
        last = link(last, stream_id, place, run_id, at, bytes(body))
        if position != number * SPAN + place or last != bytes(digest):
            raise StoreError(f"{source.name} was tampered with: event {place} of stream {stream_id} ({kind}); nothing was merged")
        rows.append((known * SPAN + place, run_id, kind, candidate_id, at, body, digest))
        place += 1
        if len(rows) == CHUNK:
            copied += _append(target, rows)
    return copied + _append(target, rows)


def _append(target: Database, rows: list[Row]) -> int:
    count = len(rows)
    if rows:
        target.execute_many("INSERT INTO event (position, run_id, kind, candidate_id, at, body, digest) VALUES (?,?,?,?,?,?,?)", rows)
        rows.clear()
    return count


def _end(database: Database, number: int) -> tuple[int, bytes]:
    """(events that a stream has, digest of the last)."""
    rows = database.execute(
        "SELECT position, digest FROM event WHERE position >= ? AND position < ? ORDER BY position DESC LIMIT 1",
        (number * SPAN, (number + 1) * SPAN),
    )
    return (rows[0][0] % SPAN + 1, bytes(rows[0][1])) if rows else (0, b"")


def _digest(database: Database, number: int, place: int, missing: bytes) -> bytes:
    """Digest of an event; `missing` where the stream is shorter here, which is no contradiction."""
    rows = database.execute("SELECT digest FROM event WHERE position = ?", (number * SPAN + place,))
    return bytes(rows[0][0]) if rows else missing


def _blobs(target: Database, source: Database) -> int:
    before = target.execute("SELECT count(*) FROM blob")[0][0]
    rows: list[Row] = []
    for digest, data in source.stream("SELECT digest, data FROM blob", chunk=200):
        fault = fault_of(digest, data)
        if fault is not None:
            raise StoreError(f"{source.name} is damaged: blob {digest[:12]} {fault}; nothing was merged")
        rows.append((digest, data))
        if len(rows) == 200:
            target.execute_many("INSERT INTO blob VALUES (?,?) ON CONFLICT (digest) DO NOTHING", rows)
            rows = []
    if rows:
        target.execute_many("INSERT INTO blob VALUES (?,?) ON CONFLICT (digest) DO NOTHING", rows)
    return int(target.execute("SELECT count(*) FROM blob")[0][0] - before)
