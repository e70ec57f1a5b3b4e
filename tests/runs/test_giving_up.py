"""A server that answers nobody any more is given up on: the run ends early, says why, and counts what it did not ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from running import fake_server, quiz, records, reserved_port, start, summary, tripos, wait_until, write_questions


def test_a_dead_server_costs_a_few_samples_and_the_same_command_goes_on(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 400)
    with reserved_port() as port:
        with fake_server("--latency-ms", "250", "--port", str(port)) as server:
            process = start(*quiz(data, server.url, "-w", "8"), cwd=tmp_path)
            wait_until(lambda: sum(server.stats()["answered"].values()) > 40)
            server.kill()
            out, err = process.communicate(timeout=300)
        assert process.returncode == 1, err
        left_undone = check_what_was_said(tmp_path, port, out, err)
        with fake_server("--port", str(port)) as again:
            run = tripos(*quiz(data, again.url, "-w", "8"), cwd=tmp_path)
            asked = again.stats()["asked"]
    assert run.returncode == 0, run.stderr
    assert sum(asked.values()) == len(asked) == left_undone, "those that failed and those that were left, once each"
    assert summary(tmp_path / "out.jsonl")["accuracy"] == 0.9 and summary(tmp_path / "out.jsonl")["given_up"] is None


def check_what_was_said(tmp_path: Path, port: int, out: str, err: str) -> int:
    said = summary(tmp_path / "out.jsonl")
    lost, left = said["outcomes"]["infrastructure_failed"], said["not_reached"]
    assert said["status"] == "given_up" and said["planned"] == said["total_samples"] == 400
    assert 20 <= said["given_up"]["in_a_row"] <= lost <= 20 + 3 * 8, "twenty, what was under way before them and beside them"
    assert said["given_up"]["kind"] == "connection" and str(port) in said["given_up"]["error"]
    assert said["unscored"] == lost + left and said["scored_samples"] + said["unscored"] == 400
    low, high = said["accuracy_three_ways"]["bounds"]
    assert (low, high) == (said["correct"] / 400, (said["correct"] + lost + left) / 400), "what was not asked stays in the denominator"
    (why,) = [n for n in said["notices"] if "given up" in n]
    assert f"{said['given_up']['in_a_row']} samples in a row" in why and f"{left} of 400 were not asked" in why and "same command" in why
    assert "! given up after" in out and "in a row" in err
    assert len(records(tmp_path / "out.jsonl")) == 400 - left
    return int(lost + left)


def test_a_key_that_expires_stops_the_run_at_once_and_nought_means_never(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 120)
    with fake_server("--fails-after", "30", "--fails-with", "401") as server:
        run = tripos(*quiz(data, server.url, "-w", "4", "--give-up-after", "5"), cwd=tmp_path)
        asked = sum(server.stats()["asked"].values())
        assert run.returncode == 1 and 35 < asked < 30 + 5 + 2 * 4 + 1, run.stderr
        assert summary(tmp_path / "out.jsonl")["given_up"]["kind"] == "auth"
        run = tripos(*quiz(data, server.url, "-w", "4", "--give-up-after", "0"), cwd=tmp_path)
        assert run.returncode == 1 and sum(server.stats()["asked"].values()) == asked + 90
    said = summary(tmp_path / "out.jsonl")
    assert (said["status"], said["given_up"], said["not_reached"]) == ("partial", None, 0)


@pytest.mark.parametrize("share", ["5", "50"])
def test_random_errors_do_not_stop_a_run(tmp_path: Path, share: str) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 300)
    with fake_server("--p500", share) as server:
        run = tripos(*quiz(data, server.url, "-w", "64", "--give-up-after", "3"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert summary(tmp_path / "out.jsonl")["status"] == "complete"


def test_one_run_that_is_given_up_does_not_stop_the_others(tmp_path: Path) -> None:
    row = {"options": list("abcd"), "answer": "A", "answer_index": 0, "cot_content": "", "category": "law", "src": "x"}
    data = tmp_path / "test.jsonl"
    data.write_text("".join(json.dumps({"question_id": i, "question": f"QID-{i}?", **row}) + "\n" for i in range(60)))
    with fake_server("--fails-after", "8") as broken, fake_server() as sound:
        (tmp_path / "suite.toml").write_text(
            f'[run]\ngive_up_after = 6\n[[models]]\nname = "fake"\nbase_url = "{broken.url}"\n'
            f'[[models]]\nname = "fake"\nbase_url = "{sound.url}"\ntemperature = 0.1\n'
            f'[[benchmarks]]\nname = "mmlu-pro"\nchoice_judge = "never"\ndata = "{data}"\n'
        )
        run = tripos("run", "--config", "suite.toml", cwd=tmp_path)
        assert sum(sound.stats()["answered"].values()) == 60
    assert run.returncode == 1, run.stderr
    assert "given_up" in run.stdout and "complete" in run.stdout
    assert "were not asked" in run.stdout, "the table of a suite says it too"


def test_a_recording_without_many_answers_in_a_row_is_no_dead_server(tmp_path: Path) -> None:
    with fake_server() as server:
        part = write_questions(tmp_path / "part.jsonl", 20, start=80)
        assert tripos(*quiz(part, server.url, "-o", "recorded.jsonl"), cwd=tmp_path).returncode == 0
        data = write_questions(tmp_path / "quiz.jsonl", 100)
        run = tripos(*quiz(data, server.url, "-w", "4", "--replay", "recorded.jsonl"), cwd=tmp_path)
    said = summary(tmp_path / "out.jsonl")
    assert (run.returncode, said["status"]) == (1, "partial"), run.stderr
    assert (said["scored_samples"], said["outcomes"]["infrastructure_failed"], said["not_reached"]) == (20, 80, 0)
