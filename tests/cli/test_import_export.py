"""`tripos import` and `tripos export`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

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
