"""PostgreSQL and SQLite hold the same results, so both give the same rows, to the last bit."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from made_results import Made, candidate_id, write_run
from postgres import postgresql_server, postgresql_url
from tripos.core.errors import ConfigError, StoreError
from tripos.core.records import Outcome
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.score_table import Column
from tripos.results.stored_columns import Candidates, ids_of, keys_of
from tripos.store.database import Database

__all__ = ["postgresql_server", "postgresql_url"]

VALUES = [1.0, 0.0, 1 / 3, 0.1 + 0.2, 1.0, 0.7]


def filled(store: str) -> BenchmarkResult:
    for model in ("a", "b"):
        candidates = [
            Made(
                f"r{i}", v, slice_id=f"s{i % 2}", dimensions={"level": str(i % 3)}, metrics={"part": v / 7}, cluster="c" if i < 2 else None
            )
            for i, v in enumerate(VALUES)
        ]
        more = [Made("lost", failed=True), Made("cut", 0.0, outcome=Outcome.TRUNCATED), Made("unjudged", None)]
        write_run(store, model, [*candidates, *(m for m in more if model == "b")], planned=10)
    layer = {"rescored_from": "a", "scores_name": "strict"}
    write_run(store, "a", [Made(f"r{i}", 0.5) for i in range(6)], overlay="bbbb33334444", config=layer, scored_only=True)
    return BenchmarkResult.open(store)


def everything(result: BenchmarkResult) -> list[Any]:
    return [
        result.aggregate(group_by=["model_id", "slice_id", "level"]),
        result.aggregate(group_by=["model_id", "outcome", "status"], metric_id="accuracy"),
        result.aggregate(group_by=["item_id", "temperature"], metric_id="score"),
        result.aggregate(group_by=["model_id"], metric_id="latency_seconds"),
        result.paired_compare(metric_id="part", group_by="slice_id", p_value_correction="by"),
        result.leaderboard(),
        result.overlays,
        [row._asdict() for row in result.iter_trial_summaries()],
        [
            row._asdict()
            for row in BenchmarkResult.open(result.projection_repo.database, models=["a"], scores="strict").iter_trial_summaries()
        ],  # type: ignore[attr-defined]
        list(result.iter_failures()),
        [s.stage for s in result.view_timeline(candidate_id("b", "quiz", Made("lost"))[:10]).timeline.stages],
    ]


def test_both_say_the_same(postgresql_url: str, tmp_path: Path) -> None:
    assert everything(filled(postgresql_url)) == everything(filled(str(tmp_path / "t.db")))


def test_a_model_of_which_nothing_was_scored_is_read_on_both(postgresql_url: str, tmp_path: Path) -> None:
    for store in (postgresql_url, str(tmp_path / "t.db")):
        write_run(store, "a", [Made("r")])
        write_run(store, "b", [Made("r", failed=True)], overlay="cccc55556666")
        rows = BenchmarkResult.open(store).aggregate(group_by=["model_id", "outcome"], metric_id="accuracy")
        assert [(r["model_id"], r["outcome"], r["count"]) for r in rows] == [("a", "scored", 1), ("b", "infrastructure_failed", 0)]


def test_sums_are_the_same_to_the_last_bit_whatever_the_order_of_writing(postgresql_url: str, tmp_path: Path) -> None:
    random = Random(3)
    made = [Made(f"r{i}", random.random(), cluster=f"c{i // 3}", dimensions={"level": str(i % 9)}) for i in range(180)]
    found = []
    for store in (postgresql_url, str(tmp_path / "t.db")):
        for model in ("a", "b"):
            write_run(store, model, made)
        random.shuffle(made)
        database = Database(store, read_only=True)
        if store is postgresql_url:  # as it reads large tables: in the order of writing, or any other
            database.execute("SET enable_indexscan = off")
            database.execute("SET enable_bitmapscan = off")
        result = BenchmarkResult.open(database)  # type: ignore[arg-type]
        found.append([row for key in ("model_id", "level") for row in result.aggregate(group_by=[key], metric_id="score")])
    assert found[0] == found[1]


def test_errors_list_the_choices_on_postgresql_too(postgresql_url: str) -> None:
    result = filled(postgresql_url)
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        result.aggregate(group_by=[], metric_id="acuracy")
    with pytest.raises(ValueError, match="Unsupported group_by key: lvel; did you mean 'level'"):
        result.aggregate(group_by=["lvel"], metric_id="accuracy")


def test_a_large_store_is_read_in_parts_and_a_small_part_of_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "t.db"
    for model in ("a", "b", "c", "d", "e"):
        write_run(store, model, [Made(f"r{i}", (i % 7) / 7) for i in range(40)])

    def read(models: list[str]) -> list[Any]:
        return BenchmarkResult.open(store, models=models).aggregate(group_by=["model_id", "outcome"], metric_id="score")

    every = ["a", "b", "c", "d", "e"]
    narrow = [read(every), read(["b"])]
    monkeypatch.setattr("tripos.results.store_scores._FEW", 10)
    assert [read(every), read(["b"])] == narrow


def test_a_dimension_that_only_some_trials_have_can_be_grouped_by(postgresql_url: str, tmp_path: Path) -> None:
    for store in (postgresql_url, str(tmp_path / "t.db")):
        for model in ("a", "b"):
            candidates = [
                Made("r0", 1.0),
                Made("r1", 1.0, dimensions={"level": "1"}),
                Made("r2", 0.0, dimensions={"level": "1", "late": "x"}),
            ]
            write_run(store, model, candidates)
        result = BenchmarkResult.open(store)
        rows = result.aggregate(group_by=["late", "level"], metric_id="accuracy")
        assert [(row["late"], row["level"], row["mean"]) for row in rows] == [(None, None, 1.0), (None, "1", 1.0), ("x", "1", 0.0)]
        with pytest.raises(ValueError, match="Unsupported group_by key: lat; did you mean 'late'"):
            result.aggregate(group_by=["lat"], metric_id="accuracy")


def test_keys_that_share_a_half_are_told_apart() -> None:
    import numpy as np

    for ids in ([f"{i * 7919:016x}{i:016x}" for i in range(50)], ["a" * 16 + f"{i:016x}" for i in range(50)]):
        stored = Candidates(keys_of(sorted(ids)), np.arange(50.0), Column(np.zeros(50, np.int32), [None]))
        assert stored.places(keys_of(ids)).tolist() == [sorted(ids).index(name) for name in ids]
        strangers = [f"{name[:16]}{'f' * 16}" for name in ids] + ["0" * 15 + "1" + name[16:] for name in ids]
        assert set(stored.places(keys_of(strangers)).tolist()) == {-1}


def test_keys_are_found_whatever_their_order() -> None:
    import numpy as np

    ids = [f"{i * 7919 % 1000:032x}" for i in range(200)]
    stored = Candidates(np.sort(keys_of(ids)), np.arange(200.0), Column(np.arange(200, dtype=np.int32), list(range(200))))
    places = stored.places(keys_of([f"{i:032x}" for i in range(1000)]))
    values = stored.numbers_at(places)
    assert int(np.isfinite(values).sum()) == 200 and [int(v) for v in values[np.isfinite(values)]] == list(range(200))
    assert sorted(set(stored.codes_at(places).tolist())) == list(range(201)), "200 stands for: not there"
    assert ids_of(keys_of(ids)) == ids and len(keys_of([])) == 0
    for wrong in (
        ["a" * 31, "b" * 33],
        ["a" * 31 + " "],
        ["a" * 15 + "," + "b" * 16],
        ["a" * 31 + "é"],
        ["g" * 32],
        ["a" * 31 + ",", "b" * 32],
        ["a" * 30, "b" * 34],
        [" " + "a" * 32],
        ["a" * 16 + " " + "a" * 16, "b" * 31],
    ):
        with pytest.raises(StoreError, match="32 hexadecimal digits"):
            keys_of(wrong)
