"""Connections to SQLite (a path) or PostgreSQL (a URL), and their errors in words a user can act on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tripos.core.errors import StoreError
from tripos.core.secret import without_password
from tripos.store import schema
from tripos.store.readonly import open_read_only
from tripos.store.schema import POSTGRESQL, SQLITE, statements

Row = tuple[Any, ...]

BUSY_SECONDS = 30.0
_WRITERS = 0x7472_6970_6F73  # "tripos": the advisory lock that makes the writers of a PostgreSQL database queue


class OlderSchema(StoreError):
    """A store was opened for reading that has to be migrated first; `found` is its version."""

    def __init__(self, message: str, found: int) -> None:
        super().__init__(message)
        self.found = found


class Database:
    """One connection. SQL is written with `?`; PostgreSQL gets `%s`.

    Args:
        url: a path, `sqlite:///path` or `postgresql://…`.
        read_only: never writes, works on a read-only file, and refuses a store that does not exist.

    Raises:
        StoreError: it cannot be opened, is no Tripos store or of a newer version.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url, self.read_only = url, read_only
        if "://" in url and not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise StoreError(f"--store {without_password(url)}: a store is a path, sqlite:///path or postgresql://…")
        self.dialect = POSTGRESQL if is_postgresql(url) else SQLITE
        with self._errors():
            self._connection = self._open_postgresql() if self.dialect is POSTGRESQL else self._open_sqlite()
            try:
                self._migrate()
            except BaseException:
                self.close()
                raise

    def _open_sqlite(self) -> Any:
        path = Path(self.url.removeprefix("sqlite:///"))
        if path.is_dir():
            raise StoreError(f"{path} is a directory; a store is a file, e.g. --store {path / 'tripos.db'}")
        if self.read_only:
            if not path.exists():
                raise StoreError(f"there is no store at {path}; a run makes one, or name another with --store")
            return open_read_only(path, BUSY_SECONDS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the directory of the store {path}: {error.strerror}; choose another with --store") from error
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")  # a store that is held or cannot be written is found before anything is paid for
        connection.execute("ROLLBACK")
        return connection

    def _open_postgresql(self) -> Any:
        try:
            import psycopg
        except ImportError as error:
            raise StoreError("a PostgreSQL store needs psycopg: pip install 'tripos[postgres]'") from error
        connection = psycopg.connect(self.url, autocommit=True, connect_timeout=15)
        if self.read_only:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    def _migrate(self) -> None:
        found, newest = self.version(), len(schema.MIGRATIONS)
        if found > newest:
            raise StoreError(f"{self.name} was written by a newer Tripos (schema {found}, this one knows {newest}); upgrade tripos")
        if found == newest:
            return
        if self.read_only:
            if found == 0:
                raise StoreError(f"{self.name} is not a Tripos store")
            raise OlderSchema(f"{self.name} has the older schema {found}: run `tripos store migrate --store {self.name}`", found)
        with self.transaction():
            found = self.version()  # another process may have been quicker
            if found == 0 and self._belongs_to_others():
                raise StoreError(f"{self.name} holds the tables of something else; name another with --store")
            for script in schema.MIGRATIONS[found:]:
                for statement in statements(script, self.dialect):
                    self.execute(statement)
            self.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            self.execute("INSERT INTO meta VALUES ('schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (str(newest),))

    def version(self) -> int:
        """Version of the schema; 0 where there is no store."""
        if self._has("meta"):
            rows = self.execute("SELECT value FROM meta WHERE key = 'schema'")
            return int(rows[0][0]) if rows else 0
        return 0

    def _belongs_to_others(self) -> bool:
        if self.dialect is SQLITE:
            return bool(self.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1"))
        return any(self._has(table) for table in ("meta", "event", "blob", *schema.PROJECTIONS))  # others may live in this schema

    def _has(self, table: str) -> bool:
        if self.dialect is POSTGRESQL:
            # not to_regclass: within a transaction its cache does not see what another session has just made
            return bool(self.execute("SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = ?", (table,)))
        return bool(self.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    @property
    def name(self) -> str:
        """The URL without its password."""
        return without_password(self.url)

    def clock(self) -> float:
        """Unix seconds by a clock that all who share this store share."""
        if self.dialect is POSTGRESQL:
            return float(self.execute("SELECT extract(epoch FROM clock_timestamp())::float8")[0][0])
        return time.time()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Runs one statement and returns its rows (none for statements without)."""
        with self._errors():
            cursor = self._connection.execute(self._words(sql), parameters)
            return cursor.fetchall() if cursor.description else []

    def among(self, sql: str, names: Sequence[str], *before: Any) -> list[Row]:
        """Rows of a statement that ends in `IN `, for names of any number."""
        rows: list[Row] = []
        for start in range(0, len(names), 10_000):
            part = names[start : start + 10_000]
            rows += self.execute(f"{sql}({','.join('?' * len(part))})", (*before, *part))
        return rows

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, chunk: int = 2000) -> Iterator[Row]:
        """Rows in chunks, so that memory does not grow with the result; other statements may run between them."""
        with self._errors():
            if self.dialect is POSTGRESQL:
                cursor = self._connection.cursor(name=f"stream_{time.monotonic_ns()}", withhold=True)
                cursor.execute(self._words(sql), parameters)
            else:
                cursor = self._connection.execute(sql, parameters)
        try:
            while rows := self._fetch(cursor, chunk):
                yield from rows
        finally:
            cursor.close()

    def _fetch(self, cursor: Any, chunk: int) -> list[Row]:
        with self._errors():
            rows: list[Row] = cursor.fetchmany(chunk)
            return rows

    def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs one statement for many rows."""
        with self._errors():
            if self.dialect is POSTGRESQL:
                self._connection.cursor().executemany(self._words(sql), rows)
            else:
                self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Writers take a lock at once, so that two processes queue instead of failing, and what one reads
        inside cannot change before it has written.
        """
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE" if self.dialect is SQLITE else "BEGIN")
            try:
                if self.dialect is POSTGRESQL and not self.read_only:
                    self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITERS,))
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):  # it may have ended by itself (full disk, lost connection); the first error is the one to tell
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _words(self, sql: str) -> str:
        return sql.replace("%", "%%").replace("?", "%s") if self.dialect is POSTGRESQL else sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the store {self.url}: {_advice(str(error))}") from error
        except Exception as error:
            if type(error).__module__.startswith("psycopg"):
                raise StoreError(f"the store {self.name}: {_advice(' '.join(str(error).split()))}") from error
            raise


def schema_of(url: str) -> int:
    """Version of the schema of a store, without changing it; one of an older version cannot be opened otherwise.

    Raises:
        StoreError: there is none, or of a newer version.
    """
    try:
        database = Database(url, read_only=True)
    except OlderSchema as error:
        return error.found
    with closing(database):
        return database.version()


def is_postgresql(url: str) -> bool:
    """Whether a URL names a PostgreSQL database; anything else is a file."""
    return url.startswith(("postgresql://", "postgres://"))


_ADVICE = {
    "locked": "another process holds it; wait for it or name another with --store",
    "readonly": "it cannot be written; check its permissions or name another with --store",
    "unable to open": "it cannot be opened; check the path and its permissions",
    "disk is full": "what was committed is safe, run the same command again when there is room",
    "No space left": "what was committed is safe, run the same command again when there is room",
    "disk I/O error": "the disk or a limit on file sizes refused; what was committed is safe, run the same command again when it is mended",
    "not a database": "name another with --store",
    "malformed": "the file is damaged; restore a copy, or rescue it with `sqlite3 FILE .recover`",
    "connection failed": "check that the server runs and the URL is right",
    "server closed the connection": "what was committed is safe, run the same command again when the server is back",
    "terminating connection": "what was committed is safe, run the same command again when the server is back",
    "the connection is closed": "what was committed is safe, run the same command again when the server is back",
}


def _advice(message: str) -> str:
    return next((f"{message}: {words}" for sign, words in _ADVICE.items() if sign in message), message)
