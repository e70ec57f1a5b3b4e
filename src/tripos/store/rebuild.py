"""Deriving all projections anew from the events, in a store or beside it."""

from __future__ import annotations

from collections.abc import Iterator

from tripos.core.errors import StoreError
from tripos.store.claims import living
from tripos.store.database import Database
from tripos.store.events import Stored, decode
from tripos.store.projection import apply
from tripos.store.schema import PROJECTIONS

CHUNK = 1500  # events at a time


def rebuild(database: Database) -> dict[str, int]:
    """Empties the projections and derives them anew, in one transaction. Returns {table: rows}.

    Raises:
        StoreError: a run is being written, or an event cannot be read; nothing has changed.
    """
    refuse_while_written(database)
    with database.transaction():
        derive(database)
    return rows_of(database)


def derive(database: Database) -> None:
    """The same inside a transaction of the caller's."""
    for table in PROJECTIONS:
        database.execute(f"DELETE FROM {table}")
    for chunk in in_order(database):
        apply(database, chunk)


def in_order(database: Database) -> Iterator[list[Stored]]:
    """All events in chunks, in an order in which they can be applied: verdicts after all answers."""
    for which in ("kind <> 'scored'", "kind = 'scored'"):
        chunk: list[Stored] = []
        sql = f"SELECT position, run_id, at, body FROM event WHERE {which} ORDER BY position"
        for position, run_id, at, body in database.stream(sql, chunk=CHUNK):
            chunk.append(Stored(position, run_id, at, bytes(body), decode(bytes(body))))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def rows_of(database: Database) -> dict[str, int]:
    """{table: rows} of the projections."""
    return {table: database.execute(f"SELECT count(*) FROM {table}")[0][0] for table in PROJECTIONS}


def refuse_while_written(database: Database) -> None:
    """A rebuild or a merge holds the store for long; a run that is being written would give up waiting.

    Raises:
        StoreError: somebody holds a claim.
    """
    owners = living(database)
    if owners:
        machine, pid, _ = owners[0].rsplit(" ", 2)
        raise StoreError(f"{database.name} is being written by process {pid} on {machine.partition('/')[0]}; wait for it or stop it")
