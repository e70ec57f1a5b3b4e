"""`tripos export`: results in other shapes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tripos.cli.store import reader_of
from tripos.core.errors import ConfigError, StoreError
from tripos.reports.tables import print_json
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.interop.exporting import Exported


@click.command("export")
@click.argument("source", metavar="RESULT_OR_RUN")
@click.option("--format", "name", required=True, help="parquet, csv, jsonl, openjarvis or lm-eval.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write; a directory for lm-eval.")
@click.option("--store", default=DEFAULT_STORE, show_default=True, help="Where a run, and the prompts of a results file, are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(source: str, name: str, output: Path, store: str, as_json: bool) -> int:
    """Write a results file, or a run of the store by its id, in another format."""
    from tripos.interop.exporting import exporters

    exporter = exporters.get(name)
    files = exporter.write(_exported(source, store), output)
    if as_json:
        print_json({"files": [str(f) for f in files]})
    else:
        for file in files:
            click.echo(str(file))
    return 0


def _exported(source: str, store: str) -> Exported:
    from tripos.results.result_file import read_results
    from tripos.runs.stored import exported_file, exported_run

    path, reader = Path(source), reader_of(store)
    if path.is_file():
        exported = exported_file(read_results(path), reader)
    elif reader is None:
        raise ConfigError(f"{source}: neither a results file nor, as there is no store at {store}, a run")
    else:
        try:
            exported = exported_run(reader.run(source), reader)
        except StoreError as error:
            raise ConfigError(f"{source} is no results file, and {error}") from error
    if not exported.records:
        raise ConfigError(f"{source} holds no records")
    return exported
