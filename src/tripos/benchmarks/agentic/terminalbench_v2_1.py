"""Terminal-Bench 2.1: tasks for a terminal in a container, checked by their own tests; tasks in Harbor's format.

Source: the data set terminal-bench 2.1 of Harbor's registry, 89 tasks (https://github.com/harbor-framework/terminal-bench-2; Apache-2.0;
the set asks to be kept out of training data). `--data` names a checkout. A task is a directory with `instruction.md`, `task.toml`
([metadata] difficulty, category, tags; [agent] and [verifier] timeout_sec, env; [environment] docker_image, cpus, memory_mb or memory =
"2G", allow_internet, build_timeout_sec), `environment/Dockerfile` and `tests/test.sh`, which writes /logs/verifier/reward.txt or
reward.json. Files of 2.0 can be read too.

Scoring, official: the reward that the tests write, after the tests were copied in, which is only done once the answer has ended; value =
reward, `is_correct` = reward 1 (rewards are 0 or 1; OpenJarvis calls 0.5 correct). Tests that leave no reward or run out of their time
give 0. As officially, a process that a script leaves behind could meddle with the tests.

**A single reply** (backend `direct`) is one script, written blind and played once as root within the agent's time limit: not the
published figure, whose agents look, try and mend (`one_script` = 1 among the aggregates). With `--setting answers=recorded`, recorded
sessions are graded by the reward that their environment recorded. The prompt is that of `terminalbench`.

Needs Docker and network: refused before anything is paid. A task whose directory has no tests cannot be graded: invalid.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tripos.benchmarks.agentic.environments import LIVE, RECORDED, answers_of, shut
from tripos.benchmarks.agentic.one_script import TaskFolders, calibration, carried_score, labels, recorded_verdict
from tripos.benchmarks.agentic.terminalbench import LastScript, ask
from tripos.benchmarks.agentic.trajectory import trajectory
from tripos.benchmarks.benchmark import Benchmark, Options, benchmark, refuse
from tripos.core.identity import digest
from tripos.core.records import JSON, Outcome, Sample, Verdict
from tripos.scoring.containers import SCRIPT, Container, build, container
from tripos.scoring.harness import Bench, docker_missing
from tripos.scoring.scorer import Answer, Instruments, Opened, Rows, means, scorer
from tripos.scoring.structured import graded, unreadable

KEY = "terminalbench-v2.1"
REPOSITORY = "https://github.com/harbor-framework/terminal-bench-2"
ADVICE = f"get them with: git clone {REPOSITORY}, then --data terminal-bench-2"
REWARDS = ("/logs/verifier/reward.txt", "/logs/verifier/reward.json")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_MEGABYTES = {"": 1 / 2**20, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1 << 20}


@benchmark(
    KEY,
    category="agentic",
    summary="TB v2.1 Harbor-style Docker tasks",
    size="89",
    licence="Apache-2.0",
    source=REPOSITORY,
    settings=("answers",),
    official="the reward that the task's own tests write; solved at 1",
    deviates="played by us, not by Harbor; one blind script plays the agent; OpenJarvis calls 0.5 correct",
    calibrated="0.1.0",
)
def terminalbench_v2_1(options: Options) -> Benchmark:
    """Instruction in, one script out, played in the task's container."""
    refuse(KEY, options, "split", "subset", "shots", "judge")
    return Benchmark(
        samples=TaskFolders(KEY, "task.toml", read_task, ("task.toml", "instruction.md", "tests/test.sh"), ADVICE, options.data),
        prompt=ask,
        transform=LastScript(),
        scorer=HarborReward(answers=answers_of(KEY, options)),
        perfect=lambda sample: f"```bash\n{sample.metadata['solution'] or 'true'}\n```",
        per_subject=("difficulty",),
        calibration=lambda: calibration(KEY, ask),
    )


def read_task(folder: Path) -> Sample:
    """One task; `metadata` says where its files are and what its container may have.

    Raises:
        ValueError, DatasetError: the instruction is blank, or settings cannot be read.
    """
    row = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
    instruction = (folder / "instruction.md").read_text(encoding="utf-8").strip()
    if not instruction:
        raise ValueError("instruction.md is blank")
    about, place = row.get("metadata") or {}, row.get("environment") or {}
    solution = folder / "solution" / "solve.sh"
    memory = place.get("memory_mb") or (megabytes(place["memory"]) if place.get("memory") else None)
    return Sample(
        record_id=f"{KEY}-{folder.name}",
        input=instruction,
        subject=str(about.get("category") or "unknown"),
        dimensions=labels(about),
        metadata={
            "folder": str(folder),
            "image": place.get("docker_image"),
            "cpus": place.get("cpus"),
            "memory_mb": memory,
            "network": bool(place.get("allow_internet", True)),
            "build_seconds": float(place.get("build_timeout_sec") or 600.0),
            "agent_seconds": float(row["agent"]["timeout_sec"]),
            "verifier_seconds": float(row["verifier"]["timeout_sec"]),
            "verifier_env": {str(k): str(v) for k, v in (row["verifier"].get("env") or {}).items()},
            "tags": list(about.get("tags") or ()),
            "solution": solution.read_text(encoding="utf-8") if solution.is_file() else None,
        },
    )


def megabytes(size: str) -> int:
    """A size such as "2G" in megabytes.

    Raises:
        ValueError: it is none.
    """
    match = _SIZE.fullmatch(str(size).strip())
    if match is None:
        raise ValueError(f"{size!r} is no size such as 2G")
    return max(1, round(float(match[1]) * _MEGABYTES[match[2].upper()]))


@scorer("harbor_reward")
@dataclass(frozen=True)
class HarborReward:
    """The reward that the task's own tests give for what a script left in its container; see the module.

    Args:
        answers: "live" or "recorded".
    """

    answers: str = LIVE

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """Containers, unless everything is recorded."""
        return frozenset() if self.answers == RECORDED else frozenset({"docker", "network"})

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses where nothing could be graded.

        Raises:
            SandboxError: there is no Docker; says what mends it.
        """
        if self.answers == LIVE:
            shut(KEY, "plays its tasks in containers, which cannot be had here", docker_missing())

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            ScorerError, SandboxError: we could not grade it.
        """
        if self.answers == RECORDED:
            return recorded_verdict(answer, trajectory(answer.completion, answer.text))
        script = answer.extraction.answer
        if not isinstance(script, str):
            return unreadable(answer, answer.extraction.how, {"one_script": 1.0})
        reward = await carried_score(sample, script, instruments.sandbox)
        details: dict[str, JSON] = {}
        if reward is None:
            if not (Path(sample.metadata["folder"]) / "tests" / "test.sh").is_file():
                return Verdict(
                    value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": "the task has no tests/test.sh"}
                )
            bench = await (instruments.opened or Opened()).get(KEY, lambda: Bench.open(max(1, (os.cpu_count() or 1) // 2)))
            async with bench.places:
                reward, details = await _played(sample, script)
        return graded(answer, reward, reward == 1, metrics={"one_script": 1.0}, details=details)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """`one_script`: the share of graded answers that were one blind script instead of a session."""
        return means(rows, ["one_script"])


async def _played(sample: Sample, script: str) -> tuple[float, dict[str, JSON]]:
    about = sample.metadata
    folder, image = Path(about["folder"]), about["image"]
    if not image:
        image = f"tripos-{re.sub('[^a-z0-9_.-]', '-', folder.name.lower())}:{digest(str(folder))[:12]}"
        await build(folder / "environment", image, seconds=about["build_seconds"])
    async with container(image, cpus=about["cpus"], memory_mb=about["memory_mb"], network=about["network"]) as box:
        await box.write(SCRIPT, script)
        played = await box.run(["bash", SCRIPT], seconds=about["agent_seconds"])
        cleared = ["sh", "-c", "mkdir -p /logs/verifier && rm -rf /tests /logs/verifier/reward.*"]
        left = await box.run(cleared, seconds=60, user="root")
        if left.returncode != 0:
            why = f"the script left a container in which nothing can be run: {left.said[-300:]}"
            return 0.0, {"exit": played.returncode, "said": played.said[-1000:], "why": why}
        await box.put(folder / "tests", "/tests")
        tested = await box.run(
            ["bash", "/tests/test.sh"], seconds=about["verifier_seconds"], environment=about["verifier_env"], user="root"
        )
        reward, why = await _reward(box) if tested.returncode is not None else (0.0, "the tests ran out of time")
    return reward, {
        **{"exit": played.returncode, "said": played.said[-1000:], "tests_exit": tested.returncode},
        **{"tests_said": tested.said[-1000:], "why": why},
    }


async def _reward(box: Container) -> tuple[float, str]:
    for path in REWARDS:
        content = await box.read(path)
        if content is not None:
            return read_reward(content)
    return 0.0, "the tests left no reward"


def read_reward(content: str) -> tuple[float, str]:
    """(reward in 0..1, why it is 0 where it could not be read) of a reward file: a number, or an object with `reward` or one number."""
    try:
        value: Any = json.loads(content)
        if isinstance(value, dict):
            value = value["reward"] if "reward" in value else next(iter(value.values())) if len(value) == 1 else None
        number = float(value)
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0.0, f"the reward cannot be read: {content[:100]!r}"
    if not math.isfinite(number):
        return 0.0, f"the reward is not finite: {content[:100]!r}"
    return min(1.0, max(0.0, number)), ""
