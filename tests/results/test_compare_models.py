"""Models compared in pairs: the seed's row keys, the family of the whole call, and what one side lacks stays in sight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from made_results import Made, identity, write_run
from tripos.core.errors import ConfigError
from tripos.results.benchmark_result import BenchmarkResult

SEED_KEYS = [
    "slice_id", "metric_id", "baseline_model_id", "treatment_model_id", "pair_count", "baseline_mean", "treatment_mean", "delta_mean",
    "p_value", "adjusted_p_value", "adjustment_method", "ci_lower", "ci_upper", "ci_level", "method",
]  # fmt: skip


def test_paired_rows_have_the_seeds_keys_first(store: Path) -> None:
    rows = BenchmarkResult.open(store).paired_compare(
        metric_id="accuracy", baseline_model_id="base", treatment_model_id="treat", p_value_correction="holm"
    )
    assert [list(r)[: len(SEED_KEYS)] for r in rows] == [SEED_KEYS] * 2
    hard = rows[1]
    assert (hard["slice_id"], hard["pair_count"], hard["delta_mean"], hard["adjustment_method"]) == ("hard", 4, 1.0, "holm")
    assert (hard["wins"], hard["losses"], hard["ties"], hard["family_size"]) == (4, 0, 0, 2)


def test_a_constant_difference_is_no_tie(tmp_path: Path) -> None:
    for model, value in (("a", 0.0), ("b", 1.0)):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", value) for i in range(100)])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy")
    assert row["p_value"] < 1e-25 and row["ci_lower"] > 0.9 and row["decision"] == "better"


def test_the_family_is_the_whole_call(store: Path) -> None:
    rows = BenchmarkResult.open(store).paired_compare(metric_id="accuracy", p_value_correction="bonferroni")
    hard = next(r for r in rows if r["slice_id"] == "hard")
    assert hard["adjusted_p_value"] == pytest.approx(2 * hard["p_value"])


def test_records_that_one_side_failed_stay_in_sight(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "steady", [Made(f"r{i}", float(i % 4 > 0)) for i in range(40)])
    write_run(tmp_path / "t.db", "flaky", [Made(f"r{i}", 1.0, failed=i >= 21) for i in range(40)])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy", baseline_model_id="steady")
    assert (row["pair_count"], row["planned"], row["treatment_missing"], row["baseline_missing"]) == (21, 40, 19, 0)
    assert row["delta_bounds"][0] < 0 < row["delta_bounds"][1]
    assert row["decision"] == "better" and "could reverse" in row["notices"][0]
    assert row["minimum_detectable_effect"] > row["delta_mean"] / 2


def test_a_slice_that_one_side_lacks_is_a_row_without_pairs(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "a", [Made("x", slice_id="one"), Made("y", slice_id="two")])
    write_run(tmp_path / "t.db", "b", [Made("x", slice_id="one")])
    rows = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy")
    assert [(r["slice_id"], r["pair_count"], r["treatment_missing"], r["p_value"]) for r in rows][1] == ("two", 0, 1, None)
    assert rows[0]["family_size"] == 1, "what cannot be tested is no member of the family"


def test_the_same_dimension_is_one_pooled_comparison(tmp_path: Path) -> None:
    for model in ("a", "b"):
        rows = [Made(f"r{i}", float(i % 2), slice_id=f"s{i % 3}", dimensions={"parity": "even" if i % 2 else "odd"}) for i in range(12)]
        write_run(tmp_path / "t.db", model, rows)
    found = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy", group_by="parity")
    assert [(r["parity"], r["pair_count"]) for r in found] == [("even", 6), ("odd", 6)]


def test_three_models_meet_in_pairs_or_against_one(tmp_path: Path) -> None:
    for model in ("a", "b", "c"):
        write_run(tmp_path / "t.db", model, [Made("x"), Made("y", 0.0)])
    result = BenchmarkResult.open(tmp_path / "t.db")

    def pairs(**chosen: str) -> list[tuple[str, str]]:
        return [(r["baseline_model_id"], r["treatment_model_id"]) for r in result.paired_compare(metric_id="score", **chosen)]

    assert pairs() == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs(baseline_model_id="b") == [("b", "a"), ("b", "c")]
    assert pairs(treatment_model_id="b") == [("a", "b"), ("c", "b")]
    assert pairs(baseline_model_id="c", treatment_model_id="a") == [("c", "a")]


def test_prompt_variants_of_a_record_are_one_cluster(tmp_path: Path) -> None:
    for model, value in (("a", 0.0), ("b", 1.0)):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", value, variant=v) for i in range(6) for v in ("short", "long")])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy")
    assert (row["pair_count"], row["n_clusters"]) == (12, 6)
    assert row["p_value"] == pytest.approx(2**-5), "six records decide, not twelve answers"


def test_compare_has_a_row_a_task_metric_and_pair(store: Path) -> None:
    table = BenchmarkResult.open(store).compare(p_value_correction="bonferroni")
    assert [(r.task_id, r.metric_id) for r in table.rows] == [(t, m) for t in ("easy", "hard") for m in ("accuracy", "partial", "score")]
    hard = table.rows[3]
    assert (hard.pair_count, hard.baseline_mean, hard.treatment_mean, hard.delta_mean) == (4, 0.0, 1.0, 1.0)
    assert (hard.p_value, hard.adjusted_p_value, hard.adjustment_method) == (0.125, 0.75, "bonferroni"), "one family over tasks and metrics"
    assert list(table.plain()[0])[:15] == ["task_id", *SEED_KEYS[1:]]


def test_compare_keeps_to_a_task_a_metric_and_a_pair(store: Path) -> None:
    result = BenchmarkResult.open(store)
    (row,) = result.compare(metric_id="accuracy", task_id="hard", baseline_model_id="treat", treatment_model_id="base").rows
    assert (row.task_id, row.baseline_model_id, row.delta_mean, row.family_size, row.decision) == ("hard", "treat", -1.0, 1, "undecided")
    assert [r.task_id for r in result.compare(metric_id="partial").rows] == ["easy", "hard"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"task_id": "hrad"}, "unknown task 'hrad'; did you mean 'hard'"),
        ({"metric_id": "acuracy"}, "did you mean 'accuracy'"),
        ({"baseline_model_id": "bas"}, "did you mean 'base'"),
        ({"treatment_model_id": "x"}, "unknown model 'x'.*base, treat"),
        ({"p_value_correction": "homl"}, "did you mean 'holm'"),
        ({"trial_hash": "x"}, "none of the 1 trial hashes"),
        ({"trial_hash": identity("base", "quiz", Made("e0"))}, "needs two models, these results have base"),
    ],
)
def test_compare_is_never_empty_for_a_wrong_name(store: Path, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        BenchmarkResult.open(store).compare(**asked)


def test_compare_of_flat_rows_and_of_a_view(store: Path, flat: BenchmarkResult) -> None:
    (row,) = flat.compare().rows
    assert (row.task_id, row.metric_id, row.pair_count, row.wins) == ("s", "exact", 2, 2)
    with pytest.raises(ConfigError, match="'t9' is none of the 4 trials"):
        flat.compare(trial_hash="t9")
    view = BenchmarkResult(projection_repo=BenchmarkResult.open(store).projection_repo, trial_hashes=None, slice_ids=["hard"])
    assert {r.task_id for r in view.compare().rows} == {"hard"}


def test_less_is_better_where_the_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    for model, seconds, share in (("slow", 2.0, 0.9), ("quick", 1.0, 0.1)):
        made = [Made(f"r{i}", latency_seconds=seconds, metrics={"regression_rate": share, "fix_rate": share}) for i in range(30)]
        write_run(path, model, made)
    result = BenchmarkResult.open(path)

    def verdict(metric: str, better: str | None = None) -> tuple[str, bool]:
        (row,) = result.paired_compare(metric_id=metric, baseline_model_id="slow", treatment_model_id="quick", better=better)
        return row["decision"], row["lower_is_better"]

    assert verdict("latency_seconds") == verdict("regression_rate") == ("better", True)
    assert verdict("fix_rate") == ("worse", False) and verdict("fix_rate", "less") == ("better", True)
    with pytest.raises(ConfigError, match="unknown direction 'lees'; did you mean 'less'"):
        verdict("fix_rate", "lees")
    assert [r["model_id"] for r in result.leaderboard(metric_id="regression_rate")] == ["quick", "slow"]
    assert [r["model_id"] for r in result.leaderboard(metric_id="fix_rate")] == ["slow", "quick"]
