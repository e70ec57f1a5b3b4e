"""Grading one answer the way a run does, for the tests of the coding benchmarks; and samples made in another process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable

import msgspec

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmarks
from tripos.benchmarks.generated import Generated
from tripos.core.records import Completion, Sample, Verdict
from tripos.sandbox.sandbox import Sandbox
from tripos.scoring.answers import visible
from tripos.scoring.hidden_checks import HiddenChecks
from tripos.scoring.scorer import Answer, Instruments


def built(key: str, seed: int = 42) -> tuple[Benchmark, Generated]:
    """A benchmark and its source."""
    made = benchmarks.get(key).build(Options(seed=seed))
    assert isinstance(made.samples, Generated)
    return made, made.samples


async def grade(made: Benchmark, sandbox: Sandbox, sample: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    """Transform and scorer, as the runner applies them."""
    seen = visible(text)
    answer = Answer(seen, Completion(text=text, finish_reason=finish_reason), made.transform(sample, seen))
    assert isinstance(made.scorer, HiddenChecks)
    return await made.scorer.score(sample, answer, Instruments(sandbox=sandbox))


async def grade_all(made: Benchmark, sandbox: Sandbox, cases: Iterable[Case]) -> list[tuple[Case, Verdict]]:
    """All cases at once; the sandbox lets as many run as there are cores."""
    listed = list(cases)
    verdicts = await asyncio.gather(*(grade(made, sandbox, case.sample, case.text) for case in listed))
    return list(zip(listed, verdicts, strict=True))


def digest(key: str, seed: int, count: int) -> str:
    """SHA-256 of the first samples of a seed, everything about them included."""
    _, source = built(key, seed)
    encoded = [json.dumps(msgspec.to_builtins(source.sample(index)), sort_keys=True) for index in range(count)]
    return hashlib.sha256("\n".join(encoded).encode()).hexdigest()


def digest_elsewhere(key: str, seed: int, count: int, hash_seed: str) -> str:
    """The same in a fresh interpreter whose strings are hashed with another seed."""
    program = f"from coding_grading import digest; print(digest({key!r}, {seed}, {count}))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
