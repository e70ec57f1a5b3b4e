"""A metric of results files as columns, so that files are compared by the same code as runs of a store."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from tripos.core.errors import ConfigError, nearest
from tripos.core.records import Outcome
from tripos.results.comparison import NEEDS
from tripos.results.direction import agreed, of_summary
from tripos.results.group_keys import canonical, parameters_of
from tripos.results.result_file import ResultFile, values_of
from tripos.results.score_table import Coder, ScoreTable

SIDE = "side"
"""The column that says whose a row is."""
_FIELDS = {"benchmark_id": "benchmark", "model_id": "model", "item_id": "record_id"}
"""Where a file has another name for a key."""
_ABSENT = {"prompt_variant_id": "default", "cluster": None}
"""What stands for a field that older files, and those of others, do not have."""


def table_of_file(file: ResultFile, metric: str, keys: Collection[str] = ()) -> ScoreTable:
    """A metric of a file.

    Args:
        keys: group keys beside those of every comparison; any field of the records will do, and any setting (temperature, …) that the
            summary beside the file tells.

    Raises:
        ConfigError: the records have no such metric or field; says which they have.
    """
    scores = values_of(file.records, metric)
    stated = (record.get("dimensions") for record in file.records)
    dimensions = frozenset(name for own in stated if isinstance(own, dict) for name in own)
    settings = _settings(file)
    columns = {}
    for key in sorted({"benchmark_id", "model_id", *NEEDS, *(canonical(k) for k in keys)}):
        coder = Coder()
        coder.add([_field(record, key, file, settings, dimensions) for record in file.records])
        columns[key] = coder.column()
    values = np.array([math.nan if s is None else s for s in scores], np.float64)
    return ScoreTable(metric_id=metric, values=values, columns=columns, lower_is_better=of_summary(metric, file.summary))


def pairs_of(names: Sequence[str], *, every_pair: bool = False) -> list[tuple[str, str]]:
    """The first with each other one, or every pair. Raises ConfigError where there is only one."""
    if len(names) < 2:
        raise ConfigError(f"compare needs at least two results files, runs or models; got one of {', '.join(names) or 'none'}")
    return list(combinations(names, 2)) if every_pair else [(names[0], name) for name in names[1:]]


def side_names(models: Sequence[str], places: Sequence[str]) -> list[str]:
    """Model names, with the place (file, run) where that does not tell them apart, and a number where that does not either."""
    names = [model if models.count(model) == 1 else f"{model} ({place})" for model, place in zip(models, places, strict=True)]
    return [name if names.count(name) == 1 else f"{name} #{names[:i].count(name) + 1}" for i, name in enumerate(names)]


def merged(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Tables of the same columns, one after the other."""
    columns = {}
    for key in set(tables[0].columns).intersection(*(t.columns for t in tables)):
        coder = Coder()
        for table in tables:
            coder.add_column(table.columns[key])
        columns[key] = coder.column()
    metric = tables[0].metric_id
    less = agreed((t.lower_is_better for t in tables), metric)
    return ScoreTable(metric_id=metric, values=np.concatenate([t.values for t in tables]), columns=columns, lower_is_better=less)


def _settings(file: ResultFile) -> dict[str, Any]:
    """Generation parameters and engine options, from the summary beside a file where it is of the same run; the same for all records."""
    if file.summary is None or _of_another_run(file):
        return {}
    config = file.summary.get("config")
    return parameters_of(config) if isinstance(config, dict) and isinstance(config.get("params"), dict) else {}


def _of_another_run(file: ResultFile) -> bool:
    named = (file.summary or {}).get("run_id")
    return named is not None and not file.run_ids <= {named}


def _field(record: dict[str, Any], key: str, file: ResultFile, settings: dict[str, Any], dimensions: frozenset[str]) -> Any:
    name = _FIELDS.get(key, key)
    if name in record:
        value = record[name]
        return str(value) if key == "item_id" else (value if value is not None else _ABSENT.get(key))
    if key == "truncated":
        return record.get("outcome") == Outcome.TRUNCATED.value
    if key in _ABSENT:
        return _ABSENT[key]
    if key in settings:
        return settings[key]
    own = record.get("dimensions")
    if isinstance(own, dict) and key in own:
        return own[key]
    if key in dimensions:
        return None  # this record has none of a dimension that others have
    known = sorted({k for k, v in record.items() if isinstance(v, str) and k not in ("model_answer", "error")} | dimensions | set(settings))
    guess = nearest(key, known)
    hint = f"; did you mean {guess!r}?" if guess else ""
    raise ConfigError(f"{file.path}: records have no {key!r} to group by{_untold(file)}; they have: {', '.join(known)}{hint}")


def _untold(file: ResultFile) -> str:
    """Why a setting is not known, where none is."""
    beside = f"{file.path.name}.summary.json"
    if file.summary is None:
        return f", and no summary lies beside it ({beside}), which would tell temperature and the like"
    if _of_another_run(file):
        return ", and the summary beside it is of another run, so temperature and the like are not known"
    return ""
