"""Means and counts by group: the seed's keys first, the item as the unit, and an error that lists the choices where a name is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_results import Made, identity, write_run
from tripos.core.errors import ConfigError, StoreError, TriposError
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.intervals import mean_interval


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
