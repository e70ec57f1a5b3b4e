"""`tripos store`: what the record holds, whether it is sound, and moving it about."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tripos.reports.tables import clean, print_json, print_table
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.store.reading import Reader

_store = click.option("--store", default=DEFAULT_STORE, show_default=True, help="A path or postgresql://...")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("store")
def command() -> None:
    """The record: what it holds, whether it is sound, and moving it about."""


@command.command("info")
@_store
@_json
def info(store: str, as_json: bool) -> int:
    """Runs, counts and sizes."""
    from tripos.store.database import Database
    from tripos.store.survey import survey

    facts = survey(Database(store, read_only=True))
    if as_json:
        print_json(facts)
        return 0
    runs = facts.pop("runs")
    rows = facts.pop("rows")
    print_table("Store", ["", ""], [*((k.replace("_", " "), _shown(v)) for k, v in facts.items()), ("rows", _shown(rows))])
    columns = ("run_id", "benchmark", "model", "status", "planned", "answered", "scored", "started_at")
    table = [[_when(r[c]) if c == "started_at" else r[c] for c in columns] for r in runs]
    print_table(f"{len(runs)} runs", [c.replace("_", " ") for c in columns], table, right=(4, 5, 6))
    return 0


@command.command("verify")
@_store
@click.option(
    "--results", multiple=True, type=click.Path(path_type=Path), help="Also derive the numbers of this results file; may be repeated."
)
@_json
def verify(store: str, results: tuple[Path, ...], as_json: bool) -> int:
    """Check every digest, every blob, every derived row; with --results every published number. Writes nothing."""
    from dataclasses import asdict

    from tripos.runs.published import differences
    from tripos.store.database import Database
    from tripos.store.reading import Reader
    from tripos.store.verify import verify as verified

    database = Database(store, read_only=True)
    report = verified(database)
    checked = {str(path): differences(path, Reader(database)) for path in results}
    sound = report.ok and not any(checked.values())
    if as_json:
        print_json({"ok": sound, **asdict(report), "results": checked})
        return 0 if sound else 1
    click.echo(
        f"{report.events} events of {report.streams} streams, {report.blobs} blobs, {report.rows} derived rows: {_found(report.wrong)}"
    )
    for finding in report.findings:
        click.echo(f"  {clean(str(finding))}")
    for path, found in checked.items():
        click.echo(f"{path}: {_found(len(found))}")
        for line in found[:20]:
            click.echo(f"  {clean(line)}")
    return 0 if sound else 1


@command.command("rebuild")
@_store
def rebuild(store: str) -> int:
    """Derive all tables anew from the events."""
    from tripos.store.database import Database
    from tripos.store.rebuild import rebuild as rebuilt

    Database(store, read_only=True).close()  # a wrong name makes no store
    rows = rebuilt(Database(store))
    click.echo(f"{store}: rebuilt " + ", ".join(f"{n} rows of {table}" for table, n in rows.items()))
    return 0


@command.command("migrate")
@_store
def migrate(store: str) -> int:
    """Bring the schema of a store to that of this version. All or nothing."""
    from tripos.store.database import Database, schema_of

    before = schema_of(store)
    after = Database(store).version()
    click.echo(f"{store}: schema {before}" + (f" -> {after}" if after != before else ", which is the newest"))
    return 0


@command.command("merge")
@click.argument("target")
@click.argument("sources", nargs=-1, required=True)
def merge(target: str, sources: tuple[str, ...]) -> int:
    """Add everything of SOURCES to TARGET (made if need be). Doing so again adds nothing."""
    from tripos.store.database import Database
    from tripos.store.merge import merge as merged

    opened = [Database(source, read_only=True) for source in sources]  # a wrong name is found before anything is written
    database = Database(target)
    for source in opened:
        added = merged(database, source)
        click.echo(f"{source.name} -> {database.name}: {added.streams} streams, {added.events} events, {added.blobs} blobs added")
    return 0


def is_there(store: str) -> bool:
    """Whether there is a store; of an address, only opening it tells."""
    return "://" in store or Path(store).exists()


def reader_of(store: str) -> Reader | None:
    """A reader, None where there is no store.

    Raises:
        StoreError: it cannot be opened.
    """
    from tripos.store.database import Database
    from tripos.store.reading import Reader

    return Reader(Database(store, read_only=True)) if is_there(store) else None


def _found(wrong: int) -> str:
    return f"{wrong} things are wrong" if wrong > 1 else "one thing is wrong" if wrong else "all sound"


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{n} {name}" for name, n in value.items())
    return ", ".join(value) or None if isinstance(value, list) else value


def _when(at: float | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
