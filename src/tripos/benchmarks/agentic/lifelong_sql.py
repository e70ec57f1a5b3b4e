"""Plays SQL programs on a table of its own each, inside a sandbox. Standard library only; started from a file.

Reads a JSON object from stdin: "table" {"name", "columns" [[name, type], ...], "rows"} and "programs", a list of texts. Says one JSON
list on stdout, for each program {"rows": what its last query returned or null, "error": null or why it stopped, "state": the rows of the
table after it}. Text is compared without regard to case and accents, as MySQL does by default.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = 2.0
MOST_ROWS = 2000
MOST_BYTES = 1_000_000
_FORBIDDEN = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA}


def affinity(kind: str) -> str:
    """The SQLite type of a MySQL type."""
    if re.search(r"INT|BOOL|BIT|YEAR", kind, re.IGNORECASE):
        return "INTEGER"
    if re.search(r"DEC|NUM|FLOAT|DOUBLE|REAL", kind, re.IGNORECASE):
        return "NUMERIC"
    return "TEXT COLLATE mysql"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def compared(one: str, other: str) -> int:
    """Below, above or at 0, as the first text comes before, after or with the second."""
    first, second = folded(one), folded(other)
    return (first > second) - (first < second)


def folded(text: str) -> str:
    """Without case and accents."""
    return (
        text.lower()
        if text.isascii()
        else "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    )


def opened(table: dict[str, Any]) -> sqlite3.Connection:
    """A new database that holds the table; values are written as the benchmark writes them, as text that the column's type converts."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.create_collation("mysql", compared)
    columns = ", ".join(f"{quoted(name)} {affinity(kind)}" for name, kind in table["columns"])
    database.execute(f"CREATE TABLE {quoted(table['name'])} ({columns})")
    places = ", ".join("?" * len(table["columns"]))
    rows = [[str(value) for value in row] for row in table["rows"]]
    database.executemany(f"INSERT INTO {quoted(table['name'])} VALUES ({places})", rows)
    return database


def statements(program: str) -> list[str]:
    """The program cut at the semicolons that end statements."""
    found, at = [], 0
    for end in (match.end() for match in re.finditer(";", program)):
        if sqlite3.complete_statement(program[at:end]):
            found.append(program[at:end])
            at = end
    return [*found, program[at:]]


def played(table: dict[str, Any], program: str) -> dict[str, Any]:
    """What came of one program; see the module."""
    database = opened(table)
    until = time.monotonic() + SECONDS
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    database.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in _FORBIDDEN else sqlite3.SQLITE_OK)
    rows, error = None, None
    try:
        for statement in statements(program):
            cursor = database.execute(statement)
            if cursor.description is not None:
                rows = cursor.fetchmany(MOST_ROWS + 1)
                if len(rows) > MOST_ROWS:
                    raise ValueError(f"more than {MOST_ROWS} rows")
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as problem:
        error = f"{type(problem).__name__}: {problem}"[:300]
    return {"rows": rows, "error": error, "state": state(database, table)}


def state(database: sqlite3.Connection, table: dict[str, Any]) -> list[Any] | None:
    """The rows of the table, None where it or a column is gone."""
    database.set_authorizer(None)
    database.set_progress_handler(None, 0)
    names = ", ".join(f"{quoted(table['name'])}.{quoted(name)}" for name, _ in table["columns"])
    try:
        if database.in_transaction:
            database.execute("COMMIT")
        return database.execute(f"SELECT {names} FROM {quoted(table['name'])} LIMIT 100000").fetchall()
    except sqlite3.Error:
        return None


def plain(value: Any) -> str:
    """Bytes as text."""
    return bytes(value).decode(errors="replace")


def main() -> None:
    """See the module."""
    request = json.load(sys.stdin)
    results = [played(request["table"], program) for program in request["programs"]]
    sys.stdout.write(json.dumps(results, default=plain))


if __name__ == "__main__":
    main()
