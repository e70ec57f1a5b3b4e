"""A run meets rate limits, server errors, resets, hangs, a dead judge: everything is scored or reported by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import fake_server, quiz, records, reserved_port, start, summary, tripos, wait_until, write_questions


def test_every_sample_is_scored_in_spite_of_rate_limits_errors_and_resets(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 300)
    with fake_server("--p429", "5", "--p500", "5", "--reset", "2", "--latency-ms", "5") as server:
        run = tripos(*quiz(data, server.url, "-w", "32"), cwd=tmp_path)
        stats = server.stats()
    assert run.returncode == 0, run.stderr
    assert {"429", "500", "reset"} <= stats["faults"].keys()
    assert len(records(tmp_path / "out.jsonl")) == 300
    said = summary(tmp_path / "out.jsonl")
    assert (said["scored_samples"], said["accuracy"], said["status"]) == (300, 0.9, "complete")
    assert sum(said["requests"]["failed"].values()) == sum(stats["faults"].values())


def test_a_hang_is_cut_at_the_time_limit_and_asked_again(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 60)
    with fake_server("--hang", "5", "--hang-seconds", "3600") as server:
        run = tripos(*quiz(data, server.url, "-w", "16", "--request-timeout", "5"), cwd=tmp_path)
        hung = server.stats()["faults"]["hang"]
    assert run.returncode == 0, run.stderr
    said = summary(tmp_path / "out.jsonl")
    assert said["scored_samples"] == 60
    assert said["requests"]["failed"] == {"timeout": hung}


def test_what_cannot_be_asked_is_reported_by_name_and_is_no_wrong_answer(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 20)
    with fake_server() as server:
        first = tripos(*quiz(data, server.url, "-n", "5"), cwd=tmp_path)
        assert first.returncode == 0
        server.kill()
        run = tripos(*quiz(data, server.url), cwd=tmp_path)
    assert run.returncode == 2  # the preflight sees it before anything is asked
    assert server.url in run.stderr
    assert "Traceback" not in run.stderr


def test_a_server_that_dies_on_the_way_leaves_a_partial_run_that_the_same_command_completes(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 200)
    with reserved_port() as port:
        with fake_server("--latency-ms", "250", "--port", str(port)) as server:
            process = start(*quiz(data, server.url, "-w", "8", "--give-up-after", "0"), cwd=tmp_path)
            wait_until(lambda: sum(server.stats()["answered"].values()) > 40)
            server.kill()
            _, err = process.communicate(timeout=300)
        check_what_was_lost(tmp_path, process.returncode, err)
        with fake_server("--port", str(port)) as again:
            lost = summary(tmp_path / "out.jsonl")["outcomes"]["infrastructure_failed"]
            run = tripos(*quiz(data, again.url, "-w", "8"), cwd=tmp_path)
            asked = again.stats()["asked"]
    assert run.returncode == 0, run.stderr
    assert len(asked) == lost
    assert len(records(tmp_path / "out.jsonl")) == 200
    assert summary(tmp_path / "out.jsonl")["accuracy"] == 0.9


def check_what_was_lost(tmp_path: Path, code: int, err: str) -> None:
    assert code == 1, err
    said = summary(tmp_path / "out.jsonl")
    lost = said["outcomes"]["infrastructure_failed"]
    assert lost > 50 and said["outcomes"]["scored"] + lost == 200
    assert said["accuracy"] == pytest.approx(said["correct"] / said["scored_samples"]), "what we failed at is no wrong answer"
    assert any("unscored" in notice for notice in said["notices"])
    failed = [r for r in records(tmp_path / "out.jsonl") if r["outcome"] == "infrastructure_failed"]
    assert len(failed) == lost and all(r["error_kind"] == "connection" and r["is_correct"] is None for r in failed)


def test_a_request_that_cannot_succeed_is_not_repeated(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server:
        run = tripos(*quiz(data, server.url.replace("/v1", "/nowhere/v1")), cwd=tmp_path)
    assert run.returncode == 0  # the fake server answers on any path: the run itself works
    run = tripos(*quiz(data, "http://127.0.0.1:9/v1"), cwd=tmp_path)
    assert run.returncode == 2 and "127.0.0.1:9" in run.stderr


def test_a_budget_stops_cleanly_and_keeps_what_was_paid(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 200)
    with fake_server("--latency-ms", "5") as server:
        run = tripos(*quiz(data, server.url, "-w", "4", "--max-tokens-total", "5000"), cwd=tmp_path)
        asked = sum(server.stats()["asked"].values())
    assert run.returncode == 1
    said = summary(tmp_path / "out.jsonl")
    assert said["status"] == "budget"
    assert 5000 / 154 <= asked <= 5000 / 154 + 4
    assert said["scored_samples"] == asked == len(records(tmp_path / "out.jsonl"))
    assert said["not_reached"] == 200 - asked
