"""Running Tripos in tests: a real server with faults, a set of questions, the command line as a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PERF = ROOT / "benchmarks" / "perf"
QUIZ = PERF / "mcq_benchmark.py"
FOR_EVER = "86400000"
"""Milliseconds that a server waits before it answers, unless it is told to go on."""
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class FakeServer:
    """A running fake server."""

    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        """How often each question was asked and answered, and the faults that were dealt."""
        return self._told("stats")

    def go_on(self) -> None:
        """Gives every answer that it holds back, and holds none back from now on."""
        self._told("go-on")

    def _told(self, path: str) -> dict[str, Any]:
        with _direct.open(f"{self.url}/{path}", timeout=60) as reply:
            found: dict[str, Any] = json.load(reply)
        return found

    def kill(self) -> None:
        """Ends the server."""
        self.process.kill()
        self.process.wait()


@contextmanager
def fake_server(*arguments: str) -> Iterator[FakeServer]:
    """Starts `benchmarks/perf/fake_server.py` on a free port (or the one in `arguments`)."""
    process = subprocess.Popen([sys.executable, str(PERF / "fake_server.py"), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    server = FakeServer(f"http://127.0.0.1:{port}/v1", process)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port on which nobody listens and that nobody is given by chance; a server that asks for it by its number gets it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


def write_questions(path: Path, n: int, start: int = 0) -> Path:
    """Questions whose keys the fake server knows: of every ten consecutive ones it answers nine rightly."""
    with path.open("w") as file:
        for i in range(start, start + n):
            row = {"id": f"q{i:05d}", "prompt": f"Which letter belongs to QID-{i}? Options: A B C D.", "answer": "ABCD"[i % 4]}
            file.write(json.dumps(row) + "\n")
    return path


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: no keys, no endpoints of the developer's."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_HOST", "_BASE_URL", "_TOKEN"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200", **more}


def tripos(*arguments: str, cwd: Path, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    command = [sys.executable, "-m", "tripos", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=timeout, check=False)


def start(*arguments: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """Starts a command."""
    command = [sys.executable, "-m", "tripos", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def quiz(data: Path, url: str, *more: str) -> list[str]:
    """The arguments of a run of the quiz against a server."""
    return ["run", "-b", str(QUIZ), "--data", str(data), "-m", "fake", "--base-url", url, "-o", "out.jsonl", "--max-tokens", "16", *more]


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file."""
    return [json.loads(text) for text in path.read_text().splitlines()]


def summary(path: Path) -> dict[str, Any]:
    """The summary beside a results file."""
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".summary.json").read_text())
    return found


def alive(process: int) -> bool:
    """Whether a process of this machine is at work; one that has ended is not, though nobody may have asked for its status yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def family(process: int) -> list[int]:
    """The process and all its descendants."""
    found = [process]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(word) for word in task.read_text().split()]
            except OSError:
                continue
    return found


def wait_until(condition: Any, seconds: float = 120.0) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
