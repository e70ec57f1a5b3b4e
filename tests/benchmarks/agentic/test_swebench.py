"""SWE-bench: rows, prompts, the door, and what becomes of a patch behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from container_engine import containers
from shared_data import shared
from tripos.benchmarks.agentic import swebench as swebench_module
from tripos.benchmarks.agentic.swebench import ask, files_found, listed_tests, own_instance, read_report, swebench, to_sample, well_formed
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError, SandboxError, ScorerError
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring import harness
from tripos.scoring.patches import parse
from tripos.scoring.scorer import Answer, Instruments

ROW: dict[str, Any] = {
    "repo": "o/r",
    "instance_id": "o__r-1",
    "base_commit": "c" * 40,
    "patch": "--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-a\n+b\n",
    "problem_statement": "It breaks.",
    "hints_text": "SECRET HINT",
    "FAIL_TO_PASS": '["a"]',
    "PASS_TO_PASS": ["b"],
    "difficulty": "<15 min fix",
    "created_at": "2022-03-03T15:14:54Z",
}


async def graded(sample: Sample, text: str, **chosen: float) -> Verdict:
    benchmark = swebench.build(Options(settings=chosen))
    answer = Answer(text, Completion(text=text, finish_reason="stop"), benchmark.transform(sample, text))
    scored = benchmark.scorer.score(sample, answer, Instruments())
    return await scored  # type: ignore[misc]


async def test_calibration() -> None:
    cases = await calibrate(swebench.build())
    assert not [case for case in cases if not case.ok]
    assert {"reference", "empty", "refusal", "echo", "garbage", "dump", "injection", "majority"} <= {case.name for case in cases}


@pytest.mark.parametrize(
    ("subset", "file"), [("verified", "verified_test"), ("verified_mini", "verified_mini_test"), ("lite", "lite_test_5")]
)
def test_every_real_row_is_a_sample(subset: str, file: str) -> None:
    path = shared(f"swebench/{file}.jsonl")
    samples = list(swebench.build(Options(data=path, subset=subset)).samples)
    assert len({sample.record_id for sample in samples}) == len(samples) == path.read_text(encoding="utf-8").count("\n") >= 5
    for sample in samples:
        assert sample.question in ask(sample) and sample.metadata["row"]["base_commit"] in ask(sample)
        assert sample.cluster == sample.subject and sample.reference not in ask(sample)
        assert parse(sample.reference) and well_formed(sample.reference) == 1 and files_found(sample.reference, sample.reference) == 1
        assert swebench.build().transform(sample, f"```diff\n{sample.reference}```").answer == sample.reference


def test_a_directory_is_searched_by_subset() -> None:
    folder = shared("swebench")
    verified, mini = (swebench.build(Options(data=folder, subset=subset)) for subset in ("verified", None))
    assert len(list(verified.samples)) > len(list(mini.samples)) >= 5
    with pytest.raises(ConfigError, match="verified"):
        swebench.build(Options(subset="verifed"))


def test_hints_are_hidden_unless_asked_for() -> None:
    sample = to_sample(ROW, "verified")
    assert "SECRET" not in ask(sample)
    assert "SECRET" in str(swebench.build().variants["hints"](sample))
    assert sample.dimensions == {"repo": "o/r", "difficulty": "<15 min fix", "year": "2022"}


def test_test_names_come_as_lists_or_as_json() -> None:
    assert listed_tests(ROW, "FAIL_TO_PASS") == ["a"] and listed_tests(ROW, "PASS_TO_PASS") == ["b"]
    for broken in ("a", '{"a": 1}', [1]):
        with pytest.raises(ValueError):
            listed_tests({"FAIL_TO_PASS": broken}, "FAIL_TO_PASS")


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({"instance_id": "x", "text": "y"}) + "\n")
    with pytest.raises(DatasetError, match="base_commit"):
        list(swebench.build(Options(data=tmp_path)).samples)


async def test_the_door_says_in_one_sentence_what_is_missing_and_what_mends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SandboxError) as caught:
        await swebench.build().scorer.prepare(Instruments())  # type: ignore[attr-defined]
    message = str(caught.value)
    assert "swebench" in message and "docker" in message and "https://docs.docker.com" in message and "pip install swebench" in message
    assert "\n" not in message


async def test_a_door_with_only_docker_closed_speaks_of_docker_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError) as caught:
        await swebench.build().scorer.prepare(Instruments())  # type: ignore[attr-defined]
    assert "docker" in str(caught.value) and "pip install" not in str(caught.value)


async def test_an_engine_that_does_not_run_is_told_from_one_that_is_not_installed(
    image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert harness.docker_missing() is None
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    assert "systemctl start docker" in str(harness.docker_missing())


CHECKS = """
import stool
for name, said, right in (("test_legs", stool.legs(2), 6), ("test_none", stool.legs(0, 4), 0), ("test_seats", stool.seats(5), 5)):
    print("PASSED" if said == right else "FAILED", name)
"""
EVALUATION = f"""#!/bin/bash
set -uxo pipefail
cd /testbed
cat > checks.py <<'END'{CHECKS}END
: '>>>>> Start Test Output'
python3 checks.py
: '>>>>> End Test Output'
git checkout -- .
"""
DOCKERFILE = """
FROM {image}
COPY stool.py /testbed/
RUN cd /testbed && git init --quiet && git add . && git -c user.name=a -c user.email=a@b.c commit --quiet --message begin
RUN mkdir -p /usr/local/bin && printf '#!/bin/bash\\ntrap "exit 0" TERM\\nsleep infinity & wait' > /usr/local/bin/tail
RUN chmod +x /usr/local/bin/tail
WORKDIR /testbed
"""
"""The repository of `own_instance`, and a `tail` that can be stopped: the harness waits 15 s for process 1 otherwise."""


@pytest.fixture(scope="session")
def stools(container_engine: dict[str, str], session_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of our own instance."""
    pytest.importorskip("swebench", reason="pip install swebench")
    folder, tag = tmp_path_factory.mktemp("stools"), f"{session_image}-stools"
    (folder / "stool.py").write_text(own_instance().metadata["repository"]["files"]["stool.py"])
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=session_image))
    environment = {**os.environ, **container_engine}
    built = subprocess.run(["docker", "build", "--tag", tag, folder], env=environment, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    yield tag
    subprocess.run(["docker", "image", "rm", "--force", tag], env=environment, check=False, capture_output=True)


def in_container(image: str) -> Sample:
    """Our own instance, graded by the official harness."""
    row = {**own_instance().metadata["row"], "image": image, "version": "1", "eval_script": EVALUATION}
    return to_sample({**row, "log_parser": "parse_log_pytest", "eval_type": "pass_and_fail"}, "verified")


def fix(line: str) -> str:
    return f"```diff\n{own_instance().reference.replace('return stools * each', line)}```"


@pytest.mark.parametrize(
    ("answer", "is_correct", "metrics"),
    [
        (fix("return stools * each"), True, {"applied": 1.0, "fail_to_pass": 1.0, "pass_to_pass": 1.0}),
        (fix("return 6"), False, {"applied": 1.0, "fail_to_pass": 0.5, "pass_to_pass": 1.0}),
        (fix("return"), False, {"applied": 1.0, "fail_to_pass": 0.0, "pass_to_pass": 1.0}),
        (fix("retturn 6"), False, {"applied": 0.0, "fail_to_pass": 0.0, "pass_to_pass": None}),
        (fix("return stools * each").replace("stools + each", "stools - each"), False, {"applied": 0.0}),
        (fix("while True: pass"), False, {"applied": 1.0, "fail_to_pass": None, "pass_to_pass": None}),
    ],
    ids=["right", "half", "wrong", "broken", "unfit", "endless"],
)
async def test_what_the_official_harness_finds_is_the_verdict(
    answer: str, is_correct: bool, metrics: dict[str, float | None], stools: str, image: str
) -> None:
    verdict = await graded(in_container(stools), answer, timeout_seconds=8.0 if "while" in answer else 300.0)
    assert (verdict.is_correct, verdict.value, verdict.outcome) == (is_correct, float(is_correct), Outcome.SCORED), verdict.details
    assert {name: verdict.metrics[name] for name in metrics} == metrics
    assert containers(image) == []


async def test_a_harness_that_breaks_leaves_the_sample_unscored(
    stools: str, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fix("return stools * each")
    with pytest.raises(ScorerError, match="never applied the patch"):
        await graded(in_container("localhost:1/absent:1"), right)
    with pytest.raises(ScorerError, match=r"the harness broke: .*'none'"):
        await graded(to_sample({**in_container(stools).metadata["row"], "image": stools, "log_parser": "none"}, "verified"), right)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    with pytest.raises(ScorerError, match="never applied the patch"):
        await graded(in_container(stools), right)


async def test_a_harness_that_takes_too_long_is_ended_with_its_containers(stools: str, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swebench_module, "SLACK_SECONDS", -580.0)
    with pytest.raises(ScorerError, match="did not end within 20 s"):
        await graded(in_container(stools), fix("while True: pass"), timeout_seconds=600.0)
    assert containers(image) == []


async def test_no_patch_needs_no_container() -> None:
    assert (await graded(to_sample(ROW, "verified"), "")).outcome is Outcome.REFUSED
    assert (await graded(to_sample(ROW, "verified"), "I cannot.")).outcome is Outcome.WRONG_FORMAT


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"x": {"resolved": true}}', '{"x": {"resolved": 1, "patch_successfully_applied": true}}']
)
def test_a_report_without_a_verdict_is_our_failure(content: str) -> None:
    with pytest.raises(ScorerError):
        read_report(content, "x")


async def test_words_around_a_patch_change_nothing() -> None:
    sample = own_instance()
    wrong = sample.reference.replace("stools * each", "stools - each")
    for before in ('{"resolved": true}', "is_correct: yes\n" * 10, "\x00\x1b[2J", "й" * 100_000, ">>>>> All Tests Passed"):
        assert (await graded(sample, f"{before}\n```diff\n{wrong}```")).is_correct is False
        assert (await graded(sample, f"{before}\n```diff\n{sample.reference}```")).is_correct is True
