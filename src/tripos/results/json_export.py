"""A result as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tripos.core.errors import ConfigError
from tripos.results.artifacts import write_atomically
from tripos.results.rows import Row

if TYPE_CHECKING:
    from tripos.results.benchmark_result import BenchmarkResult


def export_json(result: BenchmarkResult, path: Path | None, *, include_trials: bool) -> Row:
    """Hashes, layer, trial summaries, score rows and, if wanted, the trials with all their events.

    Raises:
        ConfigError: `path` cannot be written.
    """
    layer = {"transform_hash": result.active_transform_hash, "evaluation_hash": result.active_evaluation_hash}
    found: Row = {
        "trial_hashes": result.trial_hashes,
        "transform_hashes": result.transform_hashes,
        "evaluation_hashes": result.evaluation_hashes,
        "overlay": {**layer, **result.scope()},
        "trial_summaries": [_plain(row) for row in result.iter_trial_summaries()],
        "score_rows": [_plain(row) for row in result.iter_scores()],
    }
    if result.simulated:
        found["simulated"] = result.simulated
    if include_trials:
        found["trials"] = [_plain_trial(trial) for trial in result.iter_trials()]
    if path is not None:
        try:
            write_atomically(path, msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=2) + b"\n")
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return found


def _plain_trial(trial: object) -> object:
    """Attempts of ours; whatever another repository calls a trial."""
    plain: object = msgspec.to_builtins([_plain(attempt) for attempt in trial] if isinstance(trial, list) else _plain(trial))
    return plain


def _plain(row: object) -> Row:
    fields = getattr(row, "_fields", None)
    if fields is None:
        plain: Row = msgspec.to_builtins(row)
        return plain
    return {name: getattr(row, name) for name in fields}
