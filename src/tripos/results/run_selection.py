"""Which runs of a store a result speaks about, and which scoring of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.results.group_keys import parameters_of
from tripos.results.overlays import DEFAULT, RESCORED, TRANSFORM, Overlay, choose, choose_transform, fitting, named
from tripos.store.database import Database
from tripos.store.reading import Reader, RunRow, json_cell


@dataclass(frozen=True)
class Chosen:
    """A run with its configuration read. `known` are all scorings of its candidates, its own first."""

    row: RunRow
    known: tuple[Overlay, ...] = ()

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked for."""
        return json_cell(self.row.config, f"run.config of run {self.row.run_id}")

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Generation parameters and engine options, as labels."""
        return parameters_of(self.config)

    def has(self, scores: str) -> bool:
        """Whether there is a scoring of that name or hash, or several."""
        return scores == DEFAULT or bool(fitting(scores, self.known))

    def overlay(self, scores: str, transform: str | None = None) -> str:
        """The hash of a scoring by name; errors as `overlays.choose`."""
        if transform is not None:
            return choose_transform(transform, self.known, self.row.run_id)
        return self.row.overlay if scores == DEFAULT else choose(scores, self.known, self.row.run_id)


def choose_runs(
    database: Database,
    run_ids: Sequence[str] | None = None,
    benchmark: str | None = None,
    models: Sequence[str] | None = None,
    scores: str = DEFAULT,
) -> list[Chosen]:
    """The runs asked for, newest first.

    Args:
        run_ids: ids or unique beginnings of them. Without any: the newest run of each configuration of `benchmark` and `models`,
            less those that only rescored another run (they are scorings of it, chosen by name), and less those that were never
            scored as `scores` says, unless nothing of a model that was named would be left.

    Raises:
        ConfigError: nothing fits; lists what there is.
    """
    rows = Reader(database).runs()
    if not rows:
        raise ConfigError(f"{database.url} holds no run yet")
    every = [_Read(row) for row in rows]
    if run_ids:
        wanted = {Reader(database).run(run_id).run_id for run_id in run_ids}
        picked = [r for r in every if r.row.run_id in wanted]
    else:
        picked = _newest(every)
    for what, name, known in (("benchmark", benchmark, {r.row.benchmark for r in picked}), *_models(models, picked)):
        if name is not None and name not in known:
            raise ConfigError(f"{database.url}: {unknown(what, name, known)}")
    kept = [r for r in picked if benchmark in (None, r.row.benchmark) and (not models or r.row.model in models)]
    if not kept:
        pairs = sorted({f"{r.row.benchmark} x {r.row.model}" for r in picked})
        raise ConfigError(f"{database.url}: no run of {benchmark} with {', '.join(models or ())}; there are: {', '.join(pairs)}")
    chosen = [Chosen(r.row, _known(database, r, every)) for r in kept]
    scored = [run for run in chosen if run_ids or run.has(scores)]
    return scored if scored and {run.row.model for run in scored} >= set(models or ()) else chosen


@dataclass(frozen=True)
class _Read:
    row: RunRow
    config: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", json_cell(self.row.config, f"run.config of run {self.row.run_id}"))


def _newest(every: Sequence[_Read]) -> list[_Read]:
    newest: dict[str, _Read] = {}
    for read in every:  # newest first
        if not read.config.get(RESCORED):
            newest.setdefault(read.row.run_key, read)
    return list(newest.values())


def _models(models: Sequence[str] | None, picked: Sequence[_Read]) -> list[tuple[str, str, set[str]]]:
    known = {r.row.model for r in picked}
    return [("model", name, known) for name in models or ()]


def _known(database: Database, read: _Read, every: Sequence[_Read]) -> tuple[Overlay, ...]:
    """Every overlay comes from a run of the same benchmark and model; one counts here if it scored a candidate of this run."""
    names: dict[str, list[str]] = {read.row.overlay: [DEFAULT]}
    transforms: dict[str, str | None] = {}
    for other in every:
        if (other.row.benchmark, other.row.model) == (read.row.benchmark, read.row.model):
            if other.row.overlay not in names and not _scored(database, read.row.run_id, other.row.overlay):
                continue
            names.setdefault(other.row.overlay, []).extend(named(other.config))
            transforms[other.row.overlay] = other.config.get(TRANSFORM) or transforms.get(other.row.overlay)
    return tuple(Overlay(overlay, tuple(dict.fromkeys(found)), transforms.get(overlay)) for overlay, found in names.items())


def _scored(database: Database, run_id: str, overlay: str) -> bool:
    sql = "SELECT 1 FROM trial t JOIN verdict v ON v.candidate_id = t.candidate_id AND v.overlay = ? WHERE t.run_id = ? LIMIT 1"
    return bool(database.execute(sql, (overlay, run_id)))
