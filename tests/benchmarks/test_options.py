"""What a user may choose about samples has an effect in every benchmark, or is refused in one sentence: nothing is silently ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared_data import shared
from tripos.benchmarks.benchmark import Options, benchmarks
from tripos.core.errors import ConfigError, DatasetError, TriposError

KEYS = benchmarks.names()
READ = [key for key in KEYS if not benchmarks.get(key).build().samples.endless and key != "kernels"]
BY_ROWS = {
    "ama-bench": "test/open_end_qa_set.jsonl",
    "frames": "test.jsonl",
    "gpqa": "gpqa_diamond_train.jsonl",
    "hle": "test.jsonl",
    "ipw": "mixed_1k_seed1_base.jsonl",
    "lifelong-agent": "db_bench.jsonl",
    "livecodebench": "test.jsonl",
    "liveresearchbench": "question_with_checklist/test.jsonl",
    "math500": "test.jsonl",
    "mmlu-pro": "test.jsonl",
    "natural-reasoning": "train.jsonl",
    "simpleqa": "test.jsonl",
    "supergpqa": "train.jsonl",
    "swebench": "verified_mini_test.jsonl",
    "swefficiency": "test.jsonl",
    "terminalbench": "test.jsonl",
    "toolcall15": "scenarios.jsonl",
    "wildchat": "train.jsonl",
}
"""Keys whose samples come from the lines of one file."""


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("option", "value"), [("split", "nosuchsplit"), ("subset", "nosuchsubset"), ("shots", 99), ("judge", "nosuchuse")])
def test_a_choice_that_does_not_exist_is_refused_and_named(key: str, option: str, value: Any, tmp_path: Path) -> None:
    data = tmp_path if key in READ else None
    for split in ("train", "test", "validation"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"colour": "blue"}) + "\n")
    with pytest.raises((ConfigError, DatasetError)) as caught:
        list(benchmarks.get(key).build(Options(**{option: value}, data=data)).samples)
    said = str(caught.value)
    assert str(value) in said
    assert "\n" not in said


@pytest.mark.parametrize("key", KEYS)
def test_an_unknown_setting_is_refused_and_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: .*nosuchsetting"):
        benchmarks.get(key).build(Options(settings={"nosuchsetting": 1}))


@pytest.mark.parametrize("key", sorted(BY_ROWS))
def test_a_record_id_belongs_to_the_row_and_not_to_its_place(key: str, tmp_path: Path) -> None:
    lines = shared(f"{key}/{BY_ROWS[key]}").read_text(encoding="utf-8").split("\n")
    there, turned = tmp_path / "there.jsonl", tmp_path / "turned.jsonl"
    there.write_text("\n".join(lines), encoding="utf-8")
    turned.write_text("\n".join(reversed(lines)), encoding="utf-8")
    first, second = ({s.record_id: s for s in benchmarks.get(key).build(Options(data=path)).samples} for path in (there, turned))
    assert len(first) > 1
    assert first.keys() == second.keys()
    assert all(second[i].input == sample.input for i, sample in first.items())


@pytest.mark.parametrize("key", READ)
def test_a_shelf_that_is_no_directory_is_an_error(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match=r"TRIPOS_DATA_DIR = '.*nowhere' is no directory"):
        list(benchmarks.get(key).build().samples)


@pytest.mark.parametrize("key", ["gaia", "simpleqa", "taubench", "workarena"])
def test_a_shelf_may_be_written_with_a_tilde(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = shared(key).parent
    monkeypatch.setenv("HOME", str(place.parent))
    monkeypatch.setenv("TRIPOS_DATA_DIR", f"~/{place.name}")
    try:
        assert next(iter(benchmarks.get(key).build().samples))
    except TriposError as error:
        pytest.fail(f"not found below a home directory: {error}")
