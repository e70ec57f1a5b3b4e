"""Any repository with flat rows will do."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from made_results import Flat
from tripos.core.errors import ConfigError
from tripos.core.records import Outcome
from tripos.results.benchmark_result import BenchmarkResult


def test_flat_rows_are_enough(flat: BenchmarkResult) -> None:
    rows = flat.aggregate(group_by=["model_id", "metric_id", "k"])
    assert [(r["model_id"], r["metric_id"], r["k"], r["mean"], r["count"]) for r in rows] == [
        ("a", "exact", None, 0.0, 1), ("a", "exact", "1", 0.0, 1), ("b", "exact", None, 1.0, 1), ("b", "exact", "1", 1.0, 1),
    ]  # fmt: skip
    (row,) = flat.paired_compare(metric_id="exact", baseline_model_id="a", treatment_model_id="b", p_value_correction="holm")
    assert (row["slice_id"], row["pair_count"], row["adjustment_method"], row["p_value"]) == ("s", 2, "holm", 0.5)
    with pytest.raises(ValueError, match="Unsupported group_by key"):
        flat.aggregate(group_by=["slise_id"])
    with pytest.raises(ConfigError, match="did you mean 'exact'"):
        flat.aggregate(group_by=["model_id"], metric_id="exakt")
    with pytest.raises(ConfigError, match="no candidate"):
        flat.view_timeline("c1")


def test_file_names_of_bundles_follow_the_scope(flat: BenchmarkResult, tmp_path: Path) -> None:
    plain = flat.persist_artifacts(storage_root=tmp_path)
    view = flat.for_evaluation("evaluation-1").persist_artifacts(storage_root=tmp_path)
    assert plain.aggregate_json_path.name == "benchmark-aggregate-gen.json"
    assert json.loads(plain.aggregate_json_path.read_text())["scope"] == {"overlay_key": "gen"}
    assert "scope=gen" in plain.summary_markdown_path.read_text()
    assert view.aggregate_json_path.name == "benchmark-aggregate-ev-evaluation-1.json"
    assert json.loads(view.aggregate_json_path.read_text())["scope"]["evaluation_hash"] == "evaluation-1"
    with pytest.raises(ConfigError, match="empty"):
        BenchmarkResult(projection_repo=Flat(), trial_hashes=[], active_evaluation_hash="")


def test_a_status_that_is_an_enum_becomes_plain(flat: BenchmarkResult) -> None:
    repo = Flat()
    repo.trials = [SimpleNamespace(**{**t._asdict(), "status": Outcome.SCORED}) for t in repo.trials]  # type: ignore[misc]
    rows = BenchmarkResult(projection_repo=repo, trial_hashes=flat.trial_hashes).aggregate(group_by=["status"])
    assert json.dumps(rows[0]["status"]) == '"scored"'
