"""What a summary is computed from: one pass over the trials into plain columns and counts.

Eight bytes a value and no object a sample, so that a million trials fit where a thousand do. Trials come ordered by
record, variant and attempt, so the candidates of an item (a record, in every way of asking) are neighbours and its mean
needs no table of items.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tripos.core.records import Outcome
from tripos.runs.lines import measured
from tripos.runs.spec import ModelSpec
from tripos.store.reading import TrialRecord

Column = array  # of doubles; NaN stands for "not measured"


def _column() -> array[float]:
    return array("d")


@dataclass
class Group:
    """Counts of one subject or dimension value."""

    total: int = 0
    scored: int = 0
    correct: float = 0.0

    def add(self, right: float | None) -> None:
        """One more trial."""
        self.total += 1
        if right is not None:
            self.scored += 1
            self.correct += right

    def plain(self) -> dict[str, float | None]:
        """In the seed's shape."""
        accuracy = self.correct / self.scored if self.scored else None
        return {"accuracy": accuracy, "total": float(self.total), "scored": float(self.scored), "correct": self.correct}


@dataclass
class Columns:
    """Call `take` for each trial in order, then `close`.

    `items` holds one mean a scored item, `clusters` the cluster of each (a name of its own where it has none); empty while
    no item has one. `tries` counts the ways in which items were asked by (scored attempts, correct ones): attempts at one prompt.
    """

    hardware: ModelSpec
    per_subject: tuple[str, ...] = ()
    keep_details: bool = False
    items: array[float] = field(default_factory=_column)
    clusters: list[str] = field(default_factory=list)
    tries: Counter[tuple[int, int]] = field(default_factory=Counter)
    values: dict[str, array[float]] = field(default_factory=lambda: defaultdict(_column))
    metrics: dict[str, array[float]] = field(default_factory=lambda: defaultdict(_column))
    subjects: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    dimensions: dict[str, dict[str, Group]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Group)))
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    readable: Group = field(default_factory=Group)
    everyone: Group = field(default_factory=Group)
    details: list[tuple[Outcome, dict[str, float | None]]] = field(default_factory=list)
    answered: int = 0
    cut_at_max_tokens: int = 0
    _item: str | None = None
    _cluster: str | None = None
    _variant: str | None = None
    _candidates: Group = field(default_factory=Group)
    _attempts: Group = field(default_factory=Group)

    def take(self, trial: TrialRecord) -> None:
        """Adds a trial; one that was neither answered nor failed does not count as reached."""
        if trial.answered is None and trial.failed is None:
            return
        p = trial.planned
        scored = trial.scored if trial.answered is not None else None
        verdict = scored.verdict if scored is not None else None
        ours = Outcome.INFRASTRUCTURE_FAILED if trial.answered is None else Outcome.JUDGE_FAILED
        outcome = verdict.outcome if verdict is not None else ours
        right = None if verdict is None or verdict.is_correct is None else float(verdict.is_correct)
        self.outcomes[outcome.value] += 1
        self._count_errors(trial)
        self._take_item(p.record_id, p.prompt_variant_id, p.cluster, right)
        for group in (self.everyone, self.subjects[p.subject or "general"]):
            group.add(right)
        if outcome is Outcome.SCORED:
            self.readable.add(right)
        for name in self.per_subject:
            self.dimensions[name][p.dimensions.get(name, "(none)")].add(right)
        self._put("is_correct", right)
        self._put("score", verdict.value if verdict is not None else None)
        self._take_measures(trial, right)
        if verdict is not None:
            for metric, value in verdict.metrics.items():
                self.metrics[metric].append(math.nan if value is None else value)
            if self.keep_details:
                self.details.append((outcome, verdict.metrics))

    def close(self) -> Columns:
        """Ends the last item."""
        self._end_item()
        return self

    def _take_item(self, item: str, variant: str, cluster: str | None, right: float | None) -> None:
        if item != self._item:
            self._end_item()
            self._item, self._cluster, self._variant = item, cluster, variant
        elif variant != self._variant:
            self._end_variant()
            self._variant = variant
        self._candidates.add(right)
        self._attempts.add(right)

    def _end_variant(self) -> None:
        if self._attempts.scored:
            self.tries[self._attempts.scored, round(self._attempts.correct)] += 1
        self._attempts = Group()

    def _end_item(self) -> None:
        self._end_variant()
        if self._candidates.scored:
            if self._cluster is not None and not self.clusters:  # the first cluster: the items so far stand alone
                self.clusters.extend(f"\0{number}" for number in range(len(self.items)))
            if self.clusters or self._cluster is not None:
                self.clusters.append(self._cluster if self._cluster is not None else f"\0{len(self.items)}")
            self.items.append(self._candidates.correct / self._candidates.scored)
        self._item, self._candidates = None, Group()

    def _count_errors(self, trial: TrialRecord) -> None:
        if trial.answered is None and trial.failed is not None:
            self.errors[trial.failed.error_kind] += 1
        elif trial.scored is not None and trial.scored.error:
            self.errors["judge"] += 1

    def _take_measures(self, trial: TrialRecord, right: float | None) -> None:
        answered = trial.answered
        if answered is None:
            return
        self.answered += 1
        self.cut_at_max_tokens += answered.finish_reason == "length"
        self._put("latency_seconds", answered.latency_seconds)
        self._put("ttft", answered.ttft_seconds)
        self._put("prompt_tokens", answered.usage.prompt_tokens)
        self._put("completion_tokens", answered.usage.completion_tokens)
        self._put("cost_usd", answered.cost_usd)
        self._put("judge_cost_usd", trial.scored.judge_cost_usd if trial.scored is not None else None)
        tokens, seconds = answered.usage.completion_tokens, answered.latency_seconds
        for name, value in measured(self.hardware, tokens, seconds, None if right is None else bool(right), answered.telemetry).items():
            self._put(name, value)

    def _put(self, name: str, value: float | None) -> None:
        self.values[name].append(math.nan if value is None else value)


def mean(column: array[float]) -> float | None:
    """Mean of what was measured."""
    known = _known(column)
    return float(known.mean()) if len(known) else None


def total(column: array[float]) -> float | None:
    """Sum of what was measured; None when nothing was."""
    known = _known(column)
    return float(known.sum()) if len(known) else None


def _known(column: array[float]) -> Any:
    import numpy as np

    values = np.frombuffer(column, dtype=np.float64) if len(column) else np.empty(0)
    return values[~np.isnan(values)]
