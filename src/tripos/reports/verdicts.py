"""A comparison in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tripos.reports.tables import shown

if TYPE_CHECKING:
    from tripos.results.comparison import ComparisonRow


def sentence(row: ComparisonRow) -> str:
    """The verdict in words."""
    average = f", {row.average}" if row.average != "micro" else ""
    who = f"{row.treatment_model_id} vs {row.baseline_model_id} on {shown(row.group)}{average}: "
    if not row.pair_count:
        return f"{who}no record was scored on both sides"
    if row.decision == "undecided":
        more = f"; about {row.more_pairs} more samples would decide" if row.more_pairs else ""
        mde = f" (the smallest difference this many samples find with 80 % power is {shown(row.minimum_detectable_effect)})"
        return f"{who}undecided{more}{mde if row.minimum_detectable_effect is not None else ''}"
    if row.decision == "equivalent":
        return f"{who}equivalent within the margin"
    span = f"[{row.ci_lower:+.4f}, {row.ci_upper:+.4f}]"
    which = " (less is better)" if row.lower_is_better else ""
    return f"{who}{row.decision} by {abs(row.delta_mean or 0.0):.4f} {span}{which}, p = {row.adjusted_p_value:.3g}"
