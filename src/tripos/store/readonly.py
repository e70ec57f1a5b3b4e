"""Opening a SQLite store where nothing may be written: the file, its directory, or both.

A store in WAL mode needs a shared-memory file beside it even for reading. Where that cannot be made, a store without a
write-ahead log is opened as immutable; one with a log (its writer was killed, or only these two files were copied) is
read from a private copy, because an immutable opening would leave out what the log holds, in silence.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import weakref
from pathlib import Path
from urllib.parse import quote


class _Connection(sqlite3.Connection):
    """A connection that can be referred to weakly."""


def open_read_only(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection that never writes to `path` or its directory.

    Raises:
        sqlite3.Error: the file is no database or cannot be read.
    """
    try:
        return _connect(path, "mode=ro", busy_seconds)
    except sqlite3.OperationalError as error:
        if not any(sign in str(error) for sign in ("unable to open", "readonly")):
            raise
    log = path.with_name(path.name + "-wal")
    if not (log.exists() and log.stat().st_size):
        return _connect(path, "mode=ro&immutable=1", busy_seconds)
    directory = tempfile.TemporaryDirectory(prefix="tripos-store-")
    copy = Path(directory.name) / path.name
    shutil.copyfile(path, copy)
    shutil.copyfile(log, copy.with_name(log.name))
    connection = _connect(copy, "mode=rw", busy_seconds)
    connection.execute("PRAGMA query_only = on")
    weakref.finalize(connection, directory.cleanup)
    return connection


def _connect(path: Path, how: str, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}", uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # opening alone touches nothing
    except sqlite3.Error:
        connection.close()
        raise
    return connection
