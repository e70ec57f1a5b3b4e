"""Reading a metric of whole runs from a store into columns.

The `trial` and the `verdict` table are each read once, in the order in which they lie on the disk, and joined in memory by
candidate: for a million trials that takes a third of the time of a join in SQL. For a few runs of a large store the second
read is narrowed to their candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import compress
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tripos.core.errors import ConfigError, nearest
from tripos.core.records import Outcome
from tripos.results.group_keys import OF_CANDIDATE, OF_RUN, OF_TRIAL, RESERVED
from tripos.results.items import Floats
from tripos.results.run_selection import Chosen
from tripos.results.score_table import Coder, Column, ScoreTable
from tripos.results.stored_columns import Keys, Numbers, Where, found, keys_of, read_columns, read_labels, read_numbers
from tripos.store.database import Database

SCORES = {"score": "value", "accuracy": "is_correct"}
MEASURES = ("latency_seconds", "ttft_seconds", "cost_usd", "energy_joules", "prompt_tokens", "completion_tokens")
"""Columns of the `candidate` table that can be compared like a metric."""
_ALWAYS = ("benchmark_id", "model_id", "run_id", "item_id", "cluster")
_FEW = 1000
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


class _Narrow(NamedTuple):
    sql: str
    parameters: tuple[str, ...]


def _narrow(database: Database, runs: Sequence[Chosen]) -> _Narrow:
    """A condition that keeps to the candidates of some runs, where they are few of all; else an empty one."""
    ids = tuple(run.row.run_id for run in runs)
    marks = ",".join("?" * len(ids))
    trials = database.execute(f"SELECT count(*) FROM trial WHERE run_id IN ({marks})", ids)[0][0]
    everything = database.execute("SELECT count(*) FROM candidate")[0][0]
    if 4 * trials > everything > _FEW:
        return _Narrow("", ())
    return _Narrow(f" AND candidate_id IN (SELECT candidate_id FROM trial WHERE run_id IN ({marks}))", ids)


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
        parameters = {name for part in parts for name in part.run.parameters}
        self.constants = sorted(k for k in keys if k in OF_RUN or (k in parameters and k not in RESERVED))
        self.dimensions = sorted(keys - {*RESERVED, *self.constants})
        self.fields = sorted(keys & OF_TRIAL.keys())
        filters = {"trial_hash": wanted.trial_hashes, "slice_id": wanted.slice_ids, "prompt_variant_id": wanted.prompt_variant_ids}
        self.filters = {field: allowed for field, allowed in filters.items() if allowed is not None}
        self.with_outcome, self.with_truncated = bool(keys & {"status", "outcome"}), "truncated" in keys
        self.coders = {key: Coder() for key in (*self.constants, *self.fields, *OF_CANDIDATE, "dimensions")}
        self.values: list[Floats] = []
        self.rows_of: dict[str, int] = {}
        models = [(p.run.row.benchmark, p.run.row.model) for p in parts]
        self.seen: dict[str, Part] | None = {} if len(set(models)) < len(models) else None
        overlays = _by_overlay(parts)
        narrow = {overlay: _narrow(database, runs) for overlay, runs in overlays.items()}
        self.scores = {overlay: self._scores(overlay, narrow[overlay]) for overlay in overlays}
        self.endings = {overlay: self._endings(overlay, narrow[overlay]) for overlay in overlays if self.with_outcome}
        self.cut = {overlay: self._truncated(overlay, narrow[overlay]) for overlay in overlays if self.with_truncated}

    def _scores(self, overlay: str, narrow: _Narrow) -> Numbers:
        metric = self.wanted.metric_id
        table, column, condition = "metric", "value", Where("overlay = ? AND metric_id = ?", (overlay, metric))
        if metric in MEASURES:
            table, column, condition = "candidate", metric, Where("1 = 1")
        elif metric in SCORES:
            table, column, condition = "verdict", SCORES[metric], Where("overlay = ?", (overlay,))
        where = Where(condition.sql + narrow.sql, (*condition.parameters, *narrow.parameters))
        return read_numbers(self.database, table, column, where, narrow=bool(narrow.sql))

    def _endings(self, overlay: str, narrow: _Narrow) -> tuple[tuple[Keys, Column], tuple[Keys, Column]]:
        """Outcome of every graded candidate, and whether a candidate was answered at all."""
        few = bool(narrow.sql)
        graded = Where(f"overlay = ?{narrow.sql}", (overlay, *narrow.parameters))
        asked = Where(f"1 = 1{narrow.sql}", narrow.parameters)
        database = self.database
        return read_labels(database, "verdict", "outcome", graded, narrow=few), read_labels(
            database, "candidate", "status", asked, narrow=few
        )

    def _truncated(self, overlay: str, narrow: _Narrow) -> frozenset[str]:
        """Candidates that count as cut at max_tokens; they are few."""
        sql = f"SELECT candidate_id FROM verdict WHERE overlay = ? AND outcome = ?{narrow.sql}"
        return frozenset(r[0] for r in self.database.execute(sql, (overlay, Outcome.TRUNCATED.value, *narrow.parameters)))

    def take(self, part: Part) -> None:
        """Adds the trials of a run."""
        row = part.run.row
        fields = [OF_TRIAL[f] for f in self.fields] + (["dimensions"] if self.dimensions else [])
        columns = read_columns(self.database, "trial", ["candidate_id", *fields, *self.filters], Where("run_id = ?", (row.run_id,)))
        for allowed, labels in zip(self.filters.values(), columns[1 + len(fields) :], strict=True):
            columns = _picked(columns, [label in allowed for label in labels])
        if self.seen is not None:
            columns = _picked(columns, [self._is_new(name, part) for name in columns[0]])
        names, rows = keys_of(columns[0]), len(columns[0])
        self.rows_of[row.run_id] = rows
        self.values.append(self.scores[part.overlay].of(names))
        for field, labels in zip((*self.fields, *(["dimensions"] if self.dimensions else [])), columns[1:], strict=False):
            self.coders[field].add(labels)
        if self.with_outcome:
            self.coders["outcome"].add(_outcomes(*self.endings[part.overlay], names))
        if self.with_truncated:
            self.coders["truncated"].add(list(map(self.cut[part.overlay].__contains__, columns[0])))
        for key in self.constants:
            self.coders[key].add_constant(_of_run(part.run, key), rows)

    def _is_new(self, candidate_id: str, part: Part) -> bool:
        assert self.seen is not None
        before = self.seen.setdefault(candidate_id, part)
        if before is not part and before.overlay != part.overlay:
            runs = f"{before.run.row.run_id} ({before.overlay}) and {part.run.row.run_id} ({part.overlay})"
            raise ConfigError(
                f"runs {runs} hold the same answers of {part.run.row.model}, scored in two ways: name one of the runs, or one "
                "scoring with scores=… (--scores)"
            )
        return before is part

    def table(self) -> ScoreTable:
        """What was read."""
        metric = self.wanted.metric_id
        if metric not in SCORES and metric not in MEASURES and not any(len(s.keys) for s in self.scores.values()):
            self._check_metric(metric)
        columns = {key: self.coders[key].column() for key in (*self.constants, *self.fields)}
        if self.dimensions:
            columns |= _of_dimensions(self.coders["dimensions"].column(), self.dimensions)
        if self.with_outcome:
            columns |= _of_outcome(self.coders["outcome"].column())
        if self.with_truncated:
            columns["truncated"] = self.coders["truncated"].column()
        return ScoreTable(
            metric_id=metric,
            values=np.concatenate(self.values) if self.values else np.empty(0),
            columns=columns,
            bounded=False if metric in MEASURES else None,
            of_run=frozenset(self.constants),
            not_reached={} if self.filters else self._not_reached(),
        )

    def _not_reached(self) -> dict[str, int]:
        planned = {p.run.row.run_id: p.run.row.planned or 0 for p in self.parts}
        return {run_id: max(0, wanted - self.rows_of[run_id]) for run_id, wanted in planned.items()}

    def _check_metric(self, metric: str) -> None:
        known = [*SCORES, *further_metrics(self.database, self.parts)]
        if metric not in known:
            guess = nearest(metric, [*known, *MEASURES])
            hint = f"did you mean {guess!r}? " if guess else ""
            raise ConfigError(f"unknown metric {metric!r}; {hint}there are: {', '.join(known)} (and measured: {', '.join(MEASURES)})")


def _picked(columns: list[list[Any]], keep: list[bool]) -> list[list[Any]]:
    return columns if all(keep) else [list(compress(column, keep)) for column in columns]


def _of_run(run: Chosen, key: str) -> Any:
    row = run.row
    named = {"benchmark_id": row.benchmark, "model_id": row.model, "suite": row.suite or None}
    if key in named:
        return named[key]
    return getattr(row, key) if key in OF_RUN else run.parameters.get(key)


def _outcomes(graded: tuple[Keys, Column], asked: tuple[Keys, Column], names: Keys) -> list[str]:
    """How each candidate ended. Without a verdict it is ours: not asked, not answered, or answered and not graded."""
    labels: list[str] = [*graded[1].labels, Outcome.JUDGE_FAILED.value, Outcome.INFRASTRUCTURE_FAILED.value, PENDING]
    size = len(graded[1].labels)
    unasked = np.int32(size + 2)
    endings = np.array([size if status == "answered" else size + 1 for status in asked[1].labels] or [size], np.int32)
    missing = found(asked[0], endings[asked[1].codes], names, unasked) if len(asked[0]) else np.full(len(names), unasked)
    codes = found(graded[0], graded[1].codes, names, np.int32(-1))
    return [labels[code] for code in np.where(codes < 0, missing, codes).tolist()]


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
