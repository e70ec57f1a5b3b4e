"""One run from flags alone: the smallest suite, read by the same rules as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tripos.config.document import parse_document
from tripos.config.suite import expand
from tripos.core.errors import ConfigError
from tripos.runs.spec import SuiteSpec


def single(flags: Mapping[str, Any]) -> SuiteSpec:
    """One model, one benchmark.

    Raises:
        ConfigError: one of the two is missing, or a flag is wrong.
    """
    for name, flag in (("benchmark", "-b/--benchmark"), ("model", "-m/--model")):
        if not flags.get(name):
            raise ConfigError(f"{flag} is missing; name a benchmark and a model, or a suite with --config")
    tables = {"models": flags["model"], "benchmarks": flags["benchmark"]}
    text = "".join(f"[[{table}]]\nname = {msgspec.json.encode(name).decode()}\n" for table, name in tables.items())
    document = parse_document(text.encode(), "the command line")
    return expand(document, {k: v for k, v in flags.items() if k not in ("model", "benchmark")}, None, "the command line")
