"""The read side in one object: means, comparisons, timelines, failures, exports, over the runs of a store.

    result = BenchmarkResult.open("results/tripos.db", benchmark="supergpqa", models=["qwen3:8b", "gpt-5-mini"])
    result.aggregate(group_by=["model_id", "slice_id"], metric_id="accuracy")
    result.paired_compare(metric_id="accuracy", group_by="subject", p_value_correction="holm")

Every method that cannot find what is asked for says what there is; none returns an empty result for a wrong name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tripos.core.errors import ConfigError, unknown
from tripos.results.group_keys import canonical
from tripos.results.overlays import DEFAULT, UnknownOverlay, overlay_key
from tripos.results.projections import Projections
from tripos.results.rows import ProjectionRepo, Row, ScoreRow, TrialSummaryRow, UnsupportedKey

if TYPE_CHECKING:
    from tripos.results.artifacts import ArtifactBundle
    from tripos.results.comparison import ComparisonTable
    from tripos.results.evaluation_report import EvaluationReport
    from tripos.results.score_table import ScoreTable
    from tripos.results.timeline import RecordTimelineView, RecordType


_VIEWED = ("projection_repo", "transform_hashes", "evaluation_hashes", "active_transform_hash", "active_evaluation_hash",
           "benchmark_id", "slice_ids", "prompt_variant_ids")  # fmt: skip


class BenchmarkResult:
    """Results of a benchmark, in its own words: models, slices, prompt variants, dimensions, metrics.

    Args:
        projection_repo: where the results are: `Projections`, or anything with its four reading methods.
        trial_hashes: the trials that count; None means all of the repository's.
        transform_hashes, evaluation_hashes: the layers there are; empty means: ask the repository.
        active_transform_hash, active_evaluation_hash: the layer to read, by name or hash; without either, each run's own scores.
        slice_ids, prompt_variant_ids: keep to these.
    """

    def __init__(
        self,
        *,
        projection_repo: ProjectionRepo,
        trial_hashes: Sequence[str] | None,
        transform_hashes: Sequence[str] | None = None,
        evaluation_hashes: Sequence[str] | None = None,
        active_transform_hash: str | None = None,
        active_evaluation_hash: str | None = None,
        benchmark_id: str | None = None,
        slice_ids: Sequence[str] | None = None,
        prompt_variant_ids: Sequence[str] | None = None,
    ) -> None:
        overlay_key(active_transform_hash, active_evaluation_hash)
        self.projection_repo = projection_repo
        if isinstance(projection_repo, Projections):
            projection_repo.check_labels(slice_ids, prompt_variant_ids)
        self._given = None if trial_hashes is None else list(trial_hashes)
        self._chosen = None if trial_hashes is None else frozenset(trial_hashes)
        self.transform_hashes = list(transform_hashes or [])
        self.evaluation_hashes = list(evaluation_hashes or [])
        self.active_transform_hash = active_transform_hash
        self.active_evaluation_hash = active_evaluation_hash
        self.benchmark_id = benchmark_id
        self.slice_ids = list(slice_ids or [])
        self.prompt_variant_ids = list(prompt_variant_ids or [])

    @classmethod
    def open(
        cls,
        store: str | Path = "results/tripos.db",
        *,
        run_ids: Sequence[str] | None = None,
        benchmark: str | None = None,
        models: Sequence[str] | None = None,
        scores: str = DEFAULT,
    ) -> BenchmarkResult:
        """Results of runs of a store, read-only.

        Args:
            run_ids: ids or unique beginnings. Without: the newest run of every configuration of `benchmark` and `models`.
            scores: which scoring of the answers: `default`, the name of a rescoring, or a hash.

        Raises:
            ConfigError, StoreError: there is no such store, run, benchmark, model or scoring; lists what there is.
        """
        repo = Projections(store, run_ids=run_ids, benchmark=benchmark, models=models, scores=scores)
        used = {part.overlay for part in repo.parts()}
        known = {o.overlay for overlays in repo.overlays().values() for o in overlays}
        transforms = {o.transform for overlays in repo.overlays().values() for o in overlays if o.transform is not None}
        names = {run.row.benchmark for run in repo.runs}
        return cls(
            projection_repo=repo,
            trial_hashes=None,
            transform_hashes=sorted(transforms),
            evaluation_hashes=sorted(known),
            active_evaluation_hash=next(iter(used)) if len(used) == 1 else None,
            benchmark_id=names.pop() if len(names) == 1 else None,
        )

    @cached_property
    def trial_hashes(self) -> list[str]:
        """The trials that count."""
        if self.slice_ids or self.prompt_variant_ids:
            return sorted(row.trial_hash for row in self.iter_trial_summaries())
        return self._store().trial_hashes() if self._given is None else self._given

    @property
    def overlays(self) -> list[str]:
        """The scorings that `for_evaluation` takes, with their names: `default (1a2b…)`."""
        return sorted({o.shown for overlays in self._store().overlays().values() for o in overlays})

    @property
    def simulated(self) -> list[str]:
        """The models that were never asked: their answers are made up."""
        runs = self.projection_repo.runs if isinstance(self.projection_repo, Projections) else ()
        return sorted({run.row.model for run in runs if run.row.simulated})

    def aggregate(
        self, *, group_by: Sequence[str], metric_id: str | None = None, level: float = 0.95, macro_over: str | None = None
    ) -> list[Row]:
        """Mean of a metric by group: the keys in the order given, `mean`, `count`, then what `aggregate.aggregate` adds.

        Args:
            group_by: benchmark_id, model_id, slice_id, prompt_variant_id, item_id, metric_id, status, outcome, attempt, subject, run_id,
                any generation parameter (temperature, …) or any dimension. An empty list means one row over all.
            metric_id: `accuracy`, `score` or a further metric; None means all of them, never averaged together: without
                `metric_id` in `group_by` a column says which a row is of.
            macro_over: a key that divides each group into parts (`subject`, `slice_id`, …). `mean` stays the mean over items (micro);
                `macro_mean` is the mean over parts, each with the same weight, with its standard error, interval and bounds.

        Raises:
            UnsupportedKey: (a ValueError) "Unsupported group_by key: …" with those that exist.
            ConfigError: no such metric, or nothing to read.
        """
        from tripos.results.aggregate import aggregate

        if macro_over is not None and canonical(macro_over) == "metric_id":
            raise UnsupportedKey("Unsupported macro_over key: metric_id; different metrics have no average. Try slice_id or subject")
        keys = group_by if macro_over is None else [*group_by, macro_over]
        rows = [row for table in self._tables(metric_id, keys) for row in aggregate(table, group_by, level=level, macro_over=macro_over)]
        if metric_id is None:
            from tripos.results.score_table import order_of

            rows.sort(key=lambda row: tuple(order_of(row[key]) for key in group_by))
        return rows

    def paired_compare(
        self,
        *,
        metric_id: str,
        group_by: str = "slice_id",
        baseline_model_id: str | None = None,
        treatment_model_id: str | None = None,
        p_value_correction: str = "none",
        margin: float = 0.0,
        level: float = 0.95,
        better: str | None = None,
        macro_over: str | None = None,
    ) -> list[Row]:
        """Compares models pair by pair within each group; rows have the seed's keys first, then those of `ComparisonRow`.

        Args:
            baseline_model_id, treatment_model_id: one or both; with one, it meets every other model; with none, all pairs.
            p_value_correction: none, bonferroni, holm, bh or by, over all rows of this call.
            margin: the largest difference that does not matter.
            better: `more` or `less` of the metric; None: what the results and its name say.
            macro_over: adds after each row (`average`: `micro`) one in which every part of this key weighs the same (`macro over …`).

        Raises:
            UnsupportedKey, ConfigError: an unknown key, metric, model or correction, fewer than two models, or nothing to pair.
        """
        from tripos.results.comparison import NEEDS, compare
        from tripos.results.matching import model_pairs

        keys = [group_by] if macro_over is None or canonical(macro_over) == canonical(group_by) else [group_by, macro_over]
        (table,) = self._tables(metric_id, keys, needs=NEEDS)
        rows = compare(
            table,
            model_pairs(table.columns["model_id"].occurring(), baseline_model_id, treatment_model_id),
            group_by=group_by,
            correction=str(getattr(p_value_correction, "value", p_value_correction)),
            margin=margin,
            level=level,
            better=better,
            macro_over=macro_over,
        )
        return [row.plain(group_by) for row in rows]

    def compare(
        self,
        *,
        trial_hash: str | None = None,
        metric_id: str | None = None,
        task_id: str | None = None,
        baseline_model_id: str | None = None,
        treatment_model_id: str | None = None,
        p_value_correction: str = "none",
    ) -> ComparisonTable:
        """Compares models pair by pair within each task (slice) for each metric. All rows are one family of tests.

        Args:
            trial_hash: keep to one trial. A trial is of one model, so this is for repositories that count otherwise.
            metric_id, task_id: keep to one metric, one slice.
            baseline_model_id, treatment_model_id, p_value_correction: as of `paired_compare`.

        Raises:
            ConfigError: an unknown trial, metric, slice, model or correction, fewer than two models, or nothing to pair.
        """
        from tripos.results.comparison import NEEDS, ComparisonTable, compare
        from tripos.results.matching import model_pairs
        from tripos.results.score_table import order_of

        if trial_hash is not None and self._given is not None and trial_hash not in self._given:
            raise ConfigError(f"trial {trial_hash!r} is none of the {len(self.trial_hashes)} trials of these results")
        chosen = self if trial_hash is None else self._view(trial_hashes=[trial_hash])
        tables = [table.where("slice_id", task_id, "task") for table in chosen._tables(metric_id, ["slice_id"], needs=NEEDS)]
        models = {label for table in tables for label in table.columns["model_id"].occurring()}
        pairs = model_pairs(models, baseline_model_id, treatment_model_id)
        rows = compare(tables, pairs, group_by="slice_id", correction=str(getattr(p_value_correction, "value", p_value_correction)))
        named = sorted(rows, key=lambda r: (order_of(r.task_id), r.metric_id, r.baseline_model_id, r.treatment_model_id))
        return ComparisonTable(named)

    def leaderboard(self, *, metric_id: str | None = None, task_id: str | None = None) -> list[Row]:
        """Models by slice, best first: {model_id, task_id, metric_id, mean, count, min, max, …}; `task_id` keeps to one slice."""
        from tripos.results.leaderboard import leaderboard

        return leaderboard(list(self._tables(metric_id, ["model_id", "slice_id"])), task_id)

    def for_transform(self, transform_hash: str) -> BenchmarkResult:
        """The same trials under the scoring that rests on a transform, by its hash or a name. Raises UnknownOverlay."""
        if isinstance(self.projection_repo, Projections):
            self.projection_repo.parts(None, transform_hash)
        elif self.transform_hashes and transform_hash not in self.transform_hashes:
            raise UnknownOverlay(unknown("transform", transform_hash, self.transform_hashes))
        return self._view(active_transform_hash=transform_hash, active_evaluation_hash=None)

    def for_evaluation(self, evaluation_hash: str) -> BenchmarkResult:
        """The same trials under another scoring, by name or hash. Raises UnknownOverlay with the list of what there is."""
        if isinstance(self.projection_repo, Projections):
            hashes = {part.overlay for part in self.projection_repo.parts(evaluation_hash)}
            evaluation_hash = hashes.pop() if len(hashes) == 1 else evaluation_hash
        elif self.evaluation_hashes and evaluation_hash not in self.evaluation_hashes:
            raise UnknownOverlay(unknown("evaluation", evaluation_hash, self.evaluation_hashes))
        return self._view(active_transform_hash=None, active_evaluation_hash=evaluation_hash)

    def persist_artifacts(self, *, storage_root: str | Path) -> ArtifactBundle:
        """Writes the aggregate by model, slice, metric and prompt variant as JSON and Markdown; see `write_bundle`."""
        from tripos.results.artifacts import write_bundle

        rows = self.aggregate(group_by=["model_id", "slice_id", "metric_id", "prompt_variant_id"])
        return write_bundle(Path(storage_root), self.benchmark_id, self.scope(), rows, self.simulated)

    def iter_trial_summaries(self) -> Iterator[TrialSummaryRow]:
        """One row a trial with its labels and status."""
        rows = self.projection_repo.iter_trial_summaries(trial_hashes=self._chosen, **self._layer())
        return (row for row in rows if self._counts(row.trial_hash, row.slice_id, row.prompt_variant_id))

    def iter_scores(self, *, metric_id: str | None = None) -> Iterator[ScoreRow]:
        """Every metric of every scored candidate of the trials that count."""
        layer = self._layer()
        if not isinstance(self.projection_repo, Projections):
            del layer["transform_hash"]
        wanted = self.trial_hashes
        rows = self.projection_repo.iter_candidate_scores(trial_hashes=wanted, metric_id=metric_id, **layer)
        counted = frozenset(wanted)
        return (row for row in rows if row.trial_hash in counted)

    def iter_trials(self) -> Iterator[Any]:
        """Each trial's attempts, as `get_trial` gives them."""
        if isinstance(self.projection_repo, Projections):
            trials = self.projection_repo.iter_trials(**self._layer())
            for trial_hash, group in groupby((trial for _, trial in trials), key=lambda t: t.planned.trial_hash):
                attempts = list(group)
                planned = attempts[0].planned
                if self._counts(trial_hash, planned.slice_id, planned.prompt_variant_id):
                    yield attempts
        else:
            yield from map(self.get_trial, self.trial_hashes)

    def get_trial(self, trial_hash: str) -> Any:
        """The attempts of one trial. Raises ConfigError for an unknown one."""
        return self.projection_repo.get_trial_record(trial_hash, **self._layer())

    def view_timeline(self, record_id: str, *, record_type: RecordType | str = "candidate") -> RecordTimelineView:
        """Everything known of one record: a candidate id, a trial hash (or a beginning), or the benchmark's record id.

        Raises:
            ConfigError: unknown, or several; lists what there is.
        """
        from tripos.results.timeline import RecordType

        view: RecordTimelineView | None
        view = self.projection_repo.get_timeline_view(record_id, RecordType.of(record_type), **self._layer())
        if view is None:
            raise ConfigError(f"no {record_type} {record_id!r} in these results")
        return view

    def iter_failures(self) -> Iterator[Row]:
        """Candidates that we failed at, with where and why."""
        from tripos.results.findings import failures

        return self._counted(failures(self._store(), **self._layer()))

    def iter_invalid_extractions(self) -> Iterator[Row]:
        """Answers in which nothing to score was found."""
        from tripos.results.findings import invalid_extractions

        return self._counted(invalid_extractions(self._store(), **self._layer()))

    def iter_tagged_examples(self, *, tag: str | None = None) -> Iterator[Row]:
        """Candidates whose score details carry a tag."""
        from tripos.results.findings import tagged_examples

        return self._counted(tagged_examples(self._store(), tag=tag, **self._layer()))

    def export_json(self, path: str | Path | None = None, *, include_trials: bool = True) -> Row:
        """Everything as one JSON object, written to `path` if one is given."""
        from tripos.results.json_export import export_json

        return export_json(self, None if path is None else Path(path), include_trials=include_trials)

    def to_arrow(self) -> Any:
        """All scores as a `pyarrow.Table`, a row a metric of a candidate; see `score_rows`. Raises ConfigError without pyarrow."""
        from tripos.results.frames import to_arrow

        return to_arrow(self._score_rows())

    def to_pandas(self) -> Any:
        """The same as a `pandas.DataFrame`. Raises ConfigError without pandas."""
        from tripos.results.frames import to_pandas

        return to_pandas(self._score_rows())

    def to_polars(self) -> Any:
        """The same as a `polars.DataFrame`. Raises ConfigError without polars."""
        from tripos.results.frames import to_polars

        return to_polars(self._score_rows())

    def report(self, *, p_value_correction: str = "holm") -> EvaluationReport:
        """Means by model, slice and metric, micro and macro averages over several slices, comparisons of several models, as tables."""
        from tripos.results.evaluation_report import report_of

        return report_of(self, p_value_correction)

    def _tables(self, metric_id: str | None, keys: Sequence[str], *, needs: Sequence[str] = ()) -> Iterator[ScoreTable]:
        if not isinstance(self.projection_repo, Projections):
            from tripos.results.repo_scores import tables_of_repo

            yield from tables_of_repo(self.projection_repo, metric_id, keys, trial_hashes=self.trial_hashes, **self._layer())
            return
        repo = self.projection_repo
        if needs:
            keys = [*keys, *(name for name in needs if name not in map(canonical, keys))]
        for metric in repo.metrics(**self._layer()) if metric_id is None else [metric_id]:
            yield repo.table(
                metric,
                keys,
                trial_hashes=self._chosen,
                slice_ids=self.slice_ids or None,
                prompt_variant_ids=self.prompt_variant_ids or None,
                **self._layer(),
            )

    def _score_rows(self) -> list[Row]:
        from tripos.results.score_rows import score_rows

        return list(score_rows(self.iter_trial_summaries(), self.iter_scores()))

    def _counts(self, trial_hash: str, slice_id: str | None, variant: str | None) -> bool:
        if self._chosen is not None and trial_hash not in self._chosen:
            return False
        return (not self.slice_ids or slice_id in self.slice_ids) and (not self.prompt_variant_ids or variant in self.prompt_variant_ids)

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        return (row for row in rows if self._counts(row["trial_hash"], row["task_id"], row["prompt_variant_id"]))

    def _layer(self) -> dict[str, str | None]:
        return {"transform_hash": self.active_transform_hash, "evaluation_hash": self.active_evaluation_hash}

    def scope(self) -> dict[str, str]:
        """Which layer is read: `overlay_key` and the hashes that were chosen."""
        chosen = {name: value for name, value in self._layer().items() if value is not None}
        return {"overlay_key": overlay_key(self.active_transform_hash, self.active_evaluation_hash), **chosen}

    def _store(self) -> Projections:
        if not isinstance(self.projection_repo, Projections):
            raise ConfigError("this needs the results of a store; open them with BenchmarkResult.open(…)")
        return self.projection_repo

    def _view(self, **changed: Any) -> BenchmarkResult:
        same = {name: getattr(self, name) for name in _VIEWED}
        return BenchmarkResult(**{"trial_hashes": self._given, **same, **changed})
