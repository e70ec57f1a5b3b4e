"""Several scorings over the same candidates, and choosing one by name.

An overlay is one transform with one scorer and, where there is one, its judge; its identity is a hash. `default` is what
a run itself was scored with. Others come from `tripos rescore` or from running again with another judge; a rescoring may
have a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tripos.core.errors import ConfigError, nearest

DEFAULT = "default"
NAME, TRANSFORM, RESCORED = "scores_name", "transform_hash", "rescored_from"
"""Keys of a run's configuration: the name of its scoring, the identity of its transform, the run whose answers it scored."""


class UnknownOverlay(ConfigError, LookupError):
    """No scoring of that name or hash, or several; the message lists those that exist."""


class Overlay(NamedTuple):
    """One scoring of the candidates of a run; `names` includes `default` for the run's own."""

    overlay: str
    names: tuple[str, ...]
    transform: str | None

    @property
    def shown(self) -> str:
        """`strict (1a2b3c4d5e6f)`."""
        return f"{', '.join(self.names)} ({self.overlay})" if self.names else self.overlay


def overlay_key(transform_hash: str | None, evaluation_hash: str | None) -> str:
    """`ev:HASH`, `tf:HASH` or `gen`: the layer that a result reads, in the words of the bundle's file names."""
    for name, value in (("transform_hash", transform_hash), ("evaluation_hash", evaluation_hash)):
        if value == "":
            raise UnknownOverlay(f"{name} is empty; leave it out to read the default scores")
    return f"ev:{evaluation_hash}" if evaluation_hash is not None else f"tf:{transform_hash}" if transform_hash is not None else "gen"


def choose(wanted: str, known: Sequence[Overlay], run: str) -> str:
    """The hash of the scoring that `wanted` names: a name, a hash or the beginning of one (4 characters or more).

    Raises:
        UnknownOverlay: none or several fit; lists what there is.
    """
    return _only(fitting(wanted, known), known, wanted, run, "scores")


def fitting(wanted: str, known: Sequence[Overlay]) -> list[Overlay]:
    """The scorings that `wanted` may mean."""
    exact = [o for o in known if wanted in o.names or wanted == o.overlay]
    return exact or [o for o in known if len(wanted) >= 4 and o.overlay.startswith(wanted)]


def choose_transform(wanted: str, known: Sequence[Overlay], run: str) -> str:
    """The hash of the one scoring that rests on a transform, named by its hash or by a scoring that uses it."""
    found = [o for o in known if o.transform is not None and len(wanted) >= 4 and o.transform.startswith(wanted)]
    if not found:
        return choose(wanted, known, run)
    return _only(found, known, wanted, run, "transform")


def named(config: dict[str, Any]) -> tuple[str, ...]:
    """The name of a run's scoring, if it has one."""
    return (str(config[NAME]),) if config.get(NAME) else ()


def scored_apart(runs: Sequence[tuple[str, str]], model: str) -> ConfigError:
    """Two runs, each with its scoring, hold the same trials: which is meant cannot be guessed."""
    named = " and ".join(f"{run_id} ({overlay})" for run_id, overlay in runs)
    return ConfigError(
        f"runs {named} hold the same trials of {model}, scored in two ways: name one of the runs, or one scoring with scores=… (--scores)"
    )


def _only(found: Sequence[Overlay], known: Sequence[Overlay], wanted: str, run: str, what: str) -> str:
    distinct = {o.overlay for o in found}
    if len(distinct) == 1:
        return distinct.pop()
    choices = ", ".join(o.shown for o in known) or "(none)"
    if found:
        raise UnknownOverlay(f"{what} {wanted!r} of run {run} is ambiguous; choose one by its hash: {', '.join(o.shown for o in found)}")
    guess = nearest(wanted, [name for o in known for name in o.names])
    hint = f"did you mean {guess!r}? " if guess else ""
    raise UnknownOverlay(f"run {run} has no {what} {wanted!r}; {hint}there are: {choices}")
