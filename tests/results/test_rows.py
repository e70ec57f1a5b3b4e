"""Measurements are no scores, however small they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_results import Made, write_run
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.rows import has_unit


@pytest.mark.parametrize("name", ["latency_seconds", "cost_usd", "completion_tokens", "energy_joules", "ttft_seconds", "tokens.total"])
def test_a_unit_in_the_name(name: str) -> None:
    assert has_unit(name)


@pytest.mark.parametrize("name", ["accuracy", "score", "rouge_l", "token_f1", "costly_errors"])
def test_no_unit_in_the_name(name: str) -> None:
    assert not has_unit(name)


def test_a_tenth_of_a_second_on_twenty_items_is_no_tenth_of_a_scale(tmp_path: Path) -> None:
    """20 latencies that all fall by 0.1 s are evidence; 20 scores that rise by so little are guarded (see `unseen`)."""
    for model, base in (("slow", 0.5), ("quick", 0.4)):
        made = [Made(f"r{i}", base, latency_seconds=base + 0.001 * (i % 7) * (model == "slow"), correct=False) for i in range(20)]
        write_run(tmp_path / "t.db", model, made)
    result = BenchmarkResult.open(tmp_path / "t.db")
    (seconds,) = result.paired_compare(metric_id="latency_seconds", baseline_model_id="slow", treatment_model_id="quick")
    assert seconds["p_value"] < 1e-3 and seconds["interval_method"] == "t"
