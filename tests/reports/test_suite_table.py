"""The table at the end of a suite: a row a run, and no two rows that look alike."""

from __future__ import annotations

from pathlib import Path

from running import tripos

SUITE = """
[[models]]
name = "one"
engine = "simulated"

[[models]]
name = "one"
engine = "simulated"
temperature = 0.5

[[models]]
name = "other"
engine = "simulated"

[[benchmarks]]
name = "email_triage"
max_samples = 2
"""


def test_runs_of_one_model_are_told_apart_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    run = tripos("run", "--config", "suite.toml", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    models = [line.split("│")[2].strip() for line in run.stdout.splitlines() if "email_triage" in line and "│" in line]
    assert models == ["one (email_triage_one_t0.jsonl)", "one (email_triage_one_t0.5.jsonl)", "other"], run.stdout
