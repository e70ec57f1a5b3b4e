"""`tripos report`: everything about one results file."""

from __future__ import annotations

from pathlib import Path

import click

from tripos.core.errors import ConfigError
from tripos.reports.tables import print_json


@click.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, as_json: bool) -> int:
    """Accuracy with interval, latency, cost, groups and notices of one results file."""
    from tripos.reports.run_report import print_run
    from tripos.results.result_file import read_results

    results = read_results(file)
    if not results.records:
        raise ConfigError(f"{file} holds no records")
    summary = results.summary
    if summary is None:
        raise ConfigError(
            f"{file} has no summary beside it; the run did not end, run the same command again (or `tripos summarize {file}`)"
        )
    if as_json:
        print_json(summary)
        return 0
    print_run(summary, str(file))
    return 0
