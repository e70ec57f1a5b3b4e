"""Means by group, with how sure they are and what is missing.

The item is the unit: candidates of one item within a group (attempts, prompt variants, runs, models pooled on purpose)
are averaged first, so that five attempts are not five items. Where the benchmark says that items share a source, the
interval is that of clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tripos.results.group_keys import canonical
from tripos.results.intervals import Estimate, check_level, constant_bound, mean_interval
from tripos.results.items import Codes, Floats
from tripos.results.macro import macro_average, shared_sources
from tripos.results.missing import bounds
from tripos.results.rows import Row
from tripos.results.score_table import ScoreTable, dense, ranks

_ESTIMATE = ("mean", "n_items", "n_clusters", "stderr", "ci_lower", "ci_upper", "ci_level", "method")
"""Columns of a row that come from its interval."""


class Units(NamedTuple):
    """The items of each group: unit u lies in group `groups[u]`, has mean `means[u]` (NaN: none scored) and cluster `clusters[u]`.

    Units are sorted by group; `starts[g]:starts[g + 1]` are those of group g. `clusters` is None when no item shares a source.
    """

    means: Floats
    clusters: Codes | None
    starts: Codes


def aggregate(table: ScoreTable, group_by: Sequence[str], *, level: float = 0.95, macro_over: str | None = None) -> list[Row]:
    """One row a group, sorted by its labels (None first): the keys in the order given, then `mean` and `count` as in the seed.

    Args:
        group_by: keys of the table; `metric_id` gives the table's own metric.
        macro_over: a further key: each of its values within a group weighs the same in the columns `macro_…` (see `_macro_columns`).

    `count` candidates were scored, on `n_items` items in `n_clusters` clusters (None: no shared sources); `planned` were wanted and
    `failed` of them have no score, `not_reached` have not even been asked (None where this group cannot know). `mean` is the mean over
    items, None when nothing was scored. `worst` and `best` bound the mean if the failed had all scored 0 or 1.
    """
    check_level(level)
    keys = [canonical(key) for key in group_by]
    codes, firsts = table.combined([k for k in keys if k != "metric_id"])
    units = units_of(table, codes, len(firsts))
    scored = ~np.isnan(table.values)
    counts = np.bincount(codes[scored], minlength=len(firsts))
    totals = np.bincount(codes[scored], weights=table.values[scored], minlength=len(firsts))
    planned = np.bincount(codes, minlength=len(firsts))
    not_reached = _not_reached(table, keys, codes, len(firsts))
    within = table.bounded is not False and (not scored.any() or 0 <= table.values[scored].min() <= table.values[scored].max() <= 1)
    estimate = _Estimates(table.bounded, level)
    macros = _macro_columns(table, codes, len(firsts), macro_over, estimate, within) if macro_over is not None else []
    wanted = planned if not_reached is None else planned + not_reached
    order = _by_label(table, keys, firsts)

    def listed(values: NDArray[Any] | None) -> list[Any]:
        return [None] * len(order) if values is None else values[order].tolist()

    columns = {name: _labels(table, key, firsts[order]) for name, key in zip(group_by, keys, strict=True)}
    estimates = _estimates(units, estimate)
    columns |= {"mean": listed(estimates.pop("mean")), "count": listed(counts)}
    columns |= {} if "metric_id" in keys else {"metric_id": [table.metric_id] * len(order)}
    columns |= {name: listed(values) for name, values in estimates.items()}
    columns |= {"planned": listed(wanted), "failed": listed(planned - counts), "not_reached": listed(not_reached)}
    columns["worst"] = listed(totals / wanted if within else None)  # as `missing.bounds`
    columns["best"] = listed((totals + (wanted - counts)) / wanted if within else None)
    columns |= {name: [macros[group][name] for group in order.tolist()] for name in (macros[0] if macros else ())}
    names = list(columns)
    return [dict(zip(names, values, strict=False)) for values in zip(*columns.values(), strict=True)]


def _macro_columns(table: ScoreTable, groups: Codes, count: int, key: str, estimate: _Estimates, within: bool) -> list[Row]:
    """By group, the average over the parts that `key` divides it into, each with the same weight.

    `macro_mean` is over the `macro_parts` in which something was scored, `macro_parts_missing` have nothing; `macro_worst` and
    `macro_best` bound it if all that failed, in every part, had scored 0 or 1.
    """
    labels = table.columns[canonical(key)]
    parts, firsts = dense(groups * len(labels.labels) + labels.codes, count * len(labels.labels))
    units, of_part = units_of(table, parts, len(firsts)), groups[firsts]
    scored = ~np.isnan(table.values)
    totals = np.bincount(parts[scored], weights=table.values[scored], minlength=len(firsts))
    counts, planned = np.bincount(parts[scored], minlength=len(firsts)), np.bincount(parts, minlength=len(firsts))
    rows = []
    for group in range(count):
        here = np.flatnonzero(of_part == group).tolist()
        spans = [slice(int(units.starts[part]), int(units.starts[part + 1])) for part in here]
        sources = None if units.clusters is None else [units.clusters[span] for span in spans]
        found = [estimate(units.means[span], None if sources is None else sources[i]) for i, span in enumerate(spans)]
        known = [i for i, e in enumerate(found) if e is not None]
        inflation = 1.0
        if sources is not None:
            measured = [~np.isnan(units.means[spans[i]]) for i in known]
            values = [units.means[spans[i]][mask] for i, mask in zip(known, measured, strict=True)]
            inflation = shared_sources(values, [sources[i][mask] for i, mask in zip(known, measured, strict=True)])
        macro = macro_average([e for e in found if e is not None], inflation=inflation)
        spread = [bounds(float(totals[p]), int(counts[p]), int(planned[p] - counts[p])) for p in here] if within else []
        ends = [b for b in spread if b is not None]
        rows.append(
            {
                "macro_over": key,
                "macro_mean": macro.mean if macro else None,
                "macro_stderr": macro.stderr if macro else None,
                "macro_ci_lower": macro.lower if macro else None,
                "macro_ci_upper": macro.upper if macro else None,
                "macro_parts": len(known),
                "macro_parts_missing": len(here) - len(known),
                "macro_worst": sum(b.worst for b in ends) / len(ends) if ends else None,
                "macro_best": sum(b.best for b in ends) / len(ends) if ends else None,
            }
        )
    return rows


def units_of(table: ScoreTable, groups: Codes, count: int) -> Units:
    """The items of each group, averaged over their candidates."""
    items, first_of_item = table.combined(["benchmark_id", "item_id"])
    size = max(1, len(first_of_item))
    units, firsts = dense(groups * size + items, count * size)
    scored = ~np.isnan(table.values)
    attempts = np.bincount(units[scored], minlength=len(firsts))
    totals = np.bincount(units[scored], weights=table.values[scored], minlength=len(firsts))
    means = np.full(len(firsts), np.nan)
    np.divide(totals, attempts, out=means, where=attempts > 0)
    starts = np.searchsorted(groups[firsts], np.arange(count + 1))
    return Units(means, cluster_codes(table, firsts), starts.astype(np.int64))


def cluster_codes(table: ScoreTable, rows: Codes) -> Codes | None:
    """A number for the source of each of these rows, one of its own where it has none; None when no row names a source."""
    column = table.columns["cluster"]
    if all(label is None for label in column.labels):
        return None
    benchmarks = table.columns["benchmark_id"]
    codes = column.codes[rows].astype(np.int64) + benchmarks.codes[rows].astype(np.int64) * len(column.labels)
    alone = np.isin(column.codes[rows], column.codes_of([None]))
    return np.where(alone, codes.max(initial=0) + 1 + np.arange(len(rows)), codes)


class _Estimates:
    """`mean_interval`, remembering groups of one item: grouping by item makes as many groups as items."""

    def __init__(self, bounded: bool | None, level: float) -> None:
        self.bounded, self.level = bounded, level
        self._single: dict[float, Estimate | None] = {}

    def __call__(self, means: Floats, clusters: Codes | None) -> Estimate | None:
        if len(means) != 1:
            return mean_interval(means, clusters, self.level, bounded=self.bounded)
        value = float(means[0])
        if value not in self._single:
            self._single[value] = mean_interval(means, None, self.level, bounded=self.bounded)
        return self._single[value]


def _estimates(units: Units, estimate: _Estimates) -> dict[str, NDArray[Any]]:
    """The estimate of each group, by column. Groups of one item (all, where items are the groups) are reckoned at once."""
    sizes, bounded, level = np.diff(units.starts), estimate.bounded, estimate.level
    columns: dict[str, NDArray[Any]] = {name: np.full(len(sizes), None, object) for name in _ESTIMATE}
    columns["n_items"][:], columns["ci_level"][:] = 0, level
    alone = np.flatnonzero(sizes == 1) if bounded is not True else np.empty(0, np.int64)
    values = units.means[units.starts[alone]]
    alone, values = alone[~np.isnan(values)], values[~np.isnan(values)]
    columns["mean"][alone], columns["n_items"][alone], columns["method"][alone] = values, 1, "undefined"
    if bounded is None:
        alone, values = alone[(values >= 0) & (values <= 1)], values[(values >= 0) & (values <= 1)]
        unseen = constant_bound(0.0, 0.0, 1.0, 1, level)[1]
        columns["ci_lower"][alone], columns["ci_upper"][alone] = values - unseen * values, values + unseen * (1 - values)
        columns["method"][alone] = np.where((values == 0) | (values == 1), "wilson", "constant_bound")
    for group in np.flatnonzero(sizes != 1 if bounded is not True else sizes > 0).tolist():
        span = slice(int(units.starts[group]), int(units.starts[group + 1]))
        e = estimate(units.means[span], None if units.clusters is None else units.clusters[span])
        found = () if e is None else (e.mean, e.n_items, e.n_clusters, e.stderr, e.lower, e.upper, level, e.method)
        for name, value in zip(_ESTIMATE, found, strict=False):
            columns[name][group] = value
    return columns


def _by_label(table: ScoreTable, keys: Sequence[str], firsts: Codes) -> Codes:
    """The groups sorted by their labels, the first key first."""
    places = [np.zeros(len(firsts), np.int64)]
    for column in (table.columns[key] for key in reversed(keys) if key != "metric_id"):
        places.append(ranks(column.labels)[column.codes[firsts]])
    return np.lexsort(places)


def _labels(table: ScoreTable, key: str, rows: Codes) -> list[Any]:
    if key == "metric_id":
        return [table.metric_id] * len(rows)
    column = table.columns[key]
    return [column.labels[code] for code in column.codes[rows].tolist()]


def _not_reached(table: ScoreTable, keys: Sequence[str], codes: Codes, count: int) -> Codes | None:
    """Trials without a row belong to a run, not to a slice or an item: known only where groups are whole runs."""
    if not table.not_reached or any(k != "metric_id" and k not in table.of_run for k in keys):
        return None
    late = np.zeros(count, np.int64)
    firsts = table.combined(["run_id"])[1]
    for first, run_id in zip(firsts, _labels(table, "run_id", firsts), strict=True):
        late[codes[first]] += table.not_reached.get(run_id, 0)
    return late
