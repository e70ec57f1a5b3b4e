"""The summary beside a results file is always that of its records, or there is none."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from running import fake_server, quiz, records, start, summary, tripos, wait_until, write_questions


def test_a_file_that_is_moved_aside_takes_its_summary_along(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 20)
    with fake_server() as server:
        assert tripos(*quiz(data, server.url), cwd=tmp_path).returncode == 0
        before = summary(tmp_path / "out.jsonl")
        assert tripos(*quiz(data, server.url, "--temperature", "0.5", "-n", "5"), cwd=tmp_path).returncode == 0
    (aside,) = tmp_path.glob("out.*.jsonl")
    assert summary(aside) == before and {r["run_id"] for r in records(aside)} == {before["run_id"]}
    assert tripos("report", aside.name, cwd=tmp_path).returncode == 0
    assert {r["run_id"] for r in records(tmp_path / "out.jsonl")} == {summary(tmp_path / "out.jsonl")["run_id"]} != {before["run_id"]}


def test_while_a_run_is_under_way_no_older_summary_speaks_for_it(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 400)
    with fake_server("--latency-ms", "200") as server:
        assert tripos(*quiz(data, server.url, "-n", "5"), cwd=tmp_path).returncode == 0
        process = start(*quiz(data, server.url, "-w", "8"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["answered"].values()) > 12)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    report = tripos("report", "out.jsonl", cwd=tmp_path)
    assert report.returncode == 2 and "did not end" in report.stderr, (report.stdout, report.stderr)
