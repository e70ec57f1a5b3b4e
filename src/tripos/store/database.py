"""Connections to SQLite (a path) or PostgreSQL (a URL), and their errors in words a user can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tripos.core.errors import StoreError
from tripos.core.secret import without_password
from tripos.store.schema import MIGRATIONS, POSTGRESQL, SQLITE, VERSION, statements

Row = tuple[Any, ...]


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
        self.dialect = POSTGRESQL if url.startswith(("postgresql://", "postgres://")) else SQLITE
        with self._errors():
            self._connection = self._open_postgresql() if self.dialect is POSTGRESQL else self._open_sqlite()
            self._migrate()

    def _open_sqlite(self) -> Any:
        path = Path(self.url.removeprefix("sqlite:///"))
        if self.read_only:
            if not path.exists():
                raise StoreError(f"there is no store at {path}; a run makes one, or name another with --store")
            return sqlite3.connect(f"file:{_quote(path)}?mode=ro", uri=True, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the directory of the store {path}: {error.strerror}; choose another with --store") from error
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _open_postgresql(self) -> Any:
        try:
            import psycopg
        except ImportError as error:
            raise StoreError("a PostgreSQL store needs psycopg: pip install 'tripos[postgres]'") from error
        return psycopg.connect(self.url, autocommit=True)

    def _migrate(self) -> None:
        found = self._version()
        if found > VERSION:
            raise StoreError(f"{self.url} was written by a newer Tripos (schema {found}, this one knows {VERSION}); upgrade tripos")
        if found == VERSION:
            return
        if self.read_only:
            raise StoreError(
                f"{self.url} is not a Tripos store" if found == 0 else f"{self.url} has schema {found}: run tripos store migrate"
            )
        with self.transaction():
            if self._version() == VERSION:  # another process was quicker
                return
            self.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            for script in MIGRATIONS[found:]:
                for statement in statements(script, self.dialect):
                    self.execute(statement)
            self.execute("INSERT INTO meta VALUES ('schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (str(VERSION),))

    def _version(self) -> int:
        if self.dialect is POSTGRESQL:
            exists = self.execute("SELECT to_regclass('meta') IS NOT NULL")[0][0]
        else:
            exists = self.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'")[0][0]
        rows = self.execute("SELECT value FROM meta WHERE key = 'schema'") if exists else []
        return int(rows[0][0]) if rows else 0

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Runs one statement and returns its rows (none for statements without)."""
        with self._errors():
            cursor = self._connection.execute(self._words(sql), parameters)
            return cursor.fetchall() if cursor.description else []

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, chunk: int = 2000) -> Iterator[Row]:
        """Rows in chunks, so that memory does not grow with the result."""
        with self._errors():
            cursor = self._connection.execute(self._words(sql), parameters)
            while rows := cursor.fetchmany(chunk):
                yield from rows

    def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs one statement for many rows."""
        with self._errors():
            if self.dialect is POSTGRESQL:
                self._connection.cursor().executemany(self._words(sql), rows)
            else:
                self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. On SQLite the write lock is taken at once, so two processes queue instead of failing."""
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE" if self.dialect is SQLITE else "BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _words(self, sql: str) -> str:
        return sql.replace("?", "%s") if self.dialect is POSTGRESQL else sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"the store {self.url}: {_advice(str(error))}") from error
        except Exception as error:
            if type(error).__module__.startswith("psycopg"):
                raise StoreError(f"the store {without_password(self.url)}: {error}") from error
            raise


def _advice(message: str) -> str:
    advice = {
        "locked": "another process holds it; wait for it or name another with --store",
        "readonly": "it cannot be written; check its permissions or name another with --store",
        "unable to open": "it cannot be opened; check the path and its permissions",
        "full": "the disk is full; what was committed is safe, run the same command again when there is room",
        "not a database": "the file is not a SQLite database; name another with --store",
        "malformed": "the file is damaged; restore a copy, or rescue it with `sqlite3 FILE .recover`",
    }
    return next((f"{message}: {words}" for sign, words in advice.items() if sign in message), message)


def _quote(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
