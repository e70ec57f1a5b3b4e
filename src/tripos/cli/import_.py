"""`tripos import`: logs of other tools, brought in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tripos.core.errors import ConfigError
from tripos.reports.tables import clean, out, print_json, print_table, warn
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.interop.formats import Found
    from tripos.runs.imported import Imported
    from tripos.store.reading import Reader
    from tripos.store.writer import Writer


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "name", default="auto", show_default=True, help="auto, or the name of a tool; an unknown one lists them.")
@click.option("--store", default=DEFAULT_STORE, show_default=True, help="Event store: a path or postgresql://...")
@click.option("--output-dir", type=click.Path(path_type=Path), default=Path("results/imported"), show_default=True)
@click.option("--model", help="Call the model so, e.g. where the log does not name it.")
@click.option("--benchmark", help="Call the benchmark so, e.g. to compare two tools' runs of it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    paths: tuple[Path, ...], name: str, store: str, output_dir: Path, model: str | None, benchmark: str | None, as_json: bool
) -> int:
    """Import logs (files, or directories of them) of Inspect AI, lm-evaluation-harness, OpenJarvis, KernelBench and others.

    Each becomes a run in the store and a results file, so that compare, report, explain and timeline read it. The tool's own
    figures are computed again from its samples. Importing the same log twice changes nothing.
    """
    from tripos.runs.imported import import_log

    failed: list[str] = []
    done: list[Imported] = []
    found = _find(paths, name, failed)
    if found:
        with _into(store) as (writer, reader):
            for one in found:
                try:
                    for log in one.read():
                        named = replace(log, model=model or log.model, benchmark=benchmark or log.benchmark)
                        done.append(import_log(named, writer, reader, output_dir))
                except ConfigError as error:
                    failed.append(str(error))
    if as_json:
        print_json({"imported": [_plain(i) for i in done], "failed": failed})
    else:
        _print(done)
    for message in failed:
        warn(clean(message))
    if not done:
        raise ConfigError("nothing was imported")
    return 1 if failed or not all(i.explained for i in done) else 0


def _find(paths: tuple[Path, ...], name: str, failed: list[str]) -> list[Found]:
    """The logs at the paths; a path without any is named and does not stop the rest."""
    from tripos.interop.formats import find_logs

    found: list[Found] = []
    for path in paths:
        try:
            found += find_logs(path, name)
        except ConfigError as error:
            failed.append(str(error))
    return found


@contextmanager
def _into(store: str) -> Iterator[tuple[Writer, Reader]]:
    from tripos.store.database import Database
    from tripos.store.reading import Reader
    from tripos.store.writer import Writer

    writer = Writer(Database(store))
    try:
        yield writer, Reader(Database(store))
    finally:
        writer.close()


def _plain(i: Imported) -> dict[str, Any]:
    figures = {k: i.summary[k] for k in ("accuracy", "total_samples", "scored_samples", "reported", "notices")}
    where = {"path": str(i.path), "run_id": i.run_id, "new": i.new, "from": str(i.source)}
    return {"tool": i.tool, "benchmark": i.summary["benchmark"], "model": i.summary["model"], **where, **figures}


def _print(done: list[Imported]) -> None:
    if not done:
        return
    rows = [
        [
            i.tool,
            i.summary["benchmark"],
            i.summary["model"],
            i.summary["scored_samples"],
            i.summary["accuracy"],
            i.run_id,
            "" if i.new else "known",
            i.path,
        ]
        for i in done
    ]
    columns = ["Tool", "Benchmark", "Model", "Scored", "Accuracy", "Run", "", "Results"]
    print_table("Imported", columns, rows, right=(3, 4))
    figures = [
        [
            i.summary["benchmark"],
            i.summary["model"],
            c.name,
            c.reported,
            c.ours,
            {True: "equal", False: "differs", None: "–"}[c.agrees],
            c.why,
        ]
        for i in done
        for c in i.checks
    ]
    if figures:
        print_table("Figures of the logs, and ours", ["Benchmark", "Model", "Figure", "Log", "Ours", "", "Why"], figures, right=(3, 4))
    console = out()
    for i in done:
        for notice in i.summary["notices"]:
            console.print(f"! {clean(i.summary['benchmark'])}: {clean(notice)}", style="yellow", markup=False)
    if not all(i.new for i in done):
        console.print(f"{sum(not i.new for i in done)} of {len(done)} logs were known: the store is as it was.", markup=False)
