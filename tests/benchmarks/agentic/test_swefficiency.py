"""SWE-fficiency: rows, ratios against official reports, the door, and what becomes of a patch behind it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted_harness import install
from shared_data import shared
from tripos.benchmarks.agentic.swefficiency import Measured, ask, gained, headline, ratios, read_measurement, swefficiency, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError, SandboxError, ScorerError
from tripos.core.records import Completion, Outcome, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring.scorer import Answer, Instruments, Opened

ROW: dict[str, Any] = {
    "repo": "o/r",
    "instance_id": "o__r-1",
    "base_commit": "c" * 40,
    "patch": "--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-a\n+b\n",
    "workload": "import r\nr.slow()\n",
    "speedup": 3.0,
    "PASS_TO_PASS": ["t1", "t2"],
}


async def graded(word: str, instruments: Instruments | None = None, **chosen: Any) -> Verdict:
    benchmark = swefficiency.build(Options(settings=chosen))
    text = f"```diff\n--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-a\n+{word}\n```" if word else ""
    sample = to_sample(ROW)
    answer = Answer(text, Completion(text=text, finish_reason="stop"), benchmark.transform(sample, text))
    return await benchmark.scorer.score(sample, answer, instruments or Instruments())  # type: ignore[misc]


async def test_calibration() -> None:
    cases = await calibrate(swefficiency.build())
    assert not [case for case in cases if not case.ok]
    assert {"reference", "empty", "refusal", "echo", "garbage", "dump", "injection"} <= {case.name for case in cases}


def test_every_real_row_is_a_sample_and_no_prompt_tells_the_target() -> None:
    samples = list(swefficiency.build(Options(data=shared("swefficiency"))).samples)
    assert len(samples) == shared("swefficiency/test.jsonl").read_text(encoding="utf-8").count("\n") == 20
    for sample in samples:
        assert sample.question in ask(sample)
        assert str(sample.reference["speedup"]) not in ask(sample) and sample.reference["patch"] not in ask(sample)


def test_official_reports_are_reproduced() -> None:
    """Every row of two official reports: speedup and ratio; and the headline as their script computes it."""
    rows = 0
    for path in sorted(shared("swefficiency/eval_reports").glob("*.csv")):
        inverses, theirs = [], []
        for row in csv.DictReader(path.open()):
            before, raw = float(row["pre_edit_runtime"]), float(row["raw_pred_speedup_ratio"] or 1)
            mine = Measured(before, before / raw, float(row["correctness_pct"]), applied=True)
            official = ratios(mine, float(row["gold_speedup_ratio"]))
            assert official["speedup"] == pytest.approx(float(row["pred_speedup_ratio"]), rel=1e-9)
            assert official["speedup_ratio"] == pytest.approx(float(row["human_speedup_ratio"]), rel=1e-9)
            assert official["correct"] == float(row["correctness"])
            inverses.append(official["inverse_ratio"])
            theirs.append(float(row["human_speedup_ratio"]))
            rows += 1
        assert headline(x for x in inverses if x is not None) == pytest.approx(len(theirs) / sum(1 / x for x in theirs), rel=1e-9)
    assert rows == 40


def test_doing_nothing_is_worth_nothing_and_the_expert_gain_everything() -> None:
    assert gained(1.0, 1.02) == 0 and gained(1.02, 1.02) == 1 and gained(5, 1.02) == 1 and gained(0.5, 2) == 0
    assert gained(2, 4) == pytest.approx(0.5)


@given(st.floats(0.001, 1e6), st.floats(1.0001, 1e6))
def test_the_score_stays_within_its_bounds(speedup: float, expert: float) -> None:
    assert 0 <= gained(speedup, expert) <= 1


@pytest.mark.parametrize("speedup", [0, -2, float("nan"), float("inf"), None, "fast"])
def test_a_published_speedup_that_is_none_is_an_error(speedup: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        to_sample({**ROW, "speedup": speedup})


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"instance_id": "x"}\n')
    with pytest.raises(DatasetError, match="workload"):
        list(swefficiency.build(Options(data=tmp_path)).samples)
    with pytest.raises(ConfigError, match="measured"):
        swefficiency.build(Options(settings={"expert": "measure"}))


async def test_the_door_names_docker_and_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"docs\.docker\.com.*pip install git\+https"):
        await swefficiency.build().scorer.prepare(Instruments())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "expert", "is_correct", "value", "ratio"),
    [
        ("gold", "measured", True, 1.0, 1.0),
        ("gold", "published", True, 1.0, 4 / 3),
        ("half", "measured", False, 0.5, 0.5),
        ("fail", "measured", False, 0.0, 0.25),
        ("noapply", "measured", False, 0.0, 0.25),
    ],
)
async def test_what_the_harness_measures_is_the_verdict(
    word: str, expert: str, is_correct: bool, value: float, ratio: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch)
    verdict = await graded(word, expert=expert)
    assert (verdict.is_correct, verdict.value) == (is_correct, pytest.approx(value))
    assert verdict.metrics["speedup_ratio"] == pytest.approx(ratio)
    assert verdict.metrics["inverse_ratio"] == pytest.approx(1 / ratio)


async def test_the_expert_is_measured_once_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch)
    opened = Opened()
    first = await graded("half", Instruments(opened=opened))
    file = tmp_path / "swefficiency" / "cli.py"
    file.write_text(file.read_text().replace('name, patch = "gold", "+gold"', 'name, patch = "gold", "+broken"'))
    assert (await graded("half", Instruments(opened=opened))).metrics == first.metrics
    with pytest.raises(ScorerError, match="cannot pull"):
        await graded("half", Instruments(opened=Opened()))
    await opened.close()


async def test_an_expert_who_gained_nothing_here_leaves_the_sample_unscored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch)
    file = tmp_path / "swefficiency" / "cli.py"
    file.write_text(file.read_text().replace("after = 1.0 if", "after = 4.5 if"))
    with pytest.raises(ScorerError, match="quiet machine"):
        await graded("half")


async def test_no_patch_needs_no_container() -> None:
    verdict = await graded("")
    assert (verdict.outcome, verdict.value, verdict.is_correct) == (Outcome.REFUSED, 0.0, False)
    assert verdict.metrics["speedup_ratio"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "summary", ["Before Mean: x\nAfter Mean: 1", "Before Mean: 1", "Before Mean: 0\nAfter Mean: 1", "Before Mean: nan\nAfter Mean: 1"]
)
def test_a_measurement_that_cannot_be_read_is_our_failure(summary: str, tmp_path: Path) -> None:
    (tmp_path / "perf_summary.txt").write_text(summary)
    (tmp_path / "covering_test_status.json").write_text("{}")
    with pytest.raises(ScorerError):
        read_measurement(tmp_path, ["t1"])
