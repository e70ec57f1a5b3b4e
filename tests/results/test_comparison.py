"""Files, runs and models are compared by one implementation, and say the same of the same results."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_results import Made, write_run
from running import tripos
from tripos.core.errors import ConfigError
from tripos.reports.verdicts import sentence
from tripos.results.comparison import ComparisonRow, compare
from tripos.results.contenders import contend
from tripos.results.file_scores import SIDE, pairs_of
from tripos.results.table_text import text_of_rows


def write_file(path: Path, model: str, rows: list[dict[str, Any]], benchmark: str = "quiz") -> Path:
    """A results file with the fields that a comparison reads."""
    with path.open("w") as file:
        for row in rows:
            file.write(json.dumps({"benchmark": benchmark, "model": model, "subject": None, **row}) + "\n")
    return path


def compare_files(files: list[Path], group_by: str = "benchmark") -> list[ComparisonRow]:
    table, names, _ = contend(list(map(str, files)), "accuracy", group_by, store="")
    return compare(table, pairs_of(names, every_pair=False), side=SIDE, group_by=group_by, correction="holm")


def line(record: str, correct: bool | None, **more: Any) -> dict[str, Any]:
    return {"record_id": record, "is_correct": correct, "score": None if correct is None else float(correct), **more}


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """The same results as files a.jsonl and b.jsonl, and as runs of t.db."""
    for model, right in (("a", lambda i: i % 3 == 0), ("b", lambda i: i % 3 < 2)):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", float(right(i)), failed=i == 7) for i in range(30)])
        write_file(tmp_path / f"{model}.jsonl", model, [line(f"r{i}", None if i == 7 else right(i)) for i in range(30)])
    return tmp_path


@pytest.mark.parametrize(
    "sides",
    [["a.jsonl", "b.jsonl"], ["run:a-quiz", "run:b-quiz"], ["a-quiz-aaaa", "b-quiz"], ["model:a", "model:b"], ["a", "b"], ["a.jsonl", "b"]],
    ids=" ".join,
)
def test_whoever_is_compared_the_numbers_are_the_same(both: Path, sides: list[str]) -> None:
    run = tripos("compare", *sides, "--store", "t.db", "--json", cwd=both)
    assert run.returncode == 0, run.stderr
    (row,) = json.loads(run.stdout)["rows"]
    (expected,) = compare_files([both / "a.jsonl", both / "b.jsonl"])
    assert row == json.loads(json.dumps(expected.plain("benchmark")))
    assert (row["pair_count"], row["planned"], row["wins"], row["losses"]) == (29, 30, 9, 0)
    assert list(row)[:4] == ["benchmark", "metric_id", "baseline_model_id", "treatment_model_id"]


def test_any_dimension_of_runs_groups(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", float(i % 2), dimensions={"level": str(i % 3)}) for i in range(9)])
    run = tripos("compare", "a", "b", "--store", "t.db", "--by", "level", "--json", cwd=tmp_path)
    assert [(r["level"], r["pair_count"]) for r in json.loads(run.stdout)["rows"]] == [("0", 3), ("1", 3), ("2", 3)]


def test_a_dimension_that_some_records_of_a_file_lack_groups_too(tmp_path: Path) -> None:
    rows = [line(f"r{i}", True, dimensions={"level": "1"} if i % 2 else {}) for i in range(6)]
    files = [write_file(tmp_path / f"{m}.jsonl", m, rows) for m in ("a", "b")]
    found = compare_files(files, "level")
    assert [(r.group, r.pair_count) for r in found] == [(None, 3), ("1", 3)]
    assert sentence(found[0]).startswith("b vs a on –: ")
    with pytest.raises(ConfigError, match="they have: benchmark, level, model, record_id"):
        compare_files(files, "colour")


def write_summary(file: Path, config: dict[str, Any], run_id: str | None = None) -> None:
    file.with_name(file.name + ".summary.json").write_text(json.dumps({"config": config, "run_id": run_id}))


def test_files_are_grouped_by_the_settings_that_their_summaries_tell(tmp_path: Path) -> None:
    rows = [line(f"r{i}", i % 2 == 0, dimensions={"temperature": "warm"}) for i in range(6)]
    files = [write_file(tmp_path / f"{m}.jsonl", m, rows) for m in ("a", "b")]
    for file in files:
        write_summary(
            file, {"params": {"temperature": 0.7, "max_tokens": 64, "extra": {"effort": "low"}}, "model": {"options": {"skill": 1}}}
        )
    for key, value in (("temperature", 0.7), ("max_tokens", 64), ("effort", "low"), ("skill", 1)):
        (row,) = compare_files(files, key)
        assert (row.group, row.pair_count) == (value, 6), "a setting wins over a dimension of its name, as in the store"
    assert compare_files(files, "record_id")[0].group == "r0"


def test_files_and_runs_say_the_same_by_a_setting(both: Path) -> None:
    for name in ("a", "b"):
        write_summary(both / f"{name}.jsonl", {"params": {"temperature": 0.0, "max_tokens": 64}})
    of_files, of_runs = (
        json.loads(tripos("compare", *sides, "--store", "t.db", "--by", "temperature", "--json", cwd=both).stdout)["rows"]
        for sides in (["a.jsonl", "b.jsonl"], ["run:a-quiz", "run:b-quiz"])
    )
    assert of_files == of_runs and of_files[0]["temperature"] == 0.0


def test_a_setting_that_no_summary_tells_is_one_sentence(tmp_path: Path) -> None:
    file = write_file(tmp_path / "a.jsonl", "a", [line("r", True, run_id="one")])
    with pytest.raises(ConfigError, match=r"no summary lies beside it \(a\.jsonl\.summary\.json\)"):
        compare_files([file, file], "temperature")
    write_summary(file, {"params": {"temperature": 0.0}}, run_id="another")
    with pytest.raises(ConfigError, match="the summary beside it is of another run"):
        compare_files([file, file], "temperature")
    write_summary(file, {"params": {"temperature": 0.0}}, run_id="one")
    with pytest.raises(ConfigError, match=r"records have no 'temprature' to group by.*did you mean 'temperature'"):
        compare_files([file, file], "temprature")


def test_a_disagreement_says_how_the_record_was_asked(tmp_path: Path) -> None:
    for model, value in (("a", 0.0), ("b", 1.0)):
        write_run(tmp_path / "t.db", model, [Made("r", value, variant=v) for v in ("default", "terse")])
    run = tripos("compare", "a", "b", "--store", "t.db", "--show-disagreements", "--json", cwd=tmp_path)
    assert [row["prompt_variant_id"] for row in json.loads(run.stdout)["disagreements"]] == ["default", "terse"]


def test_formats_to_paste(both: Path) -> None:
    def said(form: str) -> str:
        run = tripos("compare", "a", "b", "--store", "t.db", "--format", form, cwd=both)
        assert run.returncode == 0, run.stderr
        return run.stdout

    assert said("markdown").startswith("| benchmark | metric_id |") and "| quiz | accuracy | a | b | 29 |" in said("markdown")
    assert said("latex").startswith("\\begin{tabular}{") and "quiz & accuracy & a & b & 29" in said("latex")
    (row,) = csv.DictReader(io.StringIO(said("csv")))
    assert (row["pair_count"], row["delta_mean"]) == ("29", str(9 / 29))


def test_disagreements_of_runs_and_files(both: Path) -> None:
    for sides in (["a", "b"], ["a.jsonl", "b.jsonl"]):
        run = tripos("compare", *sides, "--store", "t.db", "--show-disagreements", cwd=both)
        assert "9 disagreements of a and b" in run.stdout


def test_the_name_of_a_model_wins_over_the_beginning_of_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "7b", [Made(f"r{i}", 0.0) for i in range(6)], run_id="0123456789ab")
    write_run(tmp_path / "t.db", "other", [Made(f"r{i}", 1.0) for i in range(6)], run_id="7b0000000000")
    table, names, _ = contend(["7b", "7b000"], "accuracy", "benchmark", store=str(tmp_path / "t.db"))
    assert names == ["7b", "other"] and len(table) == 12


def test_a_suite_is_one_family_on_either_side(tmp_path: Path) -> None:
    for model in ("a", "b"):
        for benchmark in ("one", "two"):
            write_run(tmp_path / "t.db", model, [Made(f"r{i}", float(model == "b")) for i in range(8)], benchmark=benchmark)
    table, names, _ = contend(["a-one", "a-two", "b-one", "b-two"], "accuracy", "benchmark", store=str(tmp_path / "t.db"))
    assert names == ["a", "b"] and set(table.columns["benchmark_id"].labels) == {"one", "two"}


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (["a.jsonl", "c.jsonl"], "c.jsonl"),
        (["a", "cc"], "unknown run or model 'cc'"),
        (["a", "run:zz"], "no run begins so"),
        (["a", "model:bb"], "did you mean 'b'"),
        (["a", "b", "--by", "colour"], "Unsupported group_by key: colour"),
        (["a.jsonl", "b.jsonl", "--by", "colour"], "'colour'"),
        (["a.jsonl", "b.jsonl", "--scores", "strict"], "--scores strict"),
        (["a.jsonl", "b.jsonl", "-b", "quizz"], "did you mean 'quiz'"),
        (["run:a-quiz", "b", "-b", "quizz"], "did you mean 'quiz'"),
        (["a", "b", "--metric", "f1"], "accuracy"),
        (["a", "b", "--scores", "strict"], "default"),
        (["a", "b", "--correction", "holms"], "did you mean 'holm'"),
        (["a"], "at least two"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_says_what_there_is(both: Path, sides: list[str], said: str) -> None:
    run = tripos("compare", *sides, "--store", "t.db", cwd=both)
    assert run.returncode == 2 and said in run.stderr and "Traceback" not in run.stderr, run.stderr


def test_files_without_a_benchmark_in_common(tmp_path: Path) -> None:
    files = [write_file(tmp_path / f"{b}.jsonl", b, [line("r", True)], benchmark=b) for b in ("x", "y")]
    with pytest.raises(ConfigError, match="no benchmark in common"):
        compare_files(files)


def test_answers_that_were_cut_are_shouted_about(tmp_path: Path) -> None:
    right = [line(f"r{i}", True, outcome="scored") for i in range(20)]
    cut = [line(f"r{i}", i > 5, outcome="scored" if i > 5 else "truncated") for i in range(20)]
    files = [write_file(tmp_path / f"{m}.jsonl", m, rows) for m, rows in (("a", right), ("b", cut))]
    (row,) = compare_files(files)
    assert any("max_tokens (0 and 6)" in notice for notice in row.notices)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.fixed_dictionaries({"name": TEXTS, "x": st.one_of(st.none(), st.floats(allow_nan=False))}), min_size=1, max_size=5))
def test_csv_gives_back_what_went_in(rows: list[dict[str, Any]]) -> None:
    text = text_of_rows(rows, "csv")
    back = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [r["name"] for r in back] == [r["name"] for r in rows]
    assert [None if r["x"] == "" else float(r["x"]) for r in back] == [r["x"] for r in rows]


@given(st.lists(st.fixed_dictionaries({"name": TEXTS}), min_size=1, max_size=5))
def test_markdown_keeps_one_line_a_row(rows: list[dict[str, Any]]) -> None:
    lines = text_of_rows(rows, "markdown").split("\n")
    assert len(lines) == len(rows) + 3 and all(line.startswith("| ") and line.endswith(" |") for line in lines[:-1])


def test_latex_escapes_a_backslash_once() -> None:
    assert r"a\textbackslash{}b\_c \& 5\%" in text_of_rows([{"x": r"a\b_c & 5%"}], "latex")


# ------------------------------------------------------------------------------------------------- disagreements, gate, labels


def test_disagreements_as_json_too(both: Path) -> None:
    for sides in (["a", "b"], ["a.jsonl", "b.jsonl"]):
        run = tripos("compare", *sides, "--store", "t.db", "--show-disagreements", "--json", cwd=both)
        found = json.loads(run.stdout)["disagreements"]
        assert found[0] == {"record_id": "r1", "prompt_variant_id": "default", "baseline": 0.0, "treatment": 1.0} and len(found) == 9
    refused = tripos("compare", "a", "b", "--store", "t.db", "--show-disagreements", "--format", "csv", cwd=both)
    assert refused.returncode == 2 and "--show-disagreements goes with" in refused.stderr


def gate(folder: Path, *more: str) -> int:
    return tripos("compare", "a", "b", "--store", "t.db", "--fail-if-worse", "0.02", *more, cwd=folder).returncode


@pytest.mark.parametrize(("a", "b", "code"), [(1.0, 0.0, 1), (0.0, 1.0, 0), (1.0, 1.0, 0)], ids=["worse", "better", "same"])
def test_the_gate_closes_for_what_is_worse(tmp_path: Path, a: float, b: float, code: int) -> None:
    for model, value in (("a", a), ("b", b)):
        write_run(tmp_path / "t.db", model, [Made(f"r{i}", value) for i in range(20)])
    assert gate(tmp_path) == code and gate(tmp_path, "--json") == code


def test_the_gate_is_not_passed_by_failing_at_everything(tmp_path: Path) -> None:
    for benchmark, broken in (("one", False), ("two", True)):
        write_run(tmp_path / "t.db", "a", [Made(f"r{i}") for i in range(9)], benchmark=benchmark)
        write_run(tmp_path / "t.db", "b", [Made(f"r{i}", failed=broken) for i in range(9)], benchmark=benchmark)
    assert gate(tmp_path, "-b", "one") == 0 and gate(tmp_path) == 1
    assert gate(tmp_path, "-b", "two") == 2, "nothing at all to compare is an error"
    write_run(tmp_path / "t.db", "b", [Made(f"r{i}") for i in range(9)], benchmark="three")
    assert tripos("compare", "b", "a", "--store", "t.db", "--fail-if-worse", "0", cwd=tmp_path).returncode == 1, "a has no results of three"


def test_what_was_lost_could_end_an_equivalence_and_that_is_said(tmp_path: Path) -> None:
    for lost, said in ((1, 0), (12, 1)):
        store = tmp_path / f"{lost}.db"
        for model in ("a", "b"):
            write_run(store, model, [Made(f"r{i}", float(i % 2), failed=model == "b" and i < lost) for i in range(60)])
        table, names, _ = contend(["a", "b"], "accuracy", "benchmark", store=str(store))
        (row,) = compare(table, pairs_of(names), side=SIDE, group_by="benchmark", margin=0.1)
        assert row.decision == "equivalent" and sum("could reverse" in notice for notice in row.notices) == said


def test_tables_to_paste_say_who_was_never_asked(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows = [line(f"r{i}", i % 2 == 0, simulated=name == "b") for i in range(6)]
        write_file(tmp_path / f"{name}.jsonl", name, rows)
    for form in ("markdown", "latex", "csv"):
        text = tripos("compare", "a.jsonl", "b.jsonl", "--format", form, cwd=tmp_path).stdout
        assert "b (SIMULATED)" in text and "a (SIMULATED)" not in text, text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{oops}\n", "bad.jsonl, line 1: not a JSON object"),
        ('{"record_id": "r0", "is_correct": true}\n{"record_id": "r1", "is_cor', "bad.jsonl, line 2: not a JSON object"),
        ('{"model": "b"}\n', "bad.jsonl, line 1: no record_id"),
        ("", "bad.jsonl"),
    ],
    ids=["no JSON", "cut off", "no record", "empty"],
)
def test_a_results_file_that_cannot_be_read_is_named_with_its_line(both: Path, content: str, said: str) -> None:
    (both / "bad.jsonl").write_text(content)
    run = tripos("compare", "a.jsonl", "bad.jsonl", cwd=both)
    assert run.returncode == 2 and said in run.stderr and "Traceback" not in run.stderr, run.stderr
