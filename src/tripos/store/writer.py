"""The one writer of a process: a thread that commits whatever has gathered, and says so only then.

Group commit: while one batch is being written the next one gathers, so a slow disk makes batches larger, not callers
slower. A sample's line reaches its results file, and the progress bar, only after its events are durable.
"""

from __future__ import annotations

import hashlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import zstandard

from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.events import INLINE_LIMIT, INSERTS, Blob, Event, Failed, Stored, Text, encode, link, project

_GATHER_SECONDS = 0.004
_BATCH = 500


class _Entry(NamedTuple):
    run_id: str
    events: Sequence[Event]
    then: Callable[[], None] | None


class Writer:
    """Appends events to a store.

    `write` returns at once; `then` is called in the writer's thread when the events are durable. An error ends the
    writer: it is kept in `error` and raised by the next `write` or by `close`.
    """

    def __init__(self, database: Database) -> None:
        self.stream_id = secrets.token_hex(8)
        self.error: BaseException | None = None
        self._database = database
        self._first = self._place = 0
        self._last = b""
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._blobs: dict[str, bytes] = {}
        self._stowed: set[str] = set()
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._thread = threading.Thread(target=self._work, name="tripos-writer", daemon=True)
        self._thread.start()

    def stow(self, text: str) -> Text:
        """The text itself when short, else a reference to a blob that is written with the next batch."""
        if len(text) <= INLINE_LIMIT:
            return text
        data = text.encode("utf-8", "surrogatepass")
        name = hashlib.sha256(data).hexdigest()
        if name not in self._stowed:
            self._blobs[name] = data
            if len(self._stowed) > 100_000:  # bounded memory; the table ignores what it has
                self._stowed.clear()
            self._stowed.add(name)
        return Blob(name)

    def write(self, run_id: str, events: Sequence[Event], then: Callable[[], None] | None = None) -> None:
        """Queues events of a run.

        Raises:
            StoreError: an earlier batch could not be written.
        """
        self._raise()
        self._queue.put(_Entry(run_id, events, then))

    def flush(self) -> None:
        """Waits until everything queued so far is durable."""
        done = threading.Event()
        self._queue.put(_Entry("", (), done.set))
        while not done.wait(0.2):
            self._raise()
        self._raise()

    def close(self) -> None:
        """Writes what is queued and stops."""
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        if self.error is not None:
            raise StoreError(str(self.error)) from self.error

    def _work(self) -> None:
        try:
            while (batch := self._gather()) is not None:
                self._commit(batch)
                for entry in batch:
                    if entry.then is not None:
                        entry.then()
        except BaseException as error:
            self.error = error

    def _gather(self) -> list[_Entry] | None:
        first = self._queue.get()
        if first is None:
            return None
        time.sleep(_GATHER_SECONDS)
        batch = [first]
        while len(batch) < _BATCH:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)
                break
            batch.append(entry)
        return batch

    def _commit(self, batch: list[_Entry]) -> None:
        rows: list[tuple[Any, ...]] = []
        projected: dict[str, list[tuple[Any, ...]]] = {name: [] for name in INSERTS}
        for entry in batch:
            for event in entry.events:
                stored = self._next(entry.run_id, event)
                rows.append(self._row(stored))
                for statement, row in project(stored):
                    projected[statement].append(row)
        if not rows:
            return
        blobs = [(name, self._compressor.compress(self._blobs[name])) for name in list(self._blobs)]
        with self._database.transaction():
            if blobs:
                self._database.execute_many("INSERT INTO blob VALUES (?,?) ON CONFLICT (digest) DO NOTHING", blobs)
            self._database.execute_many(
                "INSERT INTO event (position, run_id, kind, candidate_id, at, body, digest) VALUES (?,?,?,?,?,?,?)", rows
            )
            for statement, many in projected.items():
                if many:
                    self._database.execute_many(INSERTS[statement], many)
        for name, _ in blobs:
            self._blobs.pop(name, None)

    def _next(self, run_id: str, event: Event) -> Stored:
        if not self._first:
            self._first = self._open_stream()
        stored = Stored(self._first + self._place, run_id, time.time(), encode(event), event)
        self._place += 1
        return stored

    def _row(self, stored: Stored) -> tuple[Any, ...]:
        place = stored.position - self._first
        self._last = link(self._last, self.stream_id, place, stored.run_id, stored.at, stored.body)
        candidate = stored.event.candidate_id if isinstance(stored.event, Failed) else None
        kind = type(stored.event).__struct_config__.tag
        return (stored.position, stored.run_id, kind, candidate, stored.at, stored.body, self._last)

    def _open_stream(self) -> int:
        """Takes the next stream number; returns the position of its first event."""
        with self._database.transaction():
            number = self._database.execute("SELECT coalesce(max(number), 0) + 1 FROM stream")[0][0]
            self._database.execute("INSERT INTO stream VALUES (?, ?)", (number, self.stream_id))
        return int(number) << 32
