"""Results of a team read from documents that anybody may have written: names checked, scores computed anew."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_kernels import payload, record
from tripos.core.errors import ConfigError
from tripos.kernels.payload import combined_payload, write_json
from tripos.kernels.team_result import read_results, result_of

GOOD = payload(
    [record("t1/a", speedup=2.0), record("t1/b", "noisy", speedup=3.0), record("t2/c", "case_error")], ["t1/a", "t1/b", "t2/c", "t2/d"]
)


def published(rows: list[dict[str, Any]], planned: tuple[str, ...] = (), **config: Any) -> dict[str, Any]:
    """As the published runner writes: no outcome, no interval, only what was extracted."""
    results = [{"tier": label.split("/")[0], "case_name": label.split("/")[1], "overall_success": True} for label in planned]
    filled = [{"tier": "t1", "correctness": True, "case": f"t1/{r['case_name']}", **r} for r in rows]
    return {"config": {"backend": "gpu", **config}, "results": results, "performance_results": filled, "performance_summary": {}}


def test_every_planned_case_is_there_whether_solved_or_not() -> None:
    found = result_of(GOOD, "r.json")
    assert found.team == "team" and found.backends == ["cpu"] and found.machines == {"Test CPU"}
    assert {key: (row["outcome"], row["score"]) for key, row in found.rows.items()} == {
        ("cpu", "t1", "a"): ("ok", 70.0), ("cpu", "t1", "b"): ("noisy", 60.0), ("cpu", "t2", "c"): ("case_error", None),
        ("cpu", "t2", "d"): ("not_generated", 0.0),
    }  # fmt: skip
    assert not found.notices


def test_a_score_that_the_file_claims_is_not_taken_over() -> None:
    forged = copy.deepcopy(GOOD)
    forged["performance_results"][0] |= {"score": 1e6, "weighted_score": 1e6}
    forged["performance_summary"]["total_weighted_score"] = 1e9
    found = result_of(forged, "r.json")
    assert found.rows["cpu", "t1", "a"]["score"] == 70.0
    assert found.notices == ["1 scores were claimed otherwise in the file than their speedup is worth; computed anew"]


def test_a_document_of_the_published_runner() -> None:
    rows = [
        {"case_name": "a", "status": "pass", "speedup": 9.0, "weighted_score": 100.0, "measurement_stable": True},
        {"case_name": "b", "status": "pass", "speedup": 9.0, "weighted_score": 100.0, "measurement_stable": False},
        {"case_name": "c", "status": "fail", "correctness": False, "weighted_score": 0.0, "error": "off"},
        {"case_name": "zzz", "status": "error", "weighted_score": 0.0, "error": "Reference not found: zzz.py"},
    ]
    found = result_of(published(rows, ("t1/a", "t1/b", "t1/c", "t1/d"), team_name="aikg"), "r.json")
    assert {key[2]: (row["status"], row["score"], row["noisy"], row["verdict"]) for key, row in found.rows.items()} == {
        "a": ("pass", 100.0, False, "undecided"), "b": ("pass", 60.0, True, "undecided"), "c": ("fail", 0.0, False, None),
        "d": ("pass", None, False, None),
    }  # fmt: skip
    assert found.unmatched == 1 and len(found.notices) == 2


@pytest.mark.parametrize("speedup", [None, "9", True, 0, -3, 10**400, 1e308, 1e-320, [], {"x": 1}])
def test_what_is_no_speedup_scores_nothing(speedup: Any) -> None:
    found = result_of(published([{"case_name": "a", "status": "pass", "speedup": speedup}]), "r.json")
    assert found.rows["gpu", "t1", "a"]["score"] is None


@pytest.mark.parametrize("outcome", [[], {}, 5, "?"])
def test_an_outcome_that_is_none_leaves_the_status(outcome: Any) -> None:
    found = result_of(published([{"case_name": "a", "status": "pass", "speedup": 2.0, "outcome": outcome}]), "r.json")
    assert (found.rows["gpu", "t1", "a"]["outcome"], found.rows["gpu", "t1", "a"]["score"]) == ("pass", 70.0)


@pytest.mark.parametrize("cards", [5, "abc", {"a": 1}, True])
def test_devices_that_are_no_list_are_passed_over(cards: Any) -> None:
    document = {**copy.deepcopy(GOOD), "environment": {"system": {"gpu_devices": cards, "cpu_model": "A CPU"}}}
    assert result_of(document, "r.json").machines == {"A CPU"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"performance_results": None}, "holds no performance results; run with --mode performance or full"),
        ({"config": {"team_name": "../x"}}, "r.json: team name '../x'"),
        ({"performance_results": [7]}, "'cpu/None/None' is the name of no case"),
        ({"performance_results": [{"tier": "t1", "case_name": "../../x"}], "results": []}, "is the name of no case"),
        ({"performance_results": [{"tier": "t1", "case_name": "<b>"}], "results": []}, "is the name of no case"),
        ({"results": [{"tier": "t1", "case_name": "a\n"}]}, "is the name of no case"),
        ({"performance_results": [], "results": []}, "holds no case"),
        ({"performance_results": [{"tier": "t1", "case_name": "a"}] * 2}, "case t1/a is there twice"),
    ],
)  # fmt: skip
def test_a_document_that_is_none_is_refused_with_its_name(change: dict[str, Any], said: str) -> None:
    document = {**copy.deepcopy(GOOD), **change}
    document["config"] = {**GOOD["config"], **document["config"]}
    with pytest.raises(ConfigError) as error:
        result_of(document, "r.json")
    assert said in str(error.value) and "r.json" in str(error.value)


def test_files_of_one_team_are_joined_unless_they_hold_the_same_case(tmp_path: Path) -> None:
    first = payload([record("t1/a", speedup=2.0)], ["t1/a"])
    second = payload([record("t2/b", speedup=3.0)], ["t2/b"], backend="gpu")
    other = payload([record("t1/a", speedup=1.0)], ["t1/a"], team="other")
    for name, document in (("1", first), ("2", second), ("3", other), ("4", first)):
        write_json(tmp_path / f"{name}.json", document)
    found = read_results([tmp_path / "1.json", tmp_path / "3.json", tmp_path / "2.json"])
    assert [(r.team, sorted(r.rows), len(r.origins)) for r in found] == [
        ("team", [("cpu", "t1", "a"), ("gpu", "t2", "b")], 2),
        ("other", [("cpu", "t1", "a")], 1),
    ]
    with pytest.raises(ConfigError, match=r"team 'team' has two results for t1/a on cpu: .*1\.json and .*4\.json"):
        read_results([tmp_path / "1.json", tmp_path / "4.json"])
    with pytest.raises(ConfigError, match="there is no result to rank"):
        read_results([])


def test_a_document_of_several_backends_keeps_them_apart() -> None:
    parts = {b: payload([record("t1/a", speedup=2.0)], ["t1/a"], backend=b) for b in ("cpu", "gpu")}
    found = result_of(combined_payload(parts, parts["cpu"]["config"]), "all.json")
    assert sorted(found.rows) == [("cpu", "t1", "a"), ("gpu", "t1", "a")] and found.machines == {"Test CPU"}


anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["tier", "case_name", "status", "speedup", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.sampled_from(["performance_results", "results", "performance_config", "environment", "config"]), anything, st.integers(0, 3))
def test_whatever_stands_in_a_document_it_is_read_or_refused(tmp_path: Path, name: str, value: Any, at: int) -> None:
    document = copy.deepcopy(GOOD)
    if name in ("performance_results", "results"):
        document[name][at] = {**document[name][at], **value} if isinstance(value, dict) else value
    elif isinstance(value, dict) and name == "config":
        document[name] |= value
    else:
        document[name] = value if name != "config" else document[name]
    (tmp_path / "r.json").write_text(json.dumps(document))
    try:
        found = read_results([tmp_path / "r.json"])[0]
    except ConfigError:
        return
    assert all(row["score"] is None or 0 <= row["score"] <= 100 for row in found.rows.values())
