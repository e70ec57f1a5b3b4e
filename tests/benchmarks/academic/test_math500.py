"""MATH-500: boxed answers, equal in whatever form they are written."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from scripted_judge import answer_of, assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.math500 import math500, to_sample
from tripos.benchmarks.benchmark import Benchmark, Options
from tripos.core.errors import ConfigError
from tripos.core.records import Sample, Verdict
from tripos.scoring.scorer import Instruments


@pytest.fixture
def benchmark() -> Benchmark:
    return math500.build(Options(data=shared("math500")))


async def score(benchmark: Benchmark, sample: Sample, text: str) -> Verdict:
    verdict = benchmark.scorer.score(sample, answer_of(sample, text, benchmark.transform), Instruments())
    return await verdict if isinstance(verdict, Awaitable) else verdict


async def test_calibration() -> None:
    await assert_calibrated(math500.build())


def test_groups_and_ids_are_upstreams() -> None:
    row = {"problem": "What is $1+1$?", "answer": "2", "subject": "Algebra", "level": 1, "unique_id": "test/algebra/1.json"}
    sample = to_sample(row)
    assert (sample.record_id, sample.subject, sample.dimensions) == ("test/algebra/1.json", "Algebra", {"level": "1"})
    with pytest.raises(ValueError, match="answer is empty"):
        to_sample({**row, "answer": " "})


def test_judges_shots_and_subsets_are_refused() -> None:
    for options in (Options(judge="fallback"), Options(shots=4), Options(subset="algebra")):
        with pytest.raises(ConfigError):
            math500.build(options)


async def test_every_real_solution_is_correct_and_no_question_answers_itself(benchmark: Benchmark) -> None:
    import json

    solutions = {row["unique_id"]: row["solution"] for row in map(json.loads, shared("math500/test.jsonl").open(encoding="utf-8"))}
    samples = list(benchmark.samples)
    assert len(samples) == len(solutions) == 100
    for sample in samples:
        assert (await score(benchmark, sample, solutions[sample.record_id])).is_correct, sample.record_id
        assert benchmark.transform(sample, str(benchmark.prompt(sample))).how != "last box"


async def test_no_real_answer_passes_for_another(benchmark: Benchmark) -> None:
    """Each reference is put as the answer to the next question: equal only but for a unit or a degree sign."""
    samples = sorted(benchmark.samples, key=lambda sample: str(sample.reference))
    passed = []
    for sample, other in zip(samples, samples[1:] + samples[:1], strict=True):
        verdict = await score(benchmark, sample, rf"\boxed{{{other.reference}}}")
        if verdict.is_correct and sample.reference != other.reference:
            passed.append((sample.reference, other.reference))
    assert passed == [("15", r"15\mbox{ cm}^2"), ("90", r"90^\circ")]
