"""OpenJarvis: zeros that mean "not measured", errors, unscored samples; and its format out, to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foreign_logs import openjarvis_line, write_json, write_lines
from tripos.core.records import Outcome
from tripos.interop.export_openjarvis import FIELDS, record_of, summary_of
from tripos.interop.exporting import Exported, exporters
from tripos.interop.formats import read_log


def test_zeros_that_cannot_be_measurements_are_none(tmp_path: Path) -> None:
    (log,) = read_log(write_lines(tmp_path / "r.jsonl", [openjarvis_line("q1", True)]))
    (t,) = log.trials()
    c = t.completion
    assert c is not None and (c.ttft_seconds, c.cost_usd, c.latency_seconds) == (None, None, 1.5)
    assert (c.usage.prompt_tokens, c.usage.completion_tokens) == (20, 0)  # nothing answered to a counted prompt is a count
    assert t.telemetry == {"energy_joules": None, "power_watts": None, "gpu_utilization_pct": None}


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    line = openjarvis_line("q1", True, ttft=0.2, cost_usd=0.01, energy_joules=50.0, power_watts=25.0, mbu_pct=12.0)
    (t,) = read_log(write_lines(tmp_path / "r.jsonl", [line]))[0].trials()
    assert t.completion is not None and (t.completion.ttft_seconds, t.completion.cost_usd) == (0.2, 0.01)
    assert (t.telemetry["energy_joules"], t.telemetry["power_watts"]) == (50.0, 25.0)
    assert t.verdict is not None and t.verdict.details["mbu_pct"] == 12.0


def test_an_error_is_ours_and_an_unscored_answer_is_not_wrong(tmp_path: Path) -> None:
    lines = [openjarvis_line("q1", None, error="connection refused", model_answer=""), openjarvis_line("q2", None)]
    failed, unscored = read_log(write_lines(tmp_path / "r.jsonl", lines))[0].trials()
    assert failed.completion is None and failed.error == "connection refused"
    assert unscored.completion is not None and unscored.verdict is None and unscored.error


def test_is_correct_decides_beside_a_score_in_parts(tmp_path: Path) -> None:
    (t,) = read_log(write_lines(tmp_path / "r.jsonl", [openjarvis_line("q1", True, score=0.6)]))[0].trials()
    assert t.verdict is not None and (t.verdict.is_correct, t.verdict.value, t.verdict.outcome) == (True, 0.6, Outcome.SCORED)


@pytest.mark.parametrize("name", ["r.summary.json", "r.jsonl.summary.json"])
def test_the_summary_is_found_by_either_name(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / "r.jsonl", [openjarvis_line("q1", True)])
    write_json(tmp_path / name, {"accuracy": 1.0, "total_samples": 1, "category": "reasoning"})
    (log,) = read_log(path)
    assert [r.value for r in log.reported] == [1.0] and log.category == "reasoning"


def test_out_and_in_again(tmp_path: Path) -> None:
    ours = openjarvis_line("q1", True, backend="direct", latency_seconds=None, ttft=None, energy_joules=None, outcome="scored", attempt=0)
    exporters.get("openjarvis").write(Exported(name="r", records=[ours]), tmp_path / "o.jsonl")
    (line,) = [json.loads(text) for text in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert list(line) == list(FIELDS)
    assert line == openjarvis_line("q1", True, latency_seconds=0.0)
    (log,) = read_log(tmp_path / "o.jsonl")
    assert [r.value for r in log.reported] == [1.0]
    assert next(log.trials()).completion.latency_seconds is None  # type: ignore[union-attr]


def test_null_stays_where_the_format_has_null() -> None:
    line = record_of({"record_id": "q", "is_correct": None, "score": None, "error": None})
    assert [k for k, v in line.items() if v is None] == ["is_correct", "score", "error"]
    assert all(isinstance(line[k], float) for k in FIELDS[13:]) and line["prompt_tokens"] == 0


def test_the_summary_has_the_keys_of_the_page_and_no_statistic_of_nothing() -> None:
    records = [openjarvis_line("q1", True, subject="law", energy_joules=4.0), openjarvis_line("q2", None, error="x", energy_joules=None)]
    records += [openjarvis_line("q3", False, subject="law", energy_joules=2.0, power_watts=None)]
    for r in records:
        r["power_watts"] = None
    found = summary_of(Exported(name="r", records=records))
    assert (found["total_samples"], found["scored_samples"], found["correct"], found["accuracy"], found["errors"]) == (3, 2, 1, 0.5, 1)
    assert found["energy_stats"] == {"mean": 3.0, "median": 3.0, "min": 2.0, "max": 4.0, "std": pytest.approx(2**0.5)}
    assert found["power_stats"] is None and found["total_energy_joules"] == 6.0
    assert found["per_subject"]["law"] == {"accuracy": 0.5, "total": 2.0, "scored": 2.0, "correct": 1.0}
