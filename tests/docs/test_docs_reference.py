"""What is made from code is up to date, and nothing that code accepts or writes is missing from the reference."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pages import ROOT
from world import environment, model_server, shelf

REFERENCE = ROOT / "docs" / "reference"


def loaded(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = loaded("docs_generate", ROOT / "docs" / "generate.py")
plot = loaded("plot_coverage", ROOT / "benchmarks" / "plot_coverage.py")


def test_what_is_generated_is_up_to_date() -> None:
    # in a process of its own: other tests of this one may have registered things that no user has
    check = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert check.returncode == 0, f"run `make docs-generate`; out of date: {check.stdout}{check.stderr}"


def test_the_pictures_of_the_coverage_are_of_the_measured_coverage() -> None:
    found = json.loads((ROOT / "benchmarks" / "coverage.json").read_text())
    for name, drawn in (("coverage.svg", plot.picture(found)), ("false-positives.svg", plot.false_positives(found))):
        assert (ROOT / "docs" / "images" / name).read_text() == drawn, "run `python benchmarks/plot_coverage.py`"


def every_command(group: click.Group, context: click.Context, name: str = "tripos") -> Iterator[tuple[str, click.Command]]:
    for below in group.list_commands(context):
        command = group.get_command(context, below)
        assert command is not None
        yield f"{name} {below}", command
        if isinstance(command, click.Group):
            yield from every_command(command, context, f"{name} {below}")


def test_every_command_and_option_is_in_the_reference() -> None:
    from tripos.cli.main import root

    written = (REFERENCE / "command-line.md").read_text()
    for name, command in every_command(root, click.Context(root)):
        assert f" `{name}`\n" in written, name
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) and not parameter.hidden else ():
                assert option in written, f"{name} {option}"


def test_every_option_has_words() -> None:
    from tripos.cli.main import root

    silent = [
        f"{name} {p.opts[0]}"
        for name, c in every_command(root, click.Context(root))
        for p in c.params
        if isinstance(p, click.Option) and not (p.hidden or p.help or isinstance(p.type, click.Choice))
    ]
    known = {"--level", "--store", "--attempt", "--output-dir"}  # their name and default say it all
    assert not [s for s in silent if s.split()[-1] not in known], f"no help: {silent}"


def test_every_key_of_a_suite_is_in_the_reference_with_words() -> None:
    from tripos.config.reference import description
    from tripos.config.schema import SECTIONS

    written = (REFERENCE / "suite-file.md").read_text()
    for section in SECTIONS:
        assert f"### `{section.header}`" in written
        for name, field in section.fields.items():
            assert f"| `{name}` |" in written, f"{section.header} {name}"
            assert description(field.type), f"{section.header} {name} has no description"


def test_every_engine_and_every_variable_is_in_the_reference() -> None:
    from tripos.engines.engine import engines

    written = (REFERENCE / "engines.md").read_text()
    assert not [name for name in engines.names() if f"`{name}`" not in written]
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*_(?:API_KEY|BASE_URL|HOST|TOKEN|DATA_DIR|TRACEBACK))"', sources))
    assert {"OPENAI_API_KEY", "TRIPOS_DATA_DIR", "JARVIS_BACKEND_BASE_URL"} <= read
    assert not [name for name in sorted(read) if f"`{name}`" not in written]


# ------------------------------------------------------------------------------------------------- fields of a real run

_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "true or false": (bool,),
    "list": (list,),
    "object": (dict,),
    "statistics": (dict,),
    "null": (type(None),),
}


def documented(part: str) -> dict[str, str]:
    """{name: type} of a marked table of the results page."""
    page = (REFERENCE / "results-file.md").read_text()
    marked = page.partition(f"<!-- fields: {part} -->")[2].partition("<!-- end of fields -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in marked.splitlines() if line.startswith("| `")]
    assert len(rows) == len({row[0] for row in rows}), "a field stands twice"
    assert all(len(row) == 3 and row[2] for row in rows), "a field has no meaning"
    return {row[0].strip("`"): row[1] for row in rows}


def fits(value: Any, kind: str) -> bool:
    names = [
        re.sub(r"^object by .*", "object", part) for part in kind.replace(", or ", " or ").replace("true or false", "bool").split(" or ")
    ]
    wanted = tuple(t for name in names for t in _KINDS["true or false" if name == "bool" else name])
    return isinstance(value, wanted) and not (isinstance(value, bool) and bool not in wanted)


def walked(value: dict[str, Any], types: dict[str, str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with dots; an object whose keys are documented is entered."""
    for name, inner in value.items():
        key = prefix + name
        yield key, inner
        if isinstance(inner, dict) and types.get(key) == "object":
            yield from walked(inner, types, f"{key}.")


def compare(found: dict[str, Any], types: dict[str, str]) -> set[str]:
    seen = set()
    for key, value in walked(found, types):
        assert key in types, f"{key} is written and not documented in docs/reference/results-file.md"
        assert fits(value, types[key]), f"{key} = {value!r} is documented as {types[key]!r}"
        seen.add(key)
    return seen


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real runs: a plain one, and one that is judged and has aggregates."""
    place = tmp_path_factory.mktemp("runs")
    simulated = ["-b", "email_triage", "-m", "made-up", "-e", "simulated", "-n", "6", "-o", "plain.jsonl"]
    with model_server() as server:
        env = environment(server, shelf(place / "shelf"), place / "plugins", None)
        judge = ["--judge-model", "judge-model", "--judge-base-url", server]
        judged = ["-b", "simpleqa", "-m", "qwen3:8b", "-n", "4", "-o", "judged.jsonl", "--stream", *judge]
        for arguments in (simulated, judged):
            command = [sys.executable, "-m", "tripos", "run", *arguments]
            done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return place


def test_every_field_of_a_line_is_documented_with_its_type(runs: Path) -> None:
    types, seen = documented("line"), set()
    for name in ("plain.jsonl", "judged.jsonl"):
        for line in (runs / name).read_text().splitlines():
            seen |= compare(json.loads(line), types)
    assert seen == set(types), f"documented and not written: {sorted(set(types) - seen)}"


def test_every_key_of_a_summary_is_documented_with_its_type(runs: Path) -> None:
    types, seen = documented("summary"), set()
    for name in ("plain.jsonl", "judged.jsonl"):
        seen |= compare(json.loads((runs / f"{name}.summary.json").read_text()), types)
    assert seen == set(types), f"documented and not written: {sorted(set(types) - seen)}"


def test_the_statistics_of_a_summary_are_those_that_are_named(runs: Path) -> None:
    from tripos.results.metric_stats import MetricStats

    written = (REFERENCE / "results-file.md").read_text()
    assert not [name for name in MetricStats.__dataclass_fields__ if f"`{name}`" not in written]
    summary = json.loads((runs / "plain.jsonl.summary.json").read_text())
    assert set(summary["latency_stats"]) == set(MetricStats.__dataclass_fields__)


def test_the_telemetry_block_is_documented() -> None:
    from dataclasses import asdict

    from tripos.runs.measuring import telemetry_summary
    from tripos.store.events import Measured
    from tripos.telemetry.attribution import Account

    account = asdict(Account()) | {
        "seconds": 10.0,
        "covered_seconds": 8.0,
        "measured_joules": 80.0,
        "idle_joules": 20.0,
        "idle_seconds": 4.0,
    }
    block = telemetry_summary([Measured(meters=({"name": "a meter"},), account=account, shares={})], 0.5, 0.01)
    assert block is not None
    assert compare(block, documented("telemetry")) == set(documented("telemetry"))


def test_every_outcome_is_explained() -> None:
    from tripos.core.records import Outcome

    explained = (ROOT / "docs" / "explanation" / "outcomes.md").read_text()
    for outcome in Outcome:
        row = re.search(rf"^\| `{outcome}` \|.*$", explained, re.MULTILINE)
        assert row is not None, outcome
        assert ("| yes" in row[0]) == outcome.of_model, row[0]
