"""A comparison in which every subject weighs the same, beside the one in which every item does; each has its own interval."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_results import Made, write_run
from running import tripos
from tripos.core.errors import ConfigError
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.paired import paired
from tripos.results.rows import UnsupportedKey

SIZES = {"law": 60, "physics": 12, "poetry": 4}


def write_models(path: Path, right: dict[str, Any], *, sizes: dict[str, int] = SIZES, **more: Any) -> BenchmarkResult:
    """Runs of models; `right` says by model whether item i of a subject is answered rightly."""
    for model, says in right.items():
        made = [Made(f"{subject}-{i}", float(says(subject, i)), subject=subject, **more) for subject, n in sizes.items() for i in range(n)]
        write_run(path / "t.db", model, made)
    return BenchmarkResult.open(path / "t.db")


@pytest.fixture
def result(tmp_path: Path) -> BenchmarkResult:
    """B is better in the large subject alone, by one item of three."""
    return write_models(tmp_path, {"a": lambda s, i: i % 3 == 0, "b": lambda s, i: i % 3 == 0 or (s == "law" and i % 3 == 1)})


def compared(result: BenchmarkResult, **how: Any) -> list[dict[str, Any]]:
    return result.paired_compare(metric_id="accuracy", group_by="benchmark_id", macro_over="subject", **how)


def test_each_row_is_followed_by_the_one_in_which_subjects_weigh_the_same(result: BenchmarkResult) -> None:
    micro, macro = compared(result)
    assert (micro["average"], macro["average"]) == ("micro", "macro over subject")
    assert micro["delta_mean"] == pytest.approx(20 / 76)
    assert macro["delta_mean"] == pytest.approx((20 / 60 + 0 + 0) / 3)
    assert macro["baseline_mean"] == pytest.approx((1 / 3 + 4 / 12 + 2 / 4) / 3)
    assert (micro["pair_count"], macro["pair_count"], macro["wins"], macro["losses"]) == (76, 76, 20, 0)
    assert macro["family_size"] == 2, "both stand in the family of the call"
    plain = result.paired_compare(metric_id="accuracy", group_by="benchmark_id")
    assert [row["average"] for row in plain] == ["micro"] and plain[0]["ci_lower"] == micro["ci_lower"]


def test_the_interval_is_put_together_from_the_subjects_own(result: BenchmarkResult) -> None:
    _, macro = compared(result)
    below = above = 0.0
    for subject, n in SIZES.items():
        before = [float(i % 3 == 0) for i in range(n)]
        after = [float(i % 3 == 0 or (subject == "law" and i % 3 == 1)) for i in range(n)]
        own = paired(before, after)
        assert own is not None and own.lower is not None and own.upper is not None
        below, above = below + (own.delta - own.lower) ** 2, above + (own.upper - own.delta) ** 2
    assert macro["delta_mean"] - macro["ci_lower"] == pytest.approx(math.sqrt(below) / 3)
    assert macro["ci_upper"] - macro["delta_mean"] == pytest.approx(math.sqrt(above) / 3)
    assert (macro["method"], macro["interval_method"]) == ("normal", "mover")


def test_the_two_averages_may_disagree(tmp_path: Path) -> None:
    """One large subject gains, many small ones lose: more answers are right, and the average subject is worse off."""
    sizes = {"large": 400, **{f"small{i}": 20 for i in range(9)}}
    says = {"a": lambda s, i: i % 2 == 0, "b": lambda s, i: i % 8 != 1 if s == "large" else i % 4 == 0}
    micro, macro = compared(write_models(tmp_path, says, sizes=sizes))
    assert (micro["decision"], macro["decision"]) == ("better", "worse")


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_row_never_contradicts_itself(tmp_path: Path, level: float) -> None:
    rng = np.random.default_rng(3)
    for trial in range(12):
        draws = {
            model: {(s, i): rng.random() < rate for s, n in SIZES.items() for i in range(n)} for model, rate in (("a", 0.4), ("b", 0.6))
        }
        place = tmp_path / str(trial)
        place.mkdir()
        says = {model: lambda s, i, known=known: known[s, i] for model, known in draws.items()}
        _, macro = compared(write_models(place, says), level=level)
        leaves_out = macro["ci_lower"] > 0 or macro["ci_upper"] < 0
        assert leaves_out == (macro["p_value"] < 1 - level) and (macro["decision"] in ("better", "worse")) == leaves_out


def test_without_a_difference_it_seldom_finds_one() -> None:
    from tripos.results.macro_difference import macro_difference

    rng, alarms = np.random.default_rng(8), 0
    parts = np.repeat(np.arange(5), [80, 40, 20, 10, 5])
    for _ in range(300):
        before, after = ((rng.random(155) < 0.3 + 0.1 * parts).astype(float) for _ in range(2))
        found = macro_difference(before, after, parts)
        assert found is not None and found.pairs.p_value is not None
        alarms += found.pairs.p_value <= 0.05
    assert alarms <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)


def test_subjects_that_share_passages_are_less_sure(tmp_path: Path) -> None:
    def made(cluster: bool) -> list[dict[str, Any]]:
        place = tmp_path / str(cluster)
        place.mkdir()
        for model, lucky in (("a", 0), ("b", 1)):
            write_run(
                place / "t.db",
                model,
                [
                    Made(f"{s}{i}", float((i + lucky) % 3 > 0), subject=s, cluster=f"passage {i}" if cluster else None)
                    for s in ("one", "two", "three")
                    for i in range(40)
                ],
            )
        return compared(BenchmarkResult.open(place / "t.db"))

    (_, together), (_, apart) = made(cluster=True), made(cluster=False)
    width = [row["ci_upper"] - row["ci_lower"] for row in (together, apart)]
    assert width[0] > 1.5 * width[1]


def test_a_subject_of_a_single_source_widens_the_interval_and_does_not_undo_it() -> None:
    from tripos.results.macro_difference import macro_difference

    before, after = np.zeros(404), np.concatenate([np.ones(400), [1.0, 0.0, 1.0, 0.0]])
    parts = np.concatenate([np.arange(400) % 8, [8, 8, 9, 9]])
    sources = np.concatenate([np.arange(400), [400, 400, 401, 401]])
    found = macro_difference(before, after, parts, sources)
    assert found is not None and found.parts == 10 and found.pairs.lower is not None
    assert found.pairs.delta == pytest.approx(0.9) and 0.7 < found.pairs.lower < 0.8
    unbounded = macro_difference(before * 9, after * 9, parts, sources, bounded=False)
    assert unbounded is not None and unbounded.pairs.lower is None and unbounded.pairs.p_value == 1.0
    assert "single" in unbounded.pairs.notices[0], "of seconds nobody knows how far another source lies"


def test_a_subject_without_pairs_is_left_out_and_said(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "a", [Made(f"r{i}", float(i % 2), subject="s" if i < 9 else "lost", failed=i >= 9) for i in range(12)])
    write_run(tmp_path / "t.db", "b", [Made(f"r{i}", 1.0, subject="s" if i < 9 else "lost") for i in range(12)])
    _, macro = compared(BenchmarkResult.open(tmp_path / "t.db"))
    assert macro["delta_mean"] == pytest.approx(5 / 9)
    assert any("1 of 2 subject has no pair and is left out" in notice for notice in macro["notices"])
    assert macro["delta_bounds"] == pytest.approx([(5 / 9 + 0) / 2, (5 / 9 + 1) / 2]), "what is missing could still move it"


def test_times_have_macro_averages_too(tmp_path: Path) -> None:
    for model, scale in (("a", 1.0), ("b", 0.5)):
        made = [Made(f"{s}{i}", subject=s, latency_seconds=scale * (10 + i % 5)) for s, n in SIZES.items() for i in range(n)]
        write_run(tmp_path / "t.db", model, made)
    result = BenchmarkResult.open(tmp_path / "t.db")
    _, macro = result.paired_compare(metric_id="latency_seconds", group_by="benchmark_id", macro_over="subject")
    assert macro["decision"] == "better" and macro["delta_bounds"] is None


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"macro_over": "model_id"}, "macro_over"),
        ({"macro_over": "outcome"}, "macro_over"),
        ({"macro_over": "benchmark"}, "macro_over"),
        ({"macro_over": "metric_id"}, "macro_over"),
        ({"macro_over": "subjekt"}, "did you mean 'subject'"),
    ],
)
def test_what_has_no_average_is_refused(result: BenchmarkResult, how: dict[str, str], said: str) -> None:
    with pytest.raises((UnsupportedKey, ConfigError), match=said):
        result.paired_compare(metric_id="accuracy", group_by="benchmark_id", **how)


def test_the_command_shows_both_in_every_form(result: BenchmarkResult, tmp_path: Path) -> None:
    def said(*how: str) -> str:
        run = tripos("compare", "a", "b", "--store", "t.db", *how, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        return run.stdout

    text = said("--macro-over", "subject")
    assert "b vs a on quiz: better" in text and "b vs a on quiz, macro over subject: " in text
    rows = json.loads(said("--macro-over", "subject", "--json"))["rows"]
    assert [row["average"] for row in rows] == ["micro", "macro over subject"]
    assert [row["average"] for row in csv.DictReader(io.StringIO(said("--macro-over", "subject", "--format", "csv")))] == [
        "micro",
        "macro over subject",
    ]
    assert "| macro over subject |" in said("--macro-over", "subject", "--format", "markdown")
    assert "macro over subject &" in said("--macro-over", "subject", "--format", "latex")
    assert "micro" in said() and "macro" not in said()
    assert json.loads(said("--json"))["rows"][0]["average"] == "micro"


def test_files_have_it_too(tmp_path: Path) -> None:
    for model in ("a", "b"):
        lines = [
            {"benchmark": "quiz", "model": model, "record_id": f"{s}{i}", "subject": s, "is_correct": model == "b" or i % 2 == 0}
            for s, n in SIZES.items()
            for i in range(n)
        ]
        (tmp_path / f"{model}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    run = tripos("compare", "a.jsonl", "b.jsonl", "--macro-over", "subject", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert [r["delta_mean"] for r in json.loads(run.stdout)["rows"]] == [0.5, 0.5]
