"""`tripos reparse-judge`: stored judge replies read again, nothing asked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tripos.cli.store import reader_of
from tripos.reports.tables import print_json, print_table
from tripos.runs.spec import DEFAULT_STORE


@click.command("reparse-judge")
@click.option("--jsonl", "file", required=True, type=click.Path(path_type=Path), help="Results file.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write.  [default: {jsonl}.reparsed]")
@click.option("--in-place", is_flag=True, help="Replace the file (a copy stays as {jsonl}.bak) and record the new verdicts in the store.")
@click.option("--summary-out", type=click.Path(path_type=Path), help="Write what changed as JSON.  [default: {out}.summary.json]")
@click.option("--store", default=DEFAULT_STORE, show_default=True, help="Where the replies are; without it those in the file are read.")
@click.option("--benchmark-file", type=click.Path(path_type=Path), help="The Python file of the run's benchmark, if it is your own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: Path, out: Path | None, in_place: bool, summary_out: Path | None, store: str, benchmark_file: Path | None, as_json: bool
) -> int:
    """Read stored judge replies again and recover verdicts that could not be read before."""
    import shutil

    import msgspec

    from tripos.benchmarks.benchmark import benchmarks
    from tripos.core.errors import ConfigError
    from tripos.results.result_file import read_results
    from tripos.runs.published import renew
    from tripos.runs.reparse import reparse
    from tripos.store.database import Database
    from tripos.store.writer import Writer

    if in_place and out is not None:
        raise ConfigError("--in-place and --out exclude each other")
    if benchmark_file is not None:
        benchmarks.import_file(benchmark_file)
    results = read_results(file)
    target = file if in_place else out or file.with_name(file.name + ".reparsed")
    reader = reader_of(store)
    writer = Writer(Database(store)) if reader is not None and in_place else None
    backup = file.with_name(file.name + ".bak")
    first = in_place and not backup.exists()
    if first:
        shutil.copyfile(file, backup)
    try:
        found = reparse(results, target, reader, writer)
    except ConfigError:  # nothing was replaced
        if first:
            backup.unlink()
        raise
    finally:
        if writer is not None:
            writer.close()
    if writer is not None and reader is not None and (results.summary or {}).get("run_id") in {r.run_id for r in reader.runs()}:
        renew(file, reader)
    summary = summary_out or target.with_name(target.name + (".reparse.json" if in_place else ".summary.json"))
    summary.write_bytes(msgspec.json.format(msgspec.json.encode(asdict(found)), indent=2) + b"\n")
    if as_json:
        print_json(asdict(found))
    else:
        print_table(f"{results.benchmark}: judge replies read again -> {target}", ["", ""], list(asdict(found).items()), right=(1,))
    return 0
