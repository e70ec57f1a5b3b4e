"""Inspect AI logs, written by us: archives old and new, scores of every kind, epochs, errors, limits."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from foreign_logs import inspect_eval, inspect_log, inspect_sample, write_json, zip_of
from tripos.core.errors import ConfigError
from tripos.core.records import Outcome
from tripos.interop.formats import read_log
from tripos.interop.imported import ImportedTrial, Recount


def trials_of(path: Path) -> list[ImportedTrial]:
    (log,) = read_log(path)
    return list(log.trials())


@pytest.mark.parametrize("method", [93, 8, 0], ids=["zstd", "deflate", "stored"])
def test_an_archive_is_read_however_it_is_compressed(tmp_path: Path, method: int) -> None:
    log = inspect_log([inspect_sample(1, "C"), inspect_sample(2, "I")], {"match": 0.5})
    found = trials_of(inspect_eval(tmp_path / "a.eval", log, method))
    assert [(t.record_id, t.verdict.is_correct) for t in found if t.verdict] == [("1", True), ("2", False)]


def test_archive_and_document_say_the_same(tmp_path: Path) -> None:
    log = inspect_log([inspect_sample(1, "C"), inspect_sample("two", {"match": "I", "judge": 0.25})], {"match": 0.5})
    assert trials_of(inspect_eval(tmp_path / "a.eval", log)) == trials_of(write_json(tmp_path / "a.json", log))


def test_everything_that_a_sample_says(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "a.json", inspect_log([inspect_sample(1, "C", epoch=2)], {"match": 1.0}, epochs=2)))
    (t,) = log.trials()
    assert (log.benchmark, log.model, log.tool_version, log.planned, log.seed) == ("capitals", "acme/large", "0.3.285", 2, 11)
    assert log.params["temperature"] == 0.5 and log.ended_at == log.started_at + 60.0
    assert [(m.role, m.content) for m in t.prompt] == [("system", "Be brief."), ("user", "Capital of France?")]
    assert (t.record_id, t.attempt, t.reference, t.subject, t.extraction.answer) == ("1", 1, "Paris", "geography", "Paris")
    c = t.completion
    assert c is not None and (c.text, c.finish_reason, c.latency_seconds, c.started_at) == ("Paris", "stop", 0.5, 1767323045.0)
    assert (c.usage.prompt_tokens, c.usage.completion_tokens, c.usage.cached_tokens, c.usage.reasoning_tokens) == (10, 2, 3, 1)


@pytest.mark.parametrize(
    ("value", "number", "correct", "outcome"),
    [
        ("C", 1.0, True, Outcome.SCORED),
        ("I", 0.0, False, Outcome.SCORED),
        ("P", 0.5, False, Outcome.SCORED),
        ("N", 0.0, False, Outcome.SCORED),
        (True, 1.0, True, Outcome.SCORED),
        ("yes", 1.0, True, Outcome.SCORED),
        ("0.25", 0.25, False, Outcome.SCORED),
        (0.65, 0.65, False, Outcome.SCORED),
        (math.nan, None, None, Outcome.JUDGE_FAILED),
        ("gibberish", None, None, Outcome.JUDGE_FAILED),
    ],
)
def test_values_of_scores(tmp_path: Path, value: Any, number: float | None, correct: bool | None, outcome: Outcome) -> None:
    (t,) = trials_of(write_json(tmp_path / "a.json", inspect_log([inspect_sample(1, value)], {"match": 0.0})))
    assert t.verdict is not None
    assert (t.verdict.value, t.verdict.is_correct, t.verdict.outcome) == (number, correct, outcome)
    assert (t.error is None) == (number is not None)


def test_several_scorers_are_metrics_and_the_first_of_the_results_is_the_score(tmp_path: Path) -> None:
    sample = inspect_sample(1, {"quality": 0.3, "match": "C", "two": {"depth": 7, "ok": "P"}})
    (log,) = read_log(write_json(tmp_path / "a.json", inspect_log([sample], {"match": 1.0, "quality": 0.3})))
    (t,) = log.trials()
    assert log.scorer == "match" and t.verdict is not None and t.verdict.value == 1.0
    assert t.verdict.metrics == {"quality": 0.3, "match": 1.0, "depth": 7.0, "ok": 0.5}


def test_the_headline_decides_where_there_is_one(tmp_path: Path) -> None:
    log = inspect_log([inspect_sample(1, {"match": "I", "judge": "C"})], {"match": 0.0, "judge": 1.0})
    log["results"]["headline"] = {"scorer": "judge", "score": "judge", "metric": "accuracy"}
    assert read_log(write_json(tmp_path / "a.json", log))[0].scorer == "judge"


def test_marks_beyond_one_are_neither_right_nor_wrong(tmp_path: Path) -> None:
    log = inspect_log([inspect_sample(1, 1), inspect_sample(2, 7)], {"match": 4.0})
    (found,) = read_log(write_json(tmp_path / "a.json", log))
    assert [(t.verdict.value, t.verdict.is_correct) for t in found.trials() if t.verdict] == [(1.0, None), (7.0, None)]
    assert any("beyond 0..1" in n for n in found.notes)


def test_how_a_sample_can_end(tmp_path: Path) -> None:
    samples = [
        inspect_sample(1, "I", stop="max_tokens"),
        inspect_sample(2, "C", stop="max_tokens"),
        inspect_sample(3, "I", limit={"type": "message", "limit": 50}),
        inspect_sample(4, "I", stop="content_filter"),
        inspect_sample(5, {}, error={"message": "RuntimeError('no network')", "traceback": "..."}),
        inspect_sample(6, {}),
        inspect_sample(7, "C", error={"message": "late"}),
        inspect_sample(8, "C", invalidation={"author": "me"}),
    ]
    found = trials_of(write_json(tmp_path / "a.json", inspect_log(samples, {"match": 0.25})))
    ends = [t.verdict.outcome if t.verdict else (None if t.completion else Outcome.INFRASTRUCTURE_FAILED) for t in found]
    assert ends == [
        Outcome.TRUNCATED, Outcome.SCORED, Outcome.LIMIT, Outcome.REFUSED, Outcome.INFRASTRUCTURE_FAILED, None, Outcome.SCORED,
        Outcome.SAMPLE_INVALID,
    ]  # fmt: skip
    assert found[4].error == "RuntimeError('no network')" and "no score" in str(found[5].error)


def test_epochs_are_reduced_by_their_mean_and_another_reducer_is_named(tmp_path: Path) -> None:
    samples = [inspect_sample(1, "C"), inspect_sample(1, "I", epoch=2), inspect_sample(2, "C"), inspect_sample(2, "C", epoch=2)]
    for reducer, figure in (("mean", 0.75), ("max", 1.0)):
        (log,) = read_log(
            write_json(tmp_path / f"{reducer}.json", inspect_log(samples, {"match": figure}, epochs=2, epochs_reducer=[reducer]))
        )
        recount = Recount(log.reported)
        for t in sorted(log.trials(), key=lambda t: t.record_id):
            recount.take((t.record_id, t.prompt_variant_id), t.slice_id, t.verdict)
        (check,) = recount.checks()
        assert check.ours == 0.75 and check.items == 2 and check.explained
        assert check.agrees == (reducer == "mean") and ("by max" in check.why) == (reducer == "max")


def test_a_figure_that_nothing_explains_is_not_explained(tmp_path: Path) -> None:
    (log,) = read_log(write_json(tmp_path / "a.json", inspect_log([inspect_sample(1, "C")], {"match": 0.9})))
    recount = Recount(log.reported)
    for t in log.trials():
        recount.take((t.record_id, t.prompt_variant_id), t.slice_id, t.verdict)
    assert not recount.checks()[0].explained


def test_a_sample_that_failed_is_in_no_figure_and_explains_none(tmp_path: Path) -> None:
    log = inspect_log([inspect_sample(1, "C"), inspect_sample(2, {}, error={"message": "x"})], {"match": 0.5})
    log["results"]["completed_samples"] = 1
    assert read_log(write_json(tmp_path / "a.json", log))[0].reported[0].why == ""


def test_turns_of_an_agent(tmp_path: Path) -> None:
    sample = inspect_sample(1, "C", working_time=9.0, model_usage={"acme/large": {"input_tokens": 100, "output_tokens": 40}})
    sample["messages"] += [{"role": "tool", "content": "42"}, {"role": "assistant", "content": "So 42.", "source": "generate"}]
    (t,) = trials_of(write_json(tmp_path / "a.json", inspect_log([sample], {"match": 1.0})))
    assert t.completion is not None and [m["role"] for m in t.completion.turns] == ["assistant", "tool", "assistant"]
    assert (t.completion.usage.prompt_tokens, t.completion.latency_seconds) == (100, 9.0)


def test_an_unfinished_archive_has_its_start_only(tmp_path: Path) -> None:
    log = inspect_log([inspect_sample(1, "C")], {})
    start = {"version": 2, "eval": log["eval"], "plan": log["plan"]}
    members = {"_journal/start.json": json.dumps(start).encode(), "samples/1_epoch_1.json": json.dumps(log["samples"][0]).encode()}
    (found,) = read_log(zip_of(tmp_path / "a.eval", members))
    assert [t.record_id for t in found.trials()] == ["1"] and found.reported == ()


def test_a_damaged_sample_is_named(tmp_path: Path) -> None:
    head = {k: v for k, v in inspect_log([inspect_sample(1, "C")], {}).items() if k != "samples"}
    path = zip_of(tmp_path / "a.eval", {"header.json": json.dumps(head).encode(), "samples/1_epoch_1.json": b'{"id": 1, "epo'})
    with pytest.raises(ConfigError, match=r"a\.eval, member samples/1_epoch_1\.json: not JSON .*cut off"):
        read_log(path)
