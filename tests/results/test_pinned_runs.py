"""What an edit keeps, counted in requests; what a broken scorer or a refused key costs: no run, no answer, no silent zero."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edited_benchmark import Edited
from running import quiz, records, summary, tripos, write_questions
from scripted_server import Body, Reply, says, scripted
from tripos.core.identity import digest
from tripos.core.records import GenerationParams
from tripos.results.benchmark_result import BenchmarkResult
from tripos.store.database import Database
from tripos.store.verify import verify


class Place(Edited):
    """A directory with a benchmark that is edited between runs of a candidate that knows everything."""

    def run(self, *more: str, exit_code: int = 0) -> dict[str, Any]:
        """The summary of a run of twenty samples."""
        arguments = ["-b", "quiz40.py", "-m", "sim", "-e", "simulated", "--model-option", "skill=1.0", "-o", "out.jsonl", "--store", "t.db"]
        run = tripos("run", *arguments, "-n", "20", *more, cwd=self.folder)
        assert run.returncode == exit_code, run.stderr
        assert "Traceback" not in run.stderr
        return summary(self.folder / "out.jsonl")

    def sent(self, *more: str) -> int:
        """How many requests a run costs."""
        return int(self.run(*more)["requests"]["sent"])

    def hashes(self) -> dict[str, str]:
        """Trial by record, of the newest results."""
        return {r["record_id"]: r["trial_hash"] for r in records(self.folder / "out.jsonl")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twenty samples."""
    found = Place(tmp_path_factory.mktemp("made"))
    assert found.sent() == 20
    return found.folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    """A copy of it that a test may change."""
    return Place(Path(shutil.copytree(made, tmp_path / "place")))


# ------------------------------------------------------------------------------------------------------- what an edit keeps


def test_another_name_of_the_benchmark_costs_nothing(place: Place) -> None:
    before = place.hashes()
    full = BenchmarkResult.open(place.folder / "t.db").trial_hashes
    assert {len(h) for h in full} == {64} and {h[:12] for h in full} == set(before.values()), "people see the first twelve digits"
    place.edit('@benchmark("quiz40"', '@benchmark("forty"')
    assert place.sent() == 0 and place.hashes() == before
    result = BenchmarkResult.open(place.folder / "t.db", benchmark="forty")
    assert [(r["benchmark_id"], r["count"]) for r in result.aggregate(group_by=["benchmark_id"], metric_id="accuracy")] == [("forty", 20)]


@pytest.mark.parametrize("name", ["same", "letter"])
def test_another_name_of_a_scorer_or_transform_is_another_scoring_and_asks_nobody(place: Place, name: str) -> None:
    overlay, before = place.run()["overlay"], place.hashes()
    place.edit(f'name: ClassVar[str] = "{name}"', f'name: ClassVar[str] = "{name}-too"')
    said = place.run()
    assert (said["requests"]["sent"], said["accuracy"], said["scored_samples"]) == (0, 1.0, 20)
    assert said["overlay"] != overlay and place.hashes() == before


def test_a_seed_chooses_samples_and_is_no_part_of_them(place: Place) -> None:
    before = place.hashes()
    sent = place.sent("--seed", "7")
    now = place.hashes()
    shared = before.keys() & now.keys()
    assert 0 < len(shared) < 20 and sent == 20 - len(shared)
    assert {name: now[name] for name in shared} == {name: before[name] for name in shared}


def test_what_the_model_is_asked_with_is_part_of_the_trial(place: Place) -> None:
    before = place.hashes()
    for more in (("--temperature", "0.5"), ("--max-tokens", "99"), ("--model-option", "seed=3")):
        assert place.sent(*more) == 20, more
        assert not set(before.values()) & set(place.hashes().values())
    ordered = [digest(GenerationParams(stop=stop)) for stop in (("a", "b"), ("b", "a"), ("a", "b"))]
    assert ordered[0] == ordered[2] != ordered[1], "the order of a list says something"
    assert digest(GenerationParams(seed=1)) != digest(GenerationParams(seed=2))


# ---------------------------------------------------------------------------------------------------- what a fault does not cost

RIGHT = "return Verdict(value=float(right), is_correct=right)"
FOUND = 'return Extraction(answer=found[1] if found else None, how="pattern")'
FAULTS = {
    "nan": (RIGHT, "Verdict(value=float('nan'), is_correct=False)", "score = nan"),
    "forgotten": (RIGHT, "None", "no Verdict"),
    "text": (RIGHT, "Verdict(value='1.0', is_correct=True)", "no float"),
    "details": (RIGHT, "Verdict(value=1.0, is_correct=True, details={'seen': object()})", "cannot be recorded"),
    "raises": (FOUND, "1 / 0", "ZeroDivisionError"),
    "answer": (FOUND, "Extraction(answer=object())", "cannot be recorded"),
}


@pytest.mark.parametrize(("fault", "later"), [*((name, False) for name in FAULTS), ("nan", True), ("details", True)])
def test_a_fault_of_the_scorer_is_one_unscored_sample_that_is_scored_later(place: Place, fault: str, later: bool) -> None:
    where, what, said = FAULTS[fault]
    hurt = sorted(place.hashes())[3]
    broken = f"return ({what}) if sample.record_id == {hurt!r} else {where.removeprefix('return ')}"
    place.edit(where, broken)
    place.edit(f'"{"letter" if where is FOUND else "same"}"\n    version: ClassVar[str] = "1"', '"hurt"\n    version: ClassVar[str] = "1"')
    if later:
        place.edit("    def score(", "    async def score(")
    found = place.run(exit_code=1)
    assert found["outcomes"] | {"scored": 19, "judge_failed": 1} == found["outcomes"]
    assert (found["accuracy"], found["unscored"], found["requests"]["sent"]) == (1.0, 1, 0)
    (line,) = [r for r in records(place.folder / "out.jsonl") if r["outcome"] == "judge_failed"]
    assert (line["record_id"], line["is_correct"], line["score"]) == (hurt, None, None) and said in line["error"]
    assert verify(Database(str(place.folder / "t.db"))).ok
    place.edit(broken, where)
    mended = place.run()
    assert (mended["requests"]["sent"], mended["scored_samples"]) == (0, 20), "no answer was lost"


def test_a_key_that_is_refused_on_the_way_costs_no_wait_and_soon_nothing_at_all(tmp_path: Path) -> None:
    answered, refused = count(), [True]

    def model(body: Body) -> Reply:
        return says("ANSWER: A") if not refused[0] or next(answered) < 5 else says("this key was revoked", status=401)

    data = write_questions(tmp_path / "q.jsonl", 60)
    with scripted(model) as server:
        arguments = quiz(data, server.url, "-m", "scripted", "-w", "4")
        run = tripos(*arguments, cwd=tmp_path)
        asked = len(server.asked)
        assert run.returncode == 1 and 5 + 20 <= asked <= 5 + 20 + 3 * 4, run.stderr
        lost = [r for r in records(tmp_path / "out.jsonl") if r["outcome"] == "infrastructure_failed"]
        assert len(lost) == asked - 5 and {r["error_kind"] for r in lost} == {"auth"} and "revoked" in lost[0]["error"]
        said = summary(tmp_path / "out.jsonl")
        assert (said["scored_samples"], said["status"], said["not_reached"]) == (5, "given_up", 60 - asked)
        refused[0] = False
        assert tripos(*arguments, cwd=tmp_path).returncode == 0
        assert len(server.asked) == asked + 55, "a failure is asked again, an answer is not"
    assert summary(tmp_path / "out.jsonl")["scored_samples"] == 60
