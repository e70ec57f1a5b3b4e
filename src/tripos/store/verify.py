"""Is the record what was written? Chains, blobs, and the tables that were derived from them.

What a chain of digests can tell: an event that was changed, inserted, reordered or taken out of the middle. What it cannot:
that the newest events of a stream were cut off together with everything derived from them; a results file that was
published elsewhere shows that (`tripos store verify --results`).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from tripos.core.errors import StoreError
from tripos.store.database import Database, Row
from tripos.store.events import SPAN, Event, decode, kind_of, link
from tripos.store.projection import apply
from tripos.store.rebuild import CHUNK, in_order
from tripos.store.schema import PROJECTIONS

_SHOWN = 20


@dataclass
class Report:
    """What was looked at, and what is wrong: the first few findings in words, the first tampered event first."""

    streams: int = 0
    events: int = 0
    blobs: int = 0
    rows: int = 0
    wrong: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, finding: str) -> None:
        """One more thing that is wrong."""
        self.wrong += 1
        if len(self.findings) < _SHOWN:
            self.findings.append(finding)

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.wrong


def verify(database: Database) -> Report:
    """Checks every digest of every chain, every blob, and that the projections equal a rebuild. Writes nothing to the store."""
    report = Report()
    _chains(database, report)
    _blobs(database, report)
    if report.ok:  # tables that were derived from other events cannot be told to be right or wrong
        try:
            _projections(database, report)
        except StoreError as error:
            report.add(str(error))
    return report


def _chains(database: Database, report: Report) -> None:
    names: dict[int, str] = dict(database.execute("SELECT number, stream_id FROM stream"))
    report.streams = len(names)
    current, place, last = -1, 0, b""
    wanted: set[str] = set()
    sql = "SELECT position, run_id, kind, candidate_id, at, body, digest FROM event ORDER BY position"
    for position, run_id, kind, candidate_id, at, body, digest in database.stream(sql, chunk=CHUNK):
        report.events += 1
        number, found = divmod(position, SPAN)
        if number != current:
            current, place, last = number, 0, b""
        where = f"event {found} of stream {names.get(number, number)} ({kind}, run {run_id}, {_time(at)})"
        if number not in names:
            report.add(f"{where}: its stream is not registered")
        if found != place:
            report.add(f"before {where}: {found - place} events are missing")
        place = found + 1
        raw = _raw(body)
        expected = link(last, names.get(number, ""), found, run_id, at, raw)
        last = _raw(digest)  # go on from what is written, so that one changed event is one finding
        event = _decoded(raw)
        if expected != last or body is not raw:
            report.add(f"{where}: it, or the one before it, is not what was written{_record(event)}")
        elif event is None:
            report.add(f"{where}: it cannot be read")
        elif (kind, candidate_id) != (kind_of(event), _failed(event)):
            report.add(f"{where}: its columns do not fit its body{_record(event)}")
        wanted.update(_blobs_in(raw))
        if len(wanted) >= CHUNK:
            _present(database, wanted, report)
    _present(database, wanted, report)


def _raw(value: Any) -> bytes:
    """The bytes of a cell; SQLite lets anything stand in a column of bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def _decoded(body: bytes) -> Event | None:
    try:
        return decode(body)
    except StoreError:
        return None


def _failed(event: Event) -> str | None:
    return str(getattr(event, "candidate_id", None)) if kind_of(event) == "failed" else None


def _record(event: Event | None) -> str:
    named = [f"{name} {getattr(event, name)}" for name in ("record_id", "candidate_id") if hasattr(event, name)]
    return f" ({', '.join(named)})" if named else ""


def _blobs_in(body: bytes) -> Iterator[str]:
    if b'"blob":"' not in body:
        return
    try:
        values = msgspec.json.decode(body).values()
    except (msgspec.DecodeError, AttributeError):
        return
    yield from (v["blob"] for v in values if isinstance(v, dict) and set(v) == {"blob"} and isinstance(v["blob"], str))


def _present(database: Database, wanted: set[str], report: Report) -> None:
    found = {r[0] for r in database.among("SELECT digest FROM blob WHERE digest IN ", sorted(wanted))}
    for name in sorted(wanted - found):
        report.add(f"blob {name[:12]} is missing; an event refers to it")
    wanted.clear()


def _blobs(database: Database, report: Report) -> None:
    for name, data in database.stream("SELECT digest, data FROM blob ORDER BY digest", chunk=200):
        report.blobs += 1
        fault = fault_of(name, data)
        if fault is not None:
            report.add(f"blob {name[:12]} {fault}")


def fault_of(name: str, data: Any) -> str | None:
    """What is wrong with a blob, None where its content is what its name says. In pieces: it may be large."""
    sha = hashlib.sha256()
    try:
        with zstandard.ZstdDecompressor().stream_reader(_raw(data)) as reader:
            while part := reader.read(1 << 20):
                sha.update(part)
    except zstandard.ZstdError as error:
        return f"cannot be read: {error}"
    return None if sha.hexdigest() == name else f"is not what was written: its content hashes to {sha.hexdigest()[:12]}"


def _projections(database: Database, report: Report) -> None:
    """Rebuilds beside the store and compares row by row."""
    with tempfile.TemporaryDirectory(prefix="tripos-verify-") as directory:
        scratch = Database(str(Path(directory) / "scratch.db"))
        try:
            with scratch.transaction():
                scratch.execute_many("INSERT INTO stream VALUES (?, ?)", database.execute("SELECT number, stream_id FROM stream"))
                for chunk in in_order(database):
                    # what `apply` looks up: times of all, bodies of the starts and ends of runs
                    rows = [
                        (s.position, s.run_id, kind_of(s.event), s.at, s.body if kind_of(s.event).startswith("run_") else b"", b"")
                        for s in chunk
                    ]
                    scratch.execute_many("INSERT INTO event (position, run_id, kind, at, body, digest) VALUES (?,?,?,?,?,?)", rows)
                    apply(scratch, chunk)
            for table, key in PROJECTIONS.items():
                _compare(database, scratch, table, key, report)
        finally:
            scratch.close()


def _compare(database: Database, scratch: Database, table: str, key: str, report: Report) -> None:
    width = len(key.split(", "))
    sql = f"SELECT {key}, * FROM {table} ORDER BY {key}"
    for there, derived in zip_longest(database.stream(sql), scratch.stream(sql)):
        report.rows += 1
        if there != derived:
            report.add(f"table {table}, {_difference(there, derived, width)}: differs from what the events say; run `tripos store rebuild`")
            return  # after a missing row all that follow differ


def _difference(there: Row | None, derived: Row | None, width: int) -> str:
    if there is None or derived is None or there[:width] != derived[:width]:
        row: Any = there if derived is None or (there is not None and there[:width] < derived[:width]) else derived
        return f"row {', '.join(map(str, row[:width]))} ({'too many' if row is there else 'missing'})"
    return f"row {', '.join(map(str, there[:width]))}"


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
