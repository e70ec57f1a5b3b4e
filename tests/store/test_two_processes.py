"""Several commands on one store and one run at the same time: nothing is paid twice, all end, all files are complete."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from running import FOR_EVER, FakeServer, fake_server, quiz, records, start, summary, tripos, wait_until, write_questions
from tripos.store.database import Database
from tripos.store.reading import Reader
from tripos.store.verify import verify


def command(data: Path, server: FakeServer, url: str, out: str, *more: str) -> list[str]:
    words = quiz(data, server.url, "--store", url, "-w", "8", *more)
    words[words.index("out.jsonl")] = out
    return words


def outcome(path: Path) -> dict[str, tuple[bool, str]]:
    return {r["record_id"]: (r["is_correct"], r["model_answer"]) for r in records(path)}


def until_it_waits(process: subprocess.Popen[str]) -> str:
    """The line with which a command says that it waits for another."""
    assert process.stderr is not None
    while "waiting" not in (line := process.stderr.readline()):
        assert line, "it has ended"
    return line


def test_two_commands_share_a_run(url: str, tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 300)
    with fake_server("--latency-ms", FOR_EVER) as server:
        processes = [start(*command(data, server, url, out), cwd=tmp_path) for out in ("one.jsonl", "two.jsonl")]
        wait_until(lambda: sum(server.stats()["asked"].values()) == 16)  # both are at work
        server.go_on()
        ends = [p.communicate(timeout=300) for p in processes]
        asked = server.stats()["asked"]
    assert [p.returncode for p in processes] == [0, 0], ends
    assert len(asked) == 300 and set(asked.values()) == {1}, "every sample exactly once"
    one, two = (tmp_path / name for name in ("one.jsonl", "two.jsonl"))
    assert len(records(one)) == len(records(two)) == 300
    assert outcome(one) == outcome(two)
    for path in (one, two):
        said = summary(path)
        assert (said["status"], said["scored_samples"], said["accuracy"]) == ("complete", 300, 0.9)
    assert summary(one)["reused"] + summary(two)["reused"] == 300, "each left to the other what the other had in hand"
    assert 0 < summary(one)["reused"] < 300
    check = tripos("store", "verify", "--store", url, "--results", "one.jsonl", "--results", "two.jsonl", cwd=tmp_path)
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_second_waits_for_what_the_first_has_in_hand_and_asks_nothing(url: str, tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 8)
    with fake_server("--latency-ms", FOR_EVER) as server:
        first = start(*command(data, server, url, "one.jsonl"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["asked"].values()) == 8)
        second = start(*command(data, server, url, "two.jsonl"), cwd=tmp_path)
        assert "8 trials are in the hands of another process; waiting" in until_it_waits(second)
        server.go_on()
        ends = [p.communicate(timeout=300) for p in (first, second)]
        assert sum(server.stats()["asked"].values()) == 8
    assert (first.returncode, second.returncode) == (0, 0), ends
    assert len(records(tmp_path / "two.jsonl")) == 8 and summary(tmp_path / "two.jsonl")["reused"] == 8


def test_what_a_killed_process_held_is_taken_over_by_the_one_that_waits(url: str, tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 8)
    with fake_server("--latency-ms", FOR_EVER) as server:
        first = start(*command(data, server, url, "one.jsonl"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["asked"].values()) == 8)
        second = start(*command(data, server, url, "two.jsonl"), cwd=tmp_path)
        until_it_waits(second)
        first.kill()
        first.communicate()
        wait_until(lambda: sum(server.stats()["asked"].values()) == 16)
        server.go_on()
        second.communicate(timeout=300)
    assert second.returncode == 0
    assert summary(tmp_path / "two.jsonl")["scored_samples"] == 8 and summary(tmp_path / "two.jsonl")["reused"] == 0


def test_ctrl_c_ends_the_waiting(url: str, tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 4)
    with fake_server("--latency-ms", FOR_EVER) as server:
        first = start(*command(data, server, url, "one.jsonl"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["asked"].values()) == 4)
        second = start(*command(data, server, url, "two.jsonl"), cwd=tmp_path)
        until_it_waits(second)
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=300)
        assert second.returncode == 130 and summary(tmp_path / "two.jsonl")["status"] == "interrupted"
        first.kill()
        first.communicate()


@pytest.mark.parametrize("change", ["prompt", "answer"])
def test_a_row_that_has_changed_is_asked_or_scored_again_and_shows_as_it_is_now(tmp_path: Path, change: str) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 6)
    with fake_server() as server:
        assert tripos(*command(data, server, "s.db", "out.jsonl"), cwd=tmp_path).returncode == 0
        rows = [json.loads(line) for line in data.read_text().splitlines()]
        rows[0] |= {"prompt": rows[0]["prompt"] + " Think."} if change == "prompt" else {"answer": "D"}
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert tripos(*command(data, server, "s.db", "out.jsonl"), cwd=tmp_path).returncode == 0
        assert sum(server.stats()["asked"].values()) == 6 + (change == "prompt")
    (first,) = [r for r in records(tmp_path / "out.jsonl") if r["record_id"] == "q00000"]
    assert first["is_correct"] is (change == "prompt")
    assert summary(tmp_path / "out.jsonl")["correct"] == 6 - (change == "answer")
    reader = Reader(Database(str(tmp_path / "s.db")))
    (trial,) = [t for t in reader.trials(reader.runs()[0].run_id, reader.runs()[0].overlay) if t.planned.record_id == "q00000"]
    assert ("Think." in str(trial.planned.prompt), trial.planned.reference) == (change == "prompt", "A" if change == "prompt" else "D")


def test_a_server_that_goes_away_in_the_middle_ends_the_run_and_the_same_command_goes_on(postgresql_url: str, tmp_path: Path) -> None:
    import psycopg

    data = write_questions(tmp_path / "quiz.jsonl", 200)
    with fake_server("--latency-ms", "250") as server:
        words = command(data, server, postgresql_url, "out.jsonl")
        process = start(*words, cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["answered"].values()) > 40)
        with psycopg.connect(postgresql_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        server.go_on()
        _, err = process.communicate(timeout=300)
        assert process.returncode == 2 and "Traceback" not in err
        assert "when the server is back" in err
        kept = records(tmp_path / "out.jsonl")
        again = tripos(*words, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        asked = server.stats()["asked"]
    assert {r["record_id"] for r in kept} <= outcome(tmp_path / "out.jsonl").keys()
    assert all(asked[str(int(r["record_id"][1:]))] == 1 for r in kept), "what was in the file was not asked again"
    assert len(records(tmp_path / "out.jsonl")) == 200
    assert verify(Database(postgresql_url)).ok


def test_a_full_disk_in_the_middle_of_a_run(tmp_path: Path) -> None:
    import resource
    import sys

    data = write_questions(tmp_path / "quiz.jsonl", 3000)
    with fake_server() as server:
        words = command(data, server, "s.db", "out.jsonl")

        def little_room() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        run = subprocess.run(
            [sys.executable, "-m", "tripos", *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
            preexec_fn=little_room, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert run.returncode == 2 and "Traceback" not in run.stderr
        assert "what was committed is safe" in run.stderr or "the store is safe" in run.stderr
        kept = records(tmp_path / "out.jsonl")
        assert 0 < len(kept) < 3000
        again = tripos(*words, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        asked = server.stats()["asked"]
    assert all(asked[str(int(r["record_id"][1:]))] == 1 for r in kept)
    assert len(records(tmp_path / "out.jsonl")) == 3000 and summary(tmp_path / "out.jsonl")["accuracy"] == 0.9
    assert verify(Database(str(tmp_path / "s.db"))).ok
