"""The flat rows of the read side, and what anything that holds results must be able to hand out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Protocol

from tripos.core.errors import ConfigError
from tripos.core.records import Verdict
from tripos.store.schema import metric_name

_UNITS = frozenset({"seconds", "ms", "usd", "tokens", "joules", "watts", "bytes", "ttft", "latency", "runtime", "cost", "energy"})

Row = dict[str, Any]
"""One row of a report: a plain JSON object."""


def has_unit(metric_id: str) -> bool:
    """Whether a metric is a measurement by its name (`latency_seconds`, `cost_usd`): no score that ends at 1, however small it is."""
    words = metric_id.lower().replace(".", "_").split("_")
    return words[0] in _UNITS or words[-1] in _UNITS


def metrics_of(verdict: Verdict) -> dict[str, float | None]:
    """Every metric of a verdict by the name it can be asked for: `score`, `accuracy`, then the scorer's further ones."""
    accuracy = None if verdict.is_correct is None else float(verdict.is_correct)
    further = {metric_name(name): value for name, value in verdict.metrics.items()}
    return {"score": verdict.value, "accuracy": accuracy, **further}


class UnsupportedKey(ConfigError, ValueError):
    """A group_by key that no trial has; the message lists those that exist."""


class ScoreRow(NamedTuple):
    """One metric of one candidate. `score` is None where it could not be had."""

    trial_hash: str
    candidate_id: str
    metric_id: str
    score: float | None
    details: dict[str, Any]


class TrialSummaryRow(NamedTuple):
    """One trial and what it is labelled with. `status`: ok, error (we failed), partial (some attempts), pending (not reached)."""

    trial_hash: str
    model_id: str | None
    task_id: str | None
    benchmark_id: str | None
    slice_id: str | None
    prompt_variant_id: str | None
    item_id: str | None
    dimensions: dict[str, str]
    status: str


class ProjectionRepo(Protocol):
    """Whatever holds results. `Projections` is the one over a store; anything with these four methods will do."""

    def get_trial_record(self, trial_hash: str, *, transform_hash: str | None = None, evaluation_hash: str | None = None) -> Any: ...

    def get_timeline_view(
        self, record_id: str, record_type: Any, *, transform_hash: str | None = None, evaluation_hash: str | None = None
    ) -> Any: ...

    def iter_candidate_scores(
        self, *, trial_hashes: Collection[str] | None = None, metric_id: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[Any]: ...

    def iter_trial_summaries(
        self, *, trial_hashes: Collection[str] | None = None, transform_hash: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[Any]: ...
