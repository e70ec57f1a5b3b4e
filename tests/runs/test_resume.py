"""kill -9 at any moment, the same command again: the same records, and no more than what was in flight asked twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from running import FOR_EVER, fake_server, quiz, records, start, summary, tripos, wait_until, write_questions

WORKERS = 16


def what_counts(path: Path) -> set[tuple[str, bool, str]]:
    return {(r["record_id"], r["is_correct"], r["model_answer"]) for r in records(path)}


def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    data = write_questions(tmp_path / "quiz.jsonl", 500)
    rng = random.Random(5)
    with fake_server("--latency-ms", "15") as server:
        whole = tripos(*quiz(data, server.url, "-w", str(WORKERS)), cwd=tmp_path / "whole")
    assert whole.returncode == 0
    with fake_server("--latency-ms", "15") as server:
        kills = 0
        while kills < 10:
            process = start(*quiz(data, server.url, "-w", str(WORKERS)), cwd=tmp_path)
            before = sum(server.stats()["asked"].values())
            wait_until(lambda p=process, b=before: p.poll() is not None or sum(server.stats()["asked"].values()) > b)
            time.sleep(rng.uniform(0.0, 0.05))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
        last = tripos(*quiz(data, server.url, "-w", str(WORKERS)), cwd=tmp_path)
        asked = server.stats()["asked"]
    assert last.returncode == 0, last.stderr
    lines = records(tmp_path / "out.jsonl")
    assert len(lines) == len({r["record_id"] for r in lines}) == 500
    assert what_counts(tmp_path / "out.jsonl") == what_counts(tmp_path / "whole" / "out.jsonl")
    assert sum(asked.values()) - 500 <= 10 * WORKERS * 2, "a kill may lose what is in flight and what waits to be committed"
    assert summary(tmp_path / "out.jsonl")["accuracy"] == summary(tmp_path / "whole" / "out.jsonl")["accuracy"] == 0.9


def test_more_samples_more_attempts_ask_only_for_what_is_new(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 50)
    with fake_server() as server:

        def asked_by(*more: str) -> int:
            before = sum(server.stats()["asked"].values())
            assert tripos(*quiz(data, server.url, *more), cwd=tmp_path).returncode == 0
            return sum(server.stats()["asked"].values()) - before

        assert asked_by("-n", "10") == 10
        assert asked_by("-n", "10") == 0
        assert asked_by("-n", "25") == 15
        assert asked_by("-n", "25", "--attempts", "2") == 25
        first = {r["record_id"] for r in records(tmp_path / "out.jsonl")}
        assert asked_by("-n", "10") == 0
        assert len(records(tmp_path / "out.jsonl")) == 10, "a smaller command shows only what it asked for"
        assert {r["record_id"] for r in records(tmp_path / "out.jsonl")} < first
        assert asked_by("-n", "10", "--fresh") == 10
        assert asked_by("-n", "10") == 0, "after --fresh the fresh run is the one that goes on"
        assert asked_by("-n", "10", "--temperature", "0.5") == 10
        assert (tmp_path / "out.jsonl").exists() and list(tmp_path.glob("out.*.jsonl")), "another configuration moves the old file aside"


def test_ctrl_c_drains_and_the_same_command_goes_on(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 300)
    with fake_server("--latency-ms", "250") as server:
        process = start(*quiz(data, server.url, "-w", "8"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["answered"].values()) > 20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        assert "same command" in err
        done = summary(tmp_path / "out.jsonl")
        asked = sum(server.stats()["asked"].values())
        assert done["status"] == "interrupted"
        assert done["scored_samples"] == asked < 300, "what was under way was finished and kept"
        server.go_on()
        assert tripos(*quiz(data, server.url, "-w", "64"), cwd=tmp_path).returncode == 0
        assert sum(server.stats()["asked"].values()) == 300


def test_ctrl_c_twice_stops_now(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 50)
    with fake_server("--latency-ms", FOR_EVER) as server:
        process = start(*quiz(data, server.url, "-w", "8"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["asked"].values()) >= 8)
        process.send_signal(signal.SIGINT)
        time.sleep(1)  # two signals that arrive together are one
        assert process.poll() is None, "once waits for what is under way"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        assert "Traceback" not in err


def test_a_file_that_another_run_is_writing_is_left_to_it(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "questions.jsonl", 40)
    with fake_server("--latency-ms", "500") as server:
        first = start(*quiz(data, server.url, "-w", "1"), cwd=tmp_path)
        wait_until(lambda: (tmp_path / "out.jsonl").exists() and (tmp_path / "out.jsonl").read_text().count("\n") > 2)
        other = tripos(*quiz(data, server.url, "-w", "1", "--temperature", "0.5"), cwd=tmp_path)
        assert other.returncode != 0 and "is being written by another run" in other.stderr
        server.go_on()
        first.communicate(timeout=300)
    assert first.returncode == 0
    assert len(records(tmp_path / "out.jsonl")) == summary(tmp_path / "out.jsonl")["total_samples"] == 40
