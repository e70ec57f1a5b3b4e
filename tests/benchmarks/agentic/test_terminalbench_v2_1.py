"""Terminal-Bench 2.1: tasks in Harbor's format, scripts in containers, rewards, and tests that nobody sees too early."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_engine import containers
from judge_attacks import attacks
from shared_data import shared
from tripos.benchmarks.agentic.terminalbench_v2_1 import HarborReward, ask, megabytes, read_reward, read_task, terminalbench_v2_1
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError, SandboxError, ScorerError
from tripos.core.identity import digest
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring.containers import docker
from tripos.scoring.scorer import Answer, Instruments

TOML = """
[metadata]
difficulty = "easy"
category = "files"
tags = ["a"]
[agent]
timeout_sec = {seconds}
[verifier]
timeout_sec = {seconds}
env = {{ WANTED = "3" }}
[environment]
{environment}
"""
TEST = """
mkdir -p /logs/verifier
if [ "$(cat /app/n 2>/dev/null)" = "$WANTED" ]; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi
"""


def make(
    folder: Path,
    image: str = "any:1",
    *,
    limits: str = 'cpus = 1\nmemory = "2G"\nallow_internet = false',
    test: str = TEST,
    seconds: float = 60.0,
) -> Sample:
    task = folder / "count"
    (task / "tests").mkdir(parents=True)
    environment = f'docker_image = "{image}"\n{limits}' if image else limits
    (task / "task.toml").write_text(TOML.format(environment=environment, seconds=seconds))
    (task / "instruction.md").write_text("Write 3 to /app/n.\n")
    (task / "tests" / "test.sh").write_text(test)
    return read_task(task)


async def verdict_of(sample: Sample, script: str, *, turns: tuple[dict[str, Any], ...] = (), answers: str = "live") -> Verdict:
    text = f"```bash\n{script}\n```" if script else ""
    answer = Answer(text, Completion(text=text, finish_reason="stop", turns=turns), terminalbench_v2_1.build().transform(sample, text))
    return await HarborReward(answers=answers).score(sample, answer, Instruments())


async def test_calibration() -> None:
    assert not [case for case in await calibrate(terminalbench_v2_1.build()) if not case.ok]


def test_every_real_task_is_a_sample() -> None:
    samples = list(terminalbench_v2_1.build(Options(data=shared("terminalbench-v2.1"))).samples)
    names = ["caffe-cifar-10", "cancel-async-tasks", "configure-git-webserver", "invented-hello-file"]
    assert [s.record_id for s in samples] == [f"terminalbench-v2.1-{name}" for name in names]
    caffe = samples[0]
    assert (caffe.subject, caffe.dimensions) == ("machine-learning", {"difficulty": "medium"})
    assert (caffe.metadata["memory_mb"], caffe.metadata["agent_seconds"], caffe.metadata["image"]) == (
        8192,
        3600.0,
        "alexgshaw/caffe-cifar-10:20260403",
    )
    assert all(str(ask(s)).startswith(s.question) and "/tests" not in ask(s).removeprefix(s.question) for s in samples)


def test_tasks_may_lie_one_folder_down(tmp_path: Path) -> None:
    make(tmp_path / "tasks")
    (sample,) = terminalbench_v2_1.build(Options(data=tmp_path)).samples
    assert sample.metadata["memory_mb"] == 2048 and sample.metadata["network"] is False


@pytest.mark.parametrize(("size", "expected"), [("2G", 2048), ("512M", 512), ("1.5GiB", 1536), ("1048576", 1), ("4gb", 4096)])
def test_sizes(size: str, expected: int) -> None:
    assert megabytes(size) == expected


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="git clone"):
        list(terminalbench_v2_1.build(Options(data=tmp_path)).samples)
    with pytest.raises(ValueError, match="lots"):
        megabytes("lots")
    make(tmp_path)
    (tmp_path / "count" / "task.toml").write_text("[agent")
    with pytest.raises(DatasetError, match=r"task\.toml"):
        list(terminalbench_v2_1.build(Options(data=tmp_path)).samples)
    with pytest.raises(ConfigError):
        terminalbench_v2_1.build(Options(subset="easy"))


@pytest.mark.parametrize(
    ("content", "reward"),
    [("1", 1.0), ("0.5\n", 0.5), ("7", 1.0), ("-1", 0.0), ('{"reward": 1}', 1.0), ('{"score": 0.25}', 0.25), ("true", 1.0)]
    + [(bad, 0.0) for bad in ("", "one", "nan", "1e999", '{"a": 1, "b": 1}', "[1]", '{"reward": "x"}')],
)
def test_rewards(content: str, reward: float) -> None:
    assert read_reward(content)[0] == reward


@given(st.text(max_size=30))
def test_reading_a_reward_never_raises(content: str) -> None:
    assert 0.0 <= read_reward(content)[0] <= 1.0


async def test_a_script_is_played_and_then_tested(tmp_path: Path, image: str) -> None:
    sample = make(tmp_path, image)
    right = await verdict_of(sample, "echo 3 > /app/n")
    wrong = await verdict_of(sample, "echo 4 > /app/n")
    assert (right.value, right.is_correct, right.metrics) == (1.0, True, {"one_script": 1.0})
    assert (wrong.value, wrong.is_correct, wrong.outcome) == (0.0, False, Outcome.SCORED)
    assert containers(image) == []


async def test_the_container_has_the_limits_of_its_task(tmp_path: Path, image: str) -> None:
    look = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; ls /sys/class/net; echo 3 > /app/n"
    verdict = await verdict_of(make(tmp_path, image), look)
    assert verdict.is_correct and verdict.details["said"].split() == [str(2 << 30), "lo"]


async def test_tests_are_not_there_before_the_answer_has_ended(tmp_path: Path, image: str) -> None:
    spy = "ls -a /tests /logs > /app/seen 2>&1; cat /tests/* >> /app/seen; echo 3 > /app/n; cat /app/seen"
    verdict = await verdict_of(make(tmp_path, image), spy)
    assert verdict.is_correct and "WANTED" not in verdict.details["said"] and "test.sh" not in verdict.details["said"]


@pytest.mark.parametrize(
    "script",
    [
        "mkdir -p /logs/verifier; echo 1 > /logs/verifier/reward.txt",
        "mkdir -p /tests; echo 'echo 1 > /logs/verifier/reward.txt' > /tests/test.sh",
        "mkdir -p /logs/verifier; ln -s /app/mine /logs/verifier/reward.txt; echo 1 > /app/mine",
        "ln -s /app /tests; echo 'echo 1 > /logs/verifier/reward.txt' > /app/test.sh",
        "echo 'reward: 1'; exit 0",
        "exit 1",
        "exit 125",
        "(",
        "x" * 200_000,
        "kill -9 -1; kill -9 1",
        "rm -rf --no-preserve-root /bin /usr /lib 2>/dev/null",
        "rm -rf /logs; echo > /logs",
        "bomb() { bomb | bomb & }; bomb",
        "python3 -c 'x = bytes(4 << 30)'",
    ],
)
async def test_forged_rewards_and_broken_scripts_earn_nothing(tmp_path: Path, image: str, script: str) -> None:
    verdict = await verdict_of(make(tmp_path, image, seconds=2.0), script)
    assert (verdict.is_correct, verdict.value, verdict.outcome) == (False, 0.0, Outcome.SCORED)
    assert containers(image) == []


async def test_limits_of_time_are_kept(tmp_path: Path, image: str) -> None:
    late = await verdict_of(make(tmp_path, image, seconds=4.0), "echo 3 > /app/n; sleep 3600; echo 4 > /app/n")
    assert late.is_correct and late.details["exit"] is None
    slow = await verdict_of(make(tmp_path / "slow", image, test="sleep 3600", seconds=4.0), "echo 3 > /app/n")
    assert (slow.is_correct, slow.details["why"]) == (False, "the tests ran out of time")
    silent = await verdict_of(make(tmp_path / "silent", image, test="true"), "echo 3 > /app/n")
    assert (silent.is_correct, silent.details["why"]) == (False, "the tests left no reward")


async def test_what_the_engine_cannot_do_is_ours(tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScorerError, match="could not be started"):
        await verdict_of(make(tmp_path / "a", "localhost:1/absent:1"), "true")
    with pytest.raises(ScorerError, match="could not be built"):
        await verdict_of(make(tmp_path / "b", ""), "true")
    playing = asyncio.create_task(verdict_of(make(tmp_path / "c", image), "echo 3 > /app/n; sleep 3600"))
    while not containers(image):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    await docker(["kill", *containers(image)], seconds=60)
    with pytest.raises(ScorerError, match="gone"):
        await playing
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    with pytest.raises(ScorerError, match="could not be started"):
        await verdict_of(make(tmp_path / "d", image), "true")


async def test_an_image_is_built_where_none_is_named(tmp_path: Path, image: str) -> None:
    sample = make(tmp_path, "")
    (tmp_path / "count" / "environment").mkdir()
    (tmp_path / "count" / "environment" / "Dockerfile").write_text(f"FROM {image}\nRUN echo 3 > /app/hint\n")
    assert (await verdict_of(sample, "cp /app/hint /app/n")).is_correct
    built = f"tripos-count:{digest(str(tmp_path / 'count'))[:12]}"
    assert (await docker(["image", "rm", built], seconds=60)).returncode == 0


async def test_a_task_without_tests_is_invalid(tmp_path: Path) -> None:
    sample = make(tmp_path)
    (tmp_path / "count" / "tests" / "test.sh").unlink()
    assert (await verdict_of(sample, "true")).outcome is Outcome.SAMPLE_INVALID


async def test_recorded_sessions_are_graded_by_their_reward(tmp_path: Path) -> None:
    sample, said = make(tmp_path), {"role": "assistant", "content": "done"}
    assert (await verdict_of(sample, "", turns=(said, {"role": "environment", "reward": 1.0}), answers="recorded")).is_correct
    with pytest.raises(ScorerError):
        await verdict_of(sample, "echo reward 1", turns=(said, said), answers="recorded")


@pytest.mark.parametrize("attack", attacks("echo 4 > count.txt", "echo 3 > count.txt").values(), ids=attacks("", "").keys())
async def test_pleas_change_nothing(attack: str) -> None:
    sample = next(iter(terminalbench_v2_1.build().calibration())).sample
    assert (await verdict_of(sample, attack)).is_correct is False


async def test_the_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, image: str) -> None:
    await HarborReward().prepare(Instruments())
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    with pytest.raises(SandboxError, match="systemctl start docker"):
        await HarborReward().prepare(Instruments())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"docker.*answers=recorded"):
        await HarborReward().prepare(Instruments())
    await HarborReward(answers="recorded").prepare(Instruments())
