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
from numpy.typing import NDArray

from tripos.core.errors import ConfigError, nearest
from tripos.core.records import Outcome
from tripos.results.direction import agreed, lower_is_better
from tripos.results.group_keys import OF_CANDIDATE, OF_RUN, OF_TRIAL, RESERVED
from tripos.results.items import Floats
from tripos.results.overlays import scored_apart
from tripos.results.run_selection import Chosen
from tripos.results.score_table import Coder, Column, ScoreTable
from tripos.results.stored_columns import Candidates, Keys, Places, Where, ids_of, read_candidates, read_trials
from tripos.store.database import Database
from tripos.store.events import SPAN
from tripos.store.reading import json_cell

SCORES = {"score": "value", "accuracy": "is_correct"}
MEASURES = ("latency_seconds", "ttft_seconds", "cost_usd", "energy_joules", "prompt_tokens", "completion_tokens")
"""Columns of the `candidate` table that can be compared like a metric."""
_WITH_ENERGY = f"""(SELECT k.candidate_id, coalesce(m.energy_joules, k.energy_joules) AS energy_joules FROM candidate k
    LEFT JOIN measure m ON m.candidate_id = k.candidate_id AND m.position / {SPAN} = k.position / {SPAN}) AS measured"""
"""Telemetry tells the energy of an answer afterwards, in the same stream."""
_ALWAYS = ("benchmark_id", "model_id", "run_id", "item_id", "cluster")
_FEW = 1000
PENDING = "pending"
_UNGRADED = {"answered": Outcome.JUDGE_FAILED.value, "failed": Outcome.INFRASTRUCTURE_FAILED.value, None: PENDING}
"""How a candidate without a verdict ended, by its status in the `candidate` table."""


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
        ConfigError: no such metric; or two runs hold the same trials scored in two ways.
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


def dimension_keys(database: Database, parts: Sequence[Part], sought: Collection[str] = ()) -> set[str]:
    """The names of all dimensions of the trials of these runs; those of a few trials, if all that is sought is among them."""
    keys: set[str] = set()
    for few in ("SELECT dimensions FROM trial WHERE run_id = ? LIMIT 1", "SELECT DISTINCT dimensions FROM trial WHERE run_id = ?"):
        for part in parts:
            rows = database.execute(few, (part.run.row.run_id,))
            keys |= {name for (text,) in rows for name in json_cell(text, "trial.dimensions")}
        if sought and keys.issuperset(sought):
            break
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
    here = sum(run.row.planned or 0 for run in runs)
    ((everywhere,),) = database.execute("SELECT coalesce(sum(planned), 0) FROM run")  # counting rows would take as long as reading
    if 4 * here > everywhere > _FEW:
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
        self.with_outcome = bool(keys & set(OF_CANDIDATE))
        self.coders = {key: Coder() for key in (*self.constants, *self.fields, "outcome", "dimensions")}
        self.values: list[Floats] = []
        self.rows_of: dict[str, int] = {}
        models = [(p.run.row.benchmark, p.run.row.model) for p in parts]
        self.shared = len(set(models)) < len(models)
        self.seen: list[tuple[Part, Keys]] = []
        narrow = {overlay: _narrow(database, runs) for overlay, runs in _by_overlay(parts).items()}
        self.scores = {overlay: self._scores(overlay, few) for overlay, few in narrow.items()}
        of_verdict = wanted.metric_id in SCORES  # then outcomes came with the scores
        self.endings = self.scores if of_verdict else {o: self._endings(o, few) for o, few in narrow.items() if self.with_outcome}

    def _scores(self, overlay: str, narrow: _Narrow) -> Candidates:
        metric = self.wanted.metric_id
        table, column, condition = "metric", "value", Where("overlay = ? AND metric_id = ?", (overlay, metric))
        if metric in MEASURES:
            table, column, condition = _WITH_ENERGY if metric == "energy_joules" else "candidate", metric, Where("1 = 1")
        elif metric in SCORES:
            table, column, condition = "verdict", SCORES[metric], Where("overlay = ?", (overlay,))
        where = Where(condition.sql + narrow.sql, (*condition.parameters, *narrow.parameters))
        label = "outcome" if table == "verdict" and self.with_outcome else None
        return read_candidates(self.database, table, where, number=column, label=label, narrow=bool(narrow.sql))

    def _endings(self, overlay: str, narrow: _Narrow) -> Candidates:
        """Outcome of every graded candidate."""
        where = Where(f"overlay = ?{narrow.sql}", (overlay, *narrow.parameters))
        return read_candidates(self.database, "verdict", where, label="outcome", narrow=bool(narrow.sql))

    def take(self, part: Part) -> None:
        """Adds the trials of a run."""
        row = part.run.row
        fields = [*self.fields, *(["dimensions"] if self.dimensions else [])]
        columns = [*(OF_TRIAL.get(f, f) for f in fields), *self.filters]
        names, texts = read_trials(self.database, columns, Where("run_id = ?", (row.run_id,)))
        keep = np.ones(len(names), np.bool_)
        for allowed, text in zip(self.filters.values(), texts[len(fields) :], strict=True):
            keep &= np.fromiter(map(allowed.__contains__, msgspec.json.decode(text)), np.bool_, len(names))
        if self.shared:
            keep[keep] = self._new(names[keep], part)
        whole = bool(keep.all())
        for field, text in zip(fields, texts[: len(fields)], strict=True):
            if whole:
                self.coders[field].add_json(text)
            else:
                self.coders[field].add(list(compress(msgspec.json.decode(text), keep.tolist())))
        names = names[keep]
        self.rows_of[row.run_id] = len(names)
        scores = self.scores[part.overlay]
        places = scores.places(names)
        self.values.append(scores.numbers_at(places))
        if self.with_outcome:
            endings = self.endings[part.overlay]
            self.coders["outcome"].add_column(self._outcomes(endings, names, places if endings is scores else endings.places(names)))
        for key in self.constants:
            self.coders[key].add_constant(_of_run(part.run, key), len(names))

    def _new(self, names: Keys, part: Part) -> NDArray[np.bool_]:
        """Which candidates no run before this one has given."""
        new = np.ones(len(names), np.bool_)
        for before, given in self.seen:
            again = np.isin(names, given)
            if before.overlay != part.overlay and again.any():
                raise scored_apart([(p.run.row.run_id, p.overlay) for p in (before, part)], part.run.row.model)
            new &= ~again
        self.seen.append((part, names[new]))
        return new

    def _outcomes(self, graded: Candidates, names: Keys, places: Places) -> Column:
        """How each candidate ended. Without a verdict it is ours: not asked, not answered, or answered and not graded."""
        ungraded = ids_of(names[places < 0])
        status: dict[str, str] = dict(self.database.among("SELECT candidate_id, status FROM candidate WHERE candidate_id IN ", ungraded))
        labels = graded.labels.labels
        codes = graded.codes_at(places)
        place = {kind: number for number, kind in enumerate(_UNGRADED, len(labels))}
        codes[places < 0] = [place[status.get(name)] for name in ungraded]
        return Column(codes, [*labels, *_UNGRADED.values()])

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
        return ScoreTable(
            metric_id=metric,
            values=np.concatenate(self.values) if self.values else np.empty(0),
            columns=columns,
            bounded=False if metric in MEASURES else None,
            lower_is_better=agreed((_lower_is_better(p.run, metric) for p in self.parts), metric),
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


def _lower_is_better(run: Chosen, metric: str) -> bool | None:
    return lower_is_better(metric, run.config, imported=run.row.engine.startswith("imported:"))


def _of_run(run: Chosen, key: str) -> Any:
    row = run.row
    named = {"benchmark_id": row.benchmark, "model_id": row.model, "suite": row.suite or None}
    if key in named:
        return named[key]
    return getattr(row, key) if key in OF_RUN else run.parameters.get(key)


def _of_dimensions(texts: Column, names: Collection[str]) -> dict[str, Column]:
    """Each distinct JSON text is read once."""
    read = [json_cell(text, "trial.dimensions") for text in texts.labels]
    return {name: texts.relabelled([dimensions.get(name) for dimensions in read]) for name in names}


def _of_outcome(outcomes: Column) -> dict[str, Column]:
    """`outcome`, whether it is `truncated`, and the coarser `status`: ok when the ending is the model's own, error when it is ours."""
    status = [PENDING if o == PENDING else "ok" if Outcome(o).of_model else "error" for o in outcomes.labels]
    cut = [o == Outcome.TRUNCATED.value for o in outcomes.labels]
    return {"outcome": outcomes, "status": outcomes.relabelled(status), "truncated": outcomes.relabelled(cut)}
