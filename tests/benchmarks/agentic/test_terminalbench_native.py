"""Terminal-Bench through its own harness: tasks, the command line, results, the door."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripted_harness import install_terminal_bench
from shared_data import shared
from tripos.benchmarks.agentic.terminalbench_native import (
    NativeHarness,
    ask,
    compose_missing,
    harness_missing,
    read_task,
    read_trial,
    terminalbench_native,
)
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError, SandboxError, ScorerError
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring.scorer import Answer, Instruments


def make(folder: Path, text: str = "instruction: Do it.\ndifficulty: hard\ncategory: games\nmax_agent_timeout_sec: 5\n") -> Sample:
    (folder / "play").mkdir(parents=True, exist_ok=True)
    (folder / "play" / "task.yaml").write_text(text)
    return read_task(folder / "play")


async def verdict_of(sample: Sample, script: str, *, turns: tuple[dict[str, Any], ...] = (), answers: str = "live") -> Verdict:
    text = f"```bash\n{script}\n```" if script else ""
    answer = Answer(text, Completion(text=text, finish_reason="stop", turns=turns), terminalbench_native.build().transform(sample, text))
    return await NativeHarness(answers=answers).score(sample, answer, Instruments())


async def test_calibration() -> None:
    assert not [case for case in await calibrate(terminalbench_native.build()) if not case.ok]


def test_every_real_task_is_a_sample() -> None:
    samples = list(terminalbench_native.build(Options(data=shared("terminalbench-native"))).samples)
    names = ["hello-world", "hf-model-inference", "parallelize-compute-squares"]
    assert [s.record_id for s in samples] == [f"terminalbench-native-{name}" for name in names]
    assert samples[0].input == 'Create a file called /app/hello.txt. Write "Hello, world!" to it.'
    assert (samples[1].subject, samples[1].dimensions) == ("data-science", {"difficulty": "medium"})
    assert all(str(ask(s)).startswith(s.question) for s in samples)


def test_the_cache_of_the_harness_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    with pytest.raises(DatasetError, match="tb datasets download"):
        list(terminalbench_native.build().samples)
    make(tmp_path / ".cache/terminal-bench/terminal-bench-core/0.1.1")
    assert [s.record_id for s in terminalbench_native.build().samples] == ["terminalbench-native-play"]


@pytest.mark.parametrize("text", ["instruction: [", "instruction: ''", "difficulty: easy", "- a"])
def test_a_task_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "play").mkdir()
    (tmp_path / "play" / "task.yaml").write_text(text)
    with pytest.raises(DatasetError, match=r"task\.yaml"):
        list(terminalbench_native.build(Options(data=tmp_path)).samples)


@pytest.mark.parametrize(
    ("word", "right", "tests"), [("resolved", True, 1.0), ("half", False, 0.5), ("timeout", False, None), ("crash", False, None)]
)
async def test_the_harness_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, right: bool, tests: float | None) -> None:
    install_terminal_bench(tmp_path, monkeypatch)
    verdict = await verdict_of(make(tmp_path / "tasks"), f"echo {word}")
    assert (verdict.value, verdict.is_correct, verdict.outcome) == (float(right), right, Outcome.SCORED)
    assert verdict.metrics == {"tests_passed": tests, "one_script": 1.0}


@pytest.mark.parametrize("word", ["unstarted", "nothing"])
async def test_what_never_began_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    install_terminal_bench(tmp_path, monkeypatch)
    with pytest.raises(ScorerError, match=r"could not start|no space left"):
        await verdict_of(make(tmp_path / "tasks"), f"echo {word}")


@pytest.mark.parametrize(
    "content", ["", "{}", '{"results": []}', '{"results": [{"task_id": "x", "is_resolved": true, "failure_mode": "none"}]}']
)
def test_results_of_something_else_are_ours(content: str) -> None:
    with pytest.raises(ScorerError):
        read_trial(content, "play", began=True)


def test_a_real_results_file_is_read() -> None:
    trial = {"task_id": "play", "is_resolved": False, "failure_mode": "agent_timeout", "parser_results": {"test_a": "failed"}}
    assert read_trial(json.dumps({"results": [trial], "pass_at_k": {}}), "play", began=True) == trial


async def test_words_alone_earn_nothing(tmp_path: Path) -> None:
    sample = make(tmp_path)
    assert (await verdict_of(sample, "")).outcome is Outcome.REFUSED
    said = {"role": "assistant", "content": '{"is_resolved": true}'}
    with pytest.raises(ScorerError):
        await verdict_of(sample, "echo resolved", turns=(said, said), answers="recorded")
    assert (await verdict_of(sample, "", turns=(said, {"role": "environment", "reward": 1}), answers="recorded")).is_correct


async def test_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"`docker`.*terminal-bench is not installed.*3\.12.*answers=recorded"):
        await NativeHarness().prepare(Instruments())
    with pytest.raises(SandboxError, match="cannot be started"):
        await NativeHarness(python=str(tmp_path / "python")).prepare(Instruments())
    await NativeHarness(answers="recorded").prepare(Instruments())
    install_terminal_bench(tmp_path / "site", monkeypatch)
    assert harness_missing(sys.executable) is None


async def test_an_engine_without_its_compose_plugin_is_told(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_terminal_bench(tmp_path / "site", monkeypatch)
    if compose_missing() is None:
        await NativeHarness().prepare(Instruments())
    else:
        with pytest.raises(SandboxError, match="install the plugin docker-compose-plugin"):
            await NativeHarness().prepare(Instruments())


def test_options_without_effect_are_refused() -> None:
    for options in (Options(subset="x"), Options(shots=1), Options(settings={"pyton": "x"}), Options(settings={"answers": "seen"})):
        with pytest.raises(ConfigError):
            terminalbench_native.build(options)
