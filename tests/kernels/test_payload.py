"""The JSON document of a run: the published keys, strict JSON, one backend or several."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_kernels import case, payload, record
from tripos.core.errors import ConfigError
from tripos.kernels.aggregate import case_rows, summarise
from tripos.kernels.payload import UNREAD, build_payload, combined_payload, exit_code, read_payload, strict, write_json
from tripos.kernels.settings import Settings

LABELS = ["t1/a", "t2/b"]


def test_a_document_of_one_backend_has_the_published_keys() -> None:
    found = payload([record("t1/a", speedup=2.0)], LABELS)
    keys = ["timestamp", "runner_version", "mode", "config", "environment", "summary", "results"]
    assert [key for key in found if key in keys] == keys
    assert list(found)[-3:] == ["performance_config", "performance_results", "performance_summary"]
    assert (found["runner_version"], found["schema_version"], found["mode"]) == ("benchmark-lite-v2", 1, "full")
    assert found["performance_config"]["timeout"] == 300
    assert "submission_dir" not in found and "backend_results" not in found


def test_correctness_alone_has_no_performance_keys() -> None:
    rows = case_rows([record("t1/a")], [case("t1/a")], 1, backend="cpu")
    config = Settings().config(backend="cpu", arch="x86_64", dsl="cpp", backend_name=None, devices=[0])
    found = build_payload(config, {"framework": "torch"}, summarise(rows, 1.0), rows)
    assert not [key for key in found if key.startswith("performance")]


def test_several_backends_are_one_document() -> None:
    parts = {
        "cpu": payload([record("t1/a", speedup=2.0)], LABELS, backend="cpu"),
        "gpu": payload([record("t1/a", speedup=5.0), record("t2/b", "crashed")], LABELS, backend="gpu"),
        "npu": payload([], LABELS, backend="npu", environment_error="no npu device"),
    }
    found = combined_payload(parts, parts["cpu"]["config"])
    summary = found["summary"]
    assert (summary["total_cases"], summary["passed_cases"], summary["failed_cases"]) == (6, 2, 4)
    assert summary["case_pass_rate"] == pytest.approx(2 / 6)  # a backend that is down is in the denominator
    assert summary["environment_error"] == {"npu": "no npu device"}
    assert summary["total_wall_time"] == 4.5
    assert summary["tier_stats"]["t1"]["total_cases"] == 3 and summary["pass_at_k"]["1"]["n_missing"] == 3
    assert [row["backend"] for row in found["results"]] == ["cpu", "cpu", "gpu", "gpu", "npu", "npu"]
    assert [row["backend"] for row in found["performance_results"]] == ["cpu", "cpu", "gpu", "gpu", "npu", "npu"]
    assert found["performance_summary"]["passed_cases"] == 2 and found["performance_summary"]["unmeasured_cases"] == 2
    assert found["config"]["backend"] == "all" and found["config"]["backends"] == ["cpu", "gpu", "npu"]
    assert found["config"]["arch"] == {"cpu": "x86_64", "gpu": "x86_64", "npu": "x86_64"}
    assert "system" not in found["environment"] and found["environment"]["dsl"] == "multiple"
    assert list(found["environment"]["per_backend"]["gpu"]) == ["visible_devices", "dsl", "backend"]
    assert found["backend_results"]["gpu"] == parts["gpu"]


def test_what_one_backend_simulated_all_of_them_did() -> None:
    about = {"model": "expert", "rule": "strict", "seed": 7}
    parts = {
        "npu": payload([], LABELS, backend="npu", environment_error="no npu device", config=about),
        "cpu": payload([record("t1/a", speedup=2.0)], LABELS, backend="cpu", config={**about, "simulated": True}),
    }
    config = combined_payload(parts, parts["npu"]["config"])["config"]
    assert config["simulated"] is True and {name: config[name] for name in about} == about


def test_a_submission_that_could_not_be_read_is_a_failure() -> None:
    found = payload([record("t1/a", speedup=2.0)], ["t1/a"])
    assert exit_code(found) == 0
    assert exit_code({**found, UNREAD: [{"place": "evil.tar", "reason": "is hostile"}]}) == 1


def test_nothing_to_combine_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no backend to combine"):
        combined_payload({}, {"mode": "full"})


def test_no_number_that_json_does_not_know_is_written(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "r.json", {"a": math.nan, "b": [math.inf, 1.5], "c": tmp_path, "d": "\ud800é", "e": {1: (True, None)}})
    text = (tmp_path / "new" / "r.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {
        "a": None,
        "b": [None, 1.5],
        "c": str(tmp_path),
        "d": "?é",
        "e": {"1": [True, None]},
    }
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["r.json"]
    with pytest.raises(TypeError, match=r"object .* cannot stand in a payload"):
        strict({"x": object()})


plain: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_any_plain_value_becomes_strict_json_and_stays(value: Any) -> None:
    once = strict(value)
    assert json.loads(msgspec.json.encode(once), parse_constant=pytest.fail) == once
    assert strict(once) == once


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_json(tmp_path / "file" / "r.json", {})


def test_a_document_is_read_back_and_one_of_the_published_runner_too(tmp_path: Path) -> None:
    written = payload([record("t1/a", speedup=2.0)], LABELS)
    write_json(tmp_path / "ours.json", written)
    assert read_payload(tmp_path / "ours.json") == written
    theirs = {"config": {}, "results": [], "performance_results": [{"max_abs_diff": math.inf, "max_rel_diff": math.nan}]}
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    assert read_payload(tmp_path / "theirs.json")["performance_results"] == [{"max_abs_diff": None, "max_rel_diff": None}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "is no result of a kernel run"),
        ('{"results": []}', "is no result of a kernel run"),
        ('{"results": {}, "config": {}}', "is no result of a kernel run"),
        ('{"results": [], "config": {}, "schema_version": 99}', "written by a newer Tripos"),
        ("\xff", "is no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=said):
        read_payload(tmp_path / "r.json")
    with pytest.raises(ConfigError, match="cannot read"):
        read_payload(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (payload([record("t1/a", speedup=2.0), record("t2/b", "noisy", speedup=0.5)], LABELS), 0),
        (payload([record("t1/a", speedup=2.0)], LABELS), 1),
        (payload([record("t1/a", speedup=2.0), record("t2/b", "wrong_value")], LABELS), 1),
        (payload([], LABELS, environment_error="no torch"), 1),
        (payload([], []), 1),
    ],
)
def test_the_exit_code_says_whether_everything_passed(found: dict[str, Any], code: int) -> None:
    assert exit_code(found) == code
