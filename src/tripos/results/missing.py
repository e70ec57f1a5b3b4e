"""What missing items could do to a mean at worst and at best (Manski's bounds): no assumption about why they are missing."""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    worst: float
    best: float


def bounds(total: float, scored: int, missing: int, *, low: float = 0.0, high: float = 1.0) -> Bounds | None:
    """The mean over scored + missing items if every missing one had `low`, and if every one had `high`; None for no items.

    Args:
        total: the sum of the scored items' values (within scored · low .. scored · high).
    """
    if scored < 0 or missing < 0:
        raise ValueError(f"counts must not be negative, got scored={scored}, missing={missing}")
    slack = 1e-9 * max(1.0, abs(total))
    if not scored * low - slack <= total <= scored * high + slack:
        raise ValueError(f"{scored} scores within {low:g}..{high:g} cannot add up to {total:g}")
    planned = scored + missing
    if not planned:
        return None
    return Bounds((total + missing * low) / planned, (total + missing * high) / planned)


def delta_bounds(baseline: Bounds, treatment: Bounds) -> Bounds:
    """The difference treatment - baseline at worst and at best when both means are only known within bounds."""
    return Bounds(treatment.worst - baseline.best, treatment.best - baseline.worst)
