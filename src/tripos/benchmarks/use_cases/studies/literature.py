"""Trials as data, and the synthesis that follows from them.

Effects are whole tenths of the measure's unit, treatment minus placebo. A study is left out for one reason at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

REASONS = ("design", "population", "outcome", "size", "date", "duplicate", "retracted")


@dataclass(frozen=True)
class Measure:
    """What is measured: `unit` is the larger one, `factor` small units make one; `other` is something else that sounds like it."""

    name: str
    unit: str
    small: str
    factor: int
    other: str


MEASURES = (
    Measure("time to fall asleep", "minutes", "seconds", 60, "time spent awake during the night"),
    Measure("reading time per page", "minutes", "seconds", 60, "reading time per day"),
    Measure("body weight", "kilograms", "grams", 1000, "weight of body fat"),
    Measure("grip force", "kilograms", "grams", 1000, "pinch force"),
    Measure("jump height", "centimetres", "millimetres", 10, "drop height"),
    Measure("reach in the sitting position", "centimetres", "millimetres", 10, "reach in the standing position"),
)


@dataclass(frozen=True)
class Study:
    """One report of a trial.

    Attributes:
        id: such as `S412`.
        trial: registration number; two reports of one trial share it.
        violation: the one criterion that it fails, None if it is to be included.
        style: how its result is told: "difference", "arms", "interval", "small unit".
        effect, analysed: of the group that the review is about, after corrections.
        printed_effect, printed_analysed: the same as the abstract has them.
        other_effect, other_analysed: of the other group; None where the study has no groups.
        lost: how many more were allocated than analysed.
        control: mean under placebo, in tenths.
        half_width: of the printed interval, in tenths.
    """

    id: str
    trial: str
    authors: str
    published: date
    violation: str | None
    style: str
    effect: int
    printed_effect: int
    analysed: int
    printed_analysed: int
    lost: int
    control: int
    half_width: int
    other_effect: int | None = None
    other_analysed: int = 0
    concern: bool = False


@dataclass(frozen=True)
class Review:
    """A question, its criteria and everything that a search has found."""

    family: str
    drug: str
    measure: Measure
    group: str | None
    least: int
    since: int
    studies: tuple[Study, ...]
    seed: str


@dataclass(frozen=True)
class Synthesis:
    """The right conclusion. `estimate` in the measure's unit."""

    included: tuple[str, ...]
    excluded: Mapping[str, str]
    participants: int
    estimate: float
    contradicting: tuple[str, ...]


def synthesise(review: Review) -> Synthesis:
    """Screening, mean difference weighted by the number analysed, and the included studies of the opposite sign."""
    kept = [study for study in review.studies if study.violation is None]
    total = sum(study.analysed * study.effect for study in kept)
    return Synthesis(
        included=tuple(study.id for study in kept),
        excluded={study.id: study.violation for study in review.studies if study.violation is not None},
        participants=sum(study.analysed for study in kept),
        estimate=weighted([(study.effect, study.analysed) for study in kept]),
        contradicting=tuple(study.id for study in kept if study.effect * total < 0),
    )


def weighted(results: list[tuple[int, int]]) -> float:
    """Sum of n * effect / sum of n, for (effect in tenths, n); in whole units."""
    return sum(effect * n for effect, n in results) / sum(n for _, n in results) / 10


def shortcuts(review: Review) -> list[float]:
    """The estimates of those who skip a step: everything pooled, no weights, as printed, those allocated, one study too many."""
    kept = [study for study in review.studies if study.violation is None]
    left_out = [study for study in review.studies if study.violation is not None]
    pooled = [(study.effect, study.analysed) for study in kept]
    found = [
        weighted([(study.effect, study.analysed) for study in review.studies]),
        weighted([(effect, 1) for effect, _ in pooled]),
        *(weighted([*pooled, (study.effect, study.analysed)]) for study in left_out if study.violation in ("retracted", "duplicate")),
    ]
    if any(study.other_effect is not None for study in kept):
        both = [pair for study in kept for pair in ((study.effect, study.analysed), (study.other_effect or 0, study.other_analysed))]
        found.append(weighted(both))
    if any((study.printed_effect, study.printed_analysed) != (study.effect, study.analysed) for study in kept):
        found.append(weighted([(study.printed_effect, study.printed_analysed) for study in kept]))
    return found
