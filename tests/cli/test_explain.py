"""`tripos explain`: the record that was asked for, in the way it was asked for, or what there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from running import PERF, tripos

BENCHMARK = """
import sys
sys.path.insert(0, {perf!r})
from dataclasses import replace
from mcq_benchmark import perf_mcq
from tripos.benchmarks.benchmark import benchmark

@benchmark("asked-twice", category="test", summary="Two ways of asking")
def asked_twice(options):
    return replace(perf_mcq.function(options), variants={{"aloud": lambda sample: sample.question.upper()}})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("explained")
    (found / "asked_twice.py").write_text(BENCHMARK.format(perf=str(PERF)))
    (found / "rows.jsonl").write_text('{"id": "q1", "prompt": "Why?", "answer": "A"}\n')
    run = tripos("run", "-b", "asked_twice.py", "--data", "rows.jsonl", "-m", "m", "-e", "simulated", "--prompt-variant", "aloud",
                 "--prompt-variant", "default", cwd=found)  # fmt: skip
    assert run.returncode == 0, run.stderr
    return found


def test_the_default_way_of_asking_comes_first_and_others_by_name(folder: Path) -> None:
    for more, prompt in (((), "Why?"), (("--prompt-variant", "aloud"), "WHY?"), (("--prompt-variant", "default"), "Why?")):
        shown = json.loads(tripos("explain", "q1", "--json", *more, cwd=folder).stdout)
        assert prompt in shown["prompt"], more
        assert shown["record"]["prompt_variant_id"] == (more[1] if more else "default")


@pytest.mark.parametrize("more", [("--attempt", "3"), ("--prompt-variant", "alowd")])
def test_an_attempt_or_way_that_is_not_there(folder: Path, more: tuple[str, str]) -> None:
    run = tripos("explain", "q1", *more, cwd=folder)
    assert run.returncode == 2 and "attempt 0 of variant aloud, attempt 0 of variant default" in run.stderr, run.stderr


def test_a_candidate_id_names_one_answer_here_and_in_the_timeline(folder: Path) -> None:
    ways = {}
    for variant in ("default", "aloud"):
        run = tripos("timeline", "q1", "--prompt-variant", variant, "--json", cwd=folder)
        assert run.returncode == 0, run.stderr
        found = json.loads(run.stdout)
        assert found["lineage"]["prompt_template"] == variant
        ways[variant] = found["candidate_id"]
    for variant, candidate in ways.items():
        shown = json.loads(tripos("explain", candidate[:12], "--json", cwd=folder).stdout)
        assert shown["record"]["prompt_variant_id"] == variant
    wrong = tripos("timeline", "q1", "--prompt-variant", "loud", cwd=folder)
    assert wrong.returncode == 2 and "there are: aloud, default" in wrong.stderr
