"""Runs of one command share an endpoint, but each summary counts its own requests."""

from __future__ import annotations

import json
from pathlib import Path

from running import FOR_EVER, fake_server, quiz, start, summary, tripos, wait_until, write_questions

SUITE = """
[[models]]
name = "fake"
base_url = "{url}"
[[benchmarks]]
name = "email_triage"
max_samples = 12
[[benchmarks]]
name = "security_scanner"
max_samples = 7
"""

BREAKING = """
[[models]]
name = "sim"
engine = "simulated"
[[benchmarks]]
name = "mmlu-pro"
data = "test.jsonl"
shots = 3
choice_judge = "never"
[[benchmarks]]
name = "security_scanner"
max_samples = 2
[[benchmarks]]
name = "email_triage"
max_samples = 2
"""


def test_a_summary_counts_the_requests_of_its_own_run(tmp_path: Path) -> None:
    with fake_server() as server:
        (tmp_path / "suite.toml").write_text(SUITE.format(url=server.url))
        run = tripos("run", "--config", "suite.toml", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = sorted(tmp_path.glob("results/*.jsonl"))
    assert sorted((summary(p)["planned"], summary(p)["requests"]["sent"]) for p in found) == [(7, 7), (12, 12)]


def test_what_was_not_asked_again_is_said(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 9)
    with fake_server() as server:
        first = tripos(*quiz(data, server.url, "-n", "5"), cwd=tmp_path)
        second = tripos(*quiz(data, server.url), cwd=tmp_path)
    assert "reused" not in first.stdout
    assert "reused: 5" in second.stdout and summary(tmp_path / "out.jsonl")["requests"]["sent"] == 4


def test_a_run_that_breaks_does_not_stop_the_others(tmp_path: Path) -> None:
    """The examples of a few-shot prompt are read with the first prompt; an output may turn out to be a directory."""
    options = ["one", "two", "three", "four"]
    row = {"question": "Which?", "options": options, "answer": "B", "answer_index": 1, "cot_content": "", "category": "law", "src": "x"}
    (tmp_path / "test.jsonl").write_text(json.dumps({"question_id": 1, **row}) + "\n")
    (tmp_path / "results" / "security_scanner_sim.jsonl").mkdir(parents=True)
    (tmp_path / "suite.toml").write_text(BREAKING)
    run = tripos("run", "--config", "suite.toml", "--json", cwd=tmp_path)
    assert run.returncode == 1, run.stderr
    examples, directory, mail = json.loads(run.stdout)["runs"]
    assert "validation" in examples["error"] and "is no file" in directory["error"] and mail["error"] is None
    assert summary(tmp_path / "results" / "email_triage_sim.jsonl")["status"] == "complete"


def test_as_many_requests_as_workers_are_in_flight(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 150)
    with fake_server("--latency-ms", FOR_EVER) as server:
        process = start(*quiz(data, server.url, "-w", "48"), cwd=tmp_path)
        wait_until(lambda: server.stats()["peak"] == 48)
        server.go_on()
        process.communicate(timeout=300)
        assert process.returncode == 0 and server.stats()["peak"] == 48
