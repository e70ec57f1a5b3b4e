"""Models ranked within each slice and metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tripos.results.aggregate import aggregate
from tripos.results.matching import direction
from tripos.results.rows import Row
from tripos.results.score_table import ScoreTable, order_of


def leaderboard(tables: Sequence[ScoreTable], task_id: str | None) -> list[Row]:
    """Rows sorted by slice and metric, then best mean first; a model without a score comes last.

    `lower_is_better` says which end is the best; None where the results do not (then the largest mean comes first).

    Raises:
        ConfigError: no such slice.
    """
    found = []
    for table in (table.where("slice_id", task_id, "slice") for table in tables):
        less = direction(table)
        for row in aggregate(table, ["model_id", "slice_id", "metric_id"]):
            low, high = _ends(table, row["model_id"], row["slice_id"])
            model, task, metric, mean, count, *_ = row.values()
            head = {"model_id": model, "task_id": task, "metric_id": metric, "mean": mean, "count": count, "min": low, "max": high}
            rest = {name: value for name, value in row.items() if name not in head and name != "slice_id"}
            found.append({**head, **rest, "lower_is_better": less})
    return sorted(found, key=lambda r: (order_of(r["task_id"]), r["metric_id"], _place(r), r["model_id"]))


def _place(row: Row) -> float:
    return np.inf if row["mean"] is None else row["mean"] if row["lower_is_better"] else -row["mean"]


def _ends(table: ScoreTable, model: str, task: str) -> tuple[float | None, float | None]:
    models, slices = table.columns["model_id"], table.columns["slice_id"]
    rows = np.isin(models.codes, models.codes_of([model])) & np.isin(slices.codes, slices.codes_of([task])) & ~np.isnan(table.values)
    values = table.values[rows]
    return (float(values.min()), float(values.max())) if len(values) else (None, None)
