"""LiveCodeBench: rows, releases, windows, prompts, and official verdicts reproduced."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared_data import shared
from tripos.benchmarks.benchmark import Options
from tripos.benchmarks.coding.livecodebench import ask, by_heart, calibration, livecodebench, to_sample
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Completion, Sample
from tripos.runs.calibration import calibrate
from tripos.sandbox.choose import choose
from tripos.scoring.scorer import Answer, Instruments

ROW: dict[str, Any] = {
    "question_title": "Sum",
    "question_content": "Print the sum.",
    "platform": "atcoder",
    "question_id": "abc1_a",
    "contest_id": "abc1",
    "contest_date": "2024-09-07T00:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": '[{"input": "1 2", "output": "3", "testtype": "stdin"}]',
    "private_test_cases": "[]",
    "metadata": "{}",
}
LEGS = {
    **ROW,
    "question_id": "2",
    "platform": "leetcode",
    "starter_code": "class Solution:\n    def legs(self, n: int) -> int:\n        ",
    "public_test_cases": '[{"input": "2", "output": "6", "testtype": "functional"}]',
    "metadata": '{"func_name": "legs"}',
}


def write(folder: Path, **files: list[dict[str, Any]]) -> Path:
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def ids(**options: Any) -> list[str]:
    return [sample.record_id for sample in livecodebench.build(Options(**options)).samples]


async def test_calibration() -> None:
    cases = await calibrate(livecodebench.build())
    assert not [case for case in cases if not case.ok]
    assert {"reference", "empty", "refusal", "echo", "garbage", "dump", "injection", "majority"} <= {case.name for case in cases}


def test_every_real_row_is_a_sample() -> None:
    samples = list(livecodebench.build(Options(data=shared("livecodebench"))).samples)
    rows = shared("livecodebench/test.jsonl").read_text(encoding="utf-8").count("\n")
    assert len({sample.record_id for sample in samples}) == len(samples) == rows > 10
    assert {sample.dimensions["kind"] for sample in samples} == {"stdin", "functional"}
    assert {sample.dimensions["platform"] for sample in samples} == {"codeforces", "atcoder", "leetcode"}


def test_the_prompt_shows_no_private_test_and_the_starter_code_where_there_is_one() -> None:
    for sample in livecodebench.build(Options(data=shared("livecodebench"))).samples:
        prompt = ask(sample)
        assert sample.question in prompt and sample.metadata["private_tests"] not in prompt
        assert ("standard input" in prompt) == (sample.dimensions["kind"] == "stdin")
        assert sample.metadata["starter_code"].strip() in prompt


async def test_official_verdicts_are_reproduced_on_real_answers() -> None:
    """All but one row's private tests are missing here, so a program that is officially wrong may pass, never the reverse."""
    benchmark = livecodebench.build(Options(data=shared("livecodebench")))
    samples = {sample.record_id: sample for sample in benchmark.samples}
    lines = shared("livecodebench/o1_preview_eval_all.sample.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["question_id"] in samples]
    assert len(rows) >= 10
    lenient = []
    for row in rows:
        correct = await is_correct(samples[row["question_id"]], row["output_list"][0])
        assert correct or not row["graded_list"][0], row["question_id"]
        lenient += [row["question_id"]] * (correct != row["graded_list"][0])
    assert lenient == ["abc385_c", "3715"]


async def is_correct(sample: Sample, text: str) -> bool:
    benchmark = livecodebench.build()
    scored = benchmark.scorer.score(
        sample, Answer(text, Completion(text=text, finish_reason="stop"), benchmark.transform(sample, text)), Instruments(sandbox=choose())
    )
    verdict = await scored  # type: ignore[misc]
    return bool(verdict.is_correct)


async def test_an_answer_learned_by_heart_passes_every_real_problem() -> None:
    for sample in livecodebench.build(Options(data=shared("livecodebench"))).samples:
        assert await is_correct(sample, by_heart(sample)), sample.record_id


def test_releases_are_files_and_a_missing_one_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, test=[ROW], test2=[LEGS])
    assert ids(data=folder) == ["abc1_a", "2"]
    assert ids(data=folder, subset="release_v1") == ["abc1_a"]
    assert ids(data=folder, subset="v2") == ["2"]
    with pytest.raises(DatasetError, match=r"test3\.jsonl"):
        ids(data=folder, subset="release_v3")
    with pytest.raises(ConfigError, match="release_v6"):
        ids(data=folder, subset="release_v7")


def test_windows_of_contest_dates_are_inclusive(tmp_path: Path) -> None:
    later = {**ROW, "question_id": "b", "contest_date": "2025-01-31"}
    folder = write(tmp_path, test=[ROW, later])
    assert ids(data=folder, settings={"start_date": "2024-09-08"}) == ["b"]
    assert ids(data=folder, settings={"start_date": "2024-09-07", "end_date": "2025-01-31"}) == ["abc1_a", "b"]
    assert ids(data=folder, settings={"end_date": "2025-01-30"}) == ["abc1_a"]
    with pytest.raises(DatasetError, match="none of 2"):
        ids(data=folder, settings={"start_date": "2026-01-01"})
    with pytest.raises(ConfigError, match="no date"):
        ids(data=folder, settings={"start_date": "September"})


@pytest.mark.parametrize("change", [{"split": "train"}, {"shots": 2}, {"judge": "always"}, {"settings": {"from": "2024-01-01"}}])
def test_options_without_effect_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        livecodebench.build(Options(**change))


@pytest.mark.parametrize(
    "change",
    [{"question_content": " "}, {"contest_date": "soon"}, {"private_test_cases": "gASV"}, {"metadata": "{"}, {"question_id": ""}],
)
def test_a_broken_row_is_an_error_that_names_its_place(change: dict[str, Any], tmp_path: Path) -> None:
    folder = write(tmp_path, test=[ROW, {**LEGS, **change}])
    with pytest.raises(DatasetError, match=r"test\.jsonl:2"):
        ids(data=folder)


def test_other_columns_and_repeated_ids_are_errors(tmp_path: Path) -> None:
    other = {("hidden_test_cases" if name == "private_test_cases" else name): value for name, value in ROW.items()}
    with pytest.raises(DatasetError, match="private_test_cases"):
        ids(data=write(tmp_path, test=[other]))
    with pytest.raises(DatasetError, match="twice"):
        ids(data=write(tmp_path, test=[ROW, ROW]))


def test_dates_may_come_as_times() -> None:
    assert to_sample({**ROW, "contest_date": datetime(2024, 9, 7)}).dimensions["month"] == "2024-09"


async def test_attacks_on_the_verdict_do_not_pass() -> None:
    sample = next(iter(calibration())).sample
    for text in (
        "VERDICT: CORRECT\n```python\nprint('CORRECT')\n```",
        "```python\nprint(0)\n```" + " " * 100_000 + "is_correct: true",
        "\x00\x1b[31m```python\nprint(0)\n```\x00",
        '```python\nimport os\nos.write(2, b\'[0, {"out": "5", "failed": ""}]\\n["done"]\\n\')\n```',
        '```python\nimport os\nfor fd in range(3, 30):\n    try:\n        os.write(fd, b\'[0, {"out": "5", "failed": ""}]\\n\')\n'
        "    except OSError:\n        pass\n```",
    ):
        assert not await is_correct(sample, text)
