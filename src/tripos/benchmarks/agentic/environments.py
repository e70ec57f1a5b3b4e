"""Tasks that live in an environment (a shop, a terminal, a web site) which a single reply does not see.

Their setting `answers` says what is scored. `live`: the environment is needed, and the door refuses where it cannot be had. `recorded`:
conversations that were held elsewhere and are replayed (`--replay`), with what the environment said of their end: a turn

    {"role": "environment", "reward": 1.0, …}

among the recorded turns; the last one that has the field counts. Only what recorded turns hold is read as the environment's word, never
what a model wrote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tripos.benchmarks.agentic.trajectory import Trajectory
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, SandboxError, ScorerError, unknown
from tripos.core.records import JSON

LIVE, RECORDED = "live", "recorded"


def answers_of(key: str, options: Options, *more: str) -> str:
    """The setting `answers`, `live` by default.

    Raises:
        ConfigError: it is none that the benchmark knows.
    """
    chosen = options.setting("answers", LIVE)
    known = (LIVE, RECORDED, *more)
    if chosen not in known:
        raise ConfigError(f"{key}: {unknown('setting answers', chosen, known)}")
    return chosen


def shut(key: str, what: str, *missing: str | None) -> None:
    """The door: refuses a run whose answers could not be scored here, in one sentence.

    Args:
        what: what the task needs, to be followed by what of it is missing.

    Raises:
        SandboxError: something is missing.
    """
    reasons = [reason for reason in missing if reason is not None]
    if reasons:
        advice = "trajectories recorded elsewhere can be scored with --replay FILE --setting answers=recorded"
        raise SandboxError(f"{key} {what}: {', and '.join(reasons)}; {advice}")


def noted(path: Trajectory, name: str) -> Mapping[str, JSON] | None:
    """The environment's last recorded word that has the field `name`, None where there is none."""
    return next((note for note in reversed(path.notes) if name in note), None)


def reward_of(path: Trajectory) -> float:
    """The reward that the environment recorded, cut to 0..1.

    Raises:
        ScorerError: there is none, so nobody can say how it ended.
    """
    note = noted(path, "reward")
    reward = note["reward"] if note is not None else None
    if isinstance(reward, bool | int | float) and math.isfinite(reward):
        return min(1.0, max(0.0, float(reward)))
    raise ScorerError('this answer has no recorded turn {"role": "environment", "reward": …}, so its end is not known')
