"""A replay gives the answers that the recording holds now, whatever was replayed from the same place before."""

from __future__ import annotations

import json
from pathlib import Path

from running import QUIZ, records, tripos, write_questions


def recorded(path: Path, answer: str, n: int = 4) -> None:
    line = {"benchmark": "perf-mcq", "model": "m", "error": None, "model_answer": f"ANSWER: {answer}"}
    path.write_text("".join(json.dumps({**line, "record_id": f"q{i:05d}"}) + "\n" for i in range(n)))


def replay(recording: str, folder: Path) -> set[str]:
    run = tripos("run", "-b", str(QUIZ), "--data", "quiz.jsonl", "-m", "m", "--replay", recording, "-o", "replayed.jsonl", cwd=folder)
    assert run.returncode == 0, run.stderr
    return {r["model_answer"] for r in records(folder / "replayed.jsonl")}


def test_a_results_file_that_was_written_anew(tmp_path: Path) -> None:
    write_questions(tmp_path / "quiz.jsonl", 4)
    for answer in "ABA":
        recorded(tmp_path / "old.jsonl", answer)
        assert replay("old.jsonl", tmp_path) == {f"ANSWER: {answer}"}


def test_a_store_with_a_newer_run(tmp_path: Path) -> None:
    write_questions(tmp_path / "quiz.jsonl", 4)
    for answer in "AB":
        says = ("-e", "simulated", "--model-option", f"text=ANSWER: {answer}")
        run = tripos("run", "-b", str(QUIZ), "--data", "quiz.jsonl", "-m", "m", *says, "--store", "from.db", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert replay("from.db", tmp_path) == {f"ANSWER: {answer}"}
