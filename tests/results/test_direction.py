"""Whether more of a metric is better: stated by a log, told by a name, or not known; never guessed for a scale of another tool."""

from __future__ import annotations

import pytest

from tripos.core.errors import ConfigError
from tripos.results.direction import agreed, is_less, lower_is_better, of_summary


@pytest.mark.parametrize(
    "metric",
    ["latency_seconds", "ttft", "cost_usd", "judge_cost_usd", "prompt_tokens", "energy_joules", "power_watts", "word_perplexity",
     "bits_per_byte", "wer", "wer,flexible", "Edit Distance", "ece_10_bin", "brier_score", "regression_rate", "mean_itl_ms"],
)  # fmt: skip
def test_times_prices_and_errors_are_better_small(metric: str) -> None:
    assert is_less(metric)


@pytest.mark.parametrize(
    "metric",
    ["accuracy", "score", "exact_match,strict-match", "f1", "fix_rate", "throughput_tok_per_sec", "tokens_per_second", "error_recovery",
     "cost_efficiency", "ipw", "mfu_pct", "", "→"],
)  # fmt: skip
def test_everything_else_is_not_said_to_be(metric: str) -> None:
    assert not is_less(metric)


def test_what_the_log_states_comes_first() -> None:
    config = {"scorer": "wer", "better": {"wer": "more", "strangeness": "less"}}
    assert lower_is_better("wer", config, imported=True) is False
    assert lower_is_better("score", config, imported=True) is False, "score is the primary metric under another name"
    assert lower_is_better("strangeness", config, imported=True) is True
    assert lower_is_better("accuracy", {"scorer": "wer"}, imported=True) is False


def test_of_another_tools_scale_nothing_is_guessed_and_ours_go_up() -> None:
    assert lower_is_better("strangeness", {}, imported=True) is None
    assert lower_is_better("strangeness", {}, imported=False) is False
    assert of_summary("strangeness", {"provenance": {"imported": {"tool": "inspect"}}}) is None
    assert of_summary("strangeness", None) is False


def test_results_that_contradict_each_other_are_not_compared() -> None:
    assert agreed([None, True, True], "m") is True and agreed([None], "m") is None and agreed([], "m") is None
    with pytest.raises(ConfigError, match="'m' is not one metric here"):
        agreed([True, False], "m")
