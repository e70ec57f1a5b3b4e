"""What the read side of the seed promised beyond its signatures, and mistakes of its kind that must not come back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

import tripos.results.benchmark_result as module
from made_results import Made, candidate_id, identity, write_run
from tripos.core.errors import ConfigError, StoreError
from tripos.core.records import Outcome
from tripos.results import artifacts
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.rows import ScoreRow, TrialSummaryRow
from tripos.store.database import Database
from tripos.store.events import SPAN, RunStarted
from tripos.store.writer import Writer

STRICT = "bbbb33334444"


class Recorded:
    """Flat rows of three trials, one of which is not asked for; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def get_trial_record(self, trial_hash: str, **_: Any) -> Any:
        return trial_hash

    def get_timeline_view(self, record_id: str, record_type: Any, **_: Any) -> Any:
        return None

    def iter_candidate_scores(
        self, *, trial_hashes: Collection[str] | None = None, metric_id: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[Any]:
        self.asked.append((trial_hashes, evaluation_hash))
        return iter(ScoreRow(f"t{n}", f"c{n}", "exact", float(n), {}) for n in (1, 2, 3))

    def iter_trial_summaries(self, **_: Any) -> Iterator[Any]:
        rows = [
            TrialSummaryRow(f"t{n}", "m", s, "bench", s, "v", f"i{n}", {"k": "x"}, "ok") for n, s in ((1, "one"), (2, "two"), (3, "one"))
        ]
        return iter(rows)


# ---------------------------------------------------------------------------------------------------------- what is there


def test_the_facade_has_its_methods_and_no_others_of_that_name() -> None:
    for name in ("aggregate", "paired_compare", "persist_artifacts", "report", "for_transform", "for_evaluation", "compare", "leaderboard"):
        assert callable(getattr(BenchmarkResult, name))
    assert not hasattr(BenchmarkResult, "build_report")
    assert not hasattr(module, "ExperimentResult") and not hasattr(module, "ComparisonTable")


def test_an_export_without_trials_keeps_to_its_trials_and_asks_for_no_others() -> None:
    repo = Recorded()
    result = BenchmarkResult(projection_repo=repo, trial_hashes=["t1", "t2"], active_evaluation_hash="ev")
    exported = result.export_json(include_trials=False)
    assert [r["trial_hash"] for r in exported["score_rows"]] == ["t1", "t2"] and "trials" not in exported
    assert [r["trial_hash"] for r in exported["trial_summaries"]] == ["t1", "t2"]
    assert repo.asked == [(["t1", "t2"], "ev")]


def test_rows_of_other_trials_are_not_counted() -> None:
    result = BenchmarkResult(projection_repo=Recorded(), trial_hashes=["t1", "t2"])
    (row,) = result.aggregate(group_by=["k"], metric_id="exact")
    assert (row["k"], row["mean"], row["count"]) == ("x", 1.5, 2)
    assert [r["slice_id"] for r in result.aggregate(group_by=["slice_id"])] == ["one", "two"]


def test_trials_of_another_repository_are_exported_as_it_gives_them() -> None:
    result = BenchmarkResult(projection_repo=Recorded(), trial_hashes=["t1", "t2"])
    assert result.export_json()["trials"] == ["t1", "t2"]


def test_slices_and_variants_restrict_every_method(tmp_path: Path) -> None:
    tagged = {"details": {"tags": ["x"]}}
    made = [Made("a", slice_id="one", **tagged), Made("b", slice_id="two", **tagged), Made("c", slice_id="two", failed=True)]
    unread = [Made("d", 0.0, slice_id="two", answer=None, outcome=Outcome.WRONG_FORMAT), Made("e", slice_id="one", variant="terse")]
    write_run(tmp_path / "t.db", "m", [*made, *unread])
    repo = BenchmarkResult.open(tmp_path / "t.db").projection_repo
    one = BenchmarkResult(projection_repo=repo, trial_hashes=None, slice_ids=["one"], prompt_variant_ids=["default"])
    assert one.trial_hashes == [identity("m", "quiz", Made("a"))]
    assert [r.item_id for r in one.iter_trial_summaries()] == ["a"] == [t[0].planned.record_id for t in one.iter_trials()]
    assert (list(one.iter_failures()), list(one.iter_invalid_extractions())) == ([], [])
    assert [r["item_id"] for r in one.iter_tagged_examples()] == ["a"]
    assert {r["trial_hash"] for r in one.export_json()["score_rows"]} == set(one.trial_hashes)
    for chosen in ({"slice_ids": ["on"]}, {"prompt_variant_ids": ["ters"]}):
        with pytest.raises(ConfigError, match="did you mean"):
            BenchmarkResult(projection_repo=repo, trial_hashes=None, **chosen)
    flat = BenchmarkResult(projection_repo=Recorded(), trial_hashes=["t1", "t2", "t3"], slice_ids=["one"])
    (row,) = flat.aggregate(group_by=["slice_id"])
    assert (row["slice_id"], row["mean"], row["count"]) == ("one", 2.0, 2)


def test_more_trial_hashes_than_a_database_takes_parameters(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b", 0.0)])
    repo = BenchmarkResult.open(tmp_path / "t.db").projection_repo
    wanted = [identity("m", "quiz", Made("a")), *(f"{n:064x}" for n in range(300_000))]
    result = BenchmarkResult(projection_repo=repo, trial_hashes=wanted)
    (row,) = result.aggregate(group_by=[], metric_id="accuracy")
    assert (row["mean"], row["count"]) == (1.0, 1) and len(list(result.iter_trial_summaries())) == 1


def test_failures_come_by_record_and_attempt(tmp_path: Path) -> None:
    made = [Made(record, failed=True, attempt=k) for record in "ba" for k in (1, 0)]
    write_run(tmp_path / "t.db", "m", made)
    rows = list(BenchmarkResult.open(tmp_path / "t.db").iter_failures())
    assert [(r["item_id"], r["attempt"]) for r in rows] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_an_unknown_tag_names_those_there_are(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a", details={"tags": ["hard", "long"]}), Made("b")])
    with pytest.raises(ConfigError, match="unknown tag 'lnog'; did you mean 'long'"):
        list(BenchmarkResult.open(tmp_path / "t.db").iter_tagged_examples(tag="lnog"))


# ---------------------------------------------------------------------------------------------------- what is not scored


def test_attempts_that_failed_widen_the_bounds_of_a_comparison(tmp_path: Path) -> None:
    for model, kept in (("steady", 4), ("flaky", 1)):
        made = [Made(f"r{i}", float(i % 2), attempt=k, failed=k >= kept) for i in range(20) for k in range(4)]
        write_run(tmp_path / "t.db", model, made)
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy", baseline_model_id="steady")
    assert (row["pair_count"], row["treatment_missing"], row["delta_mean"]) == (20, 0, 0.0), "every record was scored once at least"
    assert row["delta_bounds"] == pytest.approx((-0.375, 0.375)), "three answers of four are not known"


def test_a_verdict_that_lost_attempts_could_reverse_says_so(tmp_path: Path) -> None:
    for model, value in (("low", 0.0), ("high", 1.0)):
        made = [Made(f"r{i}", value, attempt=k, failed=k > 0 and model == "high") for i in range(20) for k in range(4)]
        write_run(tmp_path / "t.db", model, made + [Made(f"s{i}", 1 - value, attempt=k) for i in range(6) for k in range(4)])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy", baseline_model_id="low")
    assert row["delta_bounds"] == pytest.approx(((5 - 6) / 26, 14 / 26))
    assert row["decision"] == "better" and "could reverse" in row["notices"][0]


def test_seconds_have_no_bounds_and_no_share_of_cut_answers(tmp_path: Path) -> None:
    for model, seconds in (("slow", 0.4), ("quick", 0.2)):
        made = [Made(f"r{i}", 0.0, latency_seconds=seconds, outcome=Outcome.TRUNCATED) for i in range(30)]
        write_run(tmp_path / "t.db", model, [*made, Made("lost", failed=True)])
    (row,) = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="latency_seconds", baseline_model_id="slow")
    assert (row["decision"], row["delta_bounds"], row["notices"]) == ("better", None, ())


# --------------------------------------------------------------------------------------------------------------- overlays


@pytest.fixture
def overlays(tmp_path: Path) -> Path:
    """Two records; a scoring `strict` by a judge that graded one of them and failed at the other. A third was only answered."""
    path = tmp_path / "t.db"
    source = write_run(path, "m", [Made("a"), Made("b")])
    layer = {"rescored_from": source, "scores_name": "strict", "transform_hash": "cafe00001111"}
    write_run(path, "m", [Made("a", 0.0), Made("b", None)], overlay=STRICT, config=layer, scored_only=True)
    return path


def test_a_candidate_has_as_many_evaluations_as_there_are_scorings(overlays: Path) -> None:
    result = BenchmarkResult.open(overlays)
    views = [r.view_timeline("a") for r in (result, result.for_evaluation("strict"), result.for_transform("cafe0000"))]
    assert [v.evaluation.is_correct for v in views if v.evaluation is not None] == [True, False, False]
    assert len({v.candidate_id for v in views}) == 1 and [len(v.extractions) for v in views] == [1, 1, 1]


def test_a_scoring_that_failed_leaves_the_others_as_they_are(overlays: Path) -> None:
    result = BenchmarkResult.open(overlays)
    status = {name: {r.item_id: r.status for r in result.for_evaluation(name).iter_trial_summaries()} for name in ("default", "strict")}
    assert status == {"default": {"a": "ok", "b": "ok"}, "strict": {"a": "ok", "b": "error"}}
    (row,) = result.for_evaluation("strict").aggregate(group_by=["model_id"], metric_id="accuracy")
    assert (row["mean"], row["planned"], row["failed"]) == (0.0, 2, 1)


def test_an_answer_that_nobody_scored_has_neither_parse_nor_score(overlays: Path) -> None:
    Database(str(overlays)).execute("DELETE FROM verdict WHERE candidate_id = ?", (candidate_id("m", "quiz", Made("a")),))
    view = BenchmarkResult.open(overlays).view_timeline("a")
    assert view.inference is not None and view.inference.status == "ok"
    assert (view.extractions, view.evaluation, view.judge_audit) == ([], None, None)
    assert [s.stage for s in view.timeline.stages] == ["prompt_render", "queueing", "inference"]


def test_what_is_exported_is_the_scoring_that_was_chosen(overlays: Path) -> None:
    result = BenchmarkResult.open(overlays)
    for view, key in ((result.for_evaluation("strict"), f"ev:{STRICT}"), (result.for_transform("cafe0000"), "tf:cafe0000")):
        exported = view.export_json(include_trials=False)
        assert exported["overlay"]["overlay_key"] == key
        assert [r["score"] for r in exported["score_rows"] if r["metric_id"] == "accuracy"] == [0.0, None]
    bundle = result.for_evaluation("strict").persist_artifacts(storage_root=overlays.parent)
    assert bundle.aggregate_json_path.name == f"benchmark-aggregate-ev-{STRICT}.json", "a name may be given again, a hash says what it was"


def test_a_scoring_by_name_means_the_runs_that_have_it(overlays: Path) -> None:
    write_run(overlays, "other", [Made("a")])
    (row,) = BenchmarkResult.open(overlays, scores="strict").aggregate(group_by=["model_id"], metric_id="accuracy")
    assert row["model_id"] == "m"
    for chosen in ({"models": ["m", "other"]}, {"models": ["other"]}, {"run_ids": ["other"]}):
        with pytest.raises(ConfigError, match="run other-quiz-aaaa has no scores 'strict'; there are: default"):
            BenchmarkResult.open(overlays, scores="strict", **chosen)


# ------------------------------------------------------------------------------------------------- names that are taken


def test_a_metric_that_bears_the_name_of_another_is_told_apart_everywhere(tmp_path: Path) -> None:
    own = {"accuracy": 0.5, "score": 0.9, "latency_seconds": 7.0, "f1": 0.3}
    write_run(tmp_path / "t.db", "m", [Made("a", 0.25, metrics=own)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    expected = {
        "accuracy": 0.0, "score": 0.25, "f1": 0.3, "metrics.accuracy": 0.5, "metrics.score": 0.9, "metrics.latency_seconds": 7.0,
    }  # fmt: skip
    rows = result.aggregate(group_by=["metric_id"])
    assert {r["metric_id"]: r["mean"] for r in rows} == expected and len(rows) == len(expected)
    assert {r.metric_id: r.score for r in result.iter_scores()} == expected
    view = result.view_timeline("a")
    assert view.evaluation is not None and view.evaluation.aggregate_scores == expected
    shown = dict(Database(str(tmp_path / "t.db"), read_only=True).execute("SELECT metric_id, value FROM score"))
    assert shown == expected, "the view of the store says the same"
    assert result.aggregate(group_by=[], metric_id="latency_seconds")[0]["mean"] == 0.5


def test_files_tell_such_metrics_apart_by_the_same_names() -> None:
    from tripos.results.result_file import metric_of

    record = {"is_correct": False, "score": 0.25, "scoring_metadata": {"metrics": {"accuracy": 0.5, "score": 0.9, "f1": 0.3}}}
    names = ("accuracy", "metrics.accuracy", "score", "metrics.score", "f1", "metrics.f1")
    assert [metric_of(record, name) for name in names] == [0.0, 0.5, 0.25, 0.9, 0.3, 0.3]
    with pytest.raises(ConfigError, match=r"accuracy, f1, metrics\.accuracy, metrics\.score, score"):
        metric_of(record, "f2")


def test_energy_is_read_where_telemetry_wrote_it(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b")])
    database = Database(str(tmp_path / "t.db"))
    for joules, (name, position) in zip((2.0, 4.0), database.execute("SELECT candidate_id, position FROM candidate"), strict=True):
        share = (name, position // SPAN * SPAN + 999, joules)
        database.execute("INSERT INTO measure (candidate_id, position, energy_joules) VALUES (?, ?, ?)", share)
    (row,) = BenchmarkResult.open(tmp_path / "t.db").aggregate(group_by=[], metric_id="energy_joules")
    assert (row["mean"], row["count"]) == (3.0, 2)


# ------------------------------------------------------------------------------------------------------- tables of scores


def test_scores_as_tables_of_three_libraries(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    write_run(tmp_path / "t.db", "m", [Made("a", dimensions={"level": "1"}, metrics={"f1": 0.3}), Made("b", failed=True)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    frame = result.to_pandas()
    assert frame[frame.metric_id == "f1"].score.tolist() == [0.3] and frame["dimensions.level"].tolist()[0] == "1"
    lost = frame[frame.item_id == "b"]
    assert (lost.status.tolist(), lost.metric_id.isna().all(), lost.score.isna().all()) == (["error"], True, True), "what failed is a row"
    assert result.to_polars().shape == result.to_arrow().shape == frame.shape
    from tripos.results.frames import to_polars

    write_run(tmp_path / "t.db", "n", [Made("a"), Made("b")])
    compared = BenchmarkResult.open(tmp_path / "t.db").paired_compare(metric_id="accuracy")
    assert to_polars(compared)["delta_bounds"].to_list() == [json.dumps(compared[0]["delta_bounds"], separators=(",", ":"))]


def test_csv_keeps_every_digit_of_a_list() -> None:
    from tripos.results.table_text import text_of_rows

    third = 1 / 3
    assert repr(third) in text_of_rows([{"bounds": (third, None)}], "csv") and "0.3333;" in text_of_rows(
        [{"bounds": (third, 1.0)}], "markdown"
    )


# ------------------------------------------------------------------------------------------------------- damage and clashes


@pytest.mark.parametrize(
    ("table", "column", "call", "said"),
    [
        ("trial", "dimensions", lambda r: r.aggregate(group_by=["level"], metric_id="score"), "trial.dimensions is damaged"),
        ("trial", "dimensions", lambda r: list(r.iter_trial_summaries()), "trial.dimensions of record 'a' in run m-quiz-aaaa is damaged"),
        ("run", "config", lambda r: r.aggregate(group_by=["temperature"], metric_id="score"), "run.config of run m-quiz-aaaa is damaged"),
    ],
)
def test_a_damaged_cell_is_named_with_its_column_and_row(tmp_path: Path, table: str, column: str, call: Any, said: str) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a", dimensions={"level": "1"})])
    Database(str(tmp_path / "t.db")).execute(f"UPDATE {table} SET {column} = '{{oops'")
    with pytest.raises(StoreError, match=said) as error:
        call(BenchmarkResult.open(tmp_path / "t.db"))
    assert "tripos store rebuild" in str(error.value)


def test_a_damaged_event_names_its_candidate_and_harms_no_other(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a"), Made("b")])
    name = candidate_id("m", "quiz", Made("a"))
    sql = "UPDATE event SET body = ? WHERE position = (SELECT position FROM verdict WHERE candidate_id = ?)"
    Database(str(tmp_path / "t.db")).execute(sql, (b'{"kind":"scored", oops', name))
    result = BenchmarkResult.open(tmp_path / "t.db")
    with pytest.raises(StoreError, match=f"an event of candidate {name} of trial {identity('m', 'quiz', Made('a'))[:12]} cannot be read"):
        result.view_timeline("a")
    assert result.view_timeline("b").evaluation is not None
    (row,) = result.aggregate(group_by=["model_id"], metric_id="accuracy")
    assert row["count"] == 2, "the tables are whole"


def test_two_configurations_never_share_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a")], run_id="0123456789ab")
    writer = Writer(Database(str(tmp_path / "t.db")))
    named = {"suite": "", "benchmark": "quiz", "category": "", "model": "m", "engine": "e", "backend": "direct", "overlay": "o"}
    rest: dict[str, Any] = {"simulated": False, "planned": 1, "config": {}, "dataset": {}, "provenance": {}}
    writer.write("0123456789ab", [RunStarted(run_key="0123456789ab-of-another", **named, **rest)])
    with pytest.raises(StoreError, match="run 0123456789ab: two configurations have this id"):
        writer.flush()
    assert len(Database(str(tmp_path / "t.db")).execute("SELECT 1 FROM event WHERE kind = 'run_started'")) == 1, "nothing was written"


def test_a_bundle_that_cannot_be_finished_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "t.db", "m", [Made("a")])
    result = BenchmarkResult.open(tmp_path / "t.db")
    before = result.persist_artifacts(storage_root=tmp_path / "out").aggregate_json_path.read_bytes()

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.Path, "write_bytes", half)
    with pytest.raises(ConfigError, match="No space left on device"):
        result.persist_artifacts(storage_root=tmp_path / "out")
    assert (tmp_path / "out" / "benchmark-aggregate-ev-aaaa11112222.json").read_bytes() == before
