"""Several ways of asking one question: each answer is its own, but they are one item, not several."""

from __future__ import annotations

import json
from pathlib import Path

from running import PERF, records, summary, tripos

BENCHMARK = """
import sys
sys.path.insert(0, {perf!r})
from dataclasses import replace
from mcq_benchmark import perf_mcq
from tripos.benchmarks.benchmark import benchmark

@benchmark("two-ways", category="test", summary="Two ways of asking")
def two_ways(options):
    return replace(perf_mcq.function(options), variants={{"loud": lambda sample: sample.question.upper()}})
"""
WAYS = ("--prompt-variant", "default", "--prompt-variant", "loud")


def questions(folder: Path, n: int) -> list[str]:
    (folder / "two_ways.py").write_text(BENCHMARK.format(perf=str(PERF)))
    with (folder / "rows.jsonl").open("w") as file:
        for i in range(n):
            file.write(json.dumps({"id": f"q{i}", "prompt": f"Question {i}", "answer": "ABCD"[i % 4]}) + "\n")
    return ["run", "-b", "two_ways.py", "--data", "rows.jsonl", "-m", "sim"]


def test_ways_of_asking_do_not_make_the_interval_narrower(tmp_path: Path) -> None:
    run = [*questions(tmp_path, 60), "-e", "simulated"]  # its answer depends on the question, not on how it is asked
    assert tripos(*run, "-o", "one.jsonl", cwd=tmp_path).returncode == 0
    assert tripos(*run, *WAYS, "-o", "two.jsonl", cwd=tmp_path).returncode == 0
    one, two = summary(tmp_path / "one.jsonl"), summary(tmp_path / "two.jsonl")
    assert (one["planned"], two["planned"]) == (60, 120)
    assert two["accuracy_interval"]["n_items"] == 60
    assert two["accuracy_interval"] == one["accuracy_interval"]


def test_a_replay_gives_each_way_of_asking_its_own_answer(tmp_path: Path) -> None:
    run = questions(tmp_path, 6)
    said = {"default": "ANSWER: A", "loud": "ANSWER: B"}
    line = {"benchmark": "two-ways", "model": "sim", "error": None}
    with (tmp_path / "old.jsonl").open("w") as file:
        for i in range(6):
            for way, text in said.items():
                file.write(json.dumps({**line, "record_id": f"q{i}", "prompt_variant_id": way, "model_answer": text}) + "\n")
    replay = tripos(*run, *WAYS, "--replay", "old.jsonl", "-o", "new.jsonl", cwd=tmp_path)
    assert replay.returncode == 0, replay.stderr
    assert {(r["prompt_variant_id"], r["model_answer"]) for r in records(tmp_path / "new.jsonl")} == set(said.items())
