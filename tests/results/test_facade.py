"""The read side, row by row: rows as the seed has them, views that keep what they are of, and what it does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from made_results import Made, candidate_id, identity, write_run
from tripos.core.records import Outcome
from tripos.results.benchmark_result import BenchmarkResult

STRICT = "bbbb33334444"


def test_rows_by_model_slice_metric_and_dimension(tmp_path: Path) -> None:
    for model, hard in (("a", 0.0), ("b", 1.0)):
        web = {"slice_id": "one", "dimensions": {"source": "web"}}
        write_run(tmp_path / "t.db", model, [Made("x", 1.0, **web), Made("y", hard, **web), Made("z", hard, slice_id="two")])
    keys = ["model_id", "slice_id", "metric_id", "source"]
    rows = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=keys, metric_id="accuracy")
    assert [list(row)[:6] for row in rows] == [[*keys, "mean", "count"]] * 4
    assert [tuple(row.values())[:6] for row in rows] == [
        ("a", "one", "accuracy", "web", 0.5, 2), ("a", "two", "accuracy", None, 0.0, 1),
        ("b", "one", "accuracy", "web", 1.0, 2), ("b", "two", "accuracy", None, 1.0, 1),
    ]  # fmt: skip


def test_answering_only_what_is_easy_does_not_pass_for_knowing_everything(tmp_path: Path) -> None:
    """One model answers 21 of 40 and is right each time, the other answers all and is right 22 times."""
    write_run(tmp_path / "t.db", "bold", [Made(f"r{i}", float(i < 22)) for i in range(40)])
    write_run(tmp_path / "t.db", "timid", [Made(f"r{i}", 1.0, failed=i >= 21) for i in range(40)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    rows = result.aggregate(group_by=["model_id"], metric_id="accuracy")
    shown = ("model_id", "mean", "count", "planned", "failed", "worst", "best")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("bold", 0.55, 40, 40, 0, 0.55, 0.55), ("timid", 1.0, 21, 40, 19, 21 / 40, 1.0),
    ]  # fmt: skip
    (row,) = result.paired_compare(metric_id="accuracy", baseline_model_id="bold")
    assert (row["pair_count"], row["planned"], row["delta_mean"], row["p_value"], row["decision"]) == (21, 40, 0.0, 1.0, "undecided")


def test_models_that_were_never_asked_are_called_so_in_everything_that_is_handed_over(tmp_path: Path) -> None:
    for model in ("real", "made-up"):
        write_run(tmp_path / "t.db", model, [Made("a"), Made("b", 0.0)], simulated=model == "made-up")
    result = BenchmarkResult.open(tmp_path / "t.db")
    bundle = result.persist_artifacts(storage_root=tmp_path / "out")
    assert json.loads(bundle.aggregate_json_path.read_text())["simulated"] == ["made-up"] == result.export_json()["simulated"]
    assert "SIMULATED, no model was asked: made-up\n" in bundle.summary_markdown_path.read_text()
    report = result.report()
    texts = [report.to_markdown(), report.to_latex(), *(path.read_text() for path in report.to_csv(tmp_path / "r.csv"))]
    assert all("made-up (SIMULATED)" in text and "real (SIMULATED)" not in text for text in texts)
    real = BenchmarkResult.open(tmp_path / "t.db", models=["real"])
    assert "simulated" not in json.loads(real.persist_artifacts(storage_root=tmp_path / "real").aggregate_json_path.read_text())


def test_records_that_one_side_answered_in_several_runs_are_said_to_be_averaged(tmp_path: Path) -> None:
    path, some = tmp_path / "t.db", [Made(f"r{i}", float(i % 2)) for i in range(8)]
    for model in ("a", "b"):
        write_run(path, model, some)
    write_run(path, "a", [Made(f"s{i}") for i in range(8)], run_id="a-more")
    (row,) = BenchmarkResult.open(path).paired_compare(metric_id="accuracy", baseline_model_id="b")
    assert row["notices"] == (), "other records are no other answers"
    write_run(path, "a", some, run_id="a-hot", nonce="hot", params={"temperature": 0.9})
    (row,) = BenchmarkResult.open(path).paired_compare(metric_id="accuracy", baseline_model_id="b")
    assert row["notices"][0].startswith("a answered the same records in several runs (a-hot, a-quiz-aaaa)")
    (row,) = BenchmarkResult.open(path, run_ids=["a-quiz", "b-quiz"]).paired_compare(metric_id="accuracy", baseline_model_id="b")
    assert row["notices"] == ()


def test_a_comparison_by_metric_is_one_row(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", slice_id=f"s{i % 2}") for i in range(4)])
    for key in ("metric_id", "metric"):
        (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="score", group_by=key)
        assert next(iter(row)) == key and (row[key], row["metric_id"], row["pair_count"]) == ("score", "score", 4)


def test_an_answer_that_could_not_be_read_is_so_in_the_scored_view(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("r", 0.0, answer=None, outcome=Outcome.WRONG_FORMAT)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    stages = {s.stage: s for s in result.view_timeline("r").timeline.stages}
    assert (stages["extraction"].status, stages["evaluation"].status) == ("error", "ok")
    assert stages["extraction"].error == "no answer was found (letter)"
    (row,) = result.aggregate(group_by=["outcome", "status"], metric_id="accuracy")
    assert (row["outcome"], row["status"], row["mean"], row["count"]) == ("wrong_format", "ok", 0.0, 1)


# ------------------------------------------------------------------------------------------------------------------ views


@pytest.fixture
def some(tmp_path: Path) -> BenchmarkResult:
    """One of two records, right by the run's own scoring and wrong by `strict`."""
    source = write_run(tmp_path / "t.db", "m", [Made("a"), Made("b")])
    layer = {"rescored_from": source, "scores_name": "strict", "transform_hash": "cafe00001111"}
    write_run(tmp_path / "t.db", "m", [Made("a", 0.0), Made("b", 0.0)], overlay=STRICT, config=layer, scored_only=True)
    return BenchmarkResult(
        projection_repo=BenchmarkResult.open(tmp_path / "t.db").projection_repo,
        trial_hashes=[identity("m", "quiz", Made("a"))],
        transform_hashes=["cafe00001111"],
        evaluation_hashes=["aaaa11112222", STRICT],
        benchmark_id="quiz",
        slice_ids=["default"],
        prompt_variant_ids=["default"],
    )


def test_a_view_keeps_all_it_was_made_of(some: BenchmarkResult) -> None:
    kept = ("benchmark_id", "trial_hashes", "slice_ids", "prompt_variant_ids", "transform_hashes", "evaluation_hashes", "projection_repo")
    for view, active in ((some.for_evaluation("strict"), (None, STRICT)), (some.for_transform("cafe0000"), ("cafe0000", None))):
        assert (view.active_transform_hash, view.active_evaluation_hash) == active
        assert [getattr(view, name) for name in kept] == [getattr(some, name) for name in kept]
        (row,) = view.aggregate(group_by=["item_id"], metric_id="accuracy")
        assert (row["item_id"], row["mean"]) == ("a", 0.0)
    (row,) = some.aggregate(group_by=["item_id"], metric_id="accuracy")
    assert (row["mean"], some.active_evaluation_hash) == (1.0, None), "the one it was made from is as it was"


def test_a_view_of_a_view_reads_the_last_layer_alone(some: BenchmarkResult) -> None:
    back = some.for_transform("cafe0000").for_evaluation("default")
    assert (back.active_transform_hash, back.active_evaluation_hash) == (None, "aaaa11112222")
    assert back.aggregate(group_by=[], metric_id="accuracy")[0]["mean"] == 1.0


def test_lists_that_were_given_are_not_shared(some: BenchmarkResult) -> None:
    hashes = [identity("m", "quiz", Made("a"))]
    result = BenchmarkResult(projection_repo=some.projection_repo, trial_hashes=hashes)
    hashes.append(identity("m", "quiz", Made("b")))
    assert result.aggregate(group_by=[], metric_id="accuracy")[0]["count"] == 1 and len(result.trial_hashes) == 1


# ------------------------------------------------------------------------------------------------------- what it needs not

ALONE = """
import sys
for name in ("scipy", "pandas", "statsmodels", "pyarrow", "polars", "psycopg"):
    sys.modules[name] = None
from tripos.results.benchmark_result import BenchmarkResult
result = BenchmarkResult.open(sys.argv[1])
(row,) = result.paired_compare(metric_id="score", p_value_correction="by")
print(row["method"], result.report().to_latex().count("tabular"))
"""


def test_statistics_and_reports_need_no_further_package(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", (i % 5) / 5 + (model == "b") * 0.1) for i in range(12)])
    done = subprocess.run([sys.executable, "-c", ALONE, str(tmp_path / "t.db")], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "4"


def test_damage_to_a_text_is_one_sentence_and_harms_no_number(tmp_path: Path) -> None:
    from tripos.core.errors import StoreError
    from tripos.core.records import JudgeAudit
    from tripos.store.database import Database

    audit = JudgeAudit(prompt="Judge this. " * 200, reply="yes", parsed={"correct": True}, model="j")
    write_run(tmp_path / "t.db", "m", [Made("a", audits=(audit,)), Made("b")])
    Database(str(tmp_path / "t.db")).execute("UPDATE blob SET data = ?", (b"torn",))
    result = BenchmarkResult.open(tmp_path / "t.db")
    with pytest.raises(StoreError, match=r"cannot be read .*run `tripos store verify`"):
        result.view_timeline(candidate_id("m", "quiz", Made("a")))
    assert result.view_timeline("b").evaluation is not None
    assert result.aggregate(group_by=[], metric_id="accuracy")[0]["count"] == 2
