"""What results can be grouped by, and under which names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tripos.core.errors import nearest
from tripos.results.rows import UnsupportedKey

ALIASES = {
    "benchmark": "benchmark_id",
    "model": "model_id",
    "item": "item_id",
    "record_id": "item_id",
    "slice": "slice_id",
    "prompt_variant": "prompt_variant_id",
    "metric": "metric_id",
}
OF_RUN = ("benchmark_id", "model_id", "run_id", "engine", "backend", "suite", "category")
"""The same for all trials of a run; generation parameters and engine options are so too."""
OF_TRIAL = {
    "item_id": "record_id",
    "slice_id": "slice_id",
    "prompt_variant_id": "prompt_variant_id",
    "attempt": "attempt",
    "subject": "subject",
    "cluster": "cluster",
}
"""Key to column of the `trial` table."""
OF_CANDIDATE = ("status", "outcome", "truncated")
RESERVED = ("metric_id", *OF_RUN, *OF_TRIAL, *OF_CANDIDATE)
"""These names win over generation parameters, which win over dimensions of the same name."""


def canonical(key: str) -> str:
    """`model` for `model_id` and so on; anything else as it is."""
    return ALIASES.get(key, key)


def check_keys(group_by: Sequence[str], *known: Iterable[str]) -> None:
    """Raises UnsupportedKey for a key that no trial has, or one that is named twice."""
    if isinstance(group_by, str):
        raise UnsupportedKey(f"group_by takes a list of keys, got the text {group_by!r}; write [{group_by!r}]")
    choices = sorted({name for names in known for name in names})
    wrong = sorted({key for key in group_by if canonical(key) not in choices})
    if wrong:
        guess = nearest(wrong[0], choices)
        hint = f"did you mean {guess!r}? " if guess else ""
        raise UnsupportedKey(f"Unsupported group_by key: {', '.join(wrong)}; {hint}there are: {', '.join(choices)}")
    names = [canonical(key) for key in group_by]
    twice = sorted({key for key in names if names.count(key) > 1})
    if twice:
        raise UnsupportedKey(f"group_by names {', '.join(twice)} twice")


def parameters_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The generation parameters and engine options of a run's configuration, as labels: lists and tables become text."""
    params = dict(config.get("params") or {})
    extra = params.pop("extra", None) or {}
    model = config.get("model")
    options = (model.get("options") or {}) if isinstance(model, Mapping) else {}
    return {name: _label(value) for name, value in {**options, **extra, **params}.items()}


def _label(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        import msgspec

        return msgspec.json.encode(value, order="sorted").decode() if value else None
    return value
