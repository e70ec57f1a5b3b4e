"""Scores as flat rows for analysis: what `BenchmarkResult.to_pandas` and its relatives show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tripos.results.rows import Row, ScoreRow, TrialSummaryRow

_LABELS = ("trial_hash", "benchmark_id", "model_id", "slice_id", "prompt_variant_id", "item_id", "status")


def score_rows(summaries: Iterable[TrialSummaryRow], scores: Iterable[ScoreRow]) -> Iterator[Row]:
    """A row a metric of a candidate: labels of its trial, `dimensions.<name>`, `candidate_id`, `metric_id`, `score`.

    A trial without any score is a row without candidate, metric and score, so that nothing that failed is out of sight.
    """
    labels = {row.trial_hash: _labels(row) for row in summaries}
    silent = dict(labels)
    for score in scores:
        if score.trial_hash in labels:
            silent.pop(score.trial_hash, None)
            yield {**labels[score.trial_hash], "candidate_id": score.candidate_id, "metric_id": score.metric_id, "score": score.score}
    for row in silent.values():
        yield {**row, "candidate_id": None, "metric_id": None, "score": None}


def _labels(row: TrialSummaryRow) -> Row:
    status = getattr(row.status, "value", row.status)
    plain = {name: getattr(row, name) for name in _LABELS} | {"status": status}
    return plain | {f"dimensions.{name}": value for name, value in row.dimensions.items()}
