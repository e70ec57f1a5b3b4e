"""Runs of one command share an endpoint, but each summary counts its own requests."""

from __future__ import annotations

from pathlib import Path

from running import fake_server, summary, tripos

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


def test_a_summary_counts_the_requests_of_its_own_run(tmp_path: Path) -> None:
    with fake_server() as server:
        (tmp_path / "suite.toml").write_text(SUITE.format(url=server.url))
        run = tripos("run", "--config", "suite.toml", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = sorted(tmp_path.glob("results/*.jsonl"))
    assert sorted((summary(p)["planned"], summary(p)["requests"]["sent"]) for p in found) == [(7, 7), (12, 12)]
