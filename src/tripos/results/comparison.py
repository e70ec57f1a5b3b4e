"""Comparing results, paired by sample: is B better than A, by how much, how sure, and what would decide.

One implementation for results files, runs of a store and models. The item is the unit: a record's attempts are averaged
first. Pairs are formed on the records that either side planned; a record that one side has not scored is counted and
enters the bounds, it never vanishes. A record asked in several ways (prompt variants) is one cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tripos.core.errors import ConfigError, unknown
from tripos.results.corrections import adjust
from tripos.results.direction import LESS, MORE
from tripos.results.group_keys import OF_CANDIDATE, canonical
from tripos.results.macro_difference import macro_difference
from tripos.results.matching import Match, Side, Units, matches
from tripos.results.missing import Bounds, delta_bounds
from tripos.results.paired import Paired
from tripos.results.rows import UnsupportedKey
from tripos.results.score_table import Column, ScoreTable, order_of
from tripos.results.verdict import Verdict, verdict

NEEDS = ("item_id", "prompt_variant_id", "cluster", "truncated")
"""Columns that a table must have to be compared, beside the side and the group."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One comparison. The first fields are named as the seed's `paired_compare` names them."""

    group: Any
    metric_id: str
    baseline_model_id: str
    treatment_model_id: str
    pair_count: int
    baseline_mean: float | None
    treatment_mean: float | None
    delta_mean: float | None
    p_value: float | None
    adjusted_p_value: float | None
    adjustment_method: str
    ci_lower: float | None
    ci_upper: float | None
    ci_level: float
    method: str
    interval_method: str | None
    n_clusters: int | None
    wins: int
    losses: int
    ties: int
    planned: int
    baseline_missing: int
    treatment_missing: int
    minimum_detectable_effect: float | None
    delta_bounds: tuple[float, float] | None
    family_size: int
    lower_is_better: bool | None
    decision: str
    more_pairs: int | None
    average: str = "micro"
    notices: tuple[str, ...] = ()

    @property
    def task_id(self) -> Any:
        """The group, where it is the slice: what the seed's `ComparisonTable` calls it."""
        return self.group

    def plain(self, group_by: str) -> dict[str, Any]:
        """As a JSON object; the group stands under its own key."""
        row = asdict(self)
        group = row.pop("group")
        return {group_by: group, **row}


@dataclass(frozen=True)
class ComparisonTable:
    """What `BenchmarkResult.compare` gives: rows sorted by task, metric, baseline and treatment."""

    rows: list[ComparisonRow]

    def plain(self) -> list[dict[str, Any]]:
        """As JSON objects, `task_id` first."""
        return [row.plain("task_id") for row in self.rows]


class _Compared(NamedTuple):
    """A match with what came of it, and with how far what was not scored could move it."""

    match: Match
    pairs: Paired | None
    bounds: tuple[float, float] | None
    average: str = "micro"
    notices: tuple[str, ...] = ()


def compare(
    tables: ScoreTable | Sequence[ScoreTable],
    pairs: Sequence[tuple[str, str]],
    *,
    side: str = "model_id",
    group_by: str = "slice_id",
    correction: str = "none",
    margin: float = 0.0,
    level: float = 0.95,
    better: str | None = None,
    macro_over: str | None = None,
) -> list[ComparisonRow]:
    """Compares pairs of sides within each group. All rows are one family of tests.

    Args:
        tables: one metric, or several of the same sides and groups.
        pairs: (baseline, treatment) labels of the column `side`.
        group_by: a column of the table that says something of the question; not the side, nor how an answer ended.
        margin: the largest difference that does not matter; makes `equivalent` a possible decision.
        better: `more` or `less` of the metric; None asks the table. Where that does not know either (a metric of another tool beyond
            0..1), a difference is `different`, neither `better` nor `worse`.
        macro_over: a column that divides each group into parts (`subject`, …). After each row (micro: every item weighs the same) comes
            one in which every part does, `average` says which is which.

    Raises:
        UnsupportedKey: a key that a comparison cannot be grouped by or averaged over.
        ConfigError: an unknown side, correction or `better`, or nothing to pair.
    """
    tables = [tables] if isinstance(tables, ScoreTable) else tables
    if canonical(group_by) == "metric_id":
        tables = [_by_metric(table) for table in tables]
    _check(tables, pairs, side, group_by)
    if better not in (None, MORE, LESS):
        raise ConfigError(unknown("direction", str(better), (MORE, LESS)))
    met = [match for table in tables for match in matches(table, pairs, side, group_by, better, macro_over)]
    if not any(all(np.isfinite(s.means).any() for s in m.sides) for m in met) and not in_common(tables[0], pairs, side, group_by):
        raise ConfigError(f"{_names(pairs)} have no {group_by} in common: there is nothing to pair")
    compared = [one for match in met for one in _both(match, level, macro_over)]
    family = sum(one.pairs is not None for one in compared)
    if not family:
        metrics = ", ".join(repr(table.metric_id) for table in tables)
        raise ConfigError(f"no record was scored for {metrics} on both sides of {_names(pairs)}: there is nothing to pair")
    adjusted = adjust([one.pairs.p_value if one.pairs is not None else None for one in compared], correction)
    return [_row(one, p, correction, margin, level, family) for one, p in zip(compared, adjusted, strict=True)]


def disagreements(table: ScoreTable, before: str, after: str, *, side: str = "model_id") -> list[tuple[str, str, float, float]]:
    """(record id, prompt variant, baseline, treatment) of the records on which two sides differ, in the order of record ids."""
    found: list[tuple[str, str, float, float]] = []
    columns = [table.columns[name] for name in ("item_id", "prompt_variant_id")]
    units = Units(table, side, "benchmark_id")
    keys, sides = units.pair(before, after)
    left, right = (side.means for side in sides)
    for place in np.flatnonzero(np.isfinite(left) & np.isfinite(right) & (left != right)):
        record, variant = (str(column.labels[column.codes[units.first_of(int(keys[place]))]]) for column in columns)
        found.append((record, variant, float(left[place]), float(right[place])))
    return sorted(found, key=lambda row: (order_of(row[0]), row[1]))


def _check(tables: Sequence[ScoreTable], pairs: Sequence[tuple[str, str]], side: str, group_by: str) -> None:
    known = list(map(str, tables[0].columns[side].occurring()))
    for name in (name for pair in pairs for name in pair):
        if name not in known:
            raise ConfigError(unknown(side.removesuffix("_id"), name, known))
    key = canonical(group_by)
    if key == side or key in OF_CANDIDATE:
        why = "that is what is compared" if key == side else "how an answer ended depends on who gave it"
        raise UnsupportedKey(f"Unsupported group_by key: {group_by}; a comparison cannot be grouped by it, {why}. Try slice_id")


def _by_metric(table: ScoreTable) -> ScoreTable:
    """The table with its metric as a column."""
    return replace(table, columns={**table.columns, "metric_id": Column(np.zeros(len(table), np.int32), [table.metric_id])})


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{before} and {after}" for before, after in pairs)


def in_common(table: ScoreTable, pairs: Sequence[tuple[str, str]], side: str, group_by: str) -> bool:
    """Whether any pair has a group in common."""
    groups, sides = table.columns[canonical(group_by)].codes, table.columns[side]
    of_side = {name: set(groups[np.isin(sides.codes, sides.codes_of([name]))].tolist()) for pair in pairs for name in pair}
    return any(of_side[before] & of_side[after] for before, after in pairs)


def _both(match: Match, level: float, macro_over: str | None) -> list[_Compared]:
    """A match compared item by item and, if asked for, part by part."""
    known = match.bounded is not False
    micro = _Compared(match, match.paired(level), _bounds(match.sides) if known else None)
    if macro_over is None or match.parts is None:
        return [micro]
    before, after = (side.means for side in match.sides)
    found = macro_difference(before, after, match.parts, match.clusters, level=level, bounded=match.bounded)
    spans = [_bounds(tuple(side.where(match.parts == part) for side in match.sides)) for part in np.unique(match.parts)]
    ends = [span for span in spans if span is not None]
    span = (float(np.mean([e[0] for e in ends])), float(np.mean([e[1] for e in ends]))) if known and len(ends) == len(spans) else None
    lost: tuple[str, ...] = ()
    if found is not None and found.missing:
        lost = (f"{found.missing} of {found.missing + found.parts} {macro_over} has no pair and is left out of the average",)
    return [micro, _Compared(match, found.pairs if found is not None else None, span, f"macro over {macro_over}", lost)]


def _row(one: _Compared, adjusted: float | None, correction: str, margin: float, level: float, family: int) -> ComparisonRow:
    match, m, span = one.match, one.pairs, one.bounds
    before, after = match.sides
    planned = len(before.means)
    decided = None
    if m is not None and m.lower is not None and m.upper is not None:
        gain, low, high = (-m.delta, -m.upper, -m.lower) if match.lower_is_better else (m.delta, m.lower, m.upper)
        decided = verdict(gain, low, high, m.n_pairs, margin=margin, p_value=adjusted, level=level)
    decision: str = decided.decision if decided is not None else "undecided"
    if match.lower_is_better is None and decision in ("better", "worse"):
        decision = "different"
    return ComparisonRow(
        group=match.group,
        metric_id=match.metric,
        baseline_model_id=match.names[0],
        treatment_model_id=match.names[1],
        pair_count=m.n_pairs if m is not None else 0,
        baseline_mean=m.baseline_mean if m is not None else None,
        treatment_mean=m.treatment_mean if m is not None else None,
        delta_mean=m.delta if m is not None else None,
        p_value=m.p_value if m is not None else None,
        adjusted_p_value=adjusted,
        adjustment_method=correction,
        ci_lower=m.lower if m is not None else None,
        ci_upper=m.upper if m is not None else None,
        ci_level=level,
        method=m.method if m is not None else "no pairs",
        interval_method=m.interval_method if m is not None else None,
        n_clusters=m.n_clusters if m is not None else None,
        wins=m.wins if m is not None else 0,
        losses=m.losses if m is not None else 0,
        ties=m.ties if m is not None else 0,
        planned=planned,
        baseline_missing=int(np.isnan(before.means).sum()),
        treatment_missing=int(np.isnan(after.means).sum()),
        minimum_detectable_effect=m.mde if m is not None else None,
        delta_bounds=span,
        family_size=family,
        lower_is_better=match.lower_is_better,
        decision=decision,
        more_pairs=_more_pairs(m, decided) if m is not None and decided is not None else None,
        average=one.average,
        notices=one.notices + _notices(m, match, span, decision, margin),
    )


def _more_pairs(m: Paired, decided: Verdict) -> int | None:
    """What the verdict says, unless fewer do: what an item not seen can take back shrinks faster than chance."""
    unseen = m.interval_method is not None and m.interval_method.startswith("unseen")
    if decided.more_pairs is None or not unseen or m.n_needed is None or m.n_needed <= m.n_pairs:
        return decided.more_pairs
    return min(decided.more_pairs, m.n_needed - m.n_pairs)


def _bounds(sides: tuple[Side, ...]) -> tuple[float, float] | None:
    """How far the attempts that were not scored could move the difference; None for metrics outside 0..1."""
    ends: list[Bounds] = []
    for side in sides:
        means = np.nan_to_num(side.means)
        if not len(means) or not 0 <= means.min() <= means.max() <= 1:
            return None
        worst = float((means * (1 - side.unscored)).mean())
        ends.append(Bounds(worst, worst + float(side.unscored.mean())))
    span = delta_bounds(*ends)
    return span.worst, span.best


def _notices(m: Paired | None, match: Match, span: tuple[float, float] | None, decision: str, margin: float) -> tuple[str, ...]:
    """Loud lines: what alone could reverse the verdict."""
    sides = match.sides
    if m is None:
        return ("no record was scored on both sides",)
    found = [*match.notes, *m.notices]
    if decision == "different":
        found.append("the results do not say whether more or less of this is better; --better more (or less) gives a verdict")
    unscored = any(side.unscored.any() for side in sides)
    if span is not None and unscored and _could_turn(decision, span, margin):
        found.append(f"the answers that are not scored on both sides could reverse this: delta lies in [{span[0]:+.4f}, {span[1]:+.4f}]")
    cut = max(side.truncated for side in sides) if match.bounded is not False else 0
    if cut and cut / max(m.n_pairs, 1) >= abs(m.delta):
        first, second = sides[0].truncated, sides[1].truncated
        found.append(
            f"answers cut at max_tokens ({first} and {second}) are as many as the difference: raise --max-tokens and compare again"
        )
    return tuple(found)


def _could_turn(decision: str, span: tuple[float, float], margin: float) -> bool:
    """Whether a verdict would not stand if the difference lay anywhere in `span`."""
    if decision == "equivalent":
        return span[0] <= -margin or span[1] >= margin
    return decision != "undecided" and span[0] < 0 < span[1]
