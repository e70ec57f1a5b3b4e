"""Terminal-Bench through its own harness: tasks for a terminal in Docker, checked by their own tests.

Source: `terminal-bench-core==0.1.1`, about 80 tasks (Apache-2.0; to be kept out of training data). `--data` names a directory of tasks,
the tasks/ of a checkout of github.com/laude-institute/terminal-bench say; without it the harness's own cache is read, which `tb datasets
download --dataset terminal-bench-core==0.1.1` fills. A task is a directory with `task.yaml` (instruction, difficulty, category, tags,
parser_name, max_agent_timeout_sec, max_test_timeout_sec), docker-compose.yaml, run-tests.sh and tests/.

Scoring, official: resolved, as the package `terminal-bench` (0.2.18) says, which starts the task's containers, lets an agent work,
copies the tests in and runs them: all of them pass. value 1 or 0; `tests_passed` is their share. Where the harness says that the tests
ran out of time or left nothing to read, the answer failed, as officially; where it has no result, or never got as far as the script, we
failed: unscored.

**A single reply** (backend `direct`) is one script: the agent that the harness is given does nothing but play it, within the task's time
limit. That is not the published figure, whose agents look, try and mend (`one_script` = 1 among the aggregates). With `--setting
answers=recorded`, recorded sessions are graded by their environment's `reward`. The prompt is that of `terminalbench`.

Needs Docker with its compose plugin, the network, and the package, which asks for Python 3.12 or later; where Tripos runs on another,
`--setting python=/path/to/python` names one that has it. All this is looked at before anything is paid.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tripos.benchmarks.agentic.environments import LIVE, RECORDED, answers_of, shut
from tripos.benchmarks.agentic.one_script import TaskFolders, calibration, carried_score, labels, recorded_verdict
from tripos.benchmarks.agentic.terminalbench import LastScript, ask
from tripos.benchmarks.agentic.trajectory import trajectory
from tripos.benchmarks.benchmark import Benchmark, Options, benchmark, refuse
from tripos.core.errors import ScorerError
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.harness import Bench, docker_missing, run_harness
from tripos.scoring.scorer import Answer, Instruments, Opened, Rows, means, scorer
from tripos.scoring.structured import graded, unreadable

KEY = "terminalbench-native"
DATASET = ("terminal-bench-core", "0.1.1")
SLACK_SECONDS = 3600.0  # for building or fetching the images of a task
ADVICE = (
    "get them with: tb datasets download --dataset terminal-bench-core==0.1.1 (of the package terminal-bench, in "
    "~/.cache/terminal-bench), or give a directory of tasks with --data"
)
_INSTALL = (
    "the package terminal-bench is not installed for {python} (with Python 3.12 or later: pip install terminal-bench; an interpreter "
)
_INSTALL += "that has it can be named with --setting python=/path/to/python)"
AGENT = '''
from pathlib import Path

from terminal_bench.agents.base_agent import AgentResult, BaseAgent


class OneScript(BaseAgent):
    """Plays the script that lies beside this file and does nothing else."""

    @staticmethod
    def name():
        return "one-script"

    def perform_task(self, instruction, session, logging_dir=None):
        script = Path(__file__).with_name("answer.sh")
        session.copy_to_container(script, container_dir="/tmp", container_filename="answer.sh")
        session.send_keys(["bash /tmp/answer.sh", "Enter"], block=True, max_timeout_sec=float("inf"))
        return AgentResult()
'''


@benchmark(
    KEY,
    category="agentic",
    summary="TerminalBench with native Docker execution",
    size="about 80",
    licence="Apache-2.0",
    source="https://github.com/laude-institute/terminal-bench",
    settings=("answers", "python"),
    official="resolved, by the package terminal-bench: all tests of the task pass",
    deviates="one blind script plays the agent; what fails before it starts is unscored",
    also_needs="Docker's compose plugin, and the package `terminal-bench` (Python 3.12 or later)",
    calibrated="0.1.0",
)
def terminalbench_native(options: Options) -> Benchmark:
    """Instruction in, one script out, played by the official harness."""
    refuse(KEY, options, "split", "subset", "shots", "judge")
    return Benchmark(
        samples=TaskFolders(
            KEY,
            "task.yaml",
            read_task,
            ("task.yaml", "run-tests.sh", "tests/*"),
            ADVICE,
            options.data,
            (Path("~/.cache/terminal-bench").joinpath(*DATASET),),
        ),
        prompt=ask,
        transform=LastScript(),
        scorer=NativeHarness(answers=answers_of(KEY, options), python=options.setting("python", sys.executable)),
        perfect=lambda sample: f"```bash\n{sample.metadata['solution'] or 'true'}\n```",
        per_subject=("difficulty",),
        calibration=lambda: calibration(KEY, ask),
    )


def read_task(folder: Path) -> Sample:
    """One task.

    Raises:
        ValueError: task.yaml cannot be read, or its instruction is blank.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        row = yaml.safe_load((folder / "task.yaml").read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    instruction = str(row["instruction"] or "").strip()
    if not instruction:
        raise ValueError("the instruction is blank")
    solution = folder / "solution.sh"
    return Sample(
        record_id=f"{KEY}-{folder.name}",
        input=instruction,
        subject=str(row.get("category") or "software_engineering"),
        dimensions=labels(row),
        metadata={
            "task": folder.name,
            "tasks": str(folder.parent.resolve()),
            "agent_seconds": float(row.get("max_agent_timeout_sec") or 360.0),
            "test_seconds": float(row.get("max_test_timeout_sec") or 60.0),
            "tags": [str(tag) for tag in row.get("tags") or ()],
            "solution": solution.read_text(encoding="utf-8") if solution.is_file() else None,
        },
    )


@scorer("terminal_bench")
@dataclass(frozen=True)
class NativeHarness:
    """Resolved or not, by the official harness; see the module.

    Args:
        answers: "live" or "recorded".
        python: the interpreter that has the package terminal-bench.
    """

    answers: str = LIVE
    python: str = sys.executable

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """Containers, unless everything is recorded."""
        return frozenset() if self.answers == RECORDED else frozenset({"docker", "network"})

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses where nothing could be graded.

        Raises:
            SandboxError: Docker, its compose plugin or the package is missing; says what mends it.
        """
        if self.answers == LIVE:
            engine = docker_missing() or compose_missing()
            shut(KEY, "is played by its own harness in containers, which cannot be had here", engine, harness_missing(self.python))

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            ScorerError, SandboxError: we could not grade it.
        """
        if self.answers == RECORDED:
            return recorded_verdict(answer, trajectory(answer.completion, answer.text))
        script = answer.extraction.answer
        if not isinstance(script, str):
            return unreadable(answer, answer.extraction.how, {"tests_passed": 0.0, "one_script": 1.0})
        share = await carried_score(sample, script, instruments.sandbox)
        if share is not None:
            return graded(answer, float(share == 1), share == 1, metrics={"tests_passed": share, "one_script": 1.0}, details={})
        bench = await (instruments.opened or Opened()).get(KEY, lambda: Bench.open(max(1, (os.cpu_count() or 1) // 2)))
        async with bench.places:
            trial = await self._trial(sample, script)
        return _verdict(answer, trial)

    async def _trial(self, sample: Sample, script: str) -> Mapping[str, Any]:
        about, run_id = sample.metadata, f"tripos-{secrets.token_hex(6)}"
        options = {
            "--dataset-path": about["tasks"],
            "--task-id": about["task"],
            "--agent-import-path": "one_script_agent:OneScript",
            "--output-path": "runs",
            "--run-id": run_id,
            "--n-concurrent": "1",
            "--n-attempts": "1",
        }
        command = ["-m", "terminal_bench.cli.tb.main", "run", *(word for option in options.items() for word in option)]
        files = {"one_script_agent.py": AGENT, "answer.sh": script}
        seconds = about["agent_seconds"] + about["test_seconds"] + SLACK_SECONDS
        async with run_harness(command, files, seconds, containers=run_id, python=self.python) as (folder, words):
            results = folder / "runs" / run_id / "results.json"
            if not results.is_file():
                raise ScorerError(f"the harness left no results; its last words: {words.strip()[-500:]}")
            began = next((folder / "runs" / run_id).glob("*/*/panes/pre-agent.txt"), None) is not None
            return read_trial(results.read_text(encoding="utf-8"), about["task"], began=began)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """`one_script`: the share of graded answers that were one blind script instead of a session."""
        return means(rows, ["one_script"])


def read_trial(content: str, task: str, *, began: bool) -> Mapping[str, Any]:
    """The only trial in a results file of the harness.

    Args:
        began: the terminal was up before the script was played, so that what went wrong afterwards is the script's doing.

    Raises:
        ScorerError: it is none, is of another task, or ended before the script began.
    """
    try:
        (trial,) = json.loads(content)["results"]
        name, resolved, mode = trial["task_id"], trial["is_resolved"], str(trial["failure_mode"])
    except (ValueError, KeyError, TypeError) as error:
        raise ScorerError(f"the harness's results of {task} cannot be read: {error!r}") from error
    if name != task:
        raise ScorerError(f"the harness's results are of {name!r}, not of {task!r}")
    if resolved is not True and not began:
        raise ScorerError(f"the harness could not start {task}: its failure mode is {mode}")
    return dict(trial)


def _verdict(answer: Answer, trial: Mapping[str, Any]) -> Verdict:
    tests: Mapping[str, JSON] = trial.get("parser_results") or {}
    passed = [str(status).lower() == "passed" for status in tests.values()]
    right = trial["is_resolved"] is True
    metrics: dict[str, float | None] = {"tests_passed": sum(passed) / len(passed) if passed else None, "one_script": 1.0}
    details: dict[str, JSON] = {"failure_mode": trial["failure_mode"], "tests": dict(tests)}
    return graded(answer, float(right), right, metrics=metrics, details=details)


def compose_missing() -> str | None:
    """Why `docker compose` cannot be used; None where it can. Waits 20 s at most."""
    try:
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`docker` does not answer: {error}"
    return "`docker compose` is missing (install the plugin docker-compose-plugin)" if asked.returncode else None


def harness_missing(python: str) -> str | None:
    """Why the harness's package cannot be used by that interpreter, and what mends it; None where it can. Waits 60 s at most."""
    ask_for = "import importlib.util, sys; sys.exit(importlib.util.find_spec('terminal_bench') is None)"
    try:
        asked = subprocess.run([python, "-c", ask_for], capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the interpreter {python} cannot be started: {error}"
    return _INSTALL.format(python=python) if asked.returncode else None
