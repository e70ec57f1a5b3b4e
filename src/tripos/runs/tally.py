"""Running counts of a run, for the live display. The summary does not trust them: it is computed from the store."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tripos.core.records import Outcome
from tripos.runs.pipeline import Ended

_EXAMPLES = 20


@dataclass
class Tally:
    """Written by the writer's thread alone, read by the display.

    `reused` are trials that were done before this command; `failures` keeps the first few by name.
    """

    planned: int
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    reused: int = 0
    correct: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    error_kinds: Counter[str] = field(default_factory=Counter)
    failures: list[Ended] = field(default_factory=list)

    def add(self, ended: Ended, *, reused: bool = False) -> None:
        """One more trial at its end."""
        self.done += 1
        self.reused += reused
        self.correct += ended.is_correct is True
        self.outcomes[ended.outcome.value] += 1
        if ended.error_kind is not None:
            self.error_kinds[ended.error_kind] += 1
            if len(self.failures) < _EXAMPLES:
                self.failures.append(ended)

    @property
    def of_model(self) -> int:
        """Trials that count in the headline denominator."""
        return sum(n for outcome, n in self.outcomes.items() if Outcome(outcome).of_model)

    @property
    def unscored(self) -> int:
        """Trials that we failed at."""
        return self.done - self.of_model

    @property
    def accuracy(self) -> float | None:
        """Correct among those that count, None while there is none."""
        return self.correct / self.of_model if self.of_model else None

    def eta_seconds(self) -> float | None:
        """Time left at the pace so far."""
        fresh = self.done - self.reused
        return (time.monotonic() - self.started) / fresh * (self.planned - self.done) if fresh else None
