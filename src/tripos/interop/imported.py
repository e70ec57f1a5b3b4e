"""A log of another tool in our words: what every importer returns, and how its own figures are checked against ours.

An importer only translates. What the log does not say stays None; what it says is kept under its own name among the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from tripos.core.identity import digest
from tripos.core.records import ENDED_EARLY, JSON, Completion, Extraction, Message, Outcome, Verdict
from tripos.results.direction import LESS, MORE, is_less

VERSION = 2  # of the mapping: a new one imports the same log as a new run

NO_SCORE = "the log holds no score for this sample"


class ImportedTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One sample and attempt of a log.

    Attributes:
        prompt: what the model was shown; empty where the log does not keep it.
        completion: None when there is no answer (the request failed); then `error` says why.
        verdict: None when the log holds no score; then `error` may say why.
        telemetry: measured energy and power by the names of a results line.
        scoring: Unix seconds at which scoring began and ended, where the log says so.
    """

    record_id: str
    attempt: int = 0
    prompt_variant_id: str = "default"
    subject: str | None = None
    slice_id: str = "default"
    dimensions: dict[str, str] = {}
    prompt: tuple[Message, ...] = ()
    reference: JSON = None
    completion: Completion | None = None
    extraction: Extraction = Extraction()
    verdict: Verdict | None = None
    error: str | None = None
    error_kind: str = "logged"
    telemetry: dict[str, float | None] = {}
    scoring: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A figure that the log itself states, and which of ours must equal it.

    Attributes:
        name: as the tool calls it.
        ours: `accuracy`, `score` or the name of a metric; the mean over items of the mean over an item's attempts.
        slice_id: the slice it is of; None means all.
        digits: decimals the tool rounds to; None means it does not.
        why: what makes it differ, if it does; empty when nothing should.
    """

    name: str
    value: float
    ours: str
    slice_id: str | None = None
    digits: int | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class ImportedLog:
    """One benchmark x one model of a log.

    Attributes:
        content: SHA-256 over the files it was read from, 64 hex: the identity of the log.
        trials: reads the trials, lazily; may be called again.
        planned: how many trials the tool set out to do, at least as many as there are.
        scorer: name of the primary score.
        better: metrics of which the log itself says whether `more` or `less` is better.
        reported: the tool's own figures.
        notes: what a reader of the results must know.
        simulated: no model was asked (the tool's own mock).
    """

    tool: str
    tool_version: str | None
    path: Path
    content: str
    benchmark: str
    model: str
    planned: int
    trials: Callable[[], Iterator[ImportedTrial]]
    scorer: str
    better: dict[str, str] = field(default_factory=dict)
    backend: str = "imported"
    category: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    started_at: float | None = None
    ended_at: float | None = None
    seed: int | None = None
    reported: tuple[Reported, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def engine(self) -> str:
        """The engine of its runs."""
        return f"imported:{self.tool}"

    @property
    def run_key(self) -> str:
        """Identity: the same log under the same names is the same run."""
        return digest({"importer": VERSION, "tool": self.tool, "log": self.content, "benchmark": self.benchmark, "model": self.model})

    @property
    def run_id(self) -> str:
        """Id of the run it becomes."""
        return self.run_key[:12]

    @property
    def overlay(self) -> str:
        """Identity of its scores."""
        return digest({"importer": VERSION, "tool": self.tool, "scorer": self.scorer})[:12]


def graded(
    values: Mapping[str, float | None],
    primary: str,
    *,
    shares: bool,
    finish_reason: str | None = None,
    limited: bool = False,
    details: dict[str, JSON] | None = None,
) -> Verdict:
    """The verdict that follows from a sample's scores: full marks are correct, part of them is a score and not correct.

    Args:
        values: every score by its name; None where the tool could not give one.
        primary: which of them is *the* score.
        shares: the primary score can be right or wrong, see `are_shares`; elsewhere `is_correct` is None.
        limited: a limit of turns, time or tokens ended the sample.
    """
    metrics = dict(values)
    value = metrics.get(primary)
    found = details or {}
    if value is None:
        return Verdict(value=None, is_correct=None, outcome=Outcome.JUDGE_FAILED, metrics=metrics, details=found)
    correct = value >= 1.0 if shares else None
    outcome = Outcome.SCORED
    if correct is False:
        outcome = Outcome.LIMIT if limited else ENDED_EARLY.get(finish_reason or "", Outcome.SCORED)
    return Verdict(value=value, is_correct=correct, outcome=outcome, metrics=metrics, details=found)


def are_shares(primary: str, values: Iterable[float | None], better: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Whether the primary score can be right or wrong: more of it is better, and all its values lie in 0..1. A mark of 1 to 10 cannot
    be, nor an error rate, whose 1 is no full mark."""
    return not _is_less(primary, better) and all(0.0 <= v <= 1.0 for v in values if v is not None)


def stated(higher_is_better: Mapping[str, Any]) -> dict[str, str]:
    """`better` from what tools call `higher_is_better`; what is neither true nor false is not stated."""
    return {name: MORE if more else LESS for name, more in higher_is_better.items() if isinstance(more, bool)}


def scale_notes(primary: str, shares: bool, better: Mapping[str, str] = MappingProxyType({})) -> tuple[str, ...]:
    """Why nothing is right or wrong, where that is so."""
    why = "less of it is better" if _is_less(primary, better) else "it goes beyond 0..1"
    return () if shares else (f"{primary}: {why}, so nothing is right or wrong; compare with --metric score.",)


def _is_less(metric: str, better: Mapping[str, str]) -> bool:
    return better[metric] == LESS if metric in better else is_less(metric)


class Check(NamedTuple):
    """A reported figure beside ours. `agrees` is None where ours does not exist."""

    name: str
    reported: float
    ours: float | None
    items: int
    agrees: bool | None
    why: str

    @property
    def explained(self) -> bool:
        """Equal, or different for a reason that is known."""
        return bool(self.agrees) or bool(self.why)


class Recount:
    """Computes our value of each reported figure from the trials, which must come ordered by record."""

    def __init__(self, reported: tuple[Reported, ...]) -> None:
        self.reported = reported
        self._means: list[list[float]] = [[0.0, 0.0] for _ in reported]  # sum over items, items
        self._item: tuple[str, str] | None = None
        self._parts: list[list[float]] = [[0.0, 0.0] for _ in reported]  # of the item at hand

    def take(self, item: tuple[str, str], slice_id: str, verdict: Verdict | None) -> None:
        """Adds one trial."""
        if item != self._item:
            self._end()
            self._item = item
        if verdict is None:
            return
        for figure, part in zip(self.reported, self._parts, strict=True):
            if figure.slice_id not in (None, slice_id):
                continue
            value = _value(verdict, figure.ours)
            if value is not None:
                part[0] += value
                part[1] += 1

    def checks(self) -> list[Check]:
        """Every reported figure beside ours."""
        self._end()
        return [_check(f, total / n if n else None, int(n)) for f, (total, n) in zip(self.reported, self._means, strict=True)]

    def _end(self) -> None:
        for mean, part in zip(self._means, self._parts, strict=True):
            if part[1]:
                mean[0] += part[0] / part[1]
                mean[1] += 1
            part[:] = [0.0, 0.0]


def _value(verdict: Verdict, name: str) -> float | None:
    if name == "score":
        return verdict.value
    if name == "accuracy":
        return None if verdict.is_correct is None else float(verdict.is_correct)
    return verdict.metrics.get(name)


def _check(figure: Reported, ours: float | None, items: int) -> Check:
    if ours is None:
        return Check(figure.name, figure.value, None, 0, None, figure.why or "the log holds no sample with this score")
    room = 1e-9 * max(1.0, abs(figure.value)) + (0.5 * 10.0**-figure.digits if figure.digits is not None else 0.0)
    agrees = abs(ours - figure.value) <= room
    rounded = agrees and figure.digits is not None and ours != figure.value
    reasons = [f"equal to the {figure.digits} decimals that the log keeps"] if rounded else []
    return Check(figure.name, figure.value, ours, items, agrees, "; ".join([*reasons, *([figure.why] if figure.why else [])]))
