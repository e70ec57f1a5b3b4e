"""Several scorings of the same answers: chosen by name or hash, never by chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_results import Made, write_run
from tripos.core.errors import ConfigError
from tripos.results.benchmark_result import BenchmarkResult

OTHER = "bbbb33334444"


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
    with pytest.raises(ConfigError, match="hold the same trials of m, scored in two ways"):
        BenchmarkResult.open(path).aggregate(group_by=[], metric_id="accuracy")
    for read in ("iter_trial_summaries", "iter_scores", "iter_trials", "iter_failures", "to_arrow", "export_json", "leaderboard"):
        with pytest.raises(ConfigError, match="scored in two ways"):
            list(getattr(BenchmarkResult.open(path), read)())
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


def test_an_empty_name_is_no_name_of_the_default(rescored: Path) -> None:
    for choose in (BenchmarkResult.open(rescored).for_evaluation, BenchmarkResult.open(rescored).for_transform):
        with pytest.raises(ConfigError, match="has no scores ''"):
            choose("")
