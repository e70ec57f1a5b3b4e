"""A stand-in for the `docker` command, whose engine cannot be started in tests: it takes the real command lines strictly and runs what
is executed in a root directory of its own, through bubblewrap. Image names say what happens: `broken…` cannot be started, `gone…` stops
as soon as something is executed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

DOCKER = r"""#!PYTHON
import argparse, json, shutil, subprocess, sys
from pathlib import Path
home = Path(__file__).parent / "containers"
home.mkdir(exist_ok=True)
with (home / "log").open("a") as log:
    print(json.dumps(sys.argv[1:]), file=log)
command, rest = sys.argv[1], sys.argv[2:]
parser = argparse.ArgumentParser()
if command == "run":
    parser.add_argument("--detach", action="store_true", required=True)
    parser.add_argument("--init", action="store_true", required=True)
    for name in ("name", "entrypoint"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--cpus", type=float)
    parser.add_argument("--memory")
    parser.add_argument("--network", choices=["none"])
    parser.add_argument("image")
    parser.add_argument("argument")
    given = parser.parse_args(rest)
    if given.image.startswith("broken"):
        print("no such image")
        sys.exit(125)
    for folder in ("tmp", "app", "usr", "bin", "lib", "lib64", "dev", "proc", "etc"):
        (home / given.name / folder).mkdir(parents=True, exist_ok=True)
    (home / given.name / "etc" / "image").write_text(given.image)
elif command == "exec":
    parser.add_argument("--interactive", action="store_true", required=True)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--user")
    parser.add_argument("name")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    given = parser.parse_args(rest)
    root = home / given.name
    if root.is_dir() and (root / "etc" / "image").read_text().startswith("gone"):
        shutil.rmtree(root)
    if not root.is_dir():
        sys.exit("Error: No such container")
    box = ["bwrap", "--die-with-parent", "--unshare-pid", "--bind", str(root), "/", "--dev", "/dev", "--proc", "/proc", "--chdir", "/app"]
    for folder in ("/usr", "/bin", "/lib", "/lib64"):
        box += ["--ro-bind", folder, folder]
    for pair in given.env:
        box += ["--setenv", *pair.split("=", 1)]
    sys.exit(subprocess.run([*box, *given.argv]).returncode)
elif command == "cp":
    source, (name, _, target) = rest[0], rest[1].partition(":")
    assert source.endswith("/.")
    shutil.copytree(source[:-2], home / name / target.lstrip("/"), dirs_exist_ok=True)
elif command == "inspect":
    print("true") if (home / rest[-1]).is_dir() else sys.exit(1)
elif command == "rm":
    assert rest[:2] == ["--force", "--volumes"]
    shutil.rmtree(home / rest[2], ignore_errors=True)
elif command == "build":
    assert rest[:2] == ["--quiet", "--tag"] and (Path(rest[3]) / "Dockerfile").is_file()
    print("sha256:0")
elif command == "image":
    sys.exit(rest[-1].startswith("absent"))
elif command in ("version", "compose"):
    print("28.0.0")
else:
    sys.exit(f"unknown command {command}")
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts it in front of the path; gives the directory of its containers, in which `log` has its command lines."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "docker"
    program.write_text(DOCKER.replace("PYTHON", sys.executable, 1))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "containers"


TERMINAL_BENCH = {
    "__init__.py": "",
    "agents/__init__.py": "",
    "agents/base_agent.py": """
class AgentResult:
    pass


class BaseAgent:
    def __init__(self, **kwargs):
        pass
""",
    "cli/__init__.py": "",
    "cli/tb/__init__.py": "",
    "cli/tb/main.py": r"""
import argparse, importlib, json, subprocess, sys
from pathlib import Path

parser = argparse.ArgumentParser()
run = parser.add_subparsers(dest="command", required=True).add_parser("run")
for name in ("dataset-path", "task-id", "agent-import-path", "output-path", "run-id", "n-concurrent", "n-attempts"):
    run.add_argument("--" + name, required=True)
given = parser.parse_args()
assert (Path(given.dataset_path) / given.task_id / "task.yaml").is_file()
module, _, name = given.agent_import_path.partition(":")
agent = getattr(importlib.import_module(module), name)(no_rebuild=False)
assert agent.name()


class Session:
    def copy_to_container(self, paths, container_dir=None, container_filename=None):
        self.script = Path(paths).read_text()
        self.place = f"{container_dir}/{container_filename}"

    def send_keys(self, keys, block=False, max_timeout_sec=180.0):
        assert keys == [f"bash {self.place}", "Enter"] and block and max_timeout_sec == float("inf")
        self.said = subprocess.run(["bash", "-c", self.script], capture_output=True, text=True).stdout


session = Session()
agent.perform_task("Do it.", session)
word = session.said.strip()
out = Path(given.output_path) / given.run_id
trial = {"task_id": given.task_id, "is_resolved": None, "failure_mode": "unset", "parser_results": None}
if word == "nothing":
    sys.exit("docker.errors.APIError: no space left on device")
if word != "unstarted":
    panes = out / given.task_id / "trial" / "panes"
    panes.mkdir(parents=True)
    (panes / "pre-agent.txt").write_text("$ ")
trial |= {
    "resolved": {"is_resolved": True, "parser_results": {"a": "passed", "b": "passed"}},
    "half": {"is_resolved": False, "parser_results": {"a": "passed", "b": "failed"}},
    "timeout": {"failure_mode": "test_timeout"},
    "crash": {"failure_mode": "unknown_agent_error"},
    "unstarted": {"failure_mode": "unknown_agent_error"},
}[word]
out.mkdir(parents=True, exist_ok=True)
(out / "results.json").write_text(json.dumps({"results": [trial], "accuracy": 0.0}))
""",
}


def install_terminal_bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a stand-in of the package terminal-bench on the path of interpreters that are started from here: the script that is played says
    what becomes of its trial: `resolved`, `half`, `timeout`, `crash`, `unstarted`, `nothing`."""
    for name, source in TERMINAL_BENCH.items():
        file = folder / "terminal_bench" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
