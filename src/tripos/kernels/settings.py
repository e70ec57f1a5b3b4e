"""What a kernel run was asked to do, checked before anything starts, and as it stands in a payload."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from tripos.core.errors import ConfigError, unknown

MODES = ("correctness", "performance", "full")
DEFAULT_TEAM = "aikg_agent"
_TEAM = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of a kernel run.

    `warmup`, `iterations` and `num_trials` are those of a fixed measuring plan and None where measuring adapts itself. `rtol` and
    `atol` are None where the tolerance follows the data type. `timeout` is in seconds a case.
    """

    mode: str = "correctness"
    pass_n: int = 3
    max_concurrent: int = 4
    tiers: tuple[str, ...] | None = None
    cases: tuple[str, ...] | None = None
    filter: str | None = None
    team_name: str = DEFAULT_TEAM
    workflow: str | None = None
    warmup: int | None = None
    iterations: int | None = None
    num_trials: int | None = None
    rtol: float | None = None
    atol: float | None = None
    timeout: float = 300.0

    def __post_init__(self) -> None:
        """Raises ConfigError for a value out of its range, naming the option."""
        if self.mode not in MODES:
            raise ConfigError(unknown("mode", self.mode, MODES))
        team_name(self.team_name)
        for name, least in (("pass_n", 1), ("max_concurrent", 1), ("warmup", 0), ("iterations", 1), ("num_trials", 1)):
            _at_least(name, getattr(self, name), least)
        for name in ("rtol", "atol"):
            _at_least(name, getattr(self, name), 0)
        _at_least("timeout", self.timeout, 1)

    @property
    def measures(self) -> bool:
        """Whether times are taken."""
        return self.mode != "correctness"

    def config(self, *, backend: str, arch: Any, dsl: str | None, backend_name: str | None, devices: list[int] | None) -> dict[str, Any]:
        """`config` of a payload."""
        named = {"mode": self.mode, "backend": backend, "arch": arch, "dsl": dsl, "backend_name": backend_name, "devices": devices}
        asked = {name: getattr(self, name) for name in ("pass_n", "max_concurrent", "tiers", "cases", "filter", "team_name", "workflow")}
        return {**named, **asked, **(self.performance_config() if self.measures else {})}

    def performance_config(self) -> dict[str, Any]:
        """`performance_config` of a payload."""
        return {name: getattr(self, name) for name in ("warmup", "iterations", "num_trials", "rtol", "atol", "timeout")}


def team_name(name: str) -> str:
    """The name itself, if it may become a directory: letters, digits, `_` and `-`, at most 100 of them.

    Raises:
        ConfigError: it may not.
    """
    if not name:
        raise ConfigError("the team name is empty; give --team-name")
    if not _TEAM.fullmatch(name):
        raise ConfigError(f"team name {name[:120]!r} has more than letters, digits, '_' and '-' (at most 100 of them)")
    return name


def _at_least(name: str, value: float | None, least: int) -> None:
    if value is not None and not (math.isfinite(value) and value >= least):
        raise ConfigError(f"--{name.replace('_', '-')} {value}: it must be at least {least}")
