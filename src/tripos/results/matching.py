"""Who meets whom: the items of each group that either side planned, with what each side has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tripos.core.errors import ConfigError, unknown
from tripos.results.direction import LESS
from tripos.results.group_keys import OF_CANDIDATE, canonical
from tripos.results.items import Codes, Floats, within_unit
from tripos.results.paired import Paired, paired
from tripos.results.rows import UnsupportedKey, has_unit
from tripos.results.score_table import ScoreTable, dense, order_of


class Side(NamedTuple):
    """One side of a comparison within a group, over the items that either side planned: the mean of what was scored of each (NaN:
    nothing), and the share of its attempts that was not scored."""

    means: Floats
    unscored: Floats
    truncated: int

    def where(self, items: NDArray[np.bool_]) -> Side:
        """The items of a mask."""
        return Side(self.means[items], self.unscored[items], 0)


class Match(NamedTuple):
    """Two sides over the same items of one group. `parts` numbers what each item belongs to, where parts are to weigh the same."""

    metric: str
    group: Any
    names: tuple[str, str]
    sides: tuple[Side, Side]
    clusters: Codes | None
    parts: Codes | None
    bounded: bool | None
    lower_is_better: bool | None
    notes: tuple[str, ...]

    def paired(self, level: float) -> Paired | None:
        """The comparison in which every item weighs the same."""
        return paired(self.sides[0].means, self.sides[1].means, self.clusters, level=level, bounded=self.bounded)


class Units:
    """The mean of every (group, item, side), and the union of items of two sides."""

    def __init__(self, table: ScoreTable, side: str, group_by: str) -> None:
        self.table, self.side = table, table.columns[side]
        self.groups, self.group_rows = table.combined([group_by])
        items, item_rows = table.combined(["benchmark_id", "item_id", "prompt_variant_id"])
        keys, self._first_of_key = dense(self.groups * len(item_rows) + items, len(self.group_rows) * len(item_rows))
        size = len(self.side.labels)
        units, firsts = dense(keys * size + self.side.codes, len(self._first_of_key) * size)
        scored = ~np.isnan(table.values)
        attempts = np.bincount(units[scored], minlength=len(firsts))
        totals = np.bincount(units[scored], weights=table.values[scored], minlength=len(firsts))
        self._means = np.full(len(firsts), np.nan)
        np.divide(totals, attempts, out=self._means, where=attempts > 0)
        self._unscored = 1.0 - attempts / np.bincount(units, minlength=len(firsts))
        self._keys, self._sides = keys[firsts], self.side.codes[firsts]

    def pair(self, before: str, after: str) -> tuple[Codes, list[Side]]:
        """The keys of the items that either side planned, and both sides over them, without what was truncated."""
        planned, sides = np.zeros(len(self._first_of_key), np.bool_), []
        for name in (before, after):
            mine = self._sides == self.side.codes_of([name])[0]
            means, unscored = np.full(len(planned), np.nan), np.ones(len(planned))
            means[self._keys[mine]], unscored[self._keys[mine]] = self._means[mine], self._unscored[mine]
            planned[self._keys[mine]] = True
            sides.append(Side(means, unscored, 0))
        return np.flatnonzero(planned), [Side(side.means[planned], side.unscored[planned], 0) for side in sides]

    def first_of(self, keys: Any) -> Any:
        """The first row of each (group, item)."""
        return self._first_of_key[keys]

    def clusters(self, rows: Codes) -> Codes | None:
        """The source of each of these rows, else its record; None when every row is on its own."""
        stated, records = self.table.columns["cluster"], self.table.combined(["benchmark_id", "item_id"])[0][rows]
        alone = np.isin(stated.codes[rows], stated.codes_of([None]))
        benchmarks = self.table.columns["benchmark_id"]
        named = stated.codes[rows].astype(np.int64) + benchmarks.codes[rows].astype(np.int64) * len(stated.labels)
        codes, firsts = dense(
            np.where(alone, records + named.max(initial=0) + 1, named), int(named.max(initial=0) + records.max(initial=0)) + 2
        )
        return None if len(firsts) == len(codes) else codes


def matches(
    table: ScoreTable, pairs: Sequence[tuple[str, str]], side: str, group_by: str, better: str | None, macro_over: str | None = None
) -> list[Match]:
    """Every pair in every group that either side has, sorted by pair and group.

    Raises:
        UnsupportedKey: `macro_over` does not divide the questions into parts.
    """
    units = Units(table, side, canonical(group_by))
    bounded = False if has_unit(table.metric_id) else table.bounded
    lower_is_better = direction(table, better)
    groups = table.columns[canonical(group_by)]
    parts = None if macro_over is None else _parts(table, side, canonical(group_by), macro_over)
    pooled = _pooled(table, side, canonical(group_by))
    truncated = table.columns["truncated"]
    cut = np.isin(truncated.codes, truncated.codes_of([True]))
    found = []
    for before, after in pairs:
        notes = tuple(pooled[name] for name in (before, after) if name in pooled)
        keys, both = units.pair(before, after)
        rows = units.first_of(keys)
        of_group = units.groups[rows]
        in_pair = []
        for group in np.unique(of_group):
            span = slice(*np.searchsorted(of_group, [group, group + 1]))
            here = cut & (units.groups == group)
            counts = [int((here & (units.side.codes == units.side.codes_of([name])[0])).sum()) for name in (before, after)]
            first, second = (Side(s.means[span], s.unscored[span], count) for s, count in zip(both, counts, strict=True))
            label = groups.labels[groups.codes[units.group_rows[group]]]
            sources = units.clusters(rows[span])
            of_part = None if parts is None else parts[rows[span]]
            met = Match(table.metric_id, label, (before, after), (first, second), sources, of_part, bounded, lower_is_better, notes)
            in_pair.append(met)
        found += sorted(in_pair, key=lambda match: order_of(match.group))
    return found


def _parts(table: ScoreTable, side: str, group: str, macro_over: str) -> Codes:
    """The part of each row."""
    key = canonical(macro_over)
    hint = "Try slice_id or subject"
    if key in (side, "model_id", "metric_id", *OF_CANDIDATE):
        raise UnsupportedKey(f"Unsupported macro_over key: {macro_over}; it says nothing of the question. {hint}")
    if key == group:
        raise UnsupportedKey(f"Unsupported macro_over key: {macro_over}; the rows are grouped by it, so each has only one. {hint}")
    item = [group, "benchmark_id", "item_id", "prompt_variant_id"]
    if len(table.combined([*item, key])[1]) > len(table.combined(item)[1]):
        raise UnsupportedKey(f"Unsupported macro_over key: {macro_over}; the answers to one record differ in it. {hint}")
    return table.columns[key].codes.astype(np.int64)


def _pooled(table: ScoreTable, side: str, group: str) -> dict[str, str]:
    """By side, a line where records of a group were answered in several of its runs, which is an average over different settings."""
    if "run_id" not in table.columns or len(table.combined([side, "run_id"])[1]) == len(table.combined([side])[1]):
        return {}
    of_item = [side, group, "benchmark_id", "item_id", "prompt_variant_id"]
    items, firsts = table.combined(list(dict.fromkeys(of_item)))
    runs = table.combined(list(dict.fromkeys([*of_item, "run_id"])))[1]
    several = np.bincount(items[runs], minlength=len(firsts)) > 1
    sides, named = table.columns[side].select(several[items]), table.columns["run_id"].select(several[items])
    found = {}
    for name in sides.occurring():
        ids = named.select(sides.codes == sides.codes_of([name])[0]).occurring()
        found[str(name)] = f"{name} answered the same records in several runs ({', '.join(sorted(ids)[:5])}), averaged here: choose one run"
    return found


def direction(table: ScoreTable, better: str | None = None) -> bool | None:
    """Whether less of the metric is better; None where neither the caller nor the table says, and it is no share of 0..1."""
    if better is not None:
        return better == LESS
    known = table.values[~np.isnan(table.values)]
    return False if table.lower_is_better is None and within_unit(known) else table.lower_is_better


def model_pairs(labels: Iterable[Any], baseline: str | None, treatment: str | None) -> list[tuple[str, str]]:
    """(baseline, treatment) of the models that meet: all pairs, or those of one or two that are named.

    Raises:
        ConfigError: an unknown model, fewer than two, or one against itself.
    """
    models = sorted(map(str, labels))
    for name in (baseline, treatment):
        if name is not None and name not in models:
            raise ConfigError(unknown("model", name, models))
    if len(models) < 2:
        raise ConfigError(f"a comparison needs two models, these results have {', '.join(models) or 'none'}")
    if baseline is not None and baseline == treatment:
        raise ConfigError(f"{baseline!r} is compared with itself; the others are: {', '.join(m for m in models if m != baseline)}")
    if baseline is not None:
        return [(baseline, m) for m in models if m != baseline and treatment in (None, m)]
    if treatment is not None:
        return [(m, treatment) for m in models if m != treatment]
    return list(combinations(models, 2))
