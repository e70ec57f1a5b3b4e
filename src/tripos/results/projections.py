"""The runs of a store as results: the repository behind `BenchmarkResult`. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Outcome
from tripos.results.group_keys import RESERVED, canonical, check_keys
from tripos.results.overlays import DEFAULT, Overlay, scored_apart
from tripos.results.rows import ScoreRow, TrialSummaryRow, metrics_of
from tripos.results.run_selection import Chosen, choose_runs
from tripos.store.database import Database
from tripos.store.events import Scored, decode
from tripos.store.reading import Reader, TrialRecord, json_cell

if TYPE_CHECKING:
    from tripos.results.score_table import ScoreTable
    from tripos.results.store_scores import Part
    from tripos.results.timeline import RecordTimelineView, RecordType


class Projections:
    """Runs of one store.

    Args:
        store: a path, a URL or an open database.
        run_ids, benchmark, models: which runs, see `choose_runs`.
        scores: the scoring to read where a call names none: `default` (each run's own), a name or a hash.

    Raises:
        ConfigError, UnknownOverlay, StoreError: nothing fits; lists what there is.
    """

    def __init__(
        self,
        store: str | Path | Database,
        *,
        run_ids: Sequence[str] | None = None,
        benchmark: str | None = None,
        models: Sequence[str] | None = None,
        scores: str = DEFAULT,
    ) -> None:
        self.database = store if isinstance(store, Database) else Database(str(store), read_only=True)
        self.reader = Reader(self.database)
        self.runs = choose_runs(self.database, run_ids, benchmark, models, scores)
        self.scores = scores
        self.parts()

    def parts(self, evaluation_hash: str | None = None, transform_hash: str | None = None) -> list[Part]:
        """Each run with the hash of the scoring to read."""
        from tripos.results.store_scores import Part

        return [Part(run, run.overlay(self.scores if evaluation_hash is None else evaluation_hash, transform_hash)) for run in self.runs]

    def overlays(self) -> dict[str, tuple[Overlay, ...]]:
        """The scorings of each run, by run id; the first is `default`."""
        return {run.row.run_id: run.known for run in self.runs}

    def metrics(self, *, evaluation_hash: str | None = None, transform_hash: str | None = None) -> list[str]:
        """All metrics that were recorded."""
        from tripos.results.store_scores import SCORES, further_metrics

        return [*SCORES, *further_metrics(self.database, self.parts(evaluation_hash, transform_hash))]

    def table(
        self,
        metric_id: str,
        keys: Sequence[str] = (),
        *,
        trial_hashes: Collection[str] | None = None,
        slice_ids: Collection[str] | None = None,
        prompt_variant_ids: Collection[str] | None = None,
        evaluation_hash: str | None = None,
        transform_hash: str | None = None,
    ) -> ScoreTable:
        """A metric with the columns asked for.

        Raises:
            UnsupportedKey: a key that no trial has.
            ConfigError: no such metric, slice or prompt variant, or no candidate at all.
        """
        from tripos.results.store_scores import Wanted, read_scores

        parts = self.parts(evaluation_hash, transform_hash)
        self._check_keys(keys, parts)
        self.check_labels(slice_ids, prompt_variant_ids)
        names = frozenset(canonical(k) for k in keys) - {"metric_id"}
        chosen = [None if some is None else frozenset(some) for some in (trial_hashes, slice_ids, prompt_variant_ids)]
        table = read_scores(self.database, parts, Wanted(metric_id, names, *chosen))
        if not len(table):
            runs = ", ".join(run.row.run_id for run in self.runs)
            raise ConfigError(
                f"none of the {len(trial_hashes)} trial hashes is in runs {runs}" if trial_hashes is not None else f"no trial yet in {runs}"
            )
        return table

    def keys(self) -> list[str]:
        """Everything that can be grouped by."""
        from tripos.results.store_scores import dimension_keys

        return sorted({*RESERVED, *self._parameters(), *dimension_keys(self.database, self.parts())})

    def trial_hashes(self) -> list[str]:
        """All trials of the runs, sorted."""
        found: set[str] = set()
        for run in self.runs:
            found |= {row[0] for row in self.database.stream("SELECT trial_hash FROM trial WHERE run_id = ?", (run.row.run_id,))}
        return sorted(found)

    def iter_trial_summaries(
        self, *, trial_hashes: Collection[str] | None = None, transform_hash: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[TrialSummaryRow]:
        """One row a trial, run by run and ordered by trial hash within it."""
        wanted = None if trial_hashes is None else frozenset(trial_hashes)
        sql = """SELECT t.trial_hash, t.slice_id, t.prompt_variant_id, t.record_id, t.dimensions, k.status, v.outcome
            FROM trial t LEFT JOIN candidate k ON k.candidate_id = t.candidate_id
            LEFT JOIN verdict v ON v.candidate_id = t.candidate_id AND v.overlay = ?
            WHERE t.run_id = ? ORDER BY t.trial_hash, t.attempt"""
        once = _Once()
        for part in self.parts(evaluation_hash, transform_hash):
            run, overlay = part
            rows = self.database.stream(sql, (overlay, run.row.run_id))
            for trial_hash, attempts in groupby(rows, key=lambda row: row[0]):
                if (wanted is not None and trial_hash not in wanted) or not once.first(trial_hash, part):
                    continue
                listed = list(attempts)
                _, slice_id, variant, record_id, dimensions, _, _ = listed[0]
                labels = json_cell(dimensions, f"trial.dimensions of record {record_id!r} in run {run.row.run_id}")
                status = _status([_status_of(row[5], row[6]) for row in listed])
                yield TrialSummaryRow(trial_hash, run.row.model, slice_id, run.row.benchmark, slice_id, variant, record_id, labels, status)

    def iter_candidate_scores(
        self,
        *,
        trial_hashes: Collection[str] | None = None,
        metric_id: str | None = None,
        evaluation_hash: str | None = None,
        transform_hash: str | None = None,
    ) -> Iterator[ScoreRow]:
        """Every metric of every scored candidate, run by run, ordered by trial, candidate and metric."""
        wanted = None if trial_hashes is None else frozenset(trial_hashes)
        sql = """SELECT t.trial_hash, t.candidate_id, s.body FROM trial t
            JOIN verdict v ON v.candidate_id = t.candidate_id AND v.overlay = ? JOIN event s ON s.position = v.position
            WHERE t.run_id = ? ORDER BY t.trial_hash, t.candidate_id"""
        once = _Once()
        for part in self.parts(evaluation_hash, transform_hash):
            run, overlay = part
            for trial_hash, candidate_id, body in self.database.stream(sql, (overlay, run.row.run_id)):
                if (wanted is not None and trial_hash not in wanted) or not once.first(candidate_id, part):
                    continue
                scored = decode(bytes(body), f"of candidate {candidate_id} of trial {trial_hash[:12]}")
                assert isinstance(scored, Scored)
                metrics = metrics_of(scored.verdict)
                for name in sorted(metrics):
                    if metric_id in (None, name):
                        yield ScoreRow(trial_hash, candidate_id, name, metrics[name], scored.verdict.details)

    def iter_trials(self, *, evaluation_hash: str | None = None, transform_hash: str | None = None) -> Iterator[tuple[Chosen, TrialRecord]]:
        """Every attempt of every trial with its run; one that two runs share comes once."""
        once = _Once()
        for part in self.parts(evaluation_hash, transform_hash):
            run, overlay = part
            for trial in self.reader.trials(run.row.run_id, overlay):
                if once.first(trial.planned.candidate_id, part):
                    yield run, trial

    def get_trial_record(
        self, trial_hash: str, *, transform_hash: str | None = None, evaluation_hash: str | None = None
    ) -> list[TrialRecord]:
        """The attempts of a trial, in order. Raises ConfigError where there is no such trial."""
        from tripos.results import stored_record

        found = stored_record.find(self, trial_hash, transform_hash=transform_hash, evaluation_hash=evaluation_hash)
        loaded = [stored_record.load(self.database, f) for f in stored_record.one_trial(found, trial_hash)]
        return [TrialRecord(r.planned, r.answered, r.failed, r.scored) for r in loaded]

    def get_timeline_view(
        self,
        record_id: str,
        record_type: RecordType | str = "candidate",
        *,
        transform_hash: str | None = None,
        evaluation_hash: str | None = None,
    ) -> RecordTimelineView:
        """Everything known of one record in the order in which it happened, see `timeline_view.view`."""
        from tripos.results.timeline_view import view

        return view(self, record_id, record_type, transform_hash=transform_hash, evaluation_hash=evaluation_hash)

    def _parameters(self) -> set[str]:
        return {name for run in self.runs for name in run.parameters}

    def _check_keys(self, keys: Sequence[str], parts: list[Part]) -> None:
        from tripos.results.store_scores import dimension_keys

        known = {*RESERVED, *self._parameters()}
        further = {canonical(k) for k in keys} - known
        dimensions = dimension_keys(self.database, parts, further) if further else set()
        check_keys(keys, known, dimensions)

    def check_labels(self, slice_ids: Collection[str] | None, prompt_variant_ids: Collection[str] | None) -> None:
        """Raises ConfigError for a slice or prompt variant that no trial has."""
        from tripos.results.store_scores import distinct

        for column, wanted in (("slice_id", slice_ids), ("prompt_variant_id", prompt_variant_ids)):
            known = distinct(self.database, self.parts(), column) if wanted else set()
            for name in wanted or ():
                if name not in known:
                    raise ConfigError(unknown(column.removesuffix("_id").replace("_", " "), name, known))


class _Once:
    """What two runs share comes once, from the newer one."""

    def __init__(self) -> None:
        self._seen: dict[str, Part] = {}

    def first(self, name: str, part: Part) -> bool:
        """Whether no run before has given it. Raises ConfigError where one has, under another scoring."""
        before = self._seen.setdefault(name, part)
        if before.overlay != part.overlay:
            raise scored_apart([(p.run.row.run_id, p.overlay) for p in (before, part)], part.run.row.model)
        return before is part


def _status_of(candidate: str | None, outcome: str | None) -> str:
    if candidate is None:
        return "pending"
    return "ok" if outcome is not None and candidate == "answered" and Outcome(outcome).of_model else "error"


def _status(attempts: list[str]) -> str:
    return attempts[0] if len(set(attempts)) == 1 else "partial"
