"""An imported log is a run like any other: same events, same tables, once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from foreign_logs import inspect_log, inspect_sample, write_json
from tripos.core.errors import ConfigError
from tripos.interop.formats import read_log
from tripos.interop.imported import ImportedLog
from tripos.interop.record import Recorded, record
from tripos.runs.imported import Imported, import_log
from tripos.store.database import Database
from tripos.store.events import completion_of
from tripos.store.reading import Reader
from tripos.store.writer import Writer

SAMPLES = [
    inspect_sample(1, "C"),
    inspect_sample(2, {"match": "I", "judge": 0.5}, text="x" * 5000),
    inspect_sample(3, {}, error={"message": "no network"}),
    inspect_sample(4, {}),
]


@pytest.fixture
def log(tmp_path: Path) -> ImportedLog:
    (found,) = read_log(write_json(tmp_path / "log.json", inspect_log(SAMPLES, {"match": 0.5})))
    return found


def recorded(log: ImportedLog, folder: Path) -> Recorded:
    database = Database(str(folder / "tripos.db"))
    writer = Writer(database)
    try:
        return record(log, writer, Reader(database))
    finally:
        writer.close()


def brought_in(log: ImportedLog, folder: Path) -> Imported:
    database = Database(str(folder / "tripos.db"))
    writer = Writer(database)
    try:
        return import_log(log, writer, Reader(database), folder / "results")
    finally:
        writer.close()


def test_trials_come_back_as_they_were(log: ImportedLog, tmp_path: Path) -> None:
    run_id = recorded(log, tmp_path).run_id
    reader = Reader(Database(str(tmp_path / "tripos.db"), read_only=True))
    run = reader.run(run_id)
    assert (run.engine, run.backend, run.model, run.benchmark, run.planned, run.status) == (
        "imported:inspect-ai", "imported", "acme/large", "capitals", 4, "partial",
    )  # fmt: skip
    right, long, failed, unscored = reader.trials(run_id, run.overlay)
    assert right.scored is not None and right.scored.verdict.is_correct and right.planned.reference == "Paris"
    assert [m["content"] for m in json.loads(reader.fetch(right.planned.prompt))] == ["Be brief.", "Capital of France?"]
    assert long.answered is not None and completion_of(long.answered, reader.fetch).text == "x" * 5000
    assert long.scored is not None and long.scored.verdict.metrics == {"match": 0.0, "judge": 0.5}
    assert failed.failed is not None and failed.answered is None and failed.failed.error == "no network"
    assert unscored.scored is not None and unscored.scored.verdict.is_correct is None and unscored.scored.error


def test_the_same_log_twice_changes_nothing(log: ImportedLog, tmp_path: Path) -> None:
    first = brought_in(log, tmp_path)
    store = Reader(Database(str(tmp_path / "tripos.db"), read_only=True))
    events, files = store.database.execute("SELECT count(*) FROM event"), {p: p.read_bytes() for p in (tmp_path / "results").iterdir()}
    moved = write_json(tmp_path / "elsewhere" / "renamed.json", inspect_log(SAMPLES, {"match": 0.5}))
    again = brought_in(read_log(moved)[0], tmp_path)
    assert (first.new, again.new, again.run_id, again.path) == (True, False, first.run_id, first.path)
    assert store.database.execute("SELECT count(*) FROM event") == events
    assert {p: p.read_bytes() for p in (tmp_path / "results").iterdir()} == files


def test_a_log_that_was_scored_again_is_another_run_with_a_file_of_its_own(log: ImportedLog, tmp_path: Path) -> None:
    first = brought_in(log, tmp_path)
    changed = write_json(tmp_path / "log2.json", inspect_log([inspect_sample(1, "I"), *SAMPLES[1:]], {"match": 0.0}))
    second = brought_in(read_log(changed)[0], tmp_path)
    third = brought_in(log, tmp_path)
    assert second.new and second.run_id != first.run_id and second.path != first.path
    assert (third.path, third.new) == (first.path, False)


def test_an_import_that_was_killed_is_completed(log: ImportedLog, tmp_path: Path) -> None:
    from tripos.interop.record import _events, _started

    database = Database(str(tmp_path / "tripos.db"))
    writer = Writer(database)
    writer.write(log.run_id, [_started(log), *_events(log, next(log.trials()), writer)])
    writer.close()
    done = brought_in(log, tmp_path)
    assert done.new and done.summary["planned"] == 4 and done.summary["answered"] == 3
    assert len(list(Reader(database).trials(done.run_id, log.overlay))) == 4


def test_the_same_log_under_another_name_is_another_run(log: ImportedLog) -> None:
    assert replace(log, model="other").run_id != log.run_id


def test_a_record_that_is_there_twice_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "log.json", inspect_log([SAMPLES[0], SAMPLES[0]], {})))
    with pytest.raises(ConfigError, match="record '1', attempt 0, is there twice"):
        recorded(log, tmp_path)
    assert Reader(Database(str(tmp_path / "tripos.db"))).runs() == []


def test_the_summary_has_the_tools_figures_beside_ours(log: ImportedLog, tmp_path: Path) -> None:
    summary = brought_in(log, tmp_path).summary
    assert (summary["accuracy"], summary["scored_samples"], summary["planned"], summary["unscored"]) == (0.5, 2, 4, 2)
    assert [(r["name"], r["reported"], r["ours"], r["agrees"]) for r in summary["reported"]] == [("match/accuracy", 0.5, 0.5, True)]
    assert summary["per_subject"]["geography"]["scored"] == 2.0
    assert summary["started_at"] == 1767323040.0 and summary["provenance"]["imported"]["tool"] == "inspect-ai"


def test_an_unexplained_difference_is_a_notice(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "log.json", inspect_log([SAMPLES[0]], {"match": 0.25})))
    done = brought_in(log, tmp_path)
    assert not done.explained
    assert any("states 0.25, its samples give 1, and nothing explains it" in n for n in done.summary["notices"])
