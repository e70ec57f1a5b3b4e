"""Whatever is changed behind our back is found, and the first event that was tampered with is named."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import made
import pytest
import zstandard

from tripos.store.database import Database
from tripos.store.events import SPAN, link
from tripos.store.rebuild import rebuild
from tripos.store.verify import Report, verify
from tripos.store.writer import Writer


@pytest.fixture
def database(url: str) -> Database:
    """Two streams: the first with five trials and a blob, the second with two."""
    writer = Writer(Database(url))
    long = writer.stow("A long prompt. " * 200)
    writer.write(made.RUN, [made.started(), made.planned("p", prompt=long)])  # type: ignore[arg-type]
    for n in range(5):
        writer.write(made.RUN, made.trial(f"c{n}", n % 2 == 0))
    writer.write(made.RUN, [made.scored("c0", overlay="other", bleu=0.5), made.ended()])
    writer.close()
    made.fill(url, made.trial("d0") + made.trial("d1"))
    return Database(url)


def found(database: Database) -> Report:
    report = verify(database)
    assert not report.ok
    return report


def test_a_sound_store(database: Database) -> None:
    report = verify(database)
    assert (report.ok, report.streams, report.events, report.blobs) == (True, 2, 25, 1)
    assert report.rows == sum(map(len, made.tables(database).values()))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET body = replace(CAST(body AS TEXT), '\"is_correct\":false', '\"is_correct\":true') WHERE position = {}",
        "UPDATE event SET at = at + 1 WHERE position = {}",
        "UPDATE event SET run_id = 'another' WHERE position = {}",
        "UPDATE event SET digest = (SELECT digest FROM event WHERE position = {} + 1) WHERE position = {}",
    ],
)
def test_a_changed_event_is_named(database: Database, change: str) -> None:
    if database.dialect.name == "postgresql":
        change = change.replace("CAST(body AS TEXT)", "convert_from(body, 'UTF8')").replace("body = replace", "body = convert_to(replace")
        change = change.replace("':true') WHERE", "':true'), 'UTF8') WHERE").replace(":true') WHERE", ":true'), 'UTF8') WHERE")
    database.execute(change.format(*[SPAN + 7] * 2))
    report = found(database)
    assert report.findings[0].startswith("event 7 of stream "), report.findings
    assert "(scored, run " in report.findings[0] and "candidate_id c1" in report.findings[0]


def test_an_event_that_was_changed_and_digested_anew_betrays_itself_by_the_next(database: Database) -> None:
    (stream_id,) = database.execute("SELECT stream_id FROM stream WHERE number = 1")[0]
    rows = database.execute("SELECT run_id, at, body FROM event WHERE position = ?", (SPAN + 7,))
    (previous,) = database.execute("SELECT digest FROM event WHERE position = ?", (SPAN + 6,))[0]
    forged = bytes(rows[0][2]).replace(b'"is_correct":false', b'"is_correct":true')
    digest = link(bytes(previous), stream_id, 7, rows[0][0], rows[0][1], forged)
    database.execute("UPDATE event SET body = ?, digest = ? WHERE position = ?", (forged, digest, SPAN + 7))
    (finding,) = found(database).findings
    assert finding.startswith("event 8 of stream ") and "it, or the one before it, is not what was written" in finding


def test_an_event_that_was_taken_out_and_one_that_was_put_in(database: Database) -> None:
    database.execute("DELETE FROM event WHERE position = ?", (SPAN + 7,))
    assert "1 events are missing" in found(database).findings[0]
    database.execute(
        "INSERT INTO event SELECT ? + 90, run_id, kind, candidate_id, at, body, digest FROM event WHERE position = ?", (SPAN, SPAN + 6)
    )
    assert any("before event 90" in f for f in found(database).findings)
    database.execute(
        "INSERT INTO event SELECT ?, run_id, kind, candidate_id, at, body, digest FROM event WHERE position = ?", (SPAN * 9, SPAN)
    )
    assert any("its stream is not registered" in f for f in found(database).findings)


def test_a_column_that_does_not_fit_its_body(database: Database) -> None:
    database.execute("UPDATE event SET kind = 'answered' WHERE position = ?", (SPAN + 7,))
    assert "its columns do not fit its body" in found(database).findings[0]


def test_a_cut_tail_shows_in_what_was_derived_from_it(database: Database) -> None:
    database.execute("DELETE FROM event WHERE position = ?", (2 * SPAN + 5,))
    (finding,) = found(database).findings
    assert finding.startswith("table verdict, row d1")


@pytest.mark.parametrize("kind", ["changed", "broken", "gone"])
def test_a_blob(database: Database, kind: str) -> None:
    if kind == "gone":
        database.execute("DELETE FROM blob")
    else:
        data = zstandard.compress(b"something else") if kind == "changed" else b"no frame"
        database.execute("UPDATE blob SET data = ?", (data,))
    words = {"changed": "is not what was written", "broken": "cannot be read", "gone": "is missing; an event refers to it"}
    assert words[kind] in found(database).findings[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE verdict SET is_correct = 1, value = 1.0 WHERE candidate_id = 'c1'", "table verdict, row c1, overlay-1"),
        ("DELETE FROM trial WHERE candidate_id = 'c2'", "table trial, row 0123456789ab, q-c2, default, 0 (missing)"),
        ("UPDATE run SET status = 'running'", "table run, row 0123456789ab"),
        ("INSERT INTO metric VALUES ('c0', 'other', 'zeal', 1.0)", "table metric, row c0, other, zeal (too many)"),
        ("UPDATE candidate SET cost_usd = 1 WHERE candidate_id = 'd1'", "table candidate, row d1"),
    ],
)
def test_a_changed_table_is_found_and_a_rebuild_mends_it(database: Database, change: str, named: str) -> None:
    before = made.tables(database)
    database.execute(change)
    (finding,) = found(database).findings
    assert finding == f"{named}: differs from what the events say; run `tripos store rebuild`"
    rebuild(database)
    assert made.tables(database) == before
    assert verify(database).ok


def test_verifying_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    made.fill(str(path), made.trial("a"))
    copy = tmp_path / "copy.db"
    shutil.copyfile(path, copy)
    with closing(Database(str(path), read_only=True)) as database:
        assert verify(database).ok
    assert path.read_bytes() == copy.read_bytes()
