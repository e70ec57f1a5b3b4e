"""The read side: every method, every row key of the seed, and an error that lists the choices where a name is wrong."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_results import Made, candidate_id, identity, write_run
from tripos.core.errors import ConfigError, StoreError, TriposError
from tripos.core.records import Outcome
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.intervals import mean_interval
from tripos.results.rows import ScoreRow, TrialSummaryRow

SEED_KEYS = [
    "slice_id", "metric_id", "baseline_model_id", "treatment_model_id", "pair_count", "baseline_mean", "treatment_mean", "delta_mean",
    "p_value", "adjusted_p_value", "adjustment_method", "ci_lower", "ci_upper", "ci_level", "method",
]  # fmt: skip
OTHER = "bbbb33334444"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two models, two slices, four records each; the treatment is better on the hard ones."""
    path = tmp_path / "tripos.db"
    for model, hard in (("base", 0.0), ("treat", 1.0)):
        easy = [Made(f"e{i}", 1.0, slice_id="easy", dimensions={"source": "web"}, metrics={"partial": 0.5}) for i in range(4)]
        tough = [Made(f"h{i}", hard, slice_id="hard", subject="maths", metrics={"partial": hard / 2}) for i in range(4)]
        write_run(path, model, [*easy, *tough], params={"temperature": 0.7 if model == "treat" else 0.0, "max_tokens": 64})
    return path


# ------------------------------------------------------------------------------------------------------------- aggregate


def test_means_and_counts_by_model_and_slice(store: Path) -> None:
    rows = BenchmarkResult.open(store).aggregate(group_by=["model_id", "slice_id"], metric_id="accuracy")
    assert [(r["model_id"], r["slice_id"], r["mean"], r["count"]) for r in rows] == [
        ("base", "easy", 1.0, 4), ("base", "hard", 0.0, 4), ("treat", "easy", 1.0, 4), ("treat", "hard", 1.0, 4),
    ]  # fmt: skip
    assert list(rows[0])[:4] == ["model_id", "slice_id", "mean", "count"], "the seed's keys come first"
    assert rows[0]["n_items"] == 4 and rows[0]["planned"] == 4 and rows[0]["failed"] == 0 and 0.5 < rows[0]["ci_lower"] < 1.0


def test_metrics_are_never_averaged_together(store: Path) -> None:
    rows = BenchmarkResult.open(store).aggregate(group_by=["model_id"])
    assert {(r["model_id"], r["metric_id"]): r["mean"] for r in rows} == {
        ("base", "accuracy"): 0.5, ("base", "score"): 0.5, ("base", "partial"): 0.25,
        ("treat", "accuracy"): 1.0, ("treat", "score"): 1.0, ("treat", "partial"): 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("metric_id", ["accuracy"]),
        ("benchmark", ["quiz"]),
        ("item_id", ["e0", "e1", "e2", "e3", "h0", "h1", "h2", "h3"]),
        ("prompt_variant_id", ["default"]),
        ("status", ["ok"]),
        ("outcome", ["scored"]),
        ("attempt", [0]),
        ("subject", [None, "maths"]),
        ("source", [None, "web"]),
        ("temperature", [0.0, 0.7]),
        ("max_tokens", [64]),
    ],
)
def test_any_dimension_groups_none_first(store: Path, key: str, labels: list[Any]) -> None:
    rows = BenchmarkResult.open(store).aggregate(group_by=[key], metric_id="accuracy")
    assert [r[key] for r in rows] == labels


def test_numbers_inside_labels_sort_as_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made(f"r{i}", dimensions={"level": str(i)}) for i in (10, 9, 1)])
    rows = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["level"], metric_id="score")
    assert [r["level"] for r in rows] == ["1", "9", "10"]


def test_an_empty_group_by_is_one_row(store: Path) -> None:
    (row,) = BenchmarkResult.open(store).aggregate(group_by=[], metric_id="score")
    assert (row["mean"], row["count"], row["n_items"]) == (0.75, 16, 8)


def test_attempts_of_an_item_are_not_items(tmp_path: Path) -> None:
    candidates = [Made(f"r{i}", float(i == 0), attempt=k) for i in range(2) for k in range(5)]
    write_run(tmp_path / "t.db", "m", candidates)
    (row,) = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["model_id"], metric_id="accuracy")
    assert (row["mean"], row["count"], row["n_items"]) == (0.5, 10, 2)


def test_an_item_with_fewer_attempts_weighs_as_much(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a", 1.0), *(Made("b", 0.0, attempt=k) for k in range(9))])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=[], metric_id="accuracy")
    assert row["mean"] == 0.5


def test_items_that_share_a_source_widen_the_interval(tmp_path: Path) -> None:
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 4
    write_run(tmp_path / "a.db", "m", [Made(f"r{i}", v) for i, v in enumerate(values)])
    write_run(tmp_path / "b.db", "m", [Made(f"r{i}", v, cluster=f"c{i // 3}") for i, v in enumerate(values)])
    (alone,) = BenchmarkResult.open(tmp_path / "a.db").aggregate(group_by=[], metric_id="accuracy")
    (shared,) = BenchmarkResult.open(tmp_path / "b.db").aggregate(group_by=[], metric_id="accuracy")
    assert (alone["n_clusters"], shared["n_clusters"]) == (None, 8)
    assert shared["ci_upper"] - shared["ci_lower"] > 1.3 * (alone["ci_upper"] - alone["ci_lower"])


def test_an_item_alone_is_as_sure_as_one_item_is(tmp_path: Path) -> None:
    values = {"a": 1.0, "b": 0.0, "c": 0.25, "d": None, "e": 0.7}
    made = [Made(name, value, cluster="c" if name in "ab" else None, metrics={"points": 9.5}) for name, value in values.items()]
    write_run(tmp_path / "t.db", "m", [*made, Made("f", failed=True)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    for metric, bounded in (("score", None), ("latency_seconds", False), ("points", None)):
        for row in result.aggregate(group_by=["item_id"], metric_id=metric):
            measured = None if row["item_id"] == "f" else {"score": values.get(row["item_id"]), "points": 9.5}.get(metric, 0.5)
            e = mean_interval([measured], bounded=bounded)
            found = (row["mean"], row["n_items"], row["stderr"], row["ci_lower"], row["ci_upper"], row["method"])
            assert found == ((None, 0, None, None, None, None) if e is None else (e.mean, 1, None, e.lower, e.upper, e.method))
            assert row["count"] == (e is not None) and row["n_clusters"] is None and row["planned"] == row["count"] + row["failed"] == 1


def test_what_we_failed_at_is_shown_and_bounds_the_mean(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b", 0.0), Made("c", None), Made("d", failed=True)], planned=6)
    (row,) = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["model_id"], metric_id="accuracy")
    assert (row["mean"], row["count"], row["planned"], row["failed"], row["not_reached"]) == (0.5, 2, 6, 2, 2)
    assert (row["worst"], row["best"]) == (1 / 6, 5 / 6)
    by_outcome = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["outcome"], metric_id="accuracy")
    assert {r["outcome"]: (r["count"], r["failed"], r["mean"]) for r in by_outcome} == {
        "scored": (2, 0, 0.5), "judge_failed": (0, 1, None), "infrastructure_failed": (0, 1, None),
    }  # fmt: skip
    assert [r["not_reached"] for r in by_outcome] == [None] * 3, "an outcome cannot know what was not reached"
    by_status = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["status"], metric_id="accuracy")
    assert {r["status"]: r["planned"] for r in by_status} == {"ok": 2, "error": 2}


def test_latency_and_tokens_are_measures(store: Path) -> None:
    (row,) = BenchmarkResult.open(store).aggregate(group_by=[], metric_id="latency_seconds")
    assert row["mean"] == 0.5 and row["worst"] is None, "no bounds for what has no upper end"


def test_scores_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = [1 / 3, 0.1 + 0.2, 1e-300, 5e-324, 123456789.123456789]
    write_run(tmp_path / "t.db", "m", [Made(f"r{i}", v, correct=False) for i, v in enumerate(values)])
    rows = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=["item_id"], metric_id="score")
    assert [r["mean"] for r in rows] == values


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0, None])),
        min_size=1, max_size=40, unique_by=lambda row: row[:3],
    )
)  # fmt: skip
@settings(max_examples=15)
def test_aggregate_is_what_plain_arithmetic_says(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, int, float | None]]
) -> None:
    path = tmp_path_factory.mktemp("s") / "t.db"
    write_run(path, "m", [Made(f"{label}{record}", value, attempt=k, slice_id=label) for label, record, k, value in rows])
    found = BenchmarkResult.open(path).aggregate(group_by=["slice_id"], metric_id="score")
    for row in found:
        items: dict[int, list[float]] = {}
        for label, record, _, value in rows:
            if label == row["slice_id"] and value is not None:
                items.setdefault(record, []).append(value)
        means = [sum(v) / len(v) for v in items.values()]
        assert row["count"] == sum(map(len, items.values()))
        assert row["n_items"] == len(means)
        assert row["mean"] == (pytest.approx(sum(means) / len(means)) if means else None)
    assert {r["slice_id"] for r in found} == {label for label, *_ in rows}


# ----------------------------------------------------------------------------------------------------------- comparisons


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


# ---------------------------------------------------------------------------------------------------- what is not there


def test_unknown_group_key_names_the_choices(store: Path) -> None:
    result = BenchmarkResult.open(store)
    for call in (
        lambda: result.aggregate(group_by=["modle_id"], metric_id="accuracy"),
        lambda: result.paired_compare(metric_id="accuracy", group_by="modle_id"),
    ):
        with pytest.raises(ValueError, match=r"Unsupported group_by key: modle_id; did you mean 'model_id'\? there are: .*temperature"):
            call()
    with pytest.raises(ValueError, match="Unsupported group_by key: alpha, beta"):
        result.aggregate(group_by=["beta", "alpha"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.aggregate(group_by=["model_id"], metric_id="acuracy"), "did you mean 'accuracy'"),
        (lambda r: r.aggregate(group_by="model_id"), "takes a list"),
        (lambda r: r.aggregate(group_by=["model_id", "model"]), "twice"),
        (lambda r: r.paired_compare(metric_id="f1"), "partial"),
        (lambda r: r.paired_compare(metric_id="accuracy", baseline_model_id="bas"), "did you mean 'base'"),
        (lambda r: r.paired_compare(metric_id="accuracy", group_by="model_id"), "slice_id"),
        (lambda r: r.paired_compare(metric_id="accuracy", group_by="outcome"), "how an answer ended"),
        (lambda r: r.paired_compare(metric_id="accuracy", p_value_correction="holms"), "did you mean 'holm'"),
        (lambda r: r.paired_compare(metric_id="accuracy", baseline_model_id="base", treatment_model_id="base"), "itself"),
        (lambda r: r.for_evaluation("strict"), "default"),
        (lambda r: r.for_transform("nope"), "default"),
        (lambda r: r.leaderboard(metric_id="accuracy", task_id="tough"), "hard"),
        (lambda r: r.view_timeline("h9"), "h3"),
        (lambda r: r.view_timeline("h0", record_type="candid"), "did you mean 'candidate'"),
        (lambda r: r.get_trial("0" * 64), "unknown record"),
    ],
)
def test_a_wrong_name_is_an_error_that_says_what_there_is(store: Path, call: Any, said: str) -> None:
    with pytest.raises(TriposError) as error:
        call(BenchmarkResult.open(store))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"benchmark": "quizz"}, "did you mean 'quiz'"),
        ({"models": ["trea"]}, "did you mean 'treat'"),
        ({"run_ids": ["nope"]}, "base-quiz-aaaa"),
        ({"scores": "strict"}, "default (aaaa11112222)"),
    ],
)
def test_opening_what_does_not_exist(store: Path, chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(TriposError) as error:
        BenchmarkResult.open(store, **chosen)
    assert said in str(error.value)


def test_a_store_without_runs_or_without_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        BenchmarkResult.open(tmp_path / "gone.db")


def test_trial_hashes_restrict_and_unknown_ones_are_refused(store: Path) -> None:
    full = BenchmarkResult.open(store)
    wanted = [identity("base", "quiz", Made("e0")), identity("treat", "quiz", Made("h0"))]
    some = BenchmarkResult(projection_repo=full.projection_repo, trial_hashes=wanted)
    rows = some.aggregate(group_by=["model_id"], metric_id="accuracy")
    assert [(r["model_id"], r["count"], r["not_reached"]) for r in rows] == [("base", 1, None), ("treat", 1, None)]
    assert {r.trial_hash for r in some.iter_trial_summaries()} == set(wanted)
    assert len(list(some.iter_trials())) == 2
    with pytest.raises(ConfigError, match="none of the 1 trial hashes"):
        BenchmarkResult(projection_repo=full.projection_repo, trial_hashes=["x"]).aggregate(group_by=[], metric_id="score")


def test_slices_restrict_and_unknown_ones_are_refused(store: Path) -> None:
    repo = BenchmarkResult.open(store).projection_repo
    some = BenchmarkResult(projection_repo=repo, trial_hashes=None, slice_ids=["hard"])
    assert {r["slice_id"] for r in some.aggregate(group_by=["slice_id"], metric_id="score")} == {"hard"}
    with pytest.raises(ConfigError, match="did you mean 'hard'"):
        BenchmarkResult(projection_repo=repo, trial_hashes=None, slice_ids=["hrad"]).aggregate(group_by=[], metric_id="score")


def test_several_restrictions_hold_together(store: Path) -> None:
    repo = BenchmarkResult.open(store).projection_repo
    wanted = [identity("base", "quiz", Made("e3")), identity("base", "quiz", Made("h2")), identity("treat", "quiz", Made("h3"))]
    some = BenchmarkResult(projection_repo=repo, trial_hashes=wanted, slice_ids=["hard"], prompt_variant_ids=["default"])
    rows = some.aggregate(group_by=["item_id", "model_id"], metric_id="score")
    assert [(r["item_id"], r["model_id"], r["mean"]) for r in rows] == [("h2", "base", 0.0), ("h3", "treat", 1.0)]


# --------------------------------------------------------------------------------------------------------------- compare


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


# -------------------------------------------------------------------------------------------------------------- overlays


@pytest.fixture
def rescored(tmp_path: Path) -> Path:
    """A run, scored again under the name `strict`: everything wrong."""
    path = tmp_path / "t.db"
    candidates = [Made(f"r{i}") for i in range(4)]
    source = write_run(path, "m", candidates)
    layer = {"rescored_from": source, "scores_name": "strict", "transform_hash": "cafe00001111"}
    write_run(path, "m", [Made(f"r{i}", 0.0, answer=None) for i in range(4)], overlay=OTHER, config=layer, scored_only=True)
    return path


@pytest.mark.parametrize("name", ["strict", OTHER, OTHER[:6]])
def test_a_scoring_is_chosen_by_name_or_hash(rescored: Path, name: str) -> None:
    result = BenchmarkResult.open(rescored)
    (default,) = result.aggregate(group_by=["model_id"], metric_id="accuracy")
    (other,) = result.for_evaluation(name).aggregate(group_by=["model_id"], metric_id="accuracy")
    (opened,) = BenchmarkResult.open(rescored, scores=name).aggregate(group_by=["model_id"], metric_id="accuracy")
    assert (default["mean"], default["count"]) == (1.0, 4), "the rescoring is no second run of the same answers"
    assert (other["mean"], opened["mean"]) == (0.0, 0.0)
    assert result.overlays == [f"default ({'aaaa11112222'})", f"strict ({OTHER})"]


def test_a_transform_names_the_scoring_that_rests_on_it(rescored: Path) -> None:
    result = BenchmarkResult.open(rescored).for_transform("cafe0000")
    (row,) = result.aggregate(group_by=["model_id"], metric_id="accuracy")
    assert row["mean"] == 0.0 and result.active_transform_hash == "cafe0000" and result.active_evaluation_hash is None


def test_several_scorings_that_fit_are_an_error(rescored: Path) -> None:
    write_run(rescored, "m", [Made("r0", 0.5)], overlay="bbbb99998888", run_id="third", config={"rescored_from": "x"}, scored_only=True)
    with pytest.raises(ConfigError, match=r"ambiguous.*bbbb99998888, strict \(bbbb33334444\)"):
        BenchmarkResult.open(rescored).for_evaluation("bbbb")


def test_two_runs_with_the_same_answers_scored_apart_must_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    write_run(path, "m", [Made("a")])
    write_run(path, "m", [Made("a", 0.0)], overlay=OTHER, run_id="again", scored_only=True)
    with pytest.raises(ConfigError, match="hold the same answers of m, scored in two ways"):
        BenchmarkResult.open(path).aggregate(group_by=[], metric_id="accuracy")
    (row,) = BenchmarkResult.open(path, scores=OTHER).aggregate(group_by=[], metric_id="accuracy")
    assert (row["count"], row["mean"]) == (1, 0.0), "one scoring for both: each answer counts once"


def test_a_fresh_run_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    for nonce, value in (("", 0.0), ("-1", 1.0)):
        run = write_run(path, "m", [Made("a", value)], nonce=nonce, config={})
    from tripos.store.database import Database

    Database(str(path)).execute("UPDATE run SET run_key = 'same'")
    (row,) = BenchmarkResult.open(path).aggregate(group_by=["run_id"], metric_id="accuracy")
    assert (row["run_id"], row["mean"]) == (run, 1.0)


def test_an_overlay_view_keeps_what_it_is_of(store: Path) -> None:
    result = BenchmarkResult.open(store)
    for view in (result.for_evaluation("default"), result.for_transform("default")):
        assert isinstance(view, BenchmarkResult) and view.benchmark_id == "quiz"


# --------------------------------------------------------------------------------------------------- findings and files


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


# ------------------------------------------------------------------------------------- any repository with flat rows


class Flat:
    """A repository as small as can be: four trials, one score that belongs to none of them."""

    def __init__(self) -> None:
        self.scores = [
            ScoreRow("t1", "c1", "exact", 0.0, {}), ScoreRow("t2", "c2", "exact", 1.0, {}), ScoreRow("t3", "c3", "exact", 0.0, {}),
            ScoreRow("t4", "c4", "exact", 1.0, {}), ScoreRow("ignored", "c9", "exact", 1.0, {}),
        ]  # fmt: skip
        self.trials = [
            TrialSummaryRow(f"t{n}", model, "s", "bench", "s", "v", item, dims, "ok")
            for n, model, item, dims in ((1, "a", "x", {"k": "1"}), (2, "b", "x", {"k": "1"}), (3, "a", "y", {}), (4, "b", "y", {}))
        ]

    def get_trial_record(self, trial_hash: str, **_: Any) -> Any:
        return trial_hash

    def get_timeline_view(self, record_id: str, record_type: Any, **_: Any) -> Any:
        return None

    def iter_candidate_scores(
        self, *, trial_hashes: Collection[str] | None = None, metric_id: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[Any]:
        return (s for s in self.scores if metric_id in (None, s.metric_id))

    def iter_trial_summaries(self, **_: Any) -> Iterator[Any]:
        return iter(self.trials)


@pytest.fixture
def flat() -> BenchmarkResult:
    return BenchmarkResult(projection_repo=Flat(), trial_hashes=["t1", "t2", "t3", "t4"], benchmark_id="bench")


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
