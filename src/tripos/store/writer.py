"""The one writer of a process: a thread that commits whatever has gathered, and says so only then.

Group commit: while one batch is being written the next one gathers, so a slow disk makes batches larger, not callers
slower. A sample's line reaches its results file, and the progress bar, only after its events are durable. Several
processes may write one store: each has its own stream, their batches queue at the database.
"""

from __future__ import annotations

import hashlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import zstandard

from tripos.core.errors import StoreError
from tripos.store.claims import RENEW_SECONDS, Claims
from tripos.store.database import Database
from tripos.store.events import INLINE_LIMIT, SPAN, Blob, Event, Failed, Stored, Text, encode, kind_of, link
from tripos.store.projection import apply

_GATHER_SECONDS = 0.004
_BATCH = 500


class _Entry(NamedTuple):
    run_id: str
    events: Sequence[Event]
    then: Callable[[], None] | None


class Writer:
    """Appends events to a store.

    `write` returns at once; `then` is called in the writer's thread when the events are durable. An error ends the
    writer: it is kept in `error` and raised by the next call. `late` counts answers and verdicts that are recorded but do
    not count, because another process had answered the same candidate before.
    """

    def __init__(self, database: Database) -> None:
        self.stream_id = secrets.token_hex(8)
        self.error: BaseException | None = None
        self.late = 0
        self._database = database
        self._claims = Claims(database, self.stream_id)
        self._first = self._place = 0
        self._at = 0.0
        self._last = b""
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._blobs: dict[str, bytes] = {}
        self._stowed: set[str] = set()
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._thread = threading.Thread(target=self._work, name="tripos-writer", daemon=True)
        self._thread.start()

    def stow(self, text: str) -> Text:
        """The text itself when short, else a reference to a blob that is written with the next batch. Any thread may call."""
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
        """Waits until everything queued so far is durable.

        Raises:
            StoreError: it could not be written.
        """
        self._wait(lambda: None)

    def claim(self, holding: Iterable[str], wanted: Iterable[str]) -> set[str]:
        """Claims candidates beside those still in hand (see `claims`). Returns the ones that are free for this process.

        Raises:
            StoreError: the store cannot be written.
        """
        granted: set[str] = set()
        self._wait(lambda: granted.update(self._claims.take(holding, wanted)))
        return granted

    def close(self) -> None:
        """Writes what is queued, gives claims back and stops.

        Raises:
            StoreError: it could not be written.
        """
        self._queue.put(None)
        self._thread.join()
        self._raise()

    def _wait(self, work: Callable[[], None]) -> None:
        """Has the writer's thread do something after all that is queued, and waits for it."""
        done = threading.Event()

        def then() -> None:
            work()
            done.set()

        self.write("", (), then)
        while not done.wait(0.2):
            if not self._thread.is_alive():
                break
        self._raise()

    def _raise(self) -> None:
        if isinstance(self.error, OSError):
            raise StoreError(f"cannot write results: {self.error}; the store is safe, the same command goes on") from self.error
        if self.error is not None:
            raise StoreError(str(self.error)) from self.error

    def _work(self) -> None:
        try:
            while (batch := self._gather()) is not None:
                self._commit(batch)
                for entry in batch:
                    if entry.then is not None:
                        entry.then()
                self._claims.renew_in_time()
            self._claims.release()
        except BaseException as error:
            self.error = error

    def _gather(self) -> list[_Entry] | None:
        """What has been queued, at least one entry (or none at all when it is time to renew the claims); None at the end."""
        try:
            first = self._queue.get(timeout=RENEW_SECONDS)
        except queue.Empty:
            return []
        if first is None:
            return None
        if first.events:
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
        if not any(entry.events for entry in batch):
            return
        blobs = [(name, self._compressor.compress(self._blobs[name])) for name in list(self._blobs)]
        with self._database.transaction():
            if not self._first:
                self._first = open_stream(self._database, self.stream_id) * SPAN
            events = [self._next(entry.run_id, event) for entry in batch for event in entry.events]
            if blobs:
                self._database.execute_many("INSERT INTO blob VALUES (?,?) ON CONFLICT (digest) DO NOTHING", blobs)
            self._database.execute_many(
                "INSERT INTO event (position, run_id, kind, candidate_id, at, body, digest) VALUES (?,?,?,?,?,?,?)",
                [self._row(stored) for stored in events],
            )
            self.late += apply(self._database, events)
        for name, _ in blobs:
            self._blobs.pop(name, None)

    def _next(self, run_id: str, event: Event) -> Stored:
        self._at = max(self._at, time.time())  # clocks are set back; the order of a stream is not
        stored = Stored(self._first + self._place, run_id, self._at, encode(event), event)
        self._place += 1
        return stored

    def _row(self, stored: Stored) -> tuple[Any, ...]:
        place = stored.position - self._first
        self._last = link(self._last, self.stream_id, place, stored.run_id, stored.at, stored.body)
        candidate = stored.event.candidate_id if isinstance(stored.event, Failed) else None
        return (stored.position, stored.run_id, kind_of(stored.event), candidate, stored.at, stored.body, self._last)


def open_stream(database: Database, stream_id: str) -> int:
    """Registers a stream, inside a transaction; returns its number in this store."""
    number = int(database.execute("SELECT coalesce(max(number), 0) + 1 FROM stream")[0][0])
    database.execute("INSERT INTO stream VALUES (?, ?)", (number, stream_id))
    return number
