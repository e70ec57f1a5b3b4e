"""`tripos list`: what there is, from the registries."""

from __future__ import annotations

from typing import Any

import click

from tripos.benchmarks.benchmark import benchmarks
from tripos.engines.engine import engines
from tripos.reports.tables import print_json, print_table

BACKENDS = {"direct": "One request a sample, local or hosted (also: jarvis-direct)"}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(as_json: bool) -> None:
    """Benchmarks, engines and backends."""
    rows = [_row(key) for key in benchmarks.names()]
    if as_json:
        print_json({"benchmarks": rows, "backends": [{"key": k, "summary": s} for k, s in BACKENDS.items()], "engines": engines.names()})
        return
    print_table("Available Benchmarks", ["Name", "Category", "Description"], [[r["key"], r["category"], r["summary"]] for r in rows])
    print_table("Available Backends", ["Name", "Description"], [[k, s] for k, s in BACKENDS.items()])
    print_table("Engines", ["Name"], [[", ".join(engines.names())]])


def _row(key: str) -> dict[str, Any]:
    entry = benchmarks.get(key)
    return {
        "key": key,
        "category": entry.category,
        "summary": entry.summary,
        "size": entry.size,
        "licence": entry.licence,
        "gated": entry.gated,
        "source": entry.source,
        "needs": sorted(entry.build().scorer.needs),
    }
