"""`tripos list`: what there is, from the registries."""

from __future__ import annotations

from typing import Any

import click

from tripos.agents.agent import agents
from tripos.agents.tool import tools
from tripos.backends.backend import backends
from tripos.benchmarks.benchmark import benchmarks
from tripos.engines.engine import engines
from tripos.reports.tables import print_json, print_table


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(as_json: bool) -> None:
    """Benchmarks, engines, backends, agents and their tools."""
    rows = [_row(key) for key in benchmarks.names()]
    more = {
        "backends": [{"key": key, "summary": entry.summary} for key, entry in backends.items()],
        "agents": [{"key": key, "summary": agent.summary} for key, agent in agents.items()],
        "tools": [{"key": key, "summary": tool.summary} for key, tool in tools.items()],
    }
    if as_json:
        print_json({"benchmarks": rows, **more, "engines": engines.names()})
        return
    print_table("Available Benchmarks", ["Name", "Category", "Description"], [[r["key"], r["category"], r["summary"]] for r in rows])
    for title, kind in (("Available Backends", "backends"), ("Agents", "agents"), ("Tools", "tools")):
        print_table(title, ["Name", "Description"], [[entry["key"], entry["summary"]] for entry in more[kind]])
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
