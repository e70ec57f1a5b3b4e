"""Results as data frames: types, nulls, metrics, and what to install where a library is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tripos.core.errors import ConfigError
from tripos.results.frames import to_arrow, to_pandas, to_polars
from tripos.results.result_file import read_results

RECORDS: list[dict[str, Any]] = [
    {"record_id": "a", "is_correct": True, "prompt_tokens": 3, "ttft": None, "scoring_metadata": {"metrics": {"f1": 0.5}}, "own": 1},
    {"record_id": "b", "is_correct": None, "prompt_tokens": None, "ttft": None, "scoring_metadata": {}, "own": 2.5},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in RECORDS))
    return path


def test_columns_keep_their_types_where_nothing_was_measured() -> None:
    table = to_arrow(RECORDS)
    assert {f.name: str(f.type) for f in table.schema} == {
        "record_id": "string", "is_correct": "bool", "prompt_tokens": "int64", "ttft": "double", "scoring_metadata": "string",
        "own": "double", "metrics.f1": "double",
    }  # fmt: skip
    assert table["ttft"].null_count == 2 and table["metrics.f1"].to_pylist() == [0.5, None]


def test_a_path_a_read_file_and_records_are_the_same_source(file: Path) -> None:
    assert to_arrow(file).equals(to_arrow(read_results(file))) and to_arrow(str(file)).equals(to_arrow(RECORDS))


def test_pandas_counts_only_what_was_scored(file: Path) -> None:
    pytest.importorskip("pandas")
    frame = to_pandas(file)
    assert frame["is_correct"].mean() == 1.0 and frame["is_correct"].isna().tolist() == [False, True]
    assert str(frame["prompt_tokens"].dtype) == "Int64"


def test_polars(file: Path) -> None:
    pytest.importorskip("polars")
    assert to_polars(file)["is_correct"].null_count() == 1


@pytest.mark.parametrize(("make", "library"), [(to_arrow, "pyarrow"), (to_pandas, "pandas"), (to_polars, "polars")])
def test_a_missing_library_is_named_with_its_command(make: Any, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=f"pip install {library}"):
        make(RECORDS)


def test_a_field_of_another_type_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="not of its type"):
        to_arrow([{"record_id": "a", "prompt_tokens": "many"}])
