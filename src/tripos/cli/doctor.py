"""`tripos doctor`: what works here, and the command that mends what does not."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, NamedTuple

import click

from tripos.cli.store import is_there
from tripos.reports.tables import print_json, print_table
from tripos.runs.spec import DEFAULT_STORE

_EXTRAS = {
    "math_verify": ("math", "math benchmarks (math500)"),
    "anthropic": ("anthropic", "Claude models"),
    "google.genai": ("google", "Gemini models"),
    "transformers": ("transformers", "models in this process"),
    "torch": ("kernels", "compute kernels (kernels)"),
    "swebench": ("swebench", "the harness of swebench"),
    "pypdf": ("agents", "the tool pdf_extract"),
    "psycopg": ("postgres", "a PostgreSQL store"),
    "pandas": ("frames", "results as tables of pandas"),
    "polars": ("frames", "results as tables of polars"),
    "wandb": ("wandb", "reports to Weights & Biases"),
    "gspread": ("sheets", "reports to Google Sheets"),
}
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "HF_TOKEN")


class Finding(NamedTuple):
    """One thing that was looked at. `mend` is the command that would make it work."""

    area: str
    name: str
    works: bool
    note: str
    mend: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--store", default=DEFAULT_STORE, show_default=True)
def command(as_json: bool, store: str) -> int:
    """What works on this machine: engines, keys, sandboxes, packages, store."""
    from tripos.runs.runner import run_in_loop

    found: list[Finding] = [*run_in_loop(_servers), *_keys(), *_sandboxes(), *_packages(), *_energy(), _store(store)]
    if as_json:
        print_json({"findings": [f._asdict() for f in found]})
        return 0
    rows = [[f.area, f.name, "works" if f.works else "–", f.note, f.mend] for f in found]
    print_table("Doctor", ["Area", "What", "", "Found", "To mend"], rows)
    return 0


async def _servers() -> list[Finding]:
    from tripos.engines.discovery import discover

    alive = await discover("")
    if not alive:
        return [Finding("engine", "local servers", False, "none answers on its usual port", "start one, or give --base-url")]
    return [Finding("engine", s.engine, True, f"{s.base_url}: {', '.join(s.models[:5]) or 'no models'}") for s in alive]


def _keys() -> list[Finding]:
    there = {name: bool(os.environ.get(name)) for name in _KEYS}
    return [Finding("key", name, yes, "set" if yes else "not set", "" if yes else f"export {name}=...") for name, yes in there.items()]


def _sandboxes() -> list[Finding]:
    from tripos.sandbox.choose import probe

    return [
        Finding("sandbox", name, trouble is None, "ready" if trouble is None else "", trouble or "") for name, trouble in probe().items()
    ]


def _packages() -> list[Finding]:
    found = []
    for module, (extra, purpose) in _EXTRAS.items():
        works = _importable(module)
        found.append(Finding("package", module, works, purpose, "" if works else f"pip install 'tripos[{extra}]'"))
    return found


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _energy() -> list[Finding]:
    from tripos.telemetry.meters import available

    return [Finding("energy", *found) for found in available()]


def _store(url: str) -> Finding:
    from tripos.core.errors import StoreError
    from tripos.store.database import Database

    if not is_there(url):
        return Finding("store", url, True, "will be made by the first run")
    try:
        runs = Database(url, read_only=True).execute("SELECT count(*) FROM run")[0][0]
    except StoreError as error:
        return Finding("store", url, False, str(error), "name another with --store")
    note: Any = f"{runs} runs"
    return Finding("store", url, True, note)
