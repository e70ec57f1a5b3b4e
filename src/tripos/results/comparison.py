"""Comparing results, paired by sample: is B better than A, by how much, how sure, and what would decide.

The item is the unit: a record's attempts are averaged first. Pairs are formed on the records that both planned; a record
that one side has not scored is counted and enters the bounds, it never vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from tripos.core.errors import ConfigError
from tripos.results.corrections import adjust
from tripos.results.missing import Bounds, bounds, delta_bounds
from tripos.results.paired import Paired, paired
from tripos.results.result_file import ResultFile, metric_of
from tripos.results.verdict import verdict

LOWER_IS_BETTER = ("seconds", "cost", "tokens", "joules", "watts", "ttft")


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One comparison. The first fields are named as the seed's `paired_compare` names them."""

    group: str
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
    decision: str
    more_pairs: int | None
    notices: tuple[str, ...] = ()

    def plain(self, group_by: str) -> dict[str, Any]:
        """As a JSON object; the group stands under its own key."""
        row = asdict(self)
        group = row.pop("group")
        return {group_by: group, **row}


@dataclass
class _Side:
    """One file's items of a group: values by record and variant, and why the missing ones are missing."""

    values: dict[tuple[str, str], list[float | None]] = field(default_factory=dict)
    truncated: int = 0


def compare_files(
    files: Sequence[ResultFile],
    *,
    metric: str = "accuracy",
    group_by: str = "benchmark",
    correction: str = "holm",
    margin: float = 0.0,
    level: float = 0.95,
    every_pair: bool = False,
) -> list[ComparisonRow]:
    """Compares the first file with every other one (or every pair), per group. All rows are one family of tests.

    Args:
        metric: `accuracy`, `score`, a further metric or any number of the records. For latencies, costs and energies less is better.
        group_by: `benchmark`, `subject`, `slice_id` or `prompt_variant_id`.
        margin: the largest difference that does not matter; makes `equivalent` a possible decision.

    Raises:
        ConfigError: fewer than two files, an unknown metric or group, or no record in common.
    """
    if len(files) < 2:
        raise ConfigError("compare needs at least two results files")
    names = _names(files)
    pairs = list(combinations(range(len(files)), 2)) if every_pair else [(0, i) for i in range(1, len(files))]
    found = []
    for before, after in pairs:
        left, right = _sides(files[before], metric, group_by), _sides(files[after], metric, group_by)
        for group in sorted(left.keys() & right.keys()):
            found.append((group, names[before], names[after], left[group], right[group]))
    if not found:
        raise ConfigError(f"{files[0].path} and the others have no {group_by} in common: there is nothing to pair")
    measured = [_paired(left, right, level) for _, _, _, left, right in found]
    if not any(m is not None for m in measured):
        raise ConfigError(f"no record was scored for {metric!r} in both files: there is nothing to pair")
    adjusted = adjust([m.p_value if m is not None else None for m in measured], correction)
    sign = -1.0 if metric.endswith(LOWER_IS_BETTER) or metric.startswith(LOWER_IS_BETTER) else 1.0
    return [
        _row((group, before, after), (left, right), m, p, metric, correction, margin, level, sign, len(found))
        for (group, before, after, left, right), m, p in zip(found, measured, adjusted, strict=True)
    ]


def disagreements(before: ResultFile, after: ResultFile) -> list[tuple[str, bool, bool]]:
    """(record id, baseline correct, treatment correct) of the records on which two files disagree."""
    left = {str(r["record_id"]): bool(r["is_correct"]) for r in before.records if r.get("is_correct") is not None}
    right = {str(r["record_id"]): bool(r["is_correct"]) for r in after.records if r.get("is_correct") is not None}
    return [(i, left[i], right[i]) for i in sorted(left.keys() & right.keys()) if left[i] != right[i]]


def _names(files: Sequence[ResultFile]) -> list[str]:
    """Model names; the file's name as well where two files are of one model."""
    models = [f.model for f in files]
    return [f.model if models.count(f.model) == 1 else f"{f.model} ({f.path.stem})" for f in files]


def _sides(file: ResultFile, metric: str, group_by: str) -> dict[str, _Side]:
    sides: dict[str, _Side] = {}
    for record in file.records:
        if group_by not in record:
            known = [k for k in ("benchmark", "subject", "slice_id", "prompt_variant_id") if k in record]
            raise ConfigError(f"{file.path}: records have no {group_by!r} to group by; they have: {', '.join(known)}")
        side = sides.setdefault(str(record[group_by]), _Side())
        item = (str(record["record_id"]), str(record.get("prompt_variant_id") or "default"))
        side.values.setdefault(item, []).append(metric_of(record, metric))
        side.truncated += record.get("outcome") == "truncated"
    return sides


def _means(side: _Side) -> dict[tuple[str, str], float | None]:
    means: dict[tuple[str, str], float | None] = {}
    for item, values in side.values.items():
        scored = [v for v in values if v is not None]
        means[item] = sum(scored) / len(scored) if scored else None
    return means


def _paired(left: _Side, right: _Side, level: float) -> Paired | None:
    before, after = _means(left), _means(right)
    common = sorted(i for i in before.keys() & after.keys() if before[i] is not None and after[i] is not None)
    if not common:
        return None
    return paired([before[i] for i in common], [after[i] for i in common], level=level)


def _row(
    who: tuple[str, str, str],
    sides: tuple[_Side, _Side],
    m: Paired | None,
    adjusted: float | None,
    metric: str,
    correction: str,
    margin: float,
    level: float,
    sign: float,
    family: int,
) -> ComparisonRow:
    before, after = _means(sides[0]), _means(sides[1])
    everyone = before.keys() | after.keys()
    span = _bounds(before, after, everyone)
    decided = None
    if m is not None and m.lower is not None and m.upper is not None:
        low, high = (m.lower, m.upper) if sign > 0 else (-m.upper, -m.lower)
        decided = verdict(sign * m.delta, low, high, m.n_pairs, margin=margin, p_value=adjusted, level=level)
    decision = decided.decision if decided is not None else "undecided"
    return ComparisonRow(
        group=who[0],
        metric_id=metric,
        baseline_model_id=who[1],
        treatment_model_id=who[2],
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
        planned=len(everyone),
        baseline_missing=sum(1 for i in everyone if before.get(i) is None),
        treatment_missing=sum(1 for i in everyone if after.get(i) is None),
        minimum_detectable_effect=m.mde if m is not None else None,
        delta_bounds=span,
        family_size=family,
        decision=decision,
        more_pairs=decided.more_pairs if decided is not None else None,
        notices=_notices(m, sides, span, decision),
    )


def _bounds(
    before: dict[tuple[str, str], float | None], after: dict[tuple[str, str], float | None], everyone: set[tuple[str, str]]
) -> tuple[float, float] | None:
    """How far the items that were not scored could move the difference; None for metrics outside 0..1."""
    sides: list[Bounds] = []
    for side in (before, after):
        scored = [v for v in side.values() if v is not None]
        if any(not 0.0 <= v <= 1.0 for v in scored):
            return None
        found = bounds(sum(scored), len(scored), len(everyone) - len(scored))
        if found is None:
            return None
        sides.append(found)
    span = delta_bounds(*sides)
    return span.worst, span.best


def _notices(m: Paired | None, sides: tuple[_Side, _Side], span: tuple[float, float] | None, decision: str) -> tuple[str, ...]:
    """Loud lines: what alone could reverse the verdict."""
    if m is None:
        return ("no record was scored on both sides",)
    found = []
    unscored = any(v is None for side in sides for values in side.values.values() for v in values) or span != (m.delta, m.delta)
    if span is not None and unscored and span[0] < 0 < span[1] and (span[1] - span[0]) > 1e-12 and decision in ("better", "worse"):
        found.append(f"the records that are not scored on both sides could reverse this: delta lies in [{span[0]:+.4f}, {span[1]:+.4f}]")
    cut = max(side.truncated for side in sides)
    if cut and cut / max(m.n_pairs, 1) >= abs(m.delta):
        first, second = sides[0].truncated, sides[1].truncated
        found.append(
            f"answers cut at max_tokens ({first} and {second}) are as many as the difference: raise --max-tokens and compare again"
        )
    return tuple(found)
