"""What holds for every registered benchmark: rows of another shape are refused, ids are the rows' own, silence is no verdict, and
what it says of itself in the tables is said in short and true of its door."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

import tripos
from scripted_judge import answer_of
from shared_data import SHARED
from tripos.benchmarks.agentic.web_scoring import SITES
from tripos.benchmarks.benchmark import Benchmark, Options, Source, benchmark, benchmarks
from tripos.core.errors import EngineError, JudgeError, TriposError
from tripos.core.records import Completion, GenerationParams, Sample, Verdict
from tripos.runs.calibration import lacking
from tripos.sandbox.choose import choose
from tripos.scoring.judge import Judge
from tripos.scoring.scorer import Instruments, Opened

BUILT = {key: entry.build() for key, entry in benchmarks.items()}
GENERATED = {key for key, benchmark in BUILT.items() if benchmark.samples.endless}
OWN = GENERATED | {"kernels"}  # rows that come with Tripos
JUDGED = [key for key, benchmark in BUILT.items() if "judge" in benchmark.scorer.needs]
DOORS = [(key, None) for key in ("swebench", "swefficiency", "terminalbench-native", "terminalbench-v2.1", "webchorearena", "workarena")]
DOORS += [("lifelong-agent", "os_interaction"), ("lifelong-agent", "knowledge_graph")]
SIGNS = {
    "docker": "docker",
    "package swebench": "the extra `swebench`",
    "package swefficiency": "the package `swefficiency`",
    "package terminal-bench": "the package `terminal-bench`",
    "package browsergym-workarena": "`browsergym-workarena`",
    "playwright": "browser",
    "ServiceNow instance": "a ServiceNow instance",
    "sites are not set": "WebArena's sites",
    "turns": "recorded sessions",
}
"""What a door says is missing, and by what words the needs name it."""


def shelved(key: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The rows of a key on the shelf of shared data."""
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(SHARED))
    return benchmarks.get(key).build(Options(seed=seed)).samples


@pytest.mark.parametrize("key", sorted(BUILT.keys() - OWN))
@pytest.mark.parametrize("content", [{"colour": "blue"}, None], ids=["other columns", "nothing"])
def test_a_directory_without_the_needed_rows_is_an_error_and_never_empty(key: str, content: object, tmp_path: Path) -> None:
    if content is not None:
        for name in ("train", "test", "validation"):
            (tmp_path / f"{name}.jsonl").write_text(json.dumps(content) + "\n")
    with pytest.raises(TriposError) as caught:
        list(benchmarks.get(key).build(Options(data=tmp_path)).samples)
    said = str(caught.value)
    assert str(tmp_path) in said or key in said
    assert "\n" not in said


@pytest.mark.parametrize("key", sorted(BUILT.keys() - OWN))
def test_a_path_that_is_not_there_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(TriposError, match="nowhere"):
        list(benchmarks.get(key).build(Options(data=tmp_path / "nowhere")).samples)


@pytest.mark.parametrize("key", sorted(BUILT.keys() - GENERATED))
def test_ids_and_rows_do_not_depend_on_the_seed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        first = {sample.record_id: sample for sample in shelved(key, 1, monkeypatch)}
    except TriposError as error:
        pytest.skip(f"no rows here: {error}")
    second = list(shelved(key, 2, monkeypatch))
    assert first
    assert len(second) == len(first)
    assert all(sample == first[sample.record_id] for sample in second)


@pytest.mark.parametrize("key", sorted(GENERATED))
def test_generated_ids_say_seed_and_place_and_another_seed_is_another_question(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    one, again, other = (next(iter(benchmarks.get(key).build(Options(seed=seed)).samples)) for seed in (1, 1, 2))
    assert one == again
    assert one.record_id.endswith("-1-00000")
    assert other.record_id.endswith("-2-00000")
    assert one.input != other.input


@pytest.mark.parametrize("key", sorted(BUILT))
@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060"], ids=["empty", "blank", "invisible"])
async def test_silence_is_wrong_and_scored_without_asking_anybody(key: str, text: str) -> None:
    benchmark = BUILT[key]
    for sample in dict.fromkeys(case.sample.record_id for case in benchmark.calibration()):
        verdict = await verdict_on(benchmark, case_sample(benchmark, sample), text, judge=None)
        assert (verdict.is_correct, verdict.value) == (False, 0.0)
        assert verdict.outcome.of_model


@pytest.mark.parametrize("key", JUDGED)
async def test_a_dead_judge_is_never_a_verdict(key: str) -> None:
    async def ask(*_: object) -> Completion:
        raise EngineError("no route to the judge", kind="connection", retryable=True)

    judge, benchmark = Judge(ask=ask, model="dead", params=GenerationParams()), BUILT[key]
    failed = 0
    for case in benchmark.calibration():
        if case.judge is None:
            continue
        try:
            verdict = await verdict_on(benchmark, case.sample, case.text, judge=judge)
        except JudgeError:
            failed += 1
        else:
            assert not verdict.audits  # decided without asking
            assert verdict.is_correct is case.passes
    assert failed


@pytest.mark.parametrize("key", sorted(BUILT))
def test_what_is_official_what_deviates_and_since_when_it_is_calibrated_is_told_in_short(key: str) -> None:
    entry = benchmarks.get(key)
    assert 0 < len(entry.official) <= 90
    assert len(entry.deviates) <= 110
    assert len(entry.also_needs) <= 110
    for words in (entry.official, entry.deviates, entry.also_needs):
        assert words == " ".join(words.split()).removesuffix("."), "a phrase on one line, without a full stop"
    assert numbers(entry.calibrated) <= numbers(tripos.__version__)


def test_a_word_that_no_benchmark_says_of_itself_is_an_error() -> None:
    with pytest.raises(TypeError, match="oficial"):
        benchmark("misspelt", category="none", summary="none", oficial="none")(lambda _: BUILT["math500"])
    assert "misspelt" not in benchmarks


@pytest.mark.parametrize(("key", "subset"), DOORS)
async def test_what_the_door_asks_for_stands_among_the_needs(
    key: str, subset: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SITES, "SNOW_INSTANCE_URL", "SNOW_INSTANCE_POOL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # without any program
    entry = benchmarks.get(key)
    said = await lacking(entry.build(Options(subset=subset)))
    assert said is not None
    asked = {need for sign, need in SIGNS.items() if sign in said}
    assert asked
    named = " ".join([*entry.build().scorer.needs, entry.also_needs]).lower()
    assert not {need for need in asked if need.lower() not in named}, said


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3]]


def case_sample(benchmark: Benchmark, record_id: str) -> Sample:
    return next(case.sample for case in benchmark.calibration() if case.sample.record_id == record_id)


async def verdict_on(benchmark: Benchmark, sample: Sample, text: str, *, judge: Judge | None) -> Verdict:
    opened = Opened()
    sandbox = choose() if "sandbox" in benchmark.scorer.needs else None
    try:
        given = Instruments(judge=judge, sandbox=sandbox, opened=opened)
        scored = benchmark.scorer.score(sample, answer_of(sample, text, benchmark.transform), given)
        return await scored if inspect.isawaitable(scored) else scored
    finally:
        await opened.close()
