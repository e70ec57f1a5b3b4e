"""SWE-bench: rows, prompts, the door, and what becomes of a patch behind it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripted_harness import install
from shared_data import shared
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


def patch(word: str) -> str:
    return f"```diff\n--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-a\n+{word}\n```"


async def graded(sample: Sample, text: str) -> Verdict:
    benchmark = swebench.build()
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
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError) as caught:
        await swebench.build().scorer.prepare(Instruments())  # type: ignore[attr-defined]
    assert "docker" in str(caught.value) and "pip install" not in str(caught.value)


async def test_an_engine_that_does_not_run_is_told_from_one_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "systemctl start docker" in str(harness.docker_missing())
    program.write_text("#!/bin/sh\necho 28.0.1\n")
    assert harness.docker_missing() is None


@pytest.mark.parametrize(
    ("word", "is_correct", "metrics"),
    [
        ("resolve", True, {"applied": 1.0, "fail_to_pass": 1.0, "pass_to_pass": 1.0}),
        ("fail", False, {"applied": 1.0, "fail_to_pass": 0.0, "pass_to_pass": 1.0}),
        ("noapply", False, {"applied": 0.0, "fail_to_pass": None, "pass_to_pass": None}),
        ("hang", False, {"applied": 1.0, "fail_to_pass": None, "pass_to_pass": None}),
    ],
)
async def test_what_the_harness_leaves_is_the_verdict(
    word: str, is_correct: bool, metrics: dict[str, float | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch)
    verdict = await graded(to_sample(ROW, "verified"), patch(word))
    assert (verdict.is_correct, verdict.value, verdict.outcome) == (is_correct, float(is_correct), Outcome.SCORED)
    assert verdict.metrics == {**metrics, "well_formed": 1.0, "files_found": 1.0}


async def test_a_harness_that_breaks_before_the_patch_leaves_the_sample_unscored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch)
    with pytest.raises(ScorerError, match="no space left"):
        await graded(to_sample(ROW, "verified"), patch("broken"))


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
