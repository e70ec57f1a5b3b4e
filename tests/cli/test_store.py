"""`tripos store`: what it prints, what it finds, how it refuses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from running import fake_server, quiz, records, tripos, write_questions
from tripos.cli.main import main
from tripos.store import database as database_module
from tripos.store import schema
from tripos.store.database import Database


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a store (`t.db`) and a results file of twenty samples."""
    directory = tmp_path_factory.mktemp("finished")
    with fake_server() as server:
        data = write_questions(directory / "quiz.jsonl", 20)
        assert tripos(*quiz(data, server.url, "--store", "t.db"), cwd=directory).returncode == 0
    yield directory


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed; the current directory."""
    for file in finished.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command in this process."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    said = capsys.readouterr()
    code = end.value.code
    assert isinstance(code, int)
    return code, said.out, said.err


def test_info_counts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "store", "info", "--store", "t.db", "--json")
    said = json.loads(out)
    assert code == 0
    assert said["rows"] | {"run": 1, "trial": 20, "candidate": 20, "verdict": 20} == said["rows"]
    assert (said["streams"], said["events"], said["schema"], said["written_by"]) == (1, 62, schema.VERSION, [])
    (of_run,) = said["runs"]
    assert (of_run["status"], of_run["planned"], of_run["answered"], of_run["scored"]) == ("complete", 20, 20, 20)
    code, out, _ = run(capsys, "store", "info", "--store", "t.db")
    assert code == 0 and of_run["run_id"] in out and "complete" in out


def test_verify_says_that_all_is_sound(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")
    assert code == 0
    assert out.splitlines() == ["62 events of 1 streams, 0 blobs, 61 derived rows: all sound", "out.jsonl: all sound"]


def test_verify_names_the_first_event_that_was_tampered_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect("t.db")) as connection:
        connection.execute("UPDATE event SET at = at + 1 WHERE kind = 'scored'")
        connection.commit()
    code, out, _ = run(capsys, "store", "verify", "--store", "t.db", "--json")
    said = json.loads(out)
    assert code == 1 and not said["ok"] and said["wrong"] == 20 and len(said["findings"]) == 20
    assert said["findings"][0].startswith("event 3 of stream ") and "(scored, run" in said["findings"][0]


def _set(record: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split(".")
    for name in way:
        record = record[name]
    record[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("accuracy", 0.95),
        ("correct", 19),
        ("outcomes.scored", 19),
        ("per_subject.general.accuracy", 1.0),
        ("accuracy_interval.lower", 0.8),
        ("latency_stats.p99", 0.0),
        ("total_cost_usd", 0.0),
        ("accuracy_three_ways.bounds", [0.0, 1.0]),
    ],
)
def test_verify_derives_every_published_number_again(here: Path, capsys: pytest.CaptureFixture[str], path: str, value: Any) -> None:
    file = here / "out.jsonl.summary.json"
    summary = json.loads(file.read_text())
    _set(summary, path, value)
    file.write_text(json.dumps(summary))
    code, out, _ = run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")
    assert code == 1
    assert "out.jsonl: one thing is wrong" in out
    assert f"summary, {path.replace('.', ', ')}: {value!r} was published, " in out


@pytest.mark.parametrize(
    ("field", "value"), [("is_correct", False), ("model_answer", "ANSWER: Z"), ("cost_usd", 1.0), ("record_id", "nobody")]
)
def test_verify_compares_every_line_with_the_record(here: Path, capsys: pytest.CaptureFixture[str], field: str, value: Any) -> None:
    lines = records(here / "out.jsonl")
    lines[4][field] = value
    (here / "out.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, _ = run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")
    assert code == 1
    if field == "record_id":
        assert "record nobody: the store does not hold it" in out
    else:
        assert f"record {lines[4]['record_id']}, {field}: {value!r} in the file, " in out


def test_verify_wants_a_file_that_names_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "out.jsonl.summary.json").unlink()
    code, _, err = run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")
    assert code == 2 and "no summary beside it that names a run" in err


def test_rebuild_mends_what_was_derived(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Database("t.db").execute("DELETE FROM verdict")
    assert run(capsys, "store", "verify", "--store", "t.db")[0] == 1
    code, out, _ = run(capsys, "store", "rebuild", "--store", "t.db")
    assert code == 0 and "20 rows of verdict" in out
    assert run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")[0] == 0


def test_merge_makes_the_target_and_adds_nothing_the_second_time(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "store", "merge", "all.db", "t.db")[:2] == (0, "t.db -> all.db: 1 streams, 62 events, 0 blobs added\n")
    assert run(capsys, "store", "merge", "all.db", "t.db")[:2] == (0, "t.db -> all.db: 0 streams, 0 events, 0 blobs added\n")
    assert run(capsys, "store", "verify", "--store", "all.db", "--results", "out.jsonl")[0] == 0


def test_merge_makes_nothing_of_a_wrong_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "store", "merge", "all.db", "t.db", "none.db")
    assert code == 2 and "there is no store at none.db" in err
    assert not Path("all.db").exists()


def test_migrate(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = schema.VERSION
    assert run(capsys, "store", "migrate", "--store", "t.db")[:2] == (0, f"t.db: schema {now}, which is the newest\n")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE note (words TEXT);"))
    code, _, err = run(capsys, "store", "info", "--store", "t.db")
    assert code == 2 and f"has the older schema {now}: run `tripos store migrate --store t.db`" in err
    assert run(capsys, "store", "migrate", "--store", "t.db")[:2] == (0, f"t.db: schema {now} -> {now + 1}\n")
    assert run(capsys, "store", "verify", "--store", "t.db")[0] == 0


COMMANDS = [("info",), ("verify",), ("rebuild",), ("migrate",)]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("missing", "there is no store at t.db"),
        ("newer", "was written by a newer Tripos"),
        ("no database", "file is not a database"),
        ("foreign", "is not a Tripos store"),
        ("empty", "is not a Tripos store"),
    ],
)
def test_one_clear_sentence_and_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], command: tuple[str], trouble: str, words: str
) -> None:
    path = Path("t.db")
    if trouble == "newer":
        Database("t.db").execute("UPDATE meta SET value = '99'")
    else:
        path.unlink()
    if trouble == "no database":
        path.write_bytes(b"Dear Sir, " * 500)
    elif trouble == "empty":
        path.touch()
    elif trouble == "foreign":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE places (name TEXT)")
    before = path.read_bytes() if path.exists() else None
    code, out, err = run(capsys, "store", *command, "--store", "t.db")
    assert (code, out) == (2, "") and words in err and err.count("\n") == 1
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_run_refuses_a_store_that_is_held_or_cannot_be_written(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.3)
    words = ["run", "-b", "email_triage", "-m", "sim", "-e", "simulated", "-n", "3", "-o", "x.jsonl"]
    with closing(sqlite3.connect("t.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, _, err = run(capsys, *words, "--store", "t.db")
    assert code == 2 and "locked: another process holds it" in err and "Traceback" not in err
    Path("blocked").write_text("")
    code, _, err = run(capsys, *words, "--store", "blocked/t.db")
    assert code == 2 and "cannot make the directory of the store blocked/t.db" in err
    assert run(capsys, "store", "verify", "--store", "t.db", "--results", "out.jsonl")[0] == 0
