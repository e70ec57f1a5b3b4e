"""Whether more of a metric is better, or less: a verdict that takes an error rate for a success rate is a wrong verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tripos.core.errors import ConfigError

MORE, LESS = "more", "less"
BETTER = "better"
"""The key of an imported run's configuration: what its log states, {metric: `more` or `less`}."""

_LAST_WORDS = frozenset(
    {"seconds", "ms", "latency", "runtime", "ttft", "usd", "cost", "tokens", "joules", "watts", "retries", "perplexity", "ppl", "loss",
     "error", "errors", "wer", "cer", "ter", "rmse", "mse", "mae", "distance", "toxicity", "hallucinations", "violations"}
)  # fmt: skip
_NAMES = frozenset({"brier_score", "bits_per_byte", "error_rate", "regression_rate", "hallucination_rate", "toxic_frac", "order_decided"})


def is_less(metric: str) -> bool:
    """Whether a metric's name says that less is better: a time, a price, a consumption, an error.

    `word_perplexity`, `latency_seconds`, `wer,flexible` (a metric under a filter of lm-eval), `ece_10_bin`.
    """
    name = metric.partition(",")[0].lower()
    words = [w for w in re.split(r"[^a-z0-9]+", name) if w]
    return bool(words) and (name in _NAMES or words[-1] in _LAST_WORDS or words[0] == "ece")


def lower_is_better(metric: str, config: Mapping[str, Any], *, imported: bool) -> bool | None:
    """What a run says of a metric; None where neither its log nor the metric's name says anything.

    Args:
        config: the run's configuration. `score` of an imported run is the metric that its log calls the primary one.
    """
    if metric == "accuracy":
        return False
    name = str(config.get("scorer") or metric) if imported and metric == "score" else metric
    stated = (config.get(BETTER) or {}).get(name)
    if stated is not None:
        return bool(stated == LESS)
    return True if is_less(name) else None if imported else False


def of_summary(metric: str, summary: Mapping[str, Any] | None) -> bool | None:
    """What the summary beside a results file says of a metric; a file alone is taken for one of ours."""
    known = summary or {}
    return lower_is_better(metric, known.get("config") or {}, imported="imported" in (known.get("provenance") or {}))


def agreed(said: Iterable[bool | None], metric: str) -> bool | None:
    """One answer of several runs; None where none of them knows.

    Raises:
        ConfigError: they contradict each other.
    """
    known = {direction for direction in said if direction is not None}
    if len(known) > 1:
        raise ConfigError(
            f"{metric!r} is not one metric here: some of these results say that more of it is better, others that less is; "
            "compare results of one tool, or another --metric"
        )
    return known.pop() if known else None
