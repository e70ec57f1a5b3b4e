"""`tripos list`: what there is, from the registries."""

from __future__ import annotations

from typing import Any

import click

from tripos.backends.backend import backends
from tripos.benchmarks.benchmark import Entry, benchmarks
from tripos.benchmarks.outline import outlines
from tripos.engines.engine import engines
from tripos.reports.tables import print_json, print_table


@click.command("list")
@click.option("--agents", "with_agents", is_flag=True, help="Also the agents of the agent backend and their tools.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything, instead of tables.")
def command(with_agents: bool, as_json: bool) -> None:
    """Benchmarks, backends and engines."""
    shown = {"backends": _summaries(backends.items())}
    if with_agents or as_json:  # their rooms take longer to open than all the rest
        from tripos.agents.agent import agents
        from tripos.agents.tool import tools

        shown |= {"agents": _summaries(agents.items()), "tools": _summaries(tools.items())}
    if as_json:
        print_json({"benchmarks": [_row(entry) for _, entry in benchmarks.items()], **shown, "engines": engines.names()})
        return
    print_table("Available Benchmarks", ["Name", "Category", "Description"], [list(outline) for outline in outlines()])
    for kind, rows in shown.items():
        print_table(f"Available {kind.capitalize()}", ["Name", "Description"], [[row["key"], row["summary"]] for row in rows])
    print_table("Engines", ["Name"], [[", ".join(engines.names())]])


def _summaries(things: list[tuple[str, Any]]) -> list[dict[str, str]]:
    return [{"key": key, "summary": thing.summary} for key, thing in things]


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "category": entry.category,
        "summary": entry.summary,
        "size": entry.size,
        "licence": entry.licence,
        "gated": entry.gated,
        "source": entry.source,
        "needs": sorted(entry.build().scorer.needs),
        "also_needs": entry.also_needs,
        "official": entry.official,
        "deviates": entry.deviates,
        "calibrated": entry.calibrated,
    }
