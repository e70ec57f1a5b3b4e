"""Judge replies are read again by the very scorer that graded the run: its settings count, and another scorer is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from running import fake_server, tripos

BENCHMARK = """
from dataclasses import dataclass

from tripos.benchmarks.benchmark import Benchmark, Options, benchmark
from tripos.core.records import Sample
from tripos.scoring.judged import JudgedCorrect, ThreeWayGrade


@dataclass(frozen=True)
class Names:
    endless: bool = False

    def __iter__(self):
        for i in range(4):
            yield Sample(record_id=f"n{i}", input=f"Who is person QID-{i}?", reference=f"Jane {i}")

    def fingerprint(self):
        return {"source": "names"}


@benchmark("names", category="test", summary="Names", settings=("grades",))
def names(options: Options) -> Benchmark:
    scorer = ThreeWayGrade() if options.settings.get("grades") == 3 else JudgedCorrect()
    return Benchmark(samples=Names(), prompt=lambda sample: sample.input, scorer=scorer, calibration=lambda: [])
"""
GRADE = "The names agree.\n\nGRADE: CORRECT"


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """A run whose judge gives grades, since a setting of the run asked for them."""
    (tmp_path / "names.py").write_text(BENCHMARK)
    with fake_server() as candidate, fake_server("--judge", GRADE) as judge:
        server = ("-m", "fake", "--base-url", candidate.url, "--judge-model", "fake", "--judge-base-url", judge.url)
        run = tripos("run", "-b", "names.py", *server, "--setting", "grades=3", "-o", "out.jsonl", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    return tmp_path


def test_the_settings_of_the_run_choose_the_scorer(graded: Path) -> None:
    run = tripos("reparse-judge", "--jsonl", "out.jsonl", "--benchmark-file", "names.py", "--json", cwd=graded)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["reread"], found["changed"], found["accuracy_after"]) == (4, 0, 1.0)


def test_without_a_store_the_settings_are_the_summarys(graded: Path) -> None:
    run = tripos("reparse-judge", "--jsonl", "out.jsonl", "--benchmark-file", "names.py", "--store", "none.db", "--json", cwd=graded)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["reread"] == 4
    (graded / "out.jsonl.summary.json").unlink()
    run = tripos("reparse-judge", "--jsonl", "out.jsonl", "--benchmark-file", "names.py", "--store", "none.db", cwd=graded)
    assert run.returncode == 2 and "no stored judge reply could be read" in run.stderr, "of the benchmark's default scorer"


def test_where_nothing_can_be_read_nothing_is_left_behind(graded: Path) -> None:
    (graded / "out.jsonl.summary.json").unlink()  # of the benchmark's default scorer the grades mean nothing
    before = (graded / "out.jsonl").read_bytes()
    arguments = ("--jsonl", "out.jsonl", "--benchmark-file", "names.py", "--store", "none.db", "--in-place")
    assert tripos("reparse-judge", *arguments, cwd=graded).returncode == 2
    assert (graded / "out.jsonl").read_bytes() == before and not (graded / "out.jsonl.bak").exists()
