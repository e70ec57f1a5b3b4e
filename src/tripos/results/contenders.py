"""Who is compared: results files, runs of a store, models of a store, in any mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tripos.core.errors import ConfigError, StoreError, unknown
from tripos.results.comparison import NEEDS
from tripos.results.file_scores import SIDE, merged, side_names, table_of_file
from tripos.results.overlays import DEFAULT
from tripos.results.projections import Projections
from tripos.results.result_file import ResultFile, read_results
from tripos.results.score_table import Column, ScoreTable
from tripos.store.database import Database
from tripos.store.reading import Reader

RUN, MODEL = "run:", "model:"


class Contender(NamedTuple):
    """One side: its model, where it comes from, its scores, and those of its models that were never asked."""

    model: str
    place: str
    table: ScoreTable
    simulated: frozenset[str]


def contend(
    named: Sequence[str | ResultFile],
    metric: str,
    *keys: str,
    store: str,
    scores: str = DEFAULT,
    benchmark: str | None = None,
) -> tuple[ScoreTable, list[str], list[str]]:
    """(one table of all sides, their names in the order given, the simulated models among them).

    Args:
        named: a results file, `run:ID`, `model:NAME`, or a run id or model that the store knows. A model means the newest run of
            each of its configurations, of `benchmark` where one is given. Those of one model on different benchmarks are one side.
        keys: what the comparison is grouped by, and averaged over.
        scores: the scoring of runs: `default`, a name or a hash.

    Raises:
        ConfigError, StoreError: a name fits nothing; says what there is.
    """
    if scores != DEFAULT and all(_is_file(name) for name in named):
        raise ConfigError(f"--scores {scores} chooses a scoring of runs, and only files are compared: name the runs (run:ID) or models")
    sides = _by_model([_contender(name, metric, keys, store, scores, benchmark) for name in named])
    called = side_names([s.model for s in sides], [s.place for s in sides])
    tables = []
    for name, contender in zip(called, sides, strict=True):
        rows = np.zeros(len(contender.table), np.int32)
        table = contender.table
        tables.append(replace(table, columns={**table.columns, SIDE: Column(rows, [name])}))
    return merged(tables), called, sorted(frozenset().union(*(s.simulated for s in sides)))


def _by_model(contenders: Sequence[Contender]) -> list[Contender]:
    """A whole suite is compared as one family of tests; two of one model on the same benchmark stay apart."""
    sides: list[Contender] = []
    for new in contenders:
        mine = set(new.table.columns["benchmark_id"].labels)
        mate = next(
            (i for i, s in enumerate(sides) if s.model == new.model and not mine & set(s.table.columns["benchmark_id"].labels)), None
        )
        if mate is None:
            sides.append(new)
        else:
            old = sides[mate]
            table = merged([old.table, new.table])
            sides[mate] = Contender(new.model, f"{old.place} {new.place}", table, old.simulated | new.simulated)
    return sides


def _contender(name: str | ResultFile, metric: str, keys: Sequence[str], store: str, scores: str, benchmark: str | None) -> Contender:
    if isinstance(name, ResultFile):
        if not name.records:
            raise ConfigError(f"{name.path} holds no record: there is nothing to compare")
        table = table_of_file(name, metric, keys)
        held = sorted(map(str, table.columns["benchmark_id"].occurring()))
        if benchmark not in (None, *held):
            raise ConfigError(f"{name.path}: {unknown('benchmark', str(benchmark), held)}")
        made_up = frozenset(str(r.get("model")) for r in name.records if r.get("simulated"))
        return Contender(name.model, name.path.stem, table, made_up)
    if _is_file(name):
        return _contender(read_results(Path(name)), metric, keys, store, scores, benchmark)
    runs = _of_store(name, store, scores, benchmark)
    models = {run.row.model for run in runs.runs}
    place = " ".join(run.row.run_id for run in runs.runs) if len(runs.runs) < 3 else f"{len(runs.runs)} runs"
    made_up = frozenset(run.row.model for run in runs.runs if run.row.simulated)
    return Contender(" + ".join(sorted(models)), place, runs.table(metric, [*keys, *NEEDS]), made_up)


def _is_file(name: str | ResultFile) -> bool:
    if isinstance(name, ResultFile):
        return True
    return not name.startswith((RUN, MODEL)) and (Path(name).is_file() or Path(name).suffix in (".jsonl", ".json"))


def _of_store(name: str, store: str, scores: str, benchmark: str | None) -> Projections:
    try:
        database = Database(store, read_only=True)
    except StoreError as error:
        raise ConfigError(f"{name}: there is no such results file, and for a run id a store is needed: {error}") from error
    if name.startswith(RUN):
        return Projections(database, run_ids=[name.removeprefix(RUN)], benchmark=benchmark, scores=scores)
    if name.startswith(MODEL):
        return Projections(database, models=[name.removeprefix(MODEL)], benchmark=benchmark, scores=scores)
    rows = Reader(database).runs()
    if any(row.model == name for row in rows) and not any(row.run_id == name for row in rows):
        return Projections(database, models=[name], benchmark=benchmark, scores=scores)
    if any(row.run_id.startswith(name) for row in rows):
        return Projections(database, run_ids=[name], benchmark=benchmark, scores=scores)
    known = [row.run_id for row in rows] + sorted({row.model for row in rows})
    raise ConfigError(f"{name}: there is no such results file, and in the store {unknown('run or model', name, known)}")
