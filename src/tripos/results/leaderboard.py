"""Models ranked within each slice and metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tripos.core.errors import ConfigError, unknown
from tripos.results.aggregate import aggregate
from tripos.results.rows import Row
from tripos.results.score_table import ScoreTable, order_of


def leaderboard(tables: Sequence[ScoreTable], task_id: str | None) -> list[Row]:
    """Rows sorted by slice and metric, then best mean first; a model without a score comes last.

    Raises:
        ConfigError: no such slice.
    """
    slices = {str(label) for table in tables for label in table.columns["slice_id"].labels}
    if task_id is not None and task_id not in slices:
        raise ConfigError(unknown("slice", task_id, slices))
    found = []
    for table in tables:
        for row in aggregate(table, ["model_id", "slice_id", "metric_id"]):
            if task_id is None or row["slice_id"] == task_id:
                low, high = _ends(table, row["model_id"], row["slice_id"])
                model, task, metric, mean, count, *_ = row.values()
                head = {"model_id": model, "task_id": task, "metric_id": metric, "mean": mean, "count": count, "min": low, "max": high}
                found.append({**head, **{name: value for name, value in row.items() if name not in head and name != "slice_id"}})
    best = np.inf
    return sorted(found, key=lambda r: (order_of(r["task_id"]), r["metric_id"], best if r["mean"] is None else -r["mean"], r["model_id"]))


def _ends(table: ScoreTable, model: str, task: str) -> tuple[float | None, float | None]:
    models, slices = table.columns["model_id"], table.columns["slice_id"]
    rows = np.isin(models.codes, models.codes_of([model])) & np.isin(slices.codes, slices.codes_of([task])) & ~np.isnan(table.values)
    values = table.values[rows]
    return (float(values.min()), float(values.max())) if len(values) else (None, None)
