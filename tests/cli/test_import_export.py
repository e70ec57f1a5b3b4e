"""`tripos import` and `tripos export`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foreign_logs import inspect_eval, inspect_log, inspect_sample, write_json
from running import records, summary, tripos


def two_logs(folder: Path) -> tuple[Path, Path]:
    """Logs of two models on the same ten samples: one knows eight, the other three."""
    paths = []
    for model, known in (("acme/large", 8), ("acme/small", 3)):
        log = inspect_log([inspect_sample(i, "C" if i < known else "I") for i in range(10)], {"match": known / 10})
        log["eval"]["model"] = model
        paths.append(inspect_eval(folder / f"{model.replace('/', '_')}.eval", log))
    return paths[0], paths[1]


def test_old_logs_are_compared_explained_and_reported_at_once(tmp_path: Path) -> None:
    large, small = two_logs(tmp_path)
    done = tripos("import", str(large), str(small), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["imported"]
    assert [(i["model"], i["accuracy"], i["reported"][0]["agrees"]) for i in found] == [
        ("acme/large", 0.8, True),
        ("acme/small", 0.3, True),
    ]
    compared = tripos("compare", found[1]["path"], found[0]["path"], "--json", cwd=tmp_path)
    (row,) = json.loads(compared.stdout)["rows"]
    assert (row["pair_count"], row["delta_mean"], row["wins"]) == (10, pytest.approx(0.5), 5)
    explained = json.loads(tripos("explain", "3", "--run", found[1]["run_id"], "--json", cwd=tmp_path).stdout)
    assert explained["reference"] == "Paris" and explained["score"]["is_correct"] is False
    assert tripos("report", found[0]["path"], cwd=tmp_path).returncode == 0


def imported(folder: Path, values: dict[str, list[float]], scorer: str) -> list[dict[str, Any]]:
    """Inspect logs of models whose samples were given these numbers by a scorer, imported."""
    paths = []
    for model, numbers in values.items():
        log = inspect_log([inspect_sample(i, {scorer: v}) for i, v in enumerate(numbers)], {scorer: sum(numbers) / len(numbers)})
        log["eval"]["model"] = model
        paths.append(str(inspect_eval(folder / f"{model}.eval", log)))
    done = tripos("import", *paths, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["imported"]
    return found


@pytest.mark.parametrize("files", [True, False], ids=["files", "runs"])
def test_less_of_an_error_is_better_whatever_tool_measured_it(tmp_path: Path, files: bool) -> None:
    logs = imported(tmp_path, {"poor": [0.5 + i % 3 / 10 for i in range(20)], "good": [0.1 + i % 3 / 10 for i in range(20)]}, "wer")
    assert all(log["accuracy"] is None for log in logs), "an error rate of 1 is no full mark"
    sides = [log["path"] if files else f"run:{log['run_id']}" for log in logs]
    for metric in ("score", "wer"):
        done = tripos("compare", *sides, "--metric", metric, "--fail-if-worse", "0", cwd=tmp_path)
        assert done.returncode == 0 and "good vs poor on capitals: better by 0.4000" in done.stdout, done.stdout
    back = tripos("compare", *reversed(sides), "--metric", "score", "--fail-if-worse", "0.02", cwd=tmp_path)
    assert back.returncode == 1 and "worse by 0.4000" in back.stdout and "(less is better)" in back.stdout


@pytest.mark.parametrize("files", [True, False], ids=["files", "runs"])
def test_a_scale_that_nobody_explains_gets_no_verdict(tmp_path: Path, files: bool) -> None:
    logs = imported(tmp_path, {"a": [2.0 + i % 3 for i in range(20)], "b": [6.0 + i % 3 for i in range(20)]}, "strangeness")
    sides = [log["path"] if files else f"run:{log['run_id']}" for log in logs]
    done = tripos("compare", *sides, "--metric", "score", cwd=tmp_path)
    assert done.returncode == 0 and "b vs a on capitals: different by 4.0000" in done.stdout
    assert "do not say whether more or less of this is better" in done.stdout
    gate = tripos("compare", *sides, "--metric", "score", "--fail-if-worse", "0.1", cwd=tmp_path)
    assert gate.returncode == 2 and "--better more or --better less" in gate.stderr
    for word, verdict, code in (("more", "better", 0), ("less", "worse", 1)):
        told = tripos("compare", *sides, "--metric", "score", "--fail-if-worse", "0.1", "--better", word, cwd=tmp_path)
        assert told.returncode == code and f"b vs a on capitals: {verdict} by 4.0000" in told.stdout


def test_twice_is_once(tmp_path: Path) -> None:
    large, _ = two_logs(tmp_path)
    tripos("import", str(large), cwd=tmp_path)
    before = {p: p.read_bytes() for p in (tmp_path / "results" / "imported").iterdir()}
    again = tripos("import", str(large), cwd=tmp_path)
    assert again.returncode == 0 and "1 of 1 logs were known: the store is as it was" in again.stdout
    assert {p: p.read_bytes() for p in (tmp_path / "results" / "imported").iterdir()} == before


def test_one_bad_log_does_not_stop_the_rest(tmp_path: Path) -> None:
    _, small = two_logs(tmp_path)
    small.write_bytes(small.read_bytes()[:-40])
    done = tripos("import", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1 and "acme_small.eval: not a zip archive, or cut off" in done.stderr
    assert [p.name for p in (tmp_path / "results" / "imported").glob("*.jsonl")] == ["capitals_acme-large.jsonl"]


def test_a_figure_that_nothing_explains_ends_with_1(tmp_path: Path) -> None:
    path = write_json(tmp_path / "log.json", inspect_log([inspect_sample(1, "C")], {"match": 0.2}))
    done = tripos("import", str(path), cwd=tmp_path)
    assert done.returncode == 1 and "nothing explains it" in done.stdout


def test_nothing_to_import_is_a_usage_error(tmp_path: Path) -> None:
    done = tripos("import", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 2 and "no such file" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_names_can_be_given(tmp_path: Path) -> None:
    large, _ = two_logs(tmp_path)
    tripos("import", str(large), "--model", "mine", "--benchmark", "quiz", "--output-dir", "here", "--store", "s.db", cwd=tmp_path)
    (line, *_) = records(tmp_path / "here" / "quiz_mine.jsonl")
    assert (line["benchmark"], line["model"]) == ("quiz", "mine") and (tmp_path / "s.db").exists()


@pytest.mark.parametrize("name", ["parquet", "csv", "jsonl", "openjarvis", "lm-eval"])
def test_a_results_file_and_its_run_export_the_same(tmp_path: Path, name: str) -> None:
    large, _ = two_logs(tmp_path)
    path = Path(json.loads(tripos("import", str(large), "--json", cwd=tmp_path).stdout)["imported"][0]["path"])
    run_id = records(tmp_path / path)[0]["run_id"]
    outputs = []
    for source, target in ((str(path), "from_file"), (run_id[:6], "from_run")):
        done = tripos("export", source, "--format", name, "-o", f"{target}/out", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        outputs.append([Path(f) for f in json.loads(done.stdout)["files"]])
    assert len(outputs[0]) == len(outputs[1]) == (2 if name in ("openjarvis", "lm-eval") else 1)
    assert (tmp_path / outputs[0][-1 if name == "lm-eval" else 0]).read_bytes() == (
        tmp_path / outputs[1][-1 if name == "lm-eval" else 0]
    ).read_bytes()


def test_an_exported_run_can_be_imported_again(tmp_path: Path) -> None:
    large, _ = two_logs(tmp_path)
    tripos("import", str(large), cwd=tmp_path)
    tripos("export", "results/imported/capitals_acme-large.jsonl", "--format", "lm-eval", "-o", "out", cwd=tmp_path)
    done = tripos("import", "out", "--store", "other.db", "--output-dir", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert summary(tmp_path / "again" / "capitals_acme-large.jsonl")["accuracy"] == 0.8


def test_what_cannot_be_exported_is_said_in_a_sentence(tmp_path: Path) -> None:
    missing = tripos("export", "abc", "--format", "csv", "-o", "o.csv", cwd=tmp_path)
    assert missing.returncode == 2 and "neither a results file nor" in missing.stderr
    unknown = tripos("export", "abc", "--format", "xlsx", "-o", "o.csv", cwd=tmp_path)
    assert unknown.returncode == 2 and "unknown export format 'xlsx'" in unknown.stderr
