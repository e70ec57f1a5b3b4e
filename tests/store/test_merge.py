"""A merge is a union of sets of streams: again adds nothing, in any order the same, and no digest changes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import made
import pytest
import zstandard

from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.events import SPAN
from tripos.store.merge import Merged, merge
from tripos.store.reading import Reader
from tripos.store.verify import verify
from tripos.store.writer import Writer


def into(target: str, source: str) -> Merged:
    with closing(Database(target)) as a, closing(Database(source, read_only=True)) as b:
        return merge(a, b)


def record(url: str) -> set[Any]:
    """The events of a store by their global names, with digests."""
    with closing(Database(url)) as database:
        rows = database.execute(
            f"SELECT s.stream_id, e.position % {SPAN}, e.digest FROM event e JOIN stream s ON s.number = e.position / {SPAN}"
        )
        return {(stream, place, bytes(digest)) for stream, place, digest in rows}


def says(url: str) -> list[Any]:
    """What a reader learns: all trials with text and verdict."""
    with closing(Database(url)) as database:
        return [(t.planned, t.answered, t.scored) for t in Reader(database).trials(made.RUN, made.OVERLAY)]


def with_blob(url: str, name: str) -> None:
    writer = Writer(Database(url))
    writer.write(made.RUN, [made.planned(name, prompt=writer.stow("A shared passage. " * 200)), made.answered(name)])  # type: ignore[arg-type]
    writer.close()


def test_shards_of_a_run_become_one(url: str, other_url: str) -> None:
    made.fill(url, [made.started(), *made.trial("a")])
    with_blob(url, "x")
    made.fill(other_url, [made.started(), *made.trial("b", False)], [made.ended()])
    with_blob(other_url, "y")
    both = record(url) | record(other_url)
    assert into(url, other_url) == Merged(streams=2, events=7, blobs=0), "the blob is the same: stored once"
    assert record(url) == both
    assert [planned.candidate_id for planned, _, _ in says(url)] == ["a", "b", "x", "y"]
    report = verify(Database(url))
    assert report.ok, report.findings


def test_again_adds_nothing_and_both_directions_say_the_same(url: str, other_url: str) -> None:
    made.fill(url, [*made.trial("a"), made.answered("c", "first")])
    made.fill(other_url, [*made.trial("b"), made.answered("c", "second"), made.scored("c", False)])
    into(url, other_url)
    assert into(url, other_url) == Merged()
    into(other_url, url)
    assert says(url) == says(other_url) and record(url) == record(other_url)
    assert into(url, url) == Merged()


def test_a_shard_that_has_grown_adds_what_is_new(url: str, other_url: str) -> None:
    writer = Writer(Database(other_url))
    writer.write(made.RUN, made.trial("a"))
    writer.flush()
    assert into(url, other_url) == Merged(streams=1, events=3)
    writer.write(made.RUN, made.trial("b"))
    writer.close()
    assert into(url, other_url) == Merged(events=3)
    assert into(other_url, url) == Merged()
    assert verify(Database(url)).ok and record(url) == record(other_url)


def test_a_verdict_sticks_to_the_answer_it_graded(url: str, other_url: str) -> None:
    """Both shards answered the same candidate; one was graded later, by a process of its own."""
    made.fill(url, [made.planned("a"), made.answered("a", "early"), made.scored("a", True)])
    late = made.fill(other_url, [made.planned("a"), made.answered("a", "late")])
    made.fill(other_url, [made.scored("a", False, graded=f"{late}/1")])
    into(url, other_url)
    ((_, answer, verdict),) = says(url)
    assert answer.text == "early" and verdict.verdict.is_correct is True, "the newest verdict is of the other answer"


def test_between_the_two_kinds_of_database(tmp_path: Any, postgresql_url: str) -> None:
    path = str(tmp_path / "s.db")
    made.fill(path, [made.started(), *made.trial("a"), made.failed("b")])
    with_blob(path, "x")
    assert into(postgresql_url, path).events == 7
    assert into(str(tmp_path / "back.db"), postgresql_url).blobs == 1
    assert record(path) == record(postgresql_url) == record(str(tmp_path / "back.db"))
    assert made.tables(Database(path)) == made.tables(Database(postgresql_url)) == made.tables(Database(str(tmp_path / "back.db")))


def test_a_shard_that_was_tampered_with_is_refused_whole(url: str, other_url: str) -> None:
    made.fill(url, made.trial("a"))
    stream = made.fill(other_url, made.trial("b"), made.trial("c"))
    Database(other_url).execute("UPDATE event SET at = at + 1 WHERE position = ?", (SPAN + 4,))
    before = record(url)
    with pytest.raises(StoreError, match=f"was tampered with: event 4 of stream {stream} .answered.; nothing was merged"):
        into(url, other_url)
    assert record(url) == before and verify(Database(url)).ok


def test_two_tellings_of_one_stream_are_refused(url: str, other_url: str) -> None:
    made.fill(url, made.trial("a"))
    into(other_url, url)
    with closing(Database(other_url)) as database:
        database.execute("UPDATE event SET digest = ? WHERE position = ?", (b"x" * 32, SPAN + 2))
    with pytest.raises(StoreError, match="differ at event 2; run `tripos store verify` on both"):
        into(url, other_url)


@pytest.mark.parametrize("data", [b"no frame", zstandard.compress(b"another prompt")], ids=["torn", "changed"])
def test_a_shard_with_a_damaged_blob_is_refused_whole(url: str, other_url: str, data: bytes) -> None:
    made.fill(url, made.trial("a"))
    with_blob(other_url, "x")
    Database(other_url).execute("UPDATE blob SET data = ?", (data,))
    before = record(url)
    with pytest.raises(StoreError, match=r"is damaged: blob [0-9a-f]{12} .*; nothing was merged"):
        into(url, other_url)
    assert record(url) == before and verify(Database(url)).ok
