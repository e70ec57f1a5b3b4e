"""GAIA: tasks, levels, attachments that stay in their directory, and match before judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated, graded
from shared_data import shared
from tripos.benchmarks.agentic.gaia import gaia
from tripos.benchmarks.benchmark import Case, Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Sample


def task(**changes: Any) -> dict[str, Any]:
    plain = {"task_id": "t1", "Question": "How many?", "Level": "1", "Final answer": "3", "file_name": "", "file_path": ""}
    return {**plain, **changes}


def written(root: Path, *rows: dict[str, Any], name: str = "metadata.jsonl") -> Path:
    folder = root / "2023" / "validation"
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), folder / name)
    else:
        (folder / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return root


def samples(root: Path, **options: Any) -> list[Sample]:
    return list(gaia.build(Options(data=root, **options)).samples)


async def test_calibration() -> None:
    await assert_calibrated(gaia.build())


def test_the_sample_rows_load_with_their_attachment() -> None:
    tasks = samples(shared("gaia"))
    assert [t.record_id for t in tasks] == [f"inv-000{n}" for n in range(1, 6)]
    assert [t.subject for t in tasks] == ["level_1", "level_1", "level_2", "level_1", "level_3"]
    (attachment,) = tasks[1].attachments
    assert attachment.name == "inv-0002.csv"
    assert Path(attachment.path).read_text().startswith("item,kind,price")
    assert [t.dimensions["file"] for t in tasks] == ["none", "csv", "none", "none", "none"]


@pytest.mark.parametrize("inside", [".", "2023", "2023/validation", "2023/validation/metadata.jsonl"])
def test_a_copy_may_be_named_at_any_height(inside: str) -> None:
    assert len(samples(shared("gaia") / inside)) == 5


@pytest.mark.parametrize(("subset", "ids"), [("2023_level2", ["inv-0003"]), ("2023_level3", ["inv-0005"])])
def test_levels(subset: str, ids: list[str]) -> None:
    assert [t.record_id for t in samples(shared("gaia"), subset=subset)] == ids


async def test_the_references_match_themselves_by_the_official_rule() -> None:
    benchmark = gaia.build(Options(data=shared("gaia"), judge="never"))
    for sample in benchmark.samples:
        assert benchmark.perfect is not None
        case = Case("reference", sample, benchmark.perfect(sample), passes=True)
        verdict = await graded(benchmark, case)
        assert (verdict.is_correct, verdict.metrics) == (True, {"official_match": 1.0})


def test_parquet_of_newer_revisions(tmp_path: Path) -> None:
    written(tmp_path, task(Level="1"), task(task_id="t2", Level="2"), name="metadata.parquet")
    assert [t.record_id for t in samples(tmp_path)] == ["t1", "t2"]


def test_parquet_by_level(tmp_path: Path) -> None:
    for level in (1, 2, 3):
        written(tmp_path, task(task_id=f"t{level}", Level=str(level)), name=f"metadata.level{level}.parquet")
    assert [t.subject for t in samples(tmp_path)] == ["level_1", "level_2", "level_3"]
    assert [t.record_id for t in samples(tmp_path, subset="2023_level2")] == ["t2"]


def test_a_level_may_be_a_number_and_a_question_may_hold_odd_line_ends(tmp_path: Path) -> None:
    (found,) = samples(written(tmp_path, task(Level=2, Question="one\u2028two\x85three")), subset="2023_level2")
    assert (found.subject, found.question) == ("level_2", "one\u2028two\x85three")


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/b.txt", "..\\secret.txt", "..", "."])
def test_an_attachment_never_comes_from_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "2023").mkdir()
    (tmp_path / "2023" / "secret.txt").write_text("key")
    with pytest.raises(DatasetError, match="not a plain file name"):
        samples(written(tmp_path, task(file_name=name)))


def test_a_missing_attachment_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"the attachment 't1\.xlsx' is not in"):
        samples(written(tmp_path, task(file_name="t1.xlsx")))


def test_the_prompt_names_the_file_and_asks_for_the_official_line(tmp_path: Path) -> None:
    written(tmp_path, task(file_name="t1.csv"))
    (tmp_path / "2023/validation/t1.csv").write_text("a")
    benchmark = gaia.build(Options(data=tmp_path))
    prompt = str(benchmark.prompt(next(iter(benchmark.samples))))
    assert prompt.startswith("How many?")
    assert "t1.csv" in prompt
    assert "FINAL ANSWER: [your final answer]" in prompt


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([task(), task()], "task_id 't1' is there twice"),
        ([{"task_id": "t1", "question": "?"}], "column 'Question' is missing"),
        ([task(Level="1")], "no task of level 3"),
    ],
)
def test_broken_sets_are_errors(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        samples(written(tmp_path, *rows), subset="2023_level3" if "level" in said else None)


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    written(tmp_path, task())
    with (tmp_path / "2023/validation/metadata.jsonl").open("a") as file:
        file.write("{oops\n")
    with pytest.raises(DatasetError, match=r"metadata\.jsonl:2"):
        samples(tmp_path)


def test_an_empty_directory_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="2023/validation/metadata"):
        samples(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(subset="2023_level4"), "did you mean"),
        (Options(split="test"), "answers are hidden"),
        (Options(judge="always"), "'fallback' and 'never'"),
    ],
)
def test_choices_that_cannot_be_had(options: Options, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        gaia.build(options)


def test_the_gate_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Offline and with an empty cache, the message says how to get access."""
    import huggingface_hub.constants

    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match=r"accept its terms at https://huggingface.co/datasets/gaia-benchmark/GAIA.*HF_TOKEN.*--data"):
        list(gaia.build().samples)


def test_the_data_directory_of_all_benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written(tmp_path / "gaia", task())
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path))
    assert [t.record_id for t in gaia.build().samples] == ["t1"]


def test_the_fingerprint_changes_with_the_rows(tmp_path: Path) -> None:
    first = gaia.build(Options(data=written(tmp_path / "a", task()))).samples.fingerprint()
    other = gaia.build(Options(data=written(tmp_path / "b", task(Question="Why?")))).samples.fingerprint()
    assert len(str(first["digest"])) == 64
    assert first["digest"] != other["digest"]
