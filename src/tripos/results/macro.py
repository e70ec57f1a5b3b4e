"""Macro averages: the mean over parts (subjects, slices), each with the same weight, beside the micro average over all items.

The parts are taken as given, not as a sample of parts: subjects of a benchmark are all its subjects. So the uncertainty is that of
the items within the parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tripos.results.items import Codes, Floats


class Part(Protocol):
    """What is known of one part: an `Estimate`, or anything with these."""

    @property
    def mean(self) -> float: ...
    @property
    def stderr(self) -> float | None: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def upper(self) -> float | None: ...


class Macro(NamedTuple):
    """`stderr`, `lower`, `upper` are None where one of the `parts` cannot tell its own."""

    mean: float
    stderr: float | None
    lower: float | None
    upper: float | None
    parts: int


def macro_average(parts: Sequence[Part], *, inflation: float = 1.0) -> Macro | None:
    """The mean of the parts' means; None for no parts.

    stderr = √Σ SE² / S over S parts. The ends follow from the parts' own intervals (MOVER; Zou & Donner 2008, Statistics in Medicine
    27:1693): mean - √Σ (m - l)² / S and mean + √Σ (u - m)² / S, which is within 0..1 when theirs are, and no point when all answers of
    every part are right.

    Args:
        inflation: how much larger the standard error is than for independent parts (`shared_sources`), 1 or more.
    """
    if not parts:
        return None
    count, mean = len(parts), math.fsum(part.mean for part in parts) / len(parts)
    errors = [part.stderr for part in parts if part.stderr is not None]
    below = [part.mean - part.lower for part in parts if part.lower is not None]
    above = [part.upper - part.mean for part in parts if part.upper is not None]
    spreads = [math.hypot(*values) / count * inflation if len(values) == count else None for values in (errors, below, above)]
    stderr, down, up = spreads
    return Macro(mean, stderr, None if down is None else mean - down, None if up is None else mean + up, count)


def shared_sources(values: Sequence[Floats], sources: Sequence[Codes]) -> float:
    """How much larger the standard error of the macro average is because parts share sources (one passage asked about in two subjects).

    Args:
        values, sources: by part: the items' values and the number of each item's source.

    √(Σ_c (Σ_s T_sc)² / Σ_c Σ_s T_sc²) with T_sc the part of source c's residuals, weighted 1 / n_s and √(G_s / (G_s - 1)); never below
    1: parts that balance each other are left to chance. Sources that stay within a part give 1.
    """
    together: dict[int, float] = {}
    apart = 0.0
    for part, codes in zip(values, sources, strict=True):
        residuals = part - part.mean()
        totals: dict[int, float] = {}
        for code, residual in zip(codes.tolist(), residuals.tolist(), strict=True):
            totals[code] = totals.get(code, 0.0) + residual / len(part)
        if len(totals) < 2:
            continue
        scale = math.sqrt(len(totals) / (len(totals) - 1))
        for code, total in totals.items():
            together[code] = together.get(code, 0.0) + scale * total
            apart += (scale * total) ** 2
    jointly = math.fsum(total * total for total in together.values())
    return max(1.0, math.sqrt(jointly / apart)) if apart > 0 else 1.0
