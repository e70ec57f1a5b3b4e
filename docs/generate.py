"""The parts of the documentation that are made from code: whole pages, and passages between markers in pages of our own.

    python docs/generate.py            writes what has changed
    python docs/generate.py --check    writes nothing; exits 1 and names what is out of date

A passage stands between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is a key of `PASSAGES`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- This page is made by docs/generate.py. Change the code it describes, then run `make docs-generate`. -->\n\n"
_MARKED = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# ------------------------------------------------------------------------------------------------------- command line


def command_line() -> str:
    """Every command with its arguments and options, from the commands themselves."""
    from tripos.cli.main import COMMANDS, root

    context = click.Context(root, info_name="tripos")
    parts = [
        "# Command line",
        "`tripos COMMAND`, or `python -m tripos COMMAND`. `tripos COMMAND --help` prints what stands here.",
        table(["Command", "What it does"], [[f"[`{name}`](#tripos-{name})", about] for name, about in COMMANDS.items()]),
    ]
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        parts += _command(command, f"tripos {name}")
    return "\n\n".join(parts) + "\n"


def _command(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## `{name}`", _sentences(command.help or ""), f"```text\n{usage}\n```"]
    rows = []
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            rows.append([f"`{record[0]}`", _sentences(record[1])])
    if rows:
        parts.append(table(["Option", "Meaning"], rows))
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            assert inner is not None
            parts += [text.replace("## ", "### ", 1) if text.startswith("## ") else text for text in _command(inner, f"{name} {below}")]
    return parts


def _sentences(text: str) -> str:
    """One line; angle brackets and stars as they are, defaults in code."""
    plain = " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")
    return re.sub(r"\[(default|env): ([^\]]*)\]", r"(\1: `\2`)", plain)


# ---------------------------------------------------------------------------------------------------- suite, benchmarks


def suite_file() -> str:
    """Sections and keys of a suite."""
    from tripos.config.files import shipped_names
    from tripos.config.reference import reference_markdown

    names = ", ".join(f"`{name}`" for name in shipped_names())
    return (
        "# Suite file\n\n"
        "A suite is a TOML file: every `[[models]]` entry is examined on every `[[benchmarks]]` entry. A key that is not in these\n"
        "tables is an error, and so is a value of another type; the message names the nearest key.\n\n"
        "The strongest source of a setting wins: flags given beside the file, then the benchmark, the model, `[defaults]`, and the\n"
        f"default that stands here. These suites come with Tripos and are named without a path: {names}.\n\n" + reference_markdown()
    )


def benchmark_rows() -> list[Any]:
    """All registered benchmarks."""
    from tripos.benchmarks.benchmark import benchmarks

    return [entry for _, entry in benchmarks.items()]


_NEEDS = {
    "judge": "a judge",
    "judge?": "a judge for unclear answers",
    "sandbox": "a sandbox",
    "math-verify": "the extra `math`",
    "docker": "Docker",
    "browser": "a browser",
    "network": "the network",
}


def _data(source: str) -> str:
    """Where rows come from: repositories of the hub and web addresses as links."""
    if source in ("", "generated"):
        return "made from a seed"
    links = []
    for name in source.split(", "):
        host = name.removeprefix("https://").partition("/")[0]
        hub = f"https://huggingface.co/datasets/{name}" if name.count("/") == 1 else ""
        address = f"https://{name.removeprefix('https://')}" if "." in host else hub
        links.append(f"[{name.removeprefix('https://')}]({address})" if address else name)
    return ", ".join(links)


def _needs(entry: Any) -> str:
    """What the scorer says it needs, and what else there has to be."""
    of_scorer = ", ".join(_NEEDS[name] for name in sorted(entry.build().scorer.needs))
    return "; ".join(filter(None, (of_scorer, entry.also_needs))) or "–"


def benchmark_table() -> str:
    """What there is: key, category, what it asks, size, licence, where rows come from."""
    rows = [
        [f"`{e.key}`", e.category, e.summary, e.size or "any number", e.licence or "–", "yes" if e.gated else "no", _data(e.source)]
        for e in benchmark_rows()
    ]
    return table(["Key", "Category", "What it asks", "Samples", "Licence of the data", "Gated", "Data"], rows)


def scoring_table() -> str:
    """How each is scored, and what that needs."""
    rows = [[f"`{e.key}`", e.official, e.deviates or "–", _needs(e), e.calibrated] for e in benchmark_rows()]
    return table(["Key", "What is official", "What deviates", "Needs", "Calibrated since"], rows)


def benchmark_page() -> str:
    """The two tables, and what each benchmark's own file says of itself."""
    parts = [
        "# Benchmarks",
        "*Gated* means that the hub asks you to accept terms first; the error message says where. A benchmark without a size is made\n"
        "from a seed, and `-n` says how many samples.",
        benchmark_table(),
        "## How they are scored",
        "*What is official* is the official or published rule that Tripos computes; where there is none, ours. *What deviates* is the\n"
        "difference to that rule, or to the specification that the key comes from (*the seed*); *upstream* is the project that published\n"
        "it. Both are told in full in the sections below.",
        "*Needs* is what grading takes with the default settings. *A judge for unclear answers* is used where one can be had;\n"
        "without it such answers count as wrong, and a warning says so before the first request. *Tools* are those of an\n"
        "[agent](../how-to/tools.md); a single reply is scored without them, and its figure is not the published one. *Recorded sessions*\n"
        "were held elsewhere and are [replayed](../how-to/replaying.md). What cannot be had is said before anything is paid.",
        "*Calibrated since* names the version since which known answers get the verdict they must: references pass; silence, refusals,\n"
        "echoes and pleas to the judge fail. `tripos check` does it again.",
        scoring_table(),
    ]
    for e in benchmark_rows():
        document = sys.modules[e.function.__module__].__doc__ or ""
        parts.append(f"## {e.key}\n\n```text\n{document.strip()}\n```")
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------------------------------------------------------- store

_TABLES = {
    "meta": "The version of the schema.",
    "stream": "One row a process that wrote.",
    "event": "What happened, in order. The truth: rows are only ever added.",
    "blob": "Long texts (prompts, answers, raw responses), stored once under the SHA-256 of their content, zstd-compressed.",
    "run": "One benchmark and one model, as configured.",
    "trial": "One sample in one way of asking, as part of a run.",
    "candidate": "One answer, or the last error where none came.",
    "verdict": "What the scorer said of a candidate under one overlay (transform, scorer and judge).",
    "metric": "Further metrics of a verdict.",
    "measure": "What telemetry says of an answer: energy, power, utilisation.",
    "score": "A view: every metric of every verdict, `score` and `accuracy` among them.",
    "claim": "Which process works on what, so that two do not pay for the same answer.",
}


def store_page() -> str:
    """Tables as a new store has them, and the events with their fields."""
    parts = [
        "# Store",
        "The store is a SQLite file (`results/tripos.db` unless `--store` says otherwise) or a PostgreSQL database. Events are the truth;\n"
        "the other tables follow from them. Open it with any SQLite tool; reading never writes.",
        "## Tables",
    ]
    for name, columns in store_tables().items():
        if name not in _TABLES:
            raise SystemExit(f"docs/generate.py: the store has a table {name!r}; say in _TABLES what it holds")
        rows = [[f"`{column}`", kind.lower() or "any", "yes" if key else ""] for column, kind, key in columns]
        parts += [f"### `{name}`\n\n{_TABLES[name]}", table(["Column", "Type", "Key"], rows)]
    parts += ["## Events", "The `body` of an event is JSON. Fields at their default are left out.", *map(_event, event_kinds())]
    return "\n\n".join(parts) + "\n"


def store_tables() -> dict[str, list[tuple[str, str, bool]]]:
    """Tables and views of a new store: {name: [(column, type, part of the key)]}."""
    import sqlite3
    import tempfile

    from tripos.store.database import Database

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "new.db"
        Database(str(path)).close()
        connection = sqlite3.connect(path)
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid")]
        found = {n: [(c[1], c[2], bool(c[5])) for c in connection.execute(f"PRAGMA table_info({n})")] for n in names if "sqlite" not in n}
        connection.close()
    return found


def event_kinds() -> list[Any]:
    """The classes of events."""
    from typing import get_args

    from tripos.store.events import Event

    return list(get_args(Event))


def _event(kind: Any) -> str:
    import msgspec

    from tripos.config.checking import describe

    fields = msgspec.structs.fields(kind)
    rows = [[f"`{f.name}`", _field_type(f.type, describe), "yes" if f.required else ""] for f in fields]
    return f"### `{kind.__struct_config__.tag}`\n\n{_sentences(kind.__doc__)}\n\n{table(['Field', 'Type', 'Always there'], rows)}"


def _field_type(kind: Any, describe: Callable[..., str]) -> str:
    named = str(kind).replace("tripos.core.records.", "").replace("tripos.store.events.", "").replace("typing.", "")
    return f"`{named.removeprefix('<class ').removesuffix('>').strip(chr(39))}`"


# ------------------------------------------------------------------------------------------------------------- passages


def what_is_there() -> str:
    """README: what this version has, and what its options name beside, from the registries and the command line."""
    from tripos.agents.tool import tools
    from tripos.backends.backend import backends
    from tripos.cli.main import COMMANDS
    from tripos.engines.engine import engines

    keys = [e.key for e in benchmark_rows()]
    rows = [
        [f"{len(keys)} benchmarks", _code(keys)],
        ["Engines", _code(engines.names())],
        ["Backends", _code(backends.names())],
        ["Tools of the agent", _code(tools.names())],
        ["Commands", _code(COMMANDS)],
        ["Sandboxes", "`bubblewrap`, else `docker`; `process`, which has no walls, is never chosen by itself"],
        ["Stores", "SQLite, PostgreSQL"],
        ["Named, but not in this version", f"backends {_code(_backends_to_come())}"],
    ]
    return table(["", "What there is"], rows)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _backends_to_come() -> list[str]:
    """What `--backend` lets one say and nobody registered; asking for one is an error that says so."""
    from tripos.backends.backend import ALIASES, backends
    from tripos.cli.options import BACKENDS

    return [name for name in BACKENDS if name not in backends and name not in ALIASES]


def coverage_words() -> str:
    """Statistics page: what the simulation found, in figures."""
    found = json.loads((ROOT / "benchmarks" / "coverage.json").read_text())
    parts = []
    for what, title in (
        ("mean", "Interval of a mean"),
        ("paired", "Interval of a paired difference"),
        ("every look", "Interval at every look"),
    ):
        rows = [r for r in found["rows"] if r["what"] == what]
        covered = sorted(r["coverage"] for r in rows)
        flagged = sum(bool(r["flag"]) for r in rows)
        middle = covered[len(covered) // 2]
        parts.append([title, str(len(rows)), f"{covered[0]:.3f}", f"{middle:.3f}", f"{covered[-1]:.3f}", str(flagged)])
    nulls = [r for r in found["rows"] if r["false_positive_rate"] is not None]
    bad = [r for r in nulls if "false positives" in r["flag"]]
    highest = max((r["false_positive_rate"] for r in nulls if r not in bad), default=0.0)
    words = (
        f"Of {len(nulls)} settings without a true difference, {len(nulls) - len(bad)} have at most {highest:.1%} false positives at 0.05."
    )
    if bad:
        rates, kinds = [r["false_positive_rate"] for r in bad], sorted({r["data"] for r in bad})
        words += f" The other {len(bad)} are of `{'`, `'.join(kinds)}`, with {min(rates):.1%} to {max(rates):.1%}."
    flagged = [r for r in found["rows"] if "covers" in r["flag"]]
    if flagged:
        named = [f"`{r['data']}` at {r['n']}{' clustered' if r['clustered'] else ''} ({r['coverage']:.3f})" for r in flagged]
        words += f" Coverage is flagged for {', '.join(named)}."
    count = found["rows"][0]["experiments"]
    head = f"{count:,} experiments a setting, nominal level {found['level']:.0%}:"
    return "\n\n".join([head, table(["", "Settings", "Lowest coverage", "Middle", "Highest", "Flagged"], parts), words])


def test_words() -> str:
    """Statistics page: what the companions of the sign-flip test add, and what they cost."""
    rows = json.loads((ROOT / "benchmarks" / "coverage.json").read_text())["rows"]
    graded = [r for r in rows if r.get("rejected_by_sign_flips") is not None and not r["missing"]]
    places = [(20, False), (100, False), (100, True), (1000, False), (1000, True)]
    parts = []
    for title, null in (("Without a true difference: false positives", True), ("With one: power", False)):
        lines = []
        for data in dict.fromkeys(r["data"] for r in graded if (r["false_positive_rate"] is not None) == null):
            found = {(r["n"], r["clustered"]): r for r in graded if r["data"] == data}
            cells = [f"{found[p]['rejected_by_sign_flips']:.1%} → {found[p]['rejected']:.1%}" for p in places]
            lines.append([f"`{data}`", *cells])
        head = ["", *(f"{n:,}{' in clusters' if clustered else ''}" for n, clustered in places)]
        parts += [f"**{title}**, by number of items:", table(head, lines)]
    return "\n\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/command-line.md": command_line,
    "docs/reference/suite-file.md": suite_file,
    "docs/reference/benchmarks.md": benchmark_page,
    "docs/reference/store.md": store_page,
}
PASSAGES: dict[str, Callable[[], str]] = {"what-is-there": what_is_there, "coverage": coverage_words, "tests": test_words}


def made() -> dict[Path, str]:
    """Every file that has something generated in it, as it should be."""
    texts = {ROOT / name: NOTE + make() for name, make in PAGES.items()}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if path not in texts and "<!-- generated:" in (written := path.read_text()):
            texts[path] = _MARKED.sub(lambda found: f"{found[1]}\n{PASSAGES[found['name']]()}\n\n{found[3]}", written)
    return texts


def stale() -> dict[Path, str]:
    """Of `made`, what differs from the disk."""
    return {path: text for path, text in made().items() if not path.exists() or path.read_text() != text}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is out of date")
    arguments = parser.parse_args()
    changed = stale()
    for path, text in changed.items():
        print(f"{'out of date' if arguments.check else 'written'}: {path.relative_to(ROOT)}")
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
