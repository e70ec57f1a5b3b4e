"""Adding to what was done asks for the addition alone: counted at the server. What is added is there in every way of grouping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edited_benchmark import Edited
from running import FakeServer, fake_server, records, summary, tripos
from tripos.results.benchmark_result import BenchmarkResult


class Place(Edited):
    """A directory with the benchmark and a server that counts."""

    def __init__(self, folder: Path, server: FakeServer) -> None:
        super().__init__(folder)
        self.server = server

    def asked_by(self, *more: str, exit_code: int = 0) -> int:
        """How many requests a run costs."""
        before = sum(self.server.stats()["asked"].values())
        arguments = ["run", "-b", "quiz40.py", "-m", "fake", "--base-url", self.server.url, "-o", "out.jsonl", "--max-tokens", "16"]
        run = tripos(*arguments, "-n", "10", "--temperature", "0.5", *more, cwd=self.folder)
        assert run.returncode == exit_code, run.stderr
        return sum(self.server.stats()["asked"].values()) - before

    def result(self) -> BenchmarkResult:
        """The newest results."""
        run_id = str(records(self.folder / "out.jsonl")[0]["run_id"])
        return BenchmarkResult.open(self.folder / "results/tripos.db", run_ids=[run_id])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with fake_server() as server:
        found = Place(tmp_path, server)
        assert found.asked_by() == 10
        yield found


def test_samples_attempts_and_ways_of_asking_cost_themselves(place: Place) -> None:
    assert place.asked_by("-n", "15") == 5
    assert place.asked_by("-n", "15", "--attempts", "3") == 30
    both = ("-n", "15", "--attempts", "3", "--prompt-variant", "default", "--prompt-variant", "terse")
    assert place.asked_by(*both) == 45
    assert place.asked_by(*both, "--prompt-variant", "polite") == 45
    assert place.asked_by(*both, "--prompt-variant", "polite") == 0
    rows = place.result().aggregate(group_by=["prompt_variant_id", "attempt", "source"], metric_id="accuracy")
    assert [(r["prompt_variant_id"], r["attempt"]) for r in rows[::2]] == [(v, k) for v in ("default", "polite", "terse") for k in range(3)]
    assert {r["source"] for r in rows} == {"book", "web"} and sum(r["count"] for r in rows) == 135


def test_another_model_or_parameter_costs_its_own(place: Place) -> None:
    assert place.asked_by("--temperature", "0.9") == 10
    result = BenchmarkResult.open(place.folder / "results/tripos.db")
    assert [(r["temperature"], r["count"]) for r in result.aggregate(group_by=["temperature"], metric_id="score")] == [(0.5, 10), (0.9, 10)]


def test_another_metric_or_version_of_the_scorer_costs_nothing_and_is_no_stale_score(place: Place) -> None:
    place.edit(
        "return Verdict(value=float(right), is_correct=right)", 'return Verdict(value=0.25, is_correct=right, metrics={"near": 0.75})'
    )
    place.edit(
        'name: ClassVar[str] = "same"\n    version: ClassVar[str] = "1"', 'name: ClassVar[str] = "same"\n    version: ClassVar[str] = "2"'
    )
    assert place.asked_by() == 0
    means = {r["metric_id"]: r["mean"] for r in place.result().aggregate(group_by=["metric_id"])}
    assert (means["score"], means["near"]) == (0.25, 0.75)


def test_other_slices_and_labels_cost_nothing_and_replace_the_old_ones(place: Place) -> None:
    assert place.asked_by("--setting", "slices=2") == 0
    assert {r["slice_id"] for r in place.result().aggregate(group_by=["slice_id"], metric_id="accuracy")} == {"part-0", "part-1"}
    place.edit('"book" if', '"paper" if')
    assert place.asked_by("--setting", "slices=2") == 0
    assert {r["source"] for r in place.result().aggregate(group_by=["source"], metric_id="accuracy")} <= {"paper", "web"}


def test_a_scorer_that_raises_loses_one_sample_and_no_answer(place: Place) -> None:
    hurt = records(place.folder / "out.jsonl")[0]["record_id"]
    place.edit(
        "        right = answer", f'        if sample.record_id == "{hurt}":\n            raise ValueError("oops")\n        right = answer'
    )
    place.edit(
        'name: ClassVar[str] = "same"\n    version: ClassVar[str] = "1"', 'name: ClassVar[str] = "same"\n    version: ClassVar[str] = "2"'
    )
    assert place.asked_by(exit_code=1) == 0
    said = summary(place.folder / "out.jsonl")
    assert (said["scored_samples"], said["unscored"]) == (9, 1)
    (row,) = place.result().iter_failures()
    assert (row["item_id"], row["where"], row["message"]) == (hurt, "evaluation", "ValueError: oops")
    place.edit(f'        if sample.record_id == "{hurt}":\n            raise ValueError("oops")\n', "")
    assert place.asked_by() == 0 and summary(place.folder / "out.jsonl")["scored_samples"] == 10


def test_the_same_through_a_suite(place: Place) -> None:
    frames = [{"Prompt": f"Who is QID-{i}?", "Answer": "Jane", "reasoning_types": "Temporal", "wiki_links": "[]"} for i in range(6)]
    (place.folder / "test.jsonl").write_text("".join(json.dumps({"Unnamed: 0": i, **r}) + "\n" for i, r in enumerate(frames)))
    reply = "extracted_final_answer: Jane\nreasoning: it matches\ncorrect: yes"
    with fake_server("--judge", reply) as judge:

        def asked(attempts: int, variants: str) -> int:
            suite = (
                f'[run]\noutput_dir = "suite/"\nattempts = {attempts}\n[defaults]\ntemperature = 0.5\n'
                f'[judge]\nmodel = "fake"\nbase_url = "{judge.url}"\n[[models]]\nname = "fake"\nbase_url = "{place.server.url}"\n'
                f'[[benchmarks]]\nname = "frames"\ndata = "test.jsonl"\nprompt_variants = {variants}\n'
            )
            (place.folder / "suite.toml").write_text(suite)
            before = sum(place.server.stats()["asked"].values())
            run = tripos("run", "--config", "suite.toml", "--store", "suite/t.db", cwd=place.folder)
            assert run.returncode == 0, run.stderr
            return sum(place.server.stats()["asked"].values()) - before

        assert [asked(1, '["default"]'), asked(2, '["default"]'), asked(2, '["default", "page-links"]')] == [6, 6, 12]
        assert sum(judge.stats()["asked"].values()) == 24
    result = BenchmarkResult.open(place.folder / "suite/t.db", run_ids=[_newest(place.folder / "suite")])
    rows_by = result.aggregate(group_by=["prompt_variant_id", "attempt"], metric_id="accuracy")
    assert [(r["prompt_variant_id"], r["attempt"], r["count"]) for r in rows_by] == [
        ("default", 0, 6), ("default", 1, 6), ("page-links", 0, 6), ("page-links", 1, 6),
    ]  # fmt: skip


def _newest(folder: Path) -> str:
    newest = max(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return str(records(newest)[0]["run_id"])
