"""`tripos run`: one benchmark and one model, or a suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tripos.benchmarks.benchmark import benchmarks
from tripos.cli import options
from tripos.cli.running import execute
from tripos.config.single import single
from tripos.config.suite import load_suite, resolve
from tripos.core.errors import ConfigError
from tripos.runs.spec import RunSpec, SuiteSpec


@click.command("run")
@click.option("-c", "--config", help="Suite: a TOML file, or the name of a shipped one (quickstart, minimal, ...).")
@click.option("--model-filter", help="Only models whose name contains this text.")
@options.what
@options.model
@options.how
@options.where
@options.show
def command(config: str | None, model_filter: str | None, **flags: Any) -> int:
    """Examine a model on a benchmark, or a suite of both. The same command goes on where it stopped."""
    display = {name: flags.pop(name) for name in ("dry_run", "as_json", "compact", "trace_detail", "verbose")}
    return execute(suite_of(config, model_filter, flags), **display)


def suite_of(config: str | None, model_filter: str | None, flags: dict[str, Any]) -> SuiteSpec:
    """The runs that flags and file ask for; flags win.

    Raises:
        ConfigError: they ask for something that does not exist.
    """
    settings = options.given(flags)
    if str(settings.get("benchmark", "")).endswith(".py"):
        settings["benchmark"] = benchmarks.import_file(Path(settings["benchmark"]))
    replay = settings.pop("replay", None)
    if replay is not None:
        settings["engine"] = "replay"
    if config is not None:
        suite = load_suite(resolve(config), settings, model_filter)
    elif model_filter is not None:
        raise ConfigError("--model-filter chooses among the models of a suite; it needs --config")
    else:
        suite = single(options.from_environment(settings))
    return suite if replay is None else replace(suite, runs=tuple(_replaying(r, replay) for r in suite.runs))


def _replaying(spec: RunSpec, recording: str) -> RunSpec:
    return replace(spec, model=replace(spec.model, options={**spec.model.options, "recording": recording}))
