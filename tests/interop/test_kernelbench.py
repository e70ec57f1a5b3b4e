"""KernelBench: attempts, failures, times, and the kernels beside the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from foreign_logs import kernel, write_json
from tripos.core.errors import ConfigError
from tripos.interop.formats import read_log

RUN = {
    "1": [kernel(0), kernel(1, correct=False, runtime=-1.0)],
    "7": [kernel(0, compiled=False, correct=False, runtime=-1.0)],
}


def test_correctness_and_speed(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "my_run" / "eval_results.json", RUN))
    found = {(t.record_id, t.attempt): t.verdict for t in log.trials()}
    assert log.model == "my_run" and log.planned == 3
    assert {k: v.is_correct for k, v in found.items() if v} == {("1", 0): True, ("1", 1): False, ("7", 0): False}
    assert found["1", 0].metrics == {"correctness": 1.0, "compiled": 1.0, "runtime_seconds": 0.0025}  # type: ignore[union-attr]
    assert found["7", 0].metrics == {"correctness": 0.0, "compiled": 0.0, "runtime_seconds": None}  # type: ignore[union-attr]


def test_the_kernels_beside_are_the_answers(tmp_path: Path) -> None:
    path = write_json(tmp_path / "run" / "eval_results.json", {"3": [kernel(0)]})
    (path.parent / "level_2_problem_3_sample_0_kernel.py").write_text("class ModelNew: ...")
    (log,) = read_log(path)
    (t,) = log.trials()
    assert t.completion is not None and t.completion.text == "class ModelNew: ..." and log.benchmark == "kernelbench-level2"


def test_one_entry_a_problem_as_older_versions_wrote(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "eval_results.json", {"3": kernel(0)}))
    assert [t.record_id for t in log.trials()] == ["3"]


def test_merged_runs_whose_sample_ids_collide_are_numbered_by_place(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "eval_results.json", {"3": [kernel(2), kernel(2)]}))
    assert [(t.record_id, t.attempt) for t in log.trials()] == [("3", 0), ("3", 1)]


def test_an_entry_without_a_verdict_is_named(tmp_path: Path) -> None:
    bad = {"3": [kernel(0), {"sample_id": 1, "compiled": True}]}
    with pytest.raises(ConfigError, match="entry 1 of problem '3' does not say"):
        read_log(write_json(tmp_path / "eval_results.json", bad))
