"""The option `judge` of benchmarks in which a judge reads every answer."""

from __future__ import annotations

from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError


def judged_only(key: str, options: Options) -> None:
    """There is nothing to choose: a judge is always asked.

    Raises:
        ConfigError: another use of the judge was asked for.
    """
    if options.judge not in (None, "always"):
        raise ConfigError(f"{key} has no other rule than its judge's; judge = {options.judge!r} cannot be had, leave it out")
