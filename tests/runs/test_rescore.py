"""Answers are scored again without asking the model: a new overlay beside the old one, chosen by name, resumed for nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from running import fake_server, records, summary, tripos
from tripos.core.errors import ConfigError
from tripos.results.benchmark_result import BenchmarkResult
from tripos.runs.rescore import Change, changed, changed_spec
from tripos.runs.spec import JudgeSpec, ModelSpec, RunSpec, public
from tripos.runs.stored import spec_of
from tripos.store.database import Database
from tripos.store.reading import Reader, RunRow

YES = "extracted_final_answer: Jane\nreasoning: it matches\ncorrect: yes"
NO = "extracted_final_answer: Joe\nreasoning: another name\ncorrect: no"

BENCHMARK = """
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark
from tripos.core.records import Extraction, Sample, Verdict
from tripos.scoring.scorer import scorer, transform


@dataclass(frozen=True)
class Numbers:
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        for i in range(20):
            yield Sample(record_id=f"n{i}", input=f"How much is {i}?", reference=float(i))

    def fingerprint(self):
        return {"source": "numbers"}


@dataclass(frozen=True)
class Number:
    shift: float = 0.0
    name: ClassVar[str] = "number"
    version: ClassVar[str] = "1"

    def __call__(self, sample, text):
        return Extraction(answer=float(text) + self.shift if text else None, how="number")


@dataclass(frozen=True)
class Near:
    tolerance: float = 0.0
    name: ClassVar[str] = "near"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample, answer, instruments):
        right = answer.extraction.answer is not None and abs(answer.extraction.answer - sample.reference) <= self.tolerance
        return Verdict(value=float(right), is_correct=right)


@transform("doubled")
@dataclass(frozen=True)
class Doubled:
    version: ClassVar[str] = "1"

    def __call__(self, sample, text):
        return Extraction(answer=2 * float(text), how="doubled")


@scorer("always_right")
@dataclass(frozen=True)
class AlwaysRight:
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample, answer, instruments):
        return Verdict(value=1.0, is_correct=True)


@benchmark("numbers", category="test", summary="Numbers")
def numbers(options: Options) -> Benchmark:
    case = Sample(record_id="one", input="?", reference=1.0)
    return Benchmark(
        samples=Numbers(), prompt=lambda s: s.question, transform=Number(), scorer=Near(),
        calibration=lambda: [Case("reference", case, "1", True)], perfect=lambda s: str(s.reference + (s.reference % 4 == 0) * 0.5),
    )
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 numbers by a simulated model that is half a unit off in every fourth."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "sums_quiz.py").write_text(BENCHMARK)
    run = tripos("run", "-b", "sums_quiz.py", "-m", "sim", "-e", "simulated", "--model-option", "skill=1.0", "-o", "out.jsonl", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert summary(folder / "out.jsonl")["correct"] == 15
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def run_of(place: Path) -> RunRow:
    (row,) = [r for r in Reader(Database(str(place / "results/tripos.db"), read_only=True)).runs() if "rescored_from" not in r.config]
    return row


def rescore(place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return tripos("rescore", run_of(place).run_id[:8], "--benchmark-file", "sums_quiz.py", *more, cwd=place)


def accuracy(place: Path, scores: str) -> float:
    (row,) = BenchmarkResult.open(place / "results/tripos.db", scores=scores).aggregate(group_by=["model_id"], metric_id="accuracy")
    assert row["count"] == 20
    return float(row["mean"])


def test_a_scorer_setting_makes_a_new_scoring_beside_the_old(place: Path) -> None:
    run = rescore(place, "--scorer-option", "tolerance=0.5", "--name", "lenient", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["graded"], found["reused"], found["changed"], found["accuracy_before"], found["accuracy_after"]) == (20, 0, 5, 0.75, 1.0)
    assert (accuracy(place, "default"), accuracy(place, "lenient"), accuracy(place, found["overlay"])) == (0.75, 1.0, 1.0)


def test_the_same_command_again_grades_nothing(place: Path) -> None:
    arguments = ("--scorer-option", "tolerance=0.5", "--name", "lenient", "--json")
    first, again = json.loads(rescore(place, *arguments).stdout), json.loads(rescore(place, *arguments).stdout)
    assert (again["graded"], again["reused"], again["run_id"], again["overlay"]) == (0, 20, first["run_id"], first["overlay"])


def test_a_transform_setting_and_another_scorer(place: Path) -> None:
    shifted = json.loads(rescore(place, "--transform-option", "shift=-0.5", "--name", "shifted", "--json").stdout)
    assert shifted["accuracy_after"] == 0.25
    assert rescore(place, "--scorer", "always_right", "--name", "kind").returncode == 0
    result = BenchmarkResult.open(place / "results/tripos.db")
    assert [o.partition(" ")[0] for o in result.overlays] == ["default", "kind", "shifted"]
    assert accuracy(place, "kind") == 1.0
    view = result.for_evaluation("shifted").view_timeline("n4")
    assert view.extractions[0].parsed_answer == 4.0 and view.evaluation is not None and view.evaluation.is_correct is True
    assert result.view_timeline("n4").extractions[0].parsed_answer == 4.5
    assert result.for_transform(result.transform_hashes[0]).aggregate(group_by=[], metric_id="accuracy")


def test_a_run_may_be_named_by_its_results_file(place: Path) -> None:
    arguments = ("--benchmark-file", "sums_quiz.py", "--scorer", "always_right", "--json")
    run = tripos("rescore", "out.jsonl", *arguments, cwd=place)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["source"] == run_of(place).run_id
    gone = tripos("rescore", "gone.jsonl", *arguments, cwd=place)
    assert gone.returncode == 2 and "gone.jsonl" in gone.stderr


def test_another_transform_reads_the_answers_anew(place: Path) -> None:
    found = json.loads(rescore(place, "--transform", "doubled", "--name", "doubled", "--json").stdout)
    assert (found["graded"], found["accuracy_before"], found["accuracy_after"]) == (20, 0.75, 0.0)
    result = BenchmarkResult.open(place / "results/tripos.db", scores="doubled")
    assert result.view_timeline("n4").extractions[0].parsed_answer == 9.0
    tuple_setting = rescore(place, "--transform", "last_block", "--name", "block")
    assert tuple_setting.returncode == 2 and "needs settings (--transform-option KEY=VALUE)" in tuple_setting.stderr


def test_the_two_scorings_are_compared_like_runs(place: Path) -> None:
    found = json.loads(rescore(place, "--scorer-option", "tolerance=0.5", "--json").stdout)
    run = tripos("compare", f"run:{found['source']}", f"run:{found['run_id']}", "--json", cwd=place)
    (row,) = json.loads(run.stdout)["rows"]
    assert (row["pair_count"], row["wins"], row["losses"]) == (20, 5, 0)


def test_running_with_the_new_settings_finds_the_verdicts_there(place: Path) -> None:
    found = json.loads(rescore(place, "--scorer-option", "tolerance=0.5", "--json").stdout)
    changed_file = (place / "sums_quiz.py").read_text().replace("tolerance: float = 0.0", "tolerance: float = 0.5")
    (place / "sums_quiz.py").write_text(changed_file)
    arguments = ("run", "-b", "sums_quiz.py", "-m", "sim", "-e", "simulated", "--model-option", "skill=1.0", "-o", "new.jsonl")
    run = tripos(*arguments, cwd=place)
    assert run.returncode == 0, run.stderr
    said = summary(place / "new.jsonl")
    assert (said["overlay"], said["reused"], said["accuracy"]) == (found["overlay"], 20, 1.0), "one identity, however it came about"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "in just this way"),
        (("--scorer-option", "tolerence=1"), "did you mean 'tolerance'"),
        (("--scorer-option", "tolerance=much"), "expected float"),
        (("--scorer-option", "tolerance"), "KEY=VALUE"),
        (("--transform-option", "sift=1"), "did you mean 'shift'"),
        (("--scorer", "always_rihgt"), "did you mean 'always_right'"),
        (("--transform", "last_jsn"), "did you mean 'last_json'"),
        (("--scorer-option", "tolerance=1", "--name", "default"), "choose another name"),
    ],
)
def test_bad_input_says_what_there_is(place: Path, arguments: tuple[str, ...], said: str) -> None:
    run = rescore(place, *arguments)
    assert run.returncode == 2 and said in run.stderr and "Traceback" not in run.stderr, run.stderr


def test_unknown_run_store_and_taken_name(place: Path) -> None:
    run = tripos("rescore", "zzz", "--scorer-option", "tolerance=1", cwd=place)
    assert run.returncode == 2 and run_of(place).run_id in run.stderr
    run = tripos("rescore", "zzz", "--store", "gone.db", cwd=place)
    assert run.returncode == 2 and "gone.db" in run.stderr and not (place / "gone.db").exists()
    assert rescore(place, "--scorer-option", "tolerance=1", "--name", "wide").returncode == 0
    taken = rescore(place, "--scorer-option", "tolerance=2", "--name", "wide")
    assert taken.returncode == 2 and "'wide' is taken" in taken.stderr


def test_records_that_the_benchmark_no_longer_has_are_named(place: Path) -> None:
    text = (place / "sums_quiz.py").read_text()
    (place / "sums_quiz.py").write_text(text.replace("range(20)", "range(18)"))
    run = rescore(place, "--scorer-option", "tolerance=0.5", "--json")
    assert run.returncode == 1
    found = json.loads(run.stdout)
    assert (found["missing"], found["graded"], found["status"]) == (["n18", "n19"], 18, "partial")


def test_the_old_run_and_its_files_stay_as_they_are(place: Path) -> None:
    before = (place / "out.jsonl").read_bytes(), run_of(place)
    assert rescore(place, "--scorer-option", "tolerance=0.5").returncode == 0
    assert ((place / "out.jsonl").read_bytes(), run_of(place)) == before


def test_the_store_is_sound_afterwards(place: Path) -> None:
    assert rescore(place, "--scorer-option", "tolerance=0.5").returncode == 0
    run = tripos("store", "verify", cwd=place)
    assert run.returncode == 0, run.stdout + run.stderr


def write_frames(path: Path, n: int) -> Path:
    with path.open("w") as file:
        for i in range(n):
            row = {"Unnamed: 0": i, "Prompt": f"Who is QID-{i}?", "Answer": f"Jane {i}", "reasoning_types": "Temporal", "wiki_links": "[]"}
            file.write(json.dumps(row) + "\n")
    return path


def test_another_judge_judges_and_the_candidate_is_not_asked(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 12)
    with fake_server("--judge", YES) as first:
        with fake_server() as candidate:
            arguments = ["run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "-o", "out.jsonl"]
            assert tripos(*arguments, "--judge-model", "fake", "--judge-base-url", first.url, cwd=tmp_path).returncode == 0
        run_id = records(tmp_path / "out.jsonl")[0]["run_id"]  # the candidate's server is gone from here on
        with fake_server("--judge", NO) as second:
            how = ("--judge-base-url", second.url, "--judge-max-tokens", "99", "--name", "second")
            run = tripos("rescore", run_id, *how, "--json", cwd=tmp_path)
            assert run.returncode == 0, run.stderr
            assert sum(second.stats()["asked"].values()) == 12
            found = json.loads(run.stdout)
            assert (found["accuracy_before"], found["accuracy_after"], found["changed"]) == (1.0, 0.0, 12)
            assert json.loads(tripos("rescore", run_id, *how, "--json", cwd=tmp_path).stdout)["reused"] == 12
            assert sum(second.stats()["asked"].values()) == 12, "no verdict is paid for twice"
    record_id = records(tmp_path / "out.jsonl")[0]["record_id"]
    view = BenchmarkResult.open(tmp_path / "results/tripos.db", scores="second").view_timeline(record_id)
    assert view.judge_audit is not None and view.judge_audit.calls[0].reply == NO


def test_a_run_without_a_judge_is_judged_at_an_address(place: Path) -> None:
    with fake_server("--judge", YES) as judge:
        run = rescore(place, "--scorer", "judged_correct", "--judge-base-url", judge.url, "--judge-model", "fake", "--json")
        assert run.returncode == 0, run.stderr
        assert sum(judge.stats()["answered"].values()) == 20


def test_a_judge_that_moves_takes_neither_address_nor_key_along() -> None:
    old = ModelSpec(name="j", engine="vllm", base_url="http://old/v1", api_key_env="OLD_KEY")
    spec = RunSpec(benchmark="frames", model=ModelSpec(name="m"), judge=JudgeSpec(model=old))
    moved = changed_spec(spec, Change(judge={"base_url": "http://new/v1"})).judge.model
    hosted = changed_spec(spec, Change(judge={"engine": "openai"})).judge.model
    renamed = changed_spec(spec, Change(judge={"model": "k"})).judge.model
    assert (moved.engine, moved.base_url, moved.api_key_env) == (None, "http://new/v1", None)
    assert (hosted.engine, hosted.base_url, hosted.api_key_env) == ("openai", None, None)
    assert renamed == replace(old, name="k")


def test_a_judge_that_is_gone_leaves_answers_unscored_until_it_is_back(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 6)
    with fake_server() as candidate, fake_server("--judge", YES) as first:
        arguments = ["run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "-o", "out.jsonl"]
        assert tripos(*arguments, "--judge-model", "fake", "--judge-base-url", first.url, cwd=tmp_path).returncode == 0
    run_id = records(tmp_path / "out.jsonl")[0]["run_id"]
    with fake_server("--judge", "I would rather not say.") as mute:
        run = tripos("rescore", run_id, "--judge-base-url", mute.url, "--judge-max-tokens", "99", "--json", cwd=tmp_path)
    assert run.returncode == 1
    found = json.loads(run.stdout)
    assert (found["status"], found["outcomes"], found["accuracy_after"]) == ("partial", {"judge_failed": 6}, None)
    assert "no verdict could be read" in found["errors"][0]
    with fake_server("--judge", NO) as back:
        run = tripos("rescore", run_id, "--judge-base-url", back.url, "--judge-max-tokens", "99", "--json", cwd=tmp_path)
    assert run.returncode == 0 and json.loads(run.stdout)["graded"] == 6


def test_a_specification_survives_the_record(place: Path) -> None:
    row = run_of(place)
    spec = spec_of(json.loads(row.config), row.run_id)
    assert spec.benchmark == "numbers" and spec.params.max_tokens == 2048
    plain = json.loads(row.config)
    assert {k: v for k, v in json.loads(json.dumps(public(spec))).items() if k in plain} == {
        k: plain[k] for k in plain if k in public(spec)
    }


def test_settings_fit_the_type_they_have() -> None:
    from tripos.scoring.judged import TypedThenJudge

    assert changed(TypedThenJudge(), {"judge": "never"}, "scorer").judge == "never"
    with pytest.raises(ConfigError, match="knows 'fallback' and 'never'"):
        changed(TypedThenJudge(), {"judge": "sometimes"}, "scorer")
