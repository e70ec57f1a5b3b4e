"""A metric as columns from anything that hands out flat rows (`ProjectionRepo`): slower than reading a store, for small sets."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from tripos.core.errors import ConfigError, nearest
from tripos.results.direction import is_less
from tripos.results.group_keys import canonical, check_keys
from tripos.results.rows import ProjectionRepo
from tripos.results.score_table import Coder, ScoreTable

_LABELS = ("benchmark_id", "slice_id", "prompt_variant_id", "model_id", "item_id", "status")


def tables_of_repo(
    repo: ProjectionRepo,
    metric_id: str | None,
    keys: Sequence[str],
    *,
    trial_hashes: Collection[str],
    transform_hash: str | None,
    evaluation_hash: str | None,
) -> Iterator[ScoreTable]:
    """One table a metric (all of them for None), sorted by metric. A trial without a score is a row without a value.

    Raises:
        UnsupportedKey: a key that no trial has.
        ConfigError: no such metric, or no trial or score at all; says what there is.
    """
    summaries = {row.trial_hash: row for row in repo.iter_trial_summaries(
        trial_hashes=trial_hashes, transform_hash=transform_hash, evaluation_hash=evaluation_hash
    ) if row.trial_hash in trial_hashes}  # fmt: skip
    check_keys(keys, ("metric_id", *_LABELS), {name for row in summaries.values() for name in row.dimensions})
    if not summaries:
        raise ConfigError(f"none of the {len(trial_hashes)} trials has a summary")
    by_metric: dict[str, list[Any]] = {}
    for score in repo.iter_candidate_scores(trial_hashes=trial_hashes, metric_id=metric_id, evaluation_hash=evaluation_hash):
        if score.trial_hash in summaries and metric_id in (None, score.metric_id):
            by_metric.setdefault(score.metric_id, []).append(score)
    if not by_metric:
        every = repo.iter_candidate_scores(trial_hashes=trial_hashes, metric_id=None, evaluation_hash=evaluation_hash)
        raise ConfigError(_no_scores(metric_id, {score.metric_id for score in every}))
    for metric in sorted(by_metric):
        yield _table(metric, by_metric[metric], summaries, keys)


def _table(metric: str, scores: Sequence[Any], summaries: dict[str, Any], keys: Sequence[str]) -> ScoreTable:
    scored = {s.trial_hash for s in scores}
    rows = [(summaries[s.trial_hash], s.score) for s in scores]
    rows += [(summary, None) for trial_hash, summary in summaries.items() if trial_hash not in scored]
    wanted = {*_LABELS, *(canonical(k) for k in keys)} - {"metric_id"}
    columns = {}
    for key in sorted(wanted):
        coder = Coder()
        coder.add([_label(summary, key) for summary, _ in rows])
        columns[key] = coder.column()
    for key, constant in (("cluster", None), ("truncated", False)):
        coder = Coder()
        coder.add_constant(constant, len(rows))
        columns.setdefault(key, coder.column())
    values = np.array([math.nan if value is None else value for _, value in rows], np.float64)
    return ScoreTable(metric_id=metric, values=values, columns=columns, lower_is_better=is_less(metric))


def _label(summary: Any, key: str) -> Any:
    if key in _LABELS:
        value = getattr(summary, key)
        return getattr(value, "value", value)  # a status may be an enum
    return summary.dimensions.get(key)


def _no_scores(metric_id: str | None, known: Collection[str]) -> str:
    if metric_id is None or not known:
        return "no candidate of these trials has a score under this evaluation"
    guess = nearest(metric_id, known)
    return f"unknown metric {metric_id!r}; " + (f"did you mean {guess!r}? " if guess else "") + f"there are: {', '.join(sorted(known))}"
