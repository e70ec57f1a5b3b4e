"""A results line and a summary hold every field of the seed; what was not measured is null; counts add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from running import fake_server, quiz, records, summary, tripos, write_questions

SEED_LINE = [
    "record_id",
    "benchmark",
    "model",
    "backend",
    "model_answer",
    "is_correct",
    "score",
    "latency_seconds",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "error",
    "scoring_metadata",
    "ttft",
    "energy_joules",
    "power_watts",
    "gpu_utilization_pct",
    "throughput_tok_per_sec",
    "mfu_pct",
    "mbu_pct",
    "ipw",
    "ipj",
]
OUR_LINE = [
    "run_id",
    "trial_hash",
    "candidate_id",
    "attempt",
    "subject",
    "outcome",
    "finish_reason",
    "started_at",
    "seed",
    "judge_cost_usd",
    "error_kind",
]
SEED_SUMMARY = [
    "benchmark",
    "category",
    "backend",
    "model",
    "total_samples",
    "scored_samples",
    "correct",
    "accuracy",
    "errors",
    "mean_latency_seconds",
    "total_cost_usd",
    "per_subject",
    "started_at",
    "ended_at",
    "accuracy_stats",
    "energy_stats",
    "power_stats",
    "gpu_utilization_stats",
    "throughput_stats",
    "mfu_stats",
    "mbu_stats",
    "ipw_stats",
    "ipj_stats",
    "total_energy_joules",
]
NOT_MEASURED = [
    "ttft",
    "energy_joules",
    "power_watts",
    "gpu_utilization_pct",
    "mfu_pct",
    "mbu_pct",
    "ipw",
    "ipj",
    "cost_usd",
    "judge_cost_usd",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    data = write_questions(folder / "quiz.jsonl", 40)
    with fake_server() as server:
        run = tripos(*quiz(data, server.url, "--attempts", "2"), cwd=folder)
    assert run.returncode == 0, run.stderr
    return records(folder / "out.jsonl"), summary(folder / "out.jsonl")


def test_a_line_has_the_fields_of_the_seed_and_ours(finished: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, _ = finished
    for line in lines:
        assert set(SEED_LINE) | set(OUR_LINE) <= line.keys()
    assert list(lines[0])[: len(SEED_LINE)] == SEED_LINE, "the seed's fields come first, in its order"


def test_what_was_not_measured_is_null(finished: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, said = finished
    assert all(line[name] is None for line in lines for name in NOT_MEASURED)
    assert all(line["latency_seconds"] > 0 and line["prompt_tokens"] == 150 for line in lines)
    for name in ("energy_stats", "power_stats", "mfu_stats", "ipw_stats", "ttft_stats"):
        assert said[name] is None
    assert said["total_cost_usd"] is None and said["total_energy_joules"] is None


def test_the_summary_has_the_keys_of_the_seed(finished: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    _, said = finished
    assert set(SEED_SUMMARY) <= said.keys()
    assert {"mean", "median", "min", "max", "std", "p90", "p95", "p99"} <= said["latency_stats"].keys()


def test_attempts_are_averaged_within_their_item(finished: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, said = finished
    assert len(lines) == 80 and said["planned"] == said["scored_samples"] == 80
    assert said["accuracy_interval"]["n_items"] == 40, "the item is the unit, not the attempt"
    assert said["accuracy"] == pytest.approx(0.9)
    assert sum(said["outcomes"].values()) == 80


def test_the_hardware_of_a_suite_gives_mfu_and_mbu(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        '[[models]]\nname = "fake"\nengine = "simulated"\nparam_count_b = 8.0\ngpu_peak_tflops = 312.0\ngpu_peak_bandwidth_gb_s = 2039.0\n'
        'options = { latency_seconds = 0.05 }\n[[benchmarks]]\nname = "email_triage"\nmax_samples = 3\n'
    )
    assert tripos("run", "--config", str(suite), cwd=tmp_path).returncode == 0
    for line in records(tmp_path / "results" / "email_triage_fake.jsonl"):
        rate = line["completion_tokens"] / line["latency_seconds"]
        assert line["mfu_pct"] == pytest.approx(100 * 2 * 8e9 * rate / 312e12)
        assert line["mbu_pct"] == pytest.approx(100 * 2 * 8e9 * rate / 2039e9)
        assert line["simulated"] is True
