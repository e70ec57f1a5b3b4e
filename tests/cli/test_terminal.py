"""What models, servers and files write reaches a terminal as text: no escape, no markup, no traceback."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from running import QUIZ, environment, tripos

ESC = "\x1b[31m"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a hostile model, hostile records and a hostile server in its messages; and a second one to compare with."""
    folder = tmp_path_factory.mktemp("hostile")
    with (folder / "rows.jsonl").open("w") as file:
        for i, name in enumerate((f"{ESC}id", "[red]id[/red]", "[/bold]", "new\nline", "bell\x07", "x" * 300)):
            file.write(json.dumps({"id": name, "prompt": f"{ESC}[bold] {i}", "answer": "ABCD"[i % 4]}) + "\n")
    for model, skill in ((f"{ESC}[/red]m", "0.2"), ("[bold]n", "0.9")):
        run = tripos("run", "-b", str(QUIZ), "--data", "rows.jsonl", "-m", model, "-e", "simulated", "--model-option", f"skill={skill}",
                     "-o", f"{skill}.jsonl", "--trace-detail", cwd=folder)  # fmt: skip
        assert run.returncode == 0 and "\x1b" not in run.stdout + run.stderr, run.stderr
        assert "[/red]m" in run.stdout or "[bold]n" in run.stdout
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "report 0.2.jsonl", "report 0.2.jsonl 0.9.jsonl --html r.html --title [/red]", "summarize 0.2.jsonl",
        "compare 0.2.jsonl 0.9.jsonl --show-disagreements", "compare 0.2.jsonl 0.9.jsonl --by record_id",
        "explain nobody", "explain [red]id[/red]", "store info", "run -b x -m y --data rows.jsonl --record-id \x1b[31mz",
        "estimate -b perf-mcq -m \x1b[31mz",
    ],
)  # fmt: skip
def test_no_escape_and_no_markup_gets_through(results: Path, command: str) -> None:
    run = tripos(*command.split(" "), cwd=results)
    assert run.returncode in (0, 2), run.stderr
    assert "\x1b" not in run.stdout + run.stderr and "\x07" not in run.stdout + run.stderr, run.stdout + run.stderr
    assert "Traceback" not in run.stderr, run.stderr


def test_a_model_with_a_very_long_name_has_a_file(tmp_path: Path) -> None:
    for name in ("m" * 400, "ü" * 200):
        run = tripos("run", "-b", "email_triage", "-m", name, "-e", "simulated", "-n", "2", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "results").glob("*.jsonl"))) == 2


def test_an_output_whose_name_is_too_long_is_refused(tmp_path: Path) -> None:
    run = tripos("run", "-b", "email_triage", "-m", "m", "-e", "simulated", "-n", "2", "-o", "o" * 300 + ".jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "cannot write" in run.stderr and "Traceback" not in run.stderr, run.stderr


def on_a_terminal(columns: int, *arguments: str, cwd: Path) -> list[str]:
    """The lines that a command writes on a terminal of a given width."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        env = {k: v for k, v in environment(TERM="xterm").items() if k != "COLUMNS"}
        os.execvpe(sys.executable, [sys.executable, "-m", "tripos", *arguments], env)
    written = b""
    try:
        while data := os.read(terminal, 65536):
            written += data
    except OSError:  # the other end is closed
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode()).replace("\r", "").split("\n")


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_a_number_is_never_folded(results: Path, columns: int) -> None:
    (row,) = json.loads(tripos("compare", "0.2.jsonl", "0.9.jsonl", "--json", cwd=results).stdout)["rows"]
    lines = on_a_terminal(columns, "compare", "0.2.jsonl", "0.9.jsonl", cwd=results)
    assert max(map(len, lines)) <= columns
    for number in (f"{row['baseline_mean']:.4f}", f"[{row['ci_lower']:+.4f}, {row['ci_upper']:+.4f}]", f"{row['delta_mean']:+.4f}"):
        assert any(number in line for line in lines), (number, lines)


def test_a_reader_that_goes_away_is_no_error(results: Path) -> None:
    command = f"{sys.executable} -m tripos report 0.2.jsonl | head -1"
    run = subprocess.run(["bash", "-c", command], cwd=results, env=environment(), capture_output=True, text=True, check=False)
    assert "Traceback" not in run.stderr and "Broken" not in run.stderr, run.stderr


def test_verbose_says_what_becomes_of_each_sample(tmp_path: Path) -> None:
    arguments = ("run", "-b", "email_triage", "-m", "m", "-e", "simulated", "-n", "2")
    quiet, verbose = tripos(*arguments, cwd=tmp_path), tripos(*arguments, "--fresh", "-v", cwd=tmp_path)
    assert "email_triage-v1-2a-00001" not in quiet.stderr
    assert "email_triage-v1-2a-00001" in verbose.stderr and "2 planned" in verbose.stderr


def test_simulated_answers_are_called_so_in_every_report(results: Path) -> None:
    for command in ("summarize", "report"):
        assert "SIMULATED" in tripos(command, "0.2.jsonl", cwd=results).stdout, command
    assert json.loads(tripos("summarize", "0.2.jsonl", "--json", cwd=results).stdout)["simulated"] is True
