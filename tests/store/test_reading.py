"""What is read is what was written, or an error that says so; what was begun and not finished was never there."""

from __future__ import annotations

import sys
from typing import Any

import made
import pytest
import zstandard

from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.events import Blob
from tripos.store.reading import Reader
from tripos.store.writer import Writer

TEXT = "A long prompt. " * 200


def stowed(url: str) -> Blob:
    """A trial whose prompt is a blob."""
    writer = Writer(Database(url))
    blob = writer.stow(TEXT)
    assert isinstance(blob, Blob)
    writer.write(made.RUN, [made.planned("a", prompt=blob), made.answered("a")])  # type: ignore[arg-type]
    writer.close()
    return blob


def test_a_text_comes_back(url: str) -> None:
    assert Reader(Database(url)).fetch(stowed(url)) == TEXT


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zstandard.compress(b"another prompt"), "is not what was written"),
        (zstandard.compress(TEXT.encode())[:-3], "cannot be read"),
        (b"no frame", "cannot be read"),
        (b"", "cannot be read"),
        (None, "is missing"),
    ],
    ids=["changed", "torn", "no frame", "empty", "gone"],
)
def test_a_blob_that_is_not_what_was_written_is_never_taken_for_it(url: str, data: bytes | None, said: str) -> None:
    blob = stowed(url)
    database = Database(url)
    database.execute("DELETE FROM blob" if data is None else "UPDATE blob SET data = ?", () if data is None else (data,))
    with pytest.raises(StoreError, match=f"blob {blob.blob[:12]} of .* {said}.*; run `tripos store verify`"):
        Reader(database).fetch(blob)


def test_what_was_begun_and_not_finished_leaves_nothing(url: str) -> None:
    database, other = Database(url), Database(url)
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.execute("INSERT INTO stream VALUES (1, 'one')")
        raise ZeroDivisionError
    assert database.execute("SELECT * FROM stream") == other.execute("SELECT * FROM stream") == []
    with database.transaction():
        database.execute("INSERT INTO stream VALUES (2, 'two')")
        assert other.execute("SELECT * FROM stream") == [], "not before the end"
    assert other.execute("SELECT * FROM stream") == [(2, "two")]


def test_a_batch_is_written_whole_or_not_at_all(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tripos.store import writer as module

    def breaks(*_: Any) -> int:
        raise StoreError("the tables cannot be derived")

    monkeypatch.setattr(module, "apply", breaks)
    writer = Writer(Database(url))
    said: list[str] = []
    writer.write(made.RUN, [made.planned("a", prompt=writer.stow(TEXT))], then=lambda: said.append("durable"))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot be derived"):
        writer.close()
    database = Database(url)
    assert [database.execute(f"SELECT count(*) FROM {t}") for t in ("stream", "event", "blob", "trial")] == [[(0,)]] * 4
    assert said == []


def test_more_names_than_a_statement_takes_parameters(url: str) -> None:
    names = [f"{n:032x}" for n in range(70_000)]
    made.fill(url, made.trial(names[0]), made.trial(names[-1]))
    reader = Reader(Database(url))
    assert set(reader.statuses(names)) == set(reader.verdicts(names, made.OVERLAY)) == {names[0], names[-1]}


def test_a_driver_that_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"needs psycopg: pip install 'tripos\[postgres\]'"):
        Database("postgresql://localhost/results")


def test_a_run_is_found_by_its_whole_id_though_a_fresh_one_begins_so(url: str) -> None:
    for run_id in ("0123456789ab", "0123456789ab-f00d11"):
        made.fill(url, [made.started()], run_id=run_id)
    reader = Reader(Database(url))
    for name in ("0123456789ab", "0123456789ab-f00d11"):
        assert reader.run(name).run_id == name
    assert reader.run("0123456789ab-").run_id == "0123456789ab-f00d11"
    with pytest.raises(StoreError, match=r"several runs begin so .* runs: 0123456789ab"):
        reader.run("0123")
    with pytest.raises(StoreError, match="no run begins so"):
        reader.run("9")
