"""Results out: what goes into the files comes out of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from foreign_logs import openjarvis_line
from tripos.core.errors import ConfigError
from tripos.interop.exporting import Exported, exporters
from tripos.interop.formats import read_log
from tripos.interop.imported import Recount


def record(record_id: str, correct: bool | None, *, attempt: int = 0, **more: Any) -> dict[str, Any]:
    ours = openjarvis_line(record_id, correct, ttft=None, energy_joules=None, cost_usd=None, backend="direct")
    ours["scoring_metadata"] = {"metrics": {"loose": 1.0 if correct else 0.5}}
    return ours | {"run_id": "r1", "trial_hash": "t", "attempt": attempt, "prompt_variant_id": "default", "outcome": "scored"} | more


RECORDS = [record("q1", True), record("q2", False, model_answer="=1+1"), record("q3", None, error="no verdict", score=None)]
RUN = Exported(name="r", records=RECORDS, summary={"planned": 3, "started_at": 1767323045.5})


def test_parquet_has_types_and_nulls(tmp_path: Path) -> None:
    exporters.get("parquet").write(RUN, tmp_path / "o.parquet")
    table = pq.read_table(tmp_path / "o.parquet")
    rows = table.to_pylist()
    assert [r["is_correct"] for r in rows] == [True, False, None]
    assert str(table.schema.field("energy_joules").type) == "double" and table["energy_joules"].null_count == 3
    assert [r["metrics.loose"] for r in rows] == [1.0, 0.5, 0.5]
    assert json.loads(rows[0]["scoring_metadata"]) == RECORDS[0]["scoring_metadata"]


def test_csv_is_disarmed_and_unmeasured_is_empty(tmp_path: Path) -> None:
    hostile = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\tx", "\rx", "\n=1", 'say "hi", twice\nmore', "plain"]
    records = [record(f"q{i}", True, model_answer=text, score=-1.5) for i, text in enumerate(hostile)]
    exporters.get("csv").write(Exported(name="r", records=records), tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["model_answer"] for r in rows] == ["'" + text for text in hostile[:7]] + hostile[7:]
    assert {r["score"] for r in rows} == {"-1.5"}  # a number is no formula
    assert {r["energy_joules"] for r in rows} == {""} and {r["is_correct"] for r in rows} == {"true"}


def test_jsonl_is_the_records(tmp_path: Path) -> None:
    exporters.get("jsonl").write(RUN, tmp_path / "o.jsonl")
    assert [json.loads(text) for text in (tmp_path / "o.jsonl").read_text().splitlines()] == RECORDS


def test_lm_eval_out_and_in_again(tmp_path: Path) -> None:
    asked = {("q1", "default", 0): ("Which?", "B"), ("q2", "default", 0): ("And?", {"n": 2})}
    exporters.get("lm-eval").write(Exported(name="r", records=RECORDS, summary=RUN.summary, asked=asked), tmp_path / "out")
    (log,) = read_log(tmp_path / "out")
    found = {t.record_id: t for t in log.trials()}
    assert (log.benchmark, log.model, log.scorer, log.planned) == ("supergpqa", "qwen3:8b", "acc", 2)
    assert {k: t.verdict.is_correct for k, t in found.items() if t.verdict} == {"q1": True, "q2": False}  # q3 was not scored
    assert found["q1"].prompt[0].content == "Which?" and found["q1"].reference == "B"
    assert found["q2"].completion is not None and found["q2"].completion.text == "=1+1"
    assert found["q2"].verdict is not None and found["q2"].verdict.metrics["loose"] == 0.5
    recount = Recount(log.reported)
    for t in log.trials():
        recount.take((t.record_id, ""), t.slice_id, t.verdict)
    assert [(c.name, c.reported, c.ours) for c in recount.checks()] == [("acc,none", 0.5, 0.5), ("loose,none", 0.75, 0.75)]


def test_lm_eval_is_told_what_is_better_small(tmp_path: Path) -> None:
    metrics = {"scoring_metadata": {"metrics": {"fix_rate": 1.0, "regression_rate": 0.0, "strangeness": 7.0}}}
    ours, theirs = {}, {"provenance": {"imported": {"tool": "inspect"}}}
    for name, summary, unknown in (("a", ours, "more"), ("b", theirs, None)):
        run = Exported(name="r", records=[record("q1", True) | metrics], summary=summary)
        exporters.get("lm-eval").write(run, tmp_path / name)
        (log,) = read_log(tmp_path / name)
        assert (log.better["acc"], log.better["regression_rate"], log.better.get("strangeness")) == ("more", "less", unknown)


def test_lm_eval_takes_attempts_as_responses(tmp_path: Path) -> None:
    records = [record("q1", True, model_answer="A"), record("q1", False, attempt=1, model_answer="B"), record("q2", True)]
    results, samples = exporters.get("lm-eval").write(Exported(name="r", records=records), tmp_path / "out")
    first = json.loads(samples.read_text().splitlines()[0])
    assert (first["resps"], first["acc"]) == ([["A", "B"]], 0.5)
    figures = json.loads(results.read_text())["results"]["supergpqa"]
    assert figures["acc,none"] == 0.75 and figures["acc_stderr,none"] == pytest.approx(0.25)


def test_nothing_scored_is_no_lm_eval_result(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no record is scored"):
        exporters.get("lm-eval").write(Exported(name="r", records=RECORDS[2:]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["parquet", "csv", "jsonl", "openjarvis"])
def test_a_place_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        exporters.get(name).write(RUN, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        exporters.get(name).write(RUN, tmp_path / "file" / "o")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(ConfigError, match="unknown export format 'parket'; did you mean 'parquet'"):
        exporters.get("parket")
