"""Rows that changed under a run: only what this command asked for is in its file and its figures."""

from __future__ import annotations

import json
from pathlib import Path

from running import fake_server, quiz, records, summary, tripos, write_questions


def asked_for(path: Path) -> set[str]:
    return {json.loads(text)["id"] for text in path.read_text().splitlines()}


def test_rows_that_are_gone_leave_the_results_too(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 20)
    with fake_server() as server:
        assert tripos(*quiz(data, server.url), cwd=tmp_path).returncode == 0
        write_questions(data, 5)
        run = tripos(*quiz(data, server.url), cwd=tmp_path)
        assert sum(server.stats()["asked"].values()) == 20
    assert run.returncode == 0, run.stderr
    found = summary(tmp_path / "out.jsonl")
    assert {r["record_id"] for r in records(tmp_path / "out.jsonl")} == asked_for(data)
    assert (found["planned"], found["scored_samples"], found["correct"], found["unscored"]) == (5, 5, 5, 0)
    assert sum(found["outcomes"].values()) == 5 and found["accuracy_three_ways"]["bounds"] == [1.0, 1.0]


def test_another_file_of_rows_is_another_run(tmp_path: Path) -> None:
    first, second = write_questions(tmp_path / "first.jsonl", 10), write_questions(tmp_path / "second.jsonl", 10, start=10)
    with fake_server() as server:
        assert tripos(*quiz(first, server.url), cwd=tmp_path).returncode == 0
        run = tripos(*quiz(second, server.url), cwd=tmp_path)
        assert run.returncode == 0 and "held another run" in run.stderr, run.stderr
        again = tripos(*quiz(first, server.url), cwd=tmp_path)
        assert again.returncode == 0 and sum(server.stats()["asked"].values()) == 20
    aside = [p for p in tmp_path.glob("out.*.jsonl") if {r["record_id"] for r in records(p)} == asked_for(second)]
    assert {r["record_id"] for r in records(tmp_path / "out.jsonl")} == asked_for(first)
    assert len(aside) == 1, "the second file's results were kept"
    assert summary(tmp_path / "out.jsonl")["scored_samples"] == 10
