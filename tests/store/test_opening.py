"""Opening what is there, what is not there, what is not ours, and what may only be read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import made
import pytest

from tripos.core.errors import StoreError
from tripos.store import database as database_module
from tripos.store import schema
from tripos.store.database import Database, schema_of
from tripos.store.reading import Reader
from tripos.store.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    made.fill(str(path), [made.started(), *made.trial("a")])
    return path


READ_AS_NOBODY = """
import os, sys
from tripos.core.errors import StoreError
from tripos.store.database import Database
if os.geteuid() == 0:  # no permission stops root
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
try:
    print(Database(sys.argv[1], read_only=sys.argv[2] == "read").execute("SELECT count(*) FROM trial")[0][0])
except StoreError as error:
    print(error)
"""


def read_as_nobody(path: Path, how: str = "read") -> str:
    """Counts trials in a process without any right to write."""
    done = subprocess.run([sys.executable, "-c", READ_AS_NOBODY, str(path), how], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def locked_away(directory: Path) -> Path:
    """Takes everybody's right to write from a directory and what is in it (and makes the way there passable)."""
    for parent in list(directory.parents)[:-2]:
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o055)
    for file in directory.iterdir():
        file.chmod(0o444)
    directory.chmod(0o555)
    return directory


@pytest.fixture
def shelf(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A directory that will be locked away, and is opened again so that it can be removed."""
    directory = tmp_path / "shelf"
    directory.mkdir()
    yield directory
    directory.chmod(0o755)


class TestReadOnly:
    def test_a_store_without_write_permission_on_file_and_directory(self, store: Path, shelf: Path) -> None:
        shutil.copyfile(store, shelf / "s.db")
        locked_away(shelf)
        assert read_as_nobody(shelf / "s.db") == "1"
        assert sorted(p.name for p in shelf.iterdir()) == ["s.db"]

    @pytest.mark.parametrize("left", [("s.db-wal", "s.db-shm"), ("s.db-wal",)])
    def test_what_a_killed_writer_left_in_the_log_is_read_too(self, store: Path, shelf: Path, left: tuple[str, ...]) -> None:
        live = Database(str(store))
        writer = made.Writer(live)
        writer.write(made.RUN, made.trial("b"))
        writer.flush()  # committed, but in the log only
        for name in ("s.db", *left):
            shutil.copyfile(store.with_name(store.name + name[4:]), shelf / name)
        writer.close()
        locked_away(shelf)
        assert read_as_nobody(shelf / "s.db") == "2"
        assert sorted(p.name for p in shelf.iterdir()) == sorted(("s.db", *left))

    def test_opening_it_for_writing_is_refused_before_anything_is_paid_for(self, store: Path, shelf: Path) -> None:
        shutil.copyfile(store, shelf / "s.db")
        locked_away(shelf)
        said = read_as_nobody(shelf / "s.db", "write")
        assert "check the path and its permissions" in said or "it cannot be written; check its permissions" in said

    def test_reading_never_writes(self, url: str) -> None:
        made.fill(url, made.trial("a"))
        with closing(Database(url, read_only=True)) as database:
            assert Reader(database).statuses(["a"])["a"][0] == "answered"
            with pytest.raises(StoreError):
                database.execute("DELETE FROM trial")

    def test_a_store_can_be_read_while_it_is_written(self, url: str) -> None:
        database = Database(url)
        writer = made.Writer(database)
        for n in range(5):
            writer.write(made.RUN, made.trial(f"c{n}"))
            writer.flush()
            with closing(Database(url, read_only=True)) as reading:
                assert reading.execute("SELECT count(*) FROM verdict") == [(n + 1,)]
        writer.close()

    def test_a_store_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"there is no store at .*none\.db"):
            Database(str(tmp_path / "none.db"), read_only=True)
        assert not list(tmp_path.iterdir())

    def test_an_odd_path(self, tmp_path: Path) -> None:
        path = tmp_path / "a b%20c?d#e'f" / "s.db"
        made.fill(str(path), made.trial("a"))
        assert Database(str(path), read_only=True).execute("SELECT count(*) FROM trial") == [(1,)]


class TestRefusals:
    """One clear sentence, and the store is as it was."""

    def test_a_newer_schema(self, url: str) -> None:
        made.fill(url, made.trial("a"))
        Database(url).execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
        for read_only in (False, True):
            with pytest.raises(StoreError, match=rf"newer Tripos .schema 99, this one knows {schema.VERSION}.; upgrade tripos"):
                Database(url, read_only=read_only)

    def test_no_database_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.db"
        path.write_text("Dear Sir, " * 1000)
        for read_only in (False, True):
            with pytest.raises(StoreError, match=r"letter\.db: file is not a database: name another with --store"):
                Database(str(path), read_only=read_only)
        assert path.read_text() == "Dear Sir, " * 1000

    def test_somebody_elses_database(self, tmp_path: Path) -> None:
        path = tmp_path / "places.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE places (name TEXT)")
            connection.commit()
        with pytest.raises(StoreError, match="holds the tables of something else"):
            Database(str(path))
        with pytest.raises(StoreError, match="is not a Tripos store"):
            Database(str(path), read_only=True)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]

    def test_somebody_elses_tables_in_postgresql(self, postgresql_url: str) -> None:
        import psycopg

        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE event (id INT)")
        with pytest.raises(StoreError, match="holds the tables of something else"):
            Database(postgresql_url)

    def test_a_damaged_file(self, store: Path) -> None:
        with store.open("r+b") as file:
            file.seek(4096 * 2)
            file.write(b"\xff" * 4096 * 6)
        with pytest.raises(StoreError, match="malformed: the file is damaged; restore a copy"):
            verify(Database(str(store), read_only=True))

    def test_a_locked_store(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked: another process holds it; wait for it or name another"):
                Database(str(store))
        assert verify(Database(str(store))).ok

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot make the directory of the store"):
            Database(str(tmp_path / "file" / "s.db"))

    def test_a_server_that_is_not_there_and_a_password_that_stays_secret(self) -> None:
        with pytest.raises(StoreError, match="check that the server runs") as caught:
            Database("postgresql://me:hunter2@127.0.0.1:9/nothing")
        assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)


class TestMigration:
    NEXT = "CREATE TABLE note (run_id {key} NOT NULL, words TEXT); ALTER TABLE run ADD COLUMN host TEXT;"

    def test_an_older_store_is_migrated_forward_and_keeps_everything(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made.fill(url, [made.started(), *made.trial("a")])
        before = made.tables(Database(url))
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, self.NEXT))
        with pytest.raises(StoreError, match=f"has the older schema {schema.VERSION}: run `tripos store migrate --store"):
            Database(url, read_only=True)
        assert schema_of(url) == schema.VERSION
        with closing(Database(url)) as database:
            assert database.version() == schema_of(url) == schema.VERSION + 1
            assert database.execute("SELECT words FROM note") == []
            after = made.tables(database)
        assert {t: [row[: len(old)] for row, old in zip(after[t], before[t], strict=True)] for t in after} == before
        monkeypatch.undo()
        with pytest.raises(StoreError, match="newer Tripos"):
            Database(url)

    def test_a_migration_that_fails_leaves_the_store_as_it_was(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made.fill(url, made.trial("a"))
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, self.NEXT + "CREATE TABLE run (x INT);"))
        with pytest.raises(StoreError, match="already exists"):
            Database(url)
        monkeypatch.undo()
        with closing(Database(url)) as database:
            assert database.version() == schema.VERSION and verify(database).ok
            with pytest.raises(StoreError, match="note"):
                database.execute("SELECT * FROM note")

    def test_many_processes_may_make_one_store_at_once(self, url: str) -> None:
        program = "import sys; from tripos.store.database import Database; print(Database(sys.argv[1]).version())"
        processes = [subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True) for _ in range(4)]
        assert [p.communicate(timeout=300)[0].strip() for p in processes] == [str(schema.VERSION)] * 4


def test_other_tools_read_the_file_as_it_is(store: Path) -> None:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT metric_id, value FROM score ORDER BY metric_id").fetchall() == [("accuracy", 1.0), ("score", 1.0)]
        assert connection.execute("SELECT json_extract(body, '$.text') FROM event WHERE kind = 'answered'").fetchall() == [("B",)]
    if shutil.which("sqlite3"):
        said = subprocess.run(
            ["sqlite3", "-readonly", str(store), "SELECT status FROM candidate"], capture_output=True, text=True, check=True
        )
        assert said.stdout == "answered\n"


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"is a directory; a store is a file, e\.g\. --store .*tripos\.db"):
            Database(str(tmp_path), read_only=read_only)
