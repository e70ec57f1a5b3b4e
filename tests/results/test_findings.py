"""What to look at first, and what is handed over: failures, unread answers, tags, leaderboards, bundles, exports."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from made_results import Made, candidate_id, write_run
from tripos.core.records import Outcome
from tripos.results.benchmark_result import BenchmarkResult


def test_failures_say_where_and_why(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b", failed=True), Made("c", None), Made("d", None, outcome=Outcome.SAMPLE_INVALID)])
    rows = {r["item_id"]: r for r in BenchmarkResult.open(tmp_path / "t.db").iter_failures()}
    assert {item: (r["where"], r["code"]) for item, r in rows.items()} == {
        "b": ("inference", "server_error"), "c": ("evaluation", "judge"), "d": ("evaluation", "sample_invalid"),
    }  # fmt: skip
    assert rows["b"]["message"] == "HTTP 500" and rows["c"]["level"] == "candidate"


def test_invalid_extractions_are_seen_in_the_scored_view(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b", 0.0, answer=None, outcome=Outcome.WRONG_FORMAT)])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").iter_invalid_extractions()
    assert (row["item_id"], row["extractor_id"], row["candidate_id"]) == ("b", "letter", candidate_id("m", "quiz", Made("b")))
    assert "no answer" in row["failure_reason"]


def test_tagged_examples(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a", details={"tags": ["b", "a"]}), Made("b", details={"tag": "c"}), Made("c")])
    result = BenchmarkResult.open(tmp_path / "t.db")
    assert [(r["item_id"], r["tags"], r["source"]) for r in result.iter_tagged_examples()] == [
        ("a", ["a", "b"], "metric_details"), ("b", ["c"], "metric_details"),
    ]  # fmt: skip
    assert [r["item_id"] for r in result.iter_tagged_examples(tag="c")] == ["b"]


def test_leaderboard_ranks_best_first(store: Path) -> None:
    rows = BenchmarkResult.open(store).leaderboard(metric_id="score", task_id="hard")
    assert [list(r)[:7] for r in rows] == [["model_id", "task_id", "metric_id", "mean", "count", "min", "max"]] * 2
    assert [(r["model_id"], r["mean"], r["min"], r["max"]) for r in rows] == [("treat", 1.0, 1.0, 1.0), ("base", 0.0, 0.0, 0.0)]


def test_trial_summaries_and_trials(store: Path) -> None:
    result = BenchmarkResult.open(store, models=["base"])
    rows = list(result.iter_trial_summaries())
    assert [r.trial_hash for r in rows] == sorted(r.trial_hash for r in rows) == result.trial_hashes
    assert {(r.model_id, r.benchmark_id, r.status) for r in rows} == {("base", "quiz", "ok")}
    (attempt,) = result.get_trial(rows[0].trial_hash)
    assert attempt.planned.record_id == rows[0].item_id and attempt.scored is not None


def test_the_bundle_is_named_by_its_scope(store: Path, tmp_path: Path) -> None:
    result = BenchmarkResult.open(store)
    bundle = result.persist_artifacts(storage_root=tmp_path / "out")
    assert bundle.aggregate_json_path.name == "benchmark-aggregate-ev-aaaa11112222.json"
    found = json.loads(bundle.aggregate_json_path.read_text())
    assert found["benchmark_id"] == "quiz" and found["scope"]["evaluation_hash"] == "aaaa11112222"
    assert len(found["rows"]) == 2 * 2 * 3
    text = bundle.summary_markdown_path.read_text()
    assert text.startswith(
        "# Benchmark Summary\n\n- scope=ev:aaaa11112222 model=base slice=easy metric=accuracy prompt=default mean=1.0000 count=4"
    )


def test_a_bundle_never_overwrites_that_of_another_benchmark(tmp_path: Path) -> None:
    for benchmark in ("one", "two"):
        write_run(tmp_path / "t.db", "m", [Made("a")], benchmark=benchmark)
    paths = set()
    for benchmark in ("one", "two", "one"):
        bundle = BenchmarkResult.open(tmp_path / "t.db", benchmark=benchmark).persist_artifacts(storage_root=tmp_path / "out")
        paths.add(bundle.aggregate_json_path)
        assert json.loads(bundle.aggregate_json_path.read_text())["benchmark_id"] == benchmark
    assert len(paths) == 2


def test_export_and_report(store: Path, tmp_path: Path) -> None:
    result = BenchmarkResult.open(store)
    exported = result.export_json(tmp_path / "all.json")
    assert json.loads((tmp_path / "all.json").read_text()) == json.loads(json.dumps(exported))
    assert len(exported["trial_summaries"]) == 16 and len(exported["score_rows"]) == 16 * 3 and len(exported["trials"]) == 16
    assert "trials" not in result.export_json(include_trials=False)
    report = result.report()
    assert set(report.tables) == {"main_results", "averages_over_slices", "paired_comparisons"}
    averages = {
        (r["model_id"], r["metric_id"]): (r["mean"], r["macro_mean"], r["macro_parts"]) for r in report.tables["averages_over_slices"]
    }
    assert averages["base", "accuracy"] == (0.5, 0.5, 2)
    assert "| base | easy | accuracy |" in report.to_markdown()
    assert r"model\_id & slice\_id" in report.to_latex()
    files = report.to_csv(tmp_path / "r.csv")
    with files[0].open() as file:
        assert next(csv.DictReader(file))["model_id"] == "base"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_reads_work_where_nothing_may_be_written(store: Path) -> None:
    store.chmod(0o400)
    store.parent.chmod(0o500)
    try:
        assert len(BenchmarkResult.open(store).aggregate(group_by=["model_id"], metric_id="accuracy")) == 2
    finally:
        store.parent.chmod(0o700)


def test_reading_changes_nothing(store: Path) -> None:
    from tripos.store.database import Database

    Database(str(store)).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = store.read_bytes()
    result = BenchmarkResult.open(store)
    result.aggregate(group_by=["model_id", "outcome"])
    result.view_timeline(candidate_id("base", "quiz", Made("e0")))
    list(result.iter_failures())
    assert store.read_bytes() == before
