"""Rows come from where the user says, all of them, or an error says what is wrong and what to do."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared_data import shared
from tripos.benchmarks.local_files import checkout, locate
from tripos.benchmarks.sources import HubSource, huggingface
from tripos.core.errors import DatasetError
from tripos.core.records import Sample

ROWS = [{"id": f"r{n}", "text": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(5)]


@pytest.fixture(autouse=True)
def _no_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)


def to_sample(row: dict[str, Any]) -> Sample | None:
    if not row["answer"]:
        return None
    return Sample(record_id=row["id"], input=row["text"], reference=row["answer"])


def source(data: Path | None, split: str = "test", **more: Any) -> HubSource:
    return huggingface("owner/sums", key="sums", to_sample=to_sample, split=split, data=data, columns=("id", "text", "answer"), **more)


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ids(rows: HubSource) -> list[str]:
    return [sample.record_id for sample in rows]


@pytest.mark.parametrize("extension", [".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".csv", ".tsv"])
def test_every_format_gives_the_same_samples_every_time(tmp_path: Path, extension: str) -> None:
    rows = source(write(tmp_path / f"anything{extension}"))
    assert list(rows) == list(rows) == [to_sample(row) for row in ROWS]
    assert rows.endless is False


@pytest.mark.parametrize(
    "layout",
    [
        "test.jsonl",
        "data/test-00000-of-00001.parquet",
        "test/rows.jsonl",
        "main/test.jsonl",
        "main/test/0.parquet",
        "main_test.jsonl",
        "main.csv",
        "main/rows.jsonl",
        "test/data-00000-of-00001.arrow",
    ],
)
def test_layouts_of_a_directory(tmp_path: Path, layout: str) -> None:
    write(tmp_path / layout)
    write(tmp_path / "outputs_of_a_model.jsonl", [{"not": "ours"}])
    (tmp_path / "SOURCE.md").write_text("where it is from")
    (tmp_path / "dataset_info.json").write_text("{}")
    assert ids(source(tmp_path, config="main")) == ["r0", "r1", "r2", "r3", "r4"]


def test_shards_are_read_in_order(tmp_path: Path) -> None:
    for n in (1, 0):
        write(tmp_path / f"data/test-0000{n}-of-00002.parquet", ROWS[3 * n : 3 * n + 3])
    assert ids(source(tmp_path)) == ["r0", "r1", "r2", "r3", "r4"]


def test_a_configuration_is_never_taken_for_another(tmp_path: Path) -> None:
    write(tmp_path / "gpqa_diamond_test.jsonl")
    with pytest.raises(DatasetError, match=r"no split 'test' of configuration 'gpqa_main'.*found: gpqa_diamond_test\.jsonl"):
        locate(tmp_path, "test", "gpqa_main", named=False)


def test_a_split_is_never_taken_for_another(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl")
    with pytest.raises(DatasetError, match="no split 'test'"):
        ids(source(tmp_path))


def test_a_single_file_of_another_name_is_taken_where_the_user_named_the_directory(tmp_path: Path) -> None:
    write(tmp_path / "sums.jsonl")
    assert len(ids(source(tmp_path))) == 5
    write(tmp_path / "more.jsonl")
    with pytest.raises(DatasetError, match=r"found: more\.jsonl, sums\.jsonl"):
        ids(source(tmp_path))


def test_the_same_rows_in_two_formats_are_read_once(tmp_path: Path) -> None:
    write(tmp_path / "test.parquet")
    write(tmp_path / "test.jsonl")
    assert len(ids(source(tmp_path))) == 5


def test_two_candidates_for_one_split_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a" / "test.jsonl")
    write(tmp_path / "b" / "test.jsonl")
    with pytest.raises(DatasetError, match=r"more than one file.*a/test\.jsonl, b/test\.jsonl.*--data"):
        ids(source(tmp_path))


def test_the_shelf_is_read_by_key_and_data_comes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path / "shelf"))
    write(tmp_path / "shelf" / "sums" / "test.jsonl", ROWS[:2])
    assert ids(source(None)) == ["r0", "r1"]
    assert len(ids(source(write(tmp_path / "mine.jsonl")))) == 5


def test_a_copy_of_a_repository_is_looked_through_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fits(folder: Path) -> bool:
        return (folder / "a.md").is_file()

    def found(data: Path | None) -> Path:
        return checkout("set", data, ("deep/tasks", "."), fits, holds="deep/tasks/a.md", advice="get it")

    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    with pytest.raises(DatasetError, match=r"^set: the tasks are not here; get it$"):
        found(None)
    copy = tmp_path / "set"
    (copy / "deep/tasks").mkdir(parents=True)
    with pytest.raises(DatasetError, match=rf"^set: {copy} holds no deep/tasks/a\.md; get it$"):
        found(copy)
    (copy / "a.md").touch()
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path))
    assert found(copy) == found(None) == copy
    (copy / "deep/tasks/a.md").touch()
    assert found(copy) == copy / "deep/tasks"


def test_a_missing_path_and_a_strange_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere does not exist"):
        ids(source(tmp_path / "nowhere"))
    strange = tmp_path / "rows.pkl"
    strange.write_bytes(b"\x80\x04.")
    with pytest.raises(DatasetError, match=r"rows\.pkl: a data file must end in"):
        ids(source(strange))


def test_missing_columns_are_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", [*ROWS, {"id": "r9", "question": "?"}])
    with pytest.raises(DatasetError, match=r"test\.jsonl:6: column 'text', 'answer' is missing; the row has: 'id', 'question'"):
        ids(source(path))


@pytest.mark.parametrize("line", ['{"id": "r9", ', "[1, 2]", "\udcff".encode("utf-8", "surrogateescape").decode("latin1"), "17"])
def test_an_unreadable_row_is_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "test.jsonl")
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(DatasetError, match=r"test\.jsonl:7: "):
        ids(source(path))


@pytest.mark.parametrize("extension", [".parquet", ".arrow"])
def test_a_damaged_binary_file_is_named(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"test{extension}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DatasetError, match=rf"test\{extension}: not readable"):
        ids(source(path))


def test_a_row_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", [{"id": 7, "text": "?", "answer": "x"}])

    def strict(row: dict[str, Any]) -> Sample:
        return Sample(record_id=row["id"].strip(), input=row["text"])

    rows = huggingface("owner/sums", key="sums", to_sample=strict, split="test", data=path)
    with pytest.raises(DatasetError, match=r"test\.jsonl:1: this row cannot be used: AttributeError"):
        ids(rows)


def test_no_usable_row_is_an_error_and_never_an_empty_benchmark(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no usable row in split 'test': all 1 rows were left out"):
        ids(source(write(tmp_path / "test.jsonl", [{"id": "a", "text": "?", "answer": ""}])))
    (tmp_path / "test.jsonl").write_text("\n")
    with pytest.raises(DatasetError, match="there are no rows"):
        ids(source(tmp_path / "test.jsonl"))


def test_identical_rows_count_once_and_different_rows_of_one_id_are_an_error(tmp_path: Path) -> None:
    rows = source(write(tmp_path / "test.jsonl", [*ROWS, ROWS[1], ROWS[1]]))
    assert ids(rows) == ["r0", "r1", "r2", "r3", "r4"]
    assert rows.fingerprint()["duplicates"] == 2
    with pytest.raises(DatasetError, match=r"test\.jsonl:6: record id 'r1' stands for two different rows"):
        ids(source(write(tmp_path / "test.jsonl", [*ROWS, {**ROWS[1], "answer": "other"}])))


def test_the_fingerprint_says_what_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", [*ROWS, {"id": "r9", "text": "?", "answer": ""}])
    rows = source(path, keep=lambda row: row["id"] != "r0")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    unread = {"source": str(path), "revision": None, "digest": digest, "rows": None, "kept": None, "duplicates": None}
    assert rows.fingerprint() == unread
    assert ids(rows) == ["r1", "r2", "r3", "r4"]
    assert rows.fingerprint() == {**unread, "rows": 6, "kept": 4, "duplicates": 0}


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl")
    path.write_text(path.read_text() + "broken\n")
    first = next(iter(source(path)))
    assert first.record_id == "r0"


# --------------------------------------------------------------------------------------------------------------- the hub


def hub(tmp_path: Path, program: str) -> str:
    """Runs a program in a process that has no network, as an air-gapped machine would, and an own cache."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_DATASETS_CACHE": str(tmp_path / "hf" / "datasets"),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def cached(tmp_path: Path, name: str, split: str, commit: str) -> None:
    """Lays rows into the cache of `datasets` as a download of the repository owner/name would have left them."""
    write(tmp_path / name / f"{split}.parquet")
    made = hub(
        tmp_path,
        f"""
        import datasets
        builder = datasets.load_dataset_builder({str(tmp_path / name)!r}, cache_dir={str(tmp_path / "made")!r})
        builder.download_and_prepare()
        print(builder.cache_dir)
        """,
    )
    place = tmp_path / "hf" / "datasets" / f"owner___{name}" / "default" / "0.0.0" / commit
    place.parent.mkdir(parents=True)
    Path(made.strip().splitlines()[-1]).rename(place)


PROGRAM = """
    import json
    from tripos.benchmarks.sources import huggingface
    from tripos.core.errors import DatasetError
    from tripos.core.records import Sample

    for asked in {asked!r}:
        rows = huggingface(
            **{{"repo": "owner/sums", "key": "sums", "split": "test", **asked}},
            to_sample=lambda row: Sample(record_id=row["id"], input=row["text"], reference=row["answer"]),
        )
        try:
            print(json.dumps([[s.record_id for s in rows], [s.record_id for s in rows], rows.fingerprint()]))
        except DatasetError as error:
            print(error)
"""


def asked(tmp_path: Path, *what: dict[str, Any]) -> list[str]:
    return hub(tmp_path, PROGRAM.format(asked=what)).splitlines()


def test_a_directory_with_hub_files_is_read_by_datasets(tmp_path: Path) -> None:
    write(tmp_path / "sums" / "data" / "test-00000-of-00001.parquet")
    (said,) = asked(tmp_path, {"repo": str(tmp_path / "sums")})
    once, twice, fingerprint = json.loads(said)
    assert once == twice == ["r0", "r1", "r2", "r3", "r4"]
    assert (fingerprint["rows"], fingerprint["kept"]) == (5, 5)
    assert fingerprint["revision"]
    assert fingerprint["digest"]


def test_a_large_set_is_streamed_again_and_again_and_never_kept(tmp_path: Path) -> None:
    write(tmp_path / "sums" / "data" / "test-00000-of-00001.parquet")
    (said,) = asked(tmp_path, {"repo": str(tmp_path / "sums")})
    assert list((tmp_path / "hf").rglob("*.arrow"))
    place = tmp_path / "elsewhere"
    place.mkdir()
    (streamed,) = asked(place, {"repo": str(tmp_path / "sums"), "streamed": True})
    once, twice, fingerprint = json.loads(streamed)
    assert once == twice == ["r0", "r1", "r2", "r3", "r4"]
    assert (fingerprint["rows"], fingerprint["kept"]) == (5, 5)
    assert fingerprint["revision"] == json.loads(said)[2]["revision"]
    assert not list((place / "hf").rglob("*.arrow"))


def test_the_cache_serves_offline_with_its_commit(tmp_path: Path) -> None:
    cached(tmp_path, "sums", "test", "ab12" * 10)
    wanted = ({}, {"revision": "cd34cd3"}, {"columns": ("question",)}, {"split": "train"}, {"repo": "owner/others", "key": "others"})
    read, revision, column, split, absent = asked(tmp_path, *wanted)
    once, twice, fingerprint = json.loads(read)
    assert once == twice == ["r0", "r1", "r2", "r3", "r4"]
    assert (fingerprint["source"], fingerprint["revision"]) == ("hf:owner/sums/test", "ab12" * 10)
    assert "revision cd34cd3 was asked for, the local cache holds ab12" in revision
    assert "column 'question' is missing; the row has: 'id', 'text', 'answer'" in column
    assert "owner/sums cannot be loaded" in split
    assert '"train"' in split
    assert "owner/others is not in the local cache and the hub cannot be reached" in absent
    assert "`data = …` / --data" in absent
    assert "TRIPOS_DATA_DIR/others/ (e.g. test.jsonl)" in absent


# --------------------------------------------------------------------------------------------------------- the real rows


@pytest.mark.parametrize(
    ("key", "split", "config", "count", "name"),
    [
        ("mmlu-pro", "test", None, 70, "test.jsonl"),
        ("gpqa", "train", "gpqa_diamond", 6, "gpqa_diamond_train.jsonl"),
        ("ama-bench", "test", None, 3, "open_end_qa_set.jsonl"),
        ("gaia", "validation", "2023_all", 4, "metadata.jsonl"),
        ("ipw", "train", "mixed_1k_seed1_base", 24, "mixed_1k_seed1_base.jsonl"),
        ("frames", "test", None, 40, "test.jsonl"),
        ("lifelong-agent", "train", "db_bench", 5, "train-00000-of-00001.parquet"),
    ],
)
def test_the_layouts_of_real_data_sets_are_understood(key: str, split: str, config: str | None, count: int, name: str) -> None:
    (path,) = locate(shared(key), split, config, named=False)
    assert path.name == name
