"""Every example that says it runs does run, as printed, in an empty directory; every other command at least exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest
from pages import ROOT, Block, Command, blocks, commands, pages, tripos_calls
from world import checkout, environment, model_server, shelf

SERVER = re.compile(r"http://localhost:800[0-9]")
TIMEOUT_SECONDS = 600
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def runnable(page: Path) -> bool:
    return any(b.run for b in blocks(page))


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(command: Command, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = SERVER.sub(env["OLLAMA_HOST"], command.text)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


def check_output(block: Block, command: Command, printed: str) -> None:
    plain = " ".join(printed.split())
    for line in command.output:
        parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
        assert re.search(r".*?".join(parts), plain), f"{block.where}: `{command.text}` does not print {line!r}, but:\n{printed}"


@pytest.mark.parametrize("page", [p for p in pages() if runnable(p)], ids=named)
def test_examples_of_a_page_run_as_printed(page: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    sources = checkout(work) / "src" if page == CONTRIBUTING else None
    with model_server() as server:
        env = environment(server, shelf(tmp_path / "shelf"), tmp_path / "plugins", sources)
        for block in blocks(page):
            if block.title is not None:
                target = work / block.title
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text)
            if not block.run:
                continue
            shown = commands(block)
            for command in shown:
                done = run(command, work, env)
                expected = block.exit if command is shown[-1] else 0
                said = done.stdout + done.stderr
                assert done.returncode == expected, f"{block.where}: `{command.text}` exits {done.returncode}:\n{said[-4000:]}"
                if block.check:
                    check_output(block, command, said)


def test_the_pages_that_teach_are_executed() -> None:
    taught = {p.relative_to(ROOT).parts for p in pages() if runnable(p)}
    assert {("README.md",), ("CONTRIBUTING.md",)} <= taught
    for part in ("tutorial", "how-to"):
        written = {p.relative_to(ROOT).parts for p in (ROOT / "docs" / part).glob("*.md")}
        assert written, f"docs/{part} is empty"
        assert written <= taught, f"no block of these is executed: {sorted(written - taught)}"


def every_call() -> list[tuple[str, list[str]]]:
    return [
        (block.where, call)
        for page in pages()
        for block in blocks(page)
        if block.language == "console"
        for command in commands(block)
        for call in tripos_calls(command.text)
    ]


def test_every_command_shown_exists_with_its_options() -> None:
    """Also where an example is not executed: parsed by the command line itself, nothing is called."""
    from tripos.cli.main import root

    calls = every_call()
    assert len(calls) > 20
    for where, arguments in calls:
        command: click.Command = root
        context = click.Context(root, info_name="tripos")
        try:
            while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
                _, found, arguments = command.resolve_command(context, arguments)
                assert found is not None
                command = found
            if arguments not in (["--help"], ["-h"], ["--version"]):
                command.make_context("tripos", arguments, parent=context)
        except click.ClickException as error:
            pytest.fail(f"{where}: {error.format_message()}")


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in pages():
        for block in blocks(page):
            for target in re.findall(r"^\$ make ([\w-]+)", block.text, re.MULTILINE) if block.language == "console" else ():
                assert target in targets, f"{block.where}: there is no `make {target}`"
