"""`tripos run-all`: one model, every benchmark that this machine can run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from tripos.benchmarks.benchmark import benchmarks
from tripos.cli import options
from tripos.cli.running import execute
from tripos.config.single import single
from tripos.core.errors import ConfigError
from tripos.engines.engine import engines


@click.command("run-all")
@options.what
@options.model
@options.how
@options.where
@options.show
def command(**flags: Any) -> int:
    """Examine one model on every registered benchmark. One that cannot run says what it lacks; the others go on."""
    display = {name: flags.pop(name) for name in ("dry_run", "as_json", "compact", "trace_detail", "verbose")}
    settings = options.given(flags)
    for name, flag in (("benchmark", "-b"), ("output", "-o"), ("record_ids", "--record-id"), ("replay", "--replay")):
        if name in settings:
            raise ConfigError(f"{flag} does not go with run-all, which runs every benchmark; use `tripos run`")
    keys = benchmarks.names()
    first = single(options.from_environment({**settings, "benchmark": keys[0]}))
    engine = first.runs[0].model.engine
    if engine not in (None, "auto", "cloud"):
        engines.get(engine)  # a misspelt one is one sentence, not one a benchmark
    runs = tuple(replace(first.runs[0], benchmark=key) for key in keys)
    return execute(replace(first, name="run-all", runs=runs), **display)
