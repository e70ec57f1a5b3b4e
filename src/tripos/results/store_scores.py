"""Reading a metric of whole runs from a store into columns.

The `trial` and the `verdict` table are each read once, in the order in which they lie on the disk, and joined in memory by
candidate: for a million trials that takes half the time of a join in SQL. For a few runs of a large store the second read
is narrowed to their candidates.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tripos.core.errors import ConfigError, nearest
from tripos.core.records import Outcome
from tripos.results.group_keys import OF_CANDIDATE, OF_RUN, OF_TRIAL
from tripos.results.items import Floats
from tripos.results.run_selection import Chosen
from tripos.results.score_table import Coder, Column, ScoreTable
from tripos.store.database import Database

SCORES = {"score": "value", "accuracy": "is_correct"}
MEASURES = ("latency_seconds", "ttft_seconds", "cost_usd", "energy_joules", "prompt_tokens", "completion_tokens")
"""Columns of the `candidate` table that can be compared like a metric."""
_ALWAYS = ("benchmark_id", "model_id", "run_id", "item_id", "prompt_variant_id", "cluster")
_CHUNK = 1 << 16
PENDING = "pending"


class Part(NamedTuple):
    """A run with the scoring to read."""

    run: Chosen
    overlay: str


class Wanted(NamedTuple):
    """What to read: columns beside the usual ones, and which trials (None: all)."""

    metric_id: str
    keys: frozenset[str]
    trial_hashes: frozenset[str] | None = None
    slice_ids: frozenset[str] | None = None
    prompt_variant_ids: frozenset[str] | None = None


def read_scores(database: Database, parts: Sequence[Part], wanted: Wanted) -> ScoreTable:
    """The table of a metric over runs; a candidate that two runs share is read once, from the newer one.

    Raises:
        ConfigError: no such metric; or two runs hold the same answers scored in two ways.
    """
    reading = _Reading(database, parts, wanted)
    for part in parts:
        reading.take(part)
    return reading.table()


def further_metrics(database: Database, parts: Sequence[Part]) -> list[str]:
    """Metrics beside `score` and `accuracy` that were recorded for these runs."""
    found: set[str] = set()
    for overlay, runs in _by_overlay(parts).items():
        where = _narrow(database, runs)
        sql = f"SELECT DISTINCT metric_id FROM metric WHERE overlay = ?{where.sql}"
        found |= {row[0] for row in database.execute(sql, (overlay, *where.parameters))}
    return sorted(found)


def dimension_keys(database: Database, parts: Sequence[Part]) -> set[str]:
    """The names of all dimensions of the trials of these runs."""
    keys: set[str] = set()
    for part in parts:
        rows = database.execute("SELECT DISTINCT dimensions FROM trial WHERE run_id = ?", (part.run.row.run_id,))
        keys |= {name for row in rows if row[0] for name in msgspec.json.decode(row[0])}
    return keys


def distinct(database: Database, parts: Sequence[Part], column: str) -> set[str]:
    """All values of a column of the `trial` table over these runs."""
    sql = f"SELECT DISTINCT {column} FROM trial WHERE run_id = ?"
    return {row[0] for part in parts for row in database.execute(sql, (part.run.row.run_id,))}


class _Where(NamedTuple):
    sql: str
    parameters: tuple[str, ...]


def _narrow(database: Database, runs: Sequence[Chosen]) -> _Where:
    """A condition that keeps to the candidates of some runs, where they are few of all."""
    ids = tuple(run.row.run_id for run in runs)
    marks = ",".join("?" * len(ids))
    trials = database.execute(f"SELECT count(*) FROM trial WHERE run_id IN ({marks})", ids)[0][0]
    everything = database.execute("SELECT count(*) FROM candidate")[0][0]
    if 4 * trials > everything:
        return _Where("", ())
    return _Where(f" AND candidate_id IN (SELECT candidate_id FROM trial WHERE run_id IN ({marks}))", ids)


def _by_overlay(parts: Sequence[Part]) -> dict[str, list[Chosen]]:
    found: dict[str, list[Chosen]] = {}
    for part in parts:
        found.setdefault(part.overlay, []).append(part.run)
    return found


class _Reading:
    """Columns under construction."""

    def __init__(self, database: Database, parts: Sequence[Part], wanted: Wanted) -> None:
        self.database, self.parts, self.wanted = database, parts, wanted
        keys = {*_ALWAYS, *wanted.keys}
        self.constants = [k for k in keys if k in OF_RUN or (k not in OF_TRIAL and k not in OF_CANDIDATE and self._is_parameter(k))]
        self.dimensions = sorted(keys - {*OF_TRIAL, *OF_CANDIDATE, *self.constants})
        self.fields = sorted(keys & OF_TRIAL.keys())
        self.filters = [
            (field, allowed)
            for field, allowed in (
                ("trial_hash", wanted.trial_hashes),
                ("slice_id", wanted.slice_ids),
                ("prompt_variant_id", wanted.prompt_variant_ids),
            )
            if allowed is not None
        ]
        self.with_outcome = bool(keys & {*OF_CANDIDATE})
        self.coders = {key: Coder() for key in (*self.constants, *self.fields, "outcome", "dimensions")}
        self.values: list[Floats] = []
        self.rows_of: dict[str, int] = {}
        models = [(p.run.row.benchmark, p.run.row.model) for p in parts]
        self.seen: dict[str, Part] | None = {} if len(set(models)) < len(models) else None
        self.scores = {overlay: self._scores(overlay, runs) for overlay, runs in _by_overlay(parts).items()}
        self.endings = {overlay: self._endings(overlay, runs) for overlay, runs in _by_overlay(parts).items()} if self.with_outcome else {}

    def _is_parameter(self, key: str) -> bool:
        return any(key in part.run.parameters for part in self.parts)

    def _scores(self, overlay: str, runs: Sequence[Chosen]) -> dict[str, float]:
        metric, where = self.wanted.metric_id, _narrow(self.database, runs)
        if metric in SCORES:
            column = SCORES[metric]
            sql = f"SELECT candidate_id, {column} FROM verdict WHERE overlay = ? AND {column} IS NOT NULL{where.sql}"
            return dict(self.database.stream(sql, (overlay, *where.parameters)))  # type: ignore[arg-type]
        if metric in MEASURES:
            sql = f"SELECT candidate_id, {metric} FROM candidate WHERE {metric} IS NOT NULL{where.sql}"
            return dict(self.database.stream(sql, where.parameters))  # type: ignore[arg-type]
        sql = f"SELECT candidate_id, value FROM metric WHERE overlay = ? AND metric_id = ? AND value IS NOT NULL{where.sql}"
        return dict(self.database.stream(sql, (overlay, metric, *where.parameters)))  # type: ignore[arg-type]

    def _endings(self, overlay: str, runs: Sequence[Chosen]) -> dict[str, str]:
        """Outcome of every candidate that has one; failures to ask and to grade included."""
        where = _narrow(self.database, runs)
        unasked, ungraded = Outcome.INFRASTRUCTURE_FAILED.value, Outcome.JUDGE_FAILED.value
        candidates = self.database.stream(f"SELECT candidate_id, status FROM candidate WHERE 1 = 1{where.sql}", where.parameters)
        found = {name: ungraded if status == "answered" else unasked for name, status in candidates}
        sql = f"SELECT candidate_id, outcome FROM verdict WHERE overlay = ?{where.sql}"
        found.update(self.database.stream(sql, (overlay, *where.parameters)))  # type: ignore[arg-type]
        return found

    def take(self, part: Part) -> None:
        """Adds the trials of a run."""
        row = part.run.row
        filtered = [field for field, _ in self.filters]
        names = ["candidate_id", *(OF_TRIAL[f] for f in self.fields), *(["dimensions"] if self.dimensions else []), *filtered]
        self.rows_of[row.run_id] = 0
        for chunk in _chunks(self.database.stream(f"SELECT {', '.join(names)} FROM trial WHERE run_id = ?", (row.run_id,))):
            kept = self._kept(chunk, part, len(names) - len(filtered))
            if kept:
                self.rows_of[row.run_id] += len(kept)
                self._add(part, list(zip(*kept, strict=True)))

    def _kept(self, chunk: list[tuple[Any, ...]], part: Part, first_filter: int) -> list[tuple[Any, ...]]:
        for number, (_, allowed) in enumerate(self.filters, first_filter):
            chunk = [row for row in chunk if row[number] in allowed]
        if self.seen is None:
            return chunk
        new = []
        for row in chunk:
            before = self.seen.setdefault(row[0], part)
            if before is part:
                new.append(row)
            elif before.overlay != part.overlay:
                runs = f"{before.run.row.run_id} ({before.overlay}) and {part.run.row.run_id} ({part.overlay})"
                raise ConfigError(
                    f"runs {runs} hold the same answers of {part.run.row.model}, scored in two ways: name one of the runs, or one "
                    "scoring with scores=… (--scores)"
                )
        return new

    def _add(self, part: Part, columns: list[tuple[Any, ...]]) -> None:
        names = columns[0]
        rows = len(names)
        self.values.append(np.fromiter(map(self.scores[part.overlay].get, names, repeat(math.nan)), np.float64, rows))
        for field, labels in zip(self.fields, columns[1:], strict=False):
            self.coders[field].add(labels)
        if self.dimensions:
            self.coders["dimensions"].add(columns[1 + len(self.fields)])
        if self.with_outcome:
            self.coders["outcome"].add(list(map(self.endings[part.overlay].get, names, repeat(PENDING))))
        row = part.run.row
        of_run = {
            "benchmark_id": row.benchmark,
            "model_id": row.model,
            "run_id": row.run_id,
            "engine": row.engine,
            "backend": row.backend,
            "suite": row.suite or None,
            "category": row.category,
        }
        for key in self.constants:
            self.coders[key].add_constant(of_run[key] if key in of_run else part.run.parameters.get(key), rows)

    def table(self) -> ScoreTable:
        """What was read."""
        values = np.concatenate(self.values) if self.values else np.empty(0)
        metric = self.wanted.metric_id
        if metric not in SCORES and metric not in MEASURES and not any(self.scores.values()):
            self._check_metric(metric)
        columns = {key: self.coders[key].column() for key in (*self.constants, *self.fields)}
        if self.dimensions:
            columns |= _of_dimensions(self.coders["dimensions"].column(), self.dimensions)
        if self.with_outcome:
            columns |= _of_outcome(self.coders["outcome"].column())
        return ScoreTable(
            metric_id=metric,
            values=values,
            columns=columns,
            bounded=False if metric in MEASURES else None,
            of_run=frozenset(self.constants),
            not_reached={} if self.filters else self._not_reached(),
        )

    def _not_reached(self) -> dict[str, int]:
        rows = {p.run.row.run_id: p.run.row.planned or 0 for p in self.parts}
        return {run_id: max(0, planned - self.rows_of[run_id]) for run_id, planned in rows.items()}

    def _check_metric(self, metric: str) -> None:
        known = [*SCORES, *further_metrics(self.database, self.parts)]
        if metric not in known:
            guess = nearest(metric, [*known, *MEASURES])
            hint = f"did you mean {guess!r}? " if guess else ""
            raise ConfigError(f"unknown metric {metric!r}; {hint}there are: {', '.join(known)} (and measured: {', '.join(MEASURES)})")


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _of_dimensions(texts: Column, names: Collection[str]) -> dict[str, Column]:
    """Each distinct JSON text is read once."""
    read = [msgspec.json.decode(text) if text else {} for text in texts.labels]
    found = {}
    for name in names:
        coder = Coder()
        coder.add([dimensions.get(name) for dimensions in read])
        per_text = coder.column()
        found[name] = Column(per_text.codes[texts.codes] if len(texts.codes) else texts.codes, per_text.labels)
    return found


def _of_outcome(outcomes: Column) -> dict[str, Column]:
    """`outcome` and the coarser `status`: ok when the ending is the model's own, error when it is ours."""
    coder = Coder()
    coder.add([PENDING if o == PENDING else "ok" if Outcome(o).of_model else "error" for o in outcomes.labels])
    status = coder.column()
    return {"outcome": outcomes, "status": Column(status.codes[outcomes.codes] if len(outcomes.codes) else outcomes.codes, status.labels)}
