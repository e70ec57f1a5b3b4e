"""One metric of many candidates as columns: what `aggregate` and `compare` compute from, wherever the scores come from.

Labels are coded: a column holds small integers and each distinct label once, so that a million rows are a few megabytes
and grouping is arithmetic.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tripos.core.errors import ConfigError, unknown
from tripos.results.items import Codes, Floats

Small = NDArray[np.int32]
_decode = msgspec.json.Decoder(list[Any]).decode
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Column:
    """Row i is labelled `labels[codes[i]]`."""

    codes: Small
    labels: list[Any]

    def select(self, rows: NDArray[np.bool_]) -> Column:
        """The rows of a mask."""
        return Column(self.codes[rows], self.labels)

    def occurring(self) -> list[Any]:
        """The labels that a row has."""
        return [self.labels[code] for code in np.flatnonzero(np.bincount(self.codes, minlength=len(self.labels)))]

    def relabelled(self, labels: Sequence[Hashable]) -> Column:
        """The same rows under other labels, one for each of `self.labels`; equal ones become one."""
        coder = Coder()
        coder.add(labels)
        new = coder.column()
        return Column(new.codes[self.codes] if len(self.codes) else self.codes, new.labels)

    def codes_of(self, labels: Iterable[Any]) -> list[int]:
        """The codes of labels; one that does not occur has none."""
        place = {label: code for code, label in enumerate(self.labels)}
        return [place[label] for label in labels if label in place]


class Coder:
    """Numbers labels in order of first appearance, chunk by chunk."""

    def __init__(self) -> None:
        self._numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
        self._parts: list[Small] = []
        self._last: tuple[str, Small] | None = None

    def add(self, labels: Sequence[Hashable]) -> None:
        """One label a row."""
        self._parts.append(np.fromiter(map(self._numbers.__getitem__, labels), np.int32, len(labels)))

    def add_json(self, labels: str) -> None:
        """The same from a JSON list."""
        if self._last is not None and labels == self._last[0]:  # two models were asked the same
            self._parts.append(self._last[1])
            return
        self.add(_decode(labels))
        self._last = labels, self._parts[-1]

    def add_constant(self, label: Hashable, rows: int) -> None:
        """The same label for so many rows."""
        self.add_column(Column(np.zeros(rows, np.int32), [label]))

    def add_column(self, column: Column) -> None:
        """The rows of a column."""
        numbers = np.fromiter(map(self._numbers.__getitem__, column.labels), np.int32, len(column.labels))
        self._parts.append(numbers[column.codes] if len(column.codes) else column.codes)

    def column(self) -> Column:
        """All rows so far."""
        codes = np.concatenate(self._parts) if self._parts else np.empty(0, np.int32)
        return Column(codes, list(self._numbers))


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """One row a candidate that was planned.

    Attributes:
        values: the metric; NaN where it was not scored.
        columns: at least `benchmark_id`, `model_id`, `item_id` and `cluster` (None: alone), and every key asked for.
        bounded: the metric is a score that cannot leave 0..1; None means so if no value does.
        lower_is_better: None where nothing says so, as of other tools' metrics.
        of_run: the columns that are the same for all rows of a run.
        not_reached: candidates that were planned and have no row, by run; empty where the rows are not those of whole runs.
    """

    metric_id: str
    values: Floats
    columns: dict[str, Column]
    bounded: bool | None = None
    lower_is_better: bool | None = False
    of_run: frozenset[str] = frozenset()
    not_reached: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def select(self, rows: NDArray[np.bool_]) -> ScoreTable:
        """The rows of a mask."""
        return ScoreTable(
            metric_id=self.metric_id,
            values=self.values[rows],
            columns={name: c.select(rows) for name, c in self.columns.items()},
            bounded=self.bounded,
            lower_is_better=self.lower_is_better,
        )

    def where(self, key: str, label: str | None, what: str) -> ScoreTable:
        """The rows with a label; all for None. Raises ConfigError for a label that no row has; `what` is what a person calls it."""
        if label is None:
            return self
        column = self.columns[key]
        if label not in (known := column.occurring()):
            raise ConfigError(unknown(what, label, map(str, known)))
        return self.select(np.isin(column.codes, column.codes_of([label])))

    def combined(self, keys: Sequence[str]) -> tuple[Codes, Codes]:
        """(code of each row, first row of each code) over the distinct combinations of keys; codes are dense and sorted by the keys'."""
        codes: Codes = np.zeros(len(self), np.int64)
        size = 1
        for key in keys:
            column = self.columns[key]
            if size * max(1, len(column.labels)) > 2**62:
                codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
                size = int(codes.max(initial=0)) + 1
            codes = codes * len(column.labels) + column.codes
            size *= max(1, len(column.labels))
        return dense(codes, size)


def dense(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """Renumbers codes of 0..size-1 without gaps, keeping their order. Returns (codes, first row of each)."""
    if size <= 4 * len(codes) + 1024:  # a table of all codes is cheaper than a sort
        first = np.full(size, len(codes), np.int64)
        first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        present = first < len(codes)
        renumbered = np.cumsum(present) - 1
        return renumbered[codes], first[present]
    _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return inverse.astype(np.int64), firsts.astype(np.int64)


def ranks(labels: Sequence[Any]) -> Codes:
    """The place of each label in the order of `order_of`."""
    order: Sequence[int] | Codes | None = _by_number(labels)
    if order is None:
        order = sorted(range(len(labels)), key=[order_of(label) for label in labels].__getitem__)
    found = np.empty(len(labels), np.int64)
    found[order] = np.arange(len(labels))
    return found


def _by_number(labels: Sequence[Any]) -> Codes | None:
    """That order for texts with a number at the end only, as `record-7`, for an eighth of the work; None for others."""
    if not set(map(type, labels)) <= {str}:
        return None
    heads = [label.rstrip("0123456789") for label in labels]
    ends = [label[len(head) :] for label, head in zip(labels, heads, strict=True)]
    place = {head: number for number, head in enumerate(sorted(set(heads)))}
    if any(map(_DIGITS.search, place)) or max(map(len, ends), default=0) > 18:
        return None
    numbers = np.array([int(end or -1) for end in ends], np.int64)
    return np.lexsort((numbers, np.array([place[head] for head in heads], np.int64)))


def order_of(label: Any) -> tuple[Any, ...]:
    """Sorts labels as a person does: None first, numbers by size, digits inside a text as numbers ("r2" before "r10")."""
    if label is None:
        return (0, 0.0, ())
    if isinstance(label, (int, float)):
        return (1, float(label), ())
    parts: list[Any] = _DIGITS.split(str(label))  # texts and digits in turn, beginning with a text
    parts[1::2] = map(int, parts[1::2])
    return (2, 0.0, parts)
