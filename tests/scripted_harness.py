"""Stand-ins for two official harnesses that cannot be had in tests. That of SWE-fficiency fetches the images of its own tasks from the
network, and tries for ever; the package terminal-bench needs Python 3.12 and Docker's compose plugin. They take the real command lines
strictly, and leave the files that the real ones leave. What the patch adds, or the script prints, says what they find.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SWEFFICIENCY = """
import argparse, json, re, sys
from pathlib import Path
options = argparse.ArgumentParser()
command = options.add_subparsers(dest="command", required=True).add_parser("eval")
command.add_argument("--num_workers", type=int)
command.add_argument("--run_id", required=True)
command.add_argument("--prediction_path")
command.add_argument("--instances_regex", required=True)
given = options.parse_args()
key = given.instances_regex.strip("^$").replace("\\\\", "")
name, patch = "gold", "+gold"
if given.prediction_path:
    (prediction,) = map(json.loads, open(given.prediction_path))
    name, patch = prediction["model_name_or_path"], prediction["model_patch"]
folder = Path("logs/run_evaluation", given.run_id, name, key)
folder.mkdir(parents=True)
if "+broken" in patch:
    sys.exit("cannot pull the image")
if "+noapply" in patch:
    (folder / "run_instance.log").write_text(">>>>> Patch Apply Failed")
    sys.exit(0)
after = 1.0 if "+gold" in patch else 2.0
(folder / "perf_summary.txt").write_text(f"Before Mean: 4.0\\nBefore SD: 0.1\\nAfter Mean: {after}\\nAfter SD: 0.1\\nImprovement: 1%")
status = "FAILED" if "+fail" in patch else "PASSED"
(folder / "covering_test_status.json").write_text(json.dumps({"t1": "PASSED", "t2": status}))
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts SWE-fficiency on the path of interpreters started from here; a patch adds `gold`, `half`, `fail`, `noapply`, `broken`."""
    file = folder / "swefficiency" / "cli.py"
    file.parent.mkdir(parents=True)
    file.write_text(SWEFFICIENCY)
    monkeypatch.setenv("PYTHONPATH", str(folder))


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
    """Puts terminal-bench on that path; a script prints `resolved`, `half`, `timeout`, `crash`, `unstarted`, `nothing`."""
    for name, source in TERMINAL_BENCH.items():
        file = folder / "terminal_bench" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
