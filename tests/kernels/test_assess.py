"""From submissions, and from results files, to payloads."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_case import CRASH, RIGHT, WRONG, case_directory, submission

from tripos.core.errors import ConfigError, SandboxError
from tripos.kernels import assess
from tripos.kernels.assess import assess_submissions, plan, records_of_lines
from tripos.kernels.environment import torch_facts
from tripos.kernels.evaluate import Conditions
from tripos.kernels.isolation.box import Timing
from tripos.kernels.payload import exit_code
from tripos.kernels.settings import Settings
from tripos.kernels.submission import read_submissions
from tripos.kernels.targets import resolve_target


def _plan(root: Path, mode: str = "correctness") -> assess.Assessment:
    timing = None if mode == "correctness" else Timing(budget_seconds=0.2, most_rounds=5)
    return plan(root, resolve_target("cpu"), Settings(mode=mode, pass_n=1), Conditions(timing=timing))


async def test_a_submission_becomes_a_payload(tmp_path: Path) -> None:
    cases = case_directory(tmp_path / "cases", "t1/one", "t1/two", "t2/three", "t2/four")
    code = submission(tmp_path / "team", t1__one=RIGHT, t1__two=WRONG, t2__three=CRASH, t2__nowhere=RIGHT)
    teams, problems = read_submissions(code)
    assert not problems
    (payload,) = await assess_submissions(_plan(cases, "full"), teams)
    assert {row["case_name"]: row["overall_success"] for row in payload["results"]} == {
        "one": True,
        "two": False,
        "three": False,
        "four": False,
    }
    rows = {row["case_name"]: row for row in payload["performance_results"]}
    assert [rows[name]["status"] for name in ("one", "two", "three", "four", "nowhere")] == ["pass", "fail", "error", "error", "error"]
    assert "no solution" in rows["four"]["error"] and "nowhere" in rows["nowhere"]["error"]
    assert payload["summary"]["passed_cases"] == 1 and payload["summary"]["total_cases"] == 4
    assert 0 < payload["performance_summary"]["normalised_total"] < 40
    assert payload["config"]["team_name"] == "team"
    assert exit_code(payload) == 1


@pytest.mark.parametrize("mode", ["correctness", "full"])
async def test_what_no_case_can_use_is_in_the_payload_of_every_mode(tmp_path: Path, mode: str) -> None:
    code = submission(tmp_path / "team", t1__one=RIGHT, t1__onne=RIGHT)
    (code / "t1" / "latin.py").write_bytes(b"# \xe9")
    teams, _ = read_submissions(code)
    (payload,) = await assess_submissions(_plan(case_directory(tmp_path / "cases", "t1/one"), mode), teams)
    rows = payload["performance_results"] if mode == "full" else payload[assess.UNUSABLE]
    assert {row["case"]: row["error"] for row in rows if row["error"]} == {
        "t1/latin": "t1/latin.py is not UTF-8 at byte 2",
        "t1/onne": "tier t1 has no case 'onne'; did you mean 'one'?",
    }
    assert payload["summary"]["passed_cases"] == payload["summary"]["total_cases"] == 1


async def test_a_box_that_cannot_be_had_fails_every_case_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(conditions: Conditions) -> None:
        raise SandboxError("no sandbox here")

    monkeypatch.setattr(assess.Evaluator, "open", nowhere)
    cases = case_directory(tmp_path / "cases", "t1/one", "t1/two")
    teams, _ = read_submissions(submission(tmp_path / "team", t1__one=RIGHT))
    (payload,) = await assess_submissions(_plan(cases), teams)
    assert payload["summary"]["environment_error"] == "no sandbox here"
    assert payload["summary"]["total_cases"] == 2 and payload["summary"]["passed_cases"] == 0
    assert exit_code(payload) != 0


async def test_a_device_that_is_not_there_fails_its_cases_where_it_is_one_backend_of_several(tmp_path: Path) -> None:
    if torch_facts().npu_count:
        pytest.skip("there is an NPU here")
    cases = case_directory(tmp_path / "cases", "t1/one", "t1/two")
    teams, _ = read_submissions(submission(tmp_path / "team", t1__one=RIGHT))
    asked = (cases, resolve_target("npu"), Settings(mode="full", pass_n=1), Conditions())
    with pytest.raises(ConfigError, match="sees no npu device"):
        plan(*asked)
    assessment = plan(*asked, alone=False)
    assert "sees no npu device" in assessment.devices.notices[0]
    (payload,) = await assess_submissions(assessment, teams)
    assert "sees no npu device" in payload["summary"]["environment_error"]
    assert {row["outcome"] for row in payload["performance_results"]} == {"infrastructure_failed"}
    assert (payload["summary"]["total_cases"], payload["performance_summary"]["unmeasured_cases"]) == (2, 2)


async def test_the_phase_of_each_case_is_told(tmp_path: Path) -> None:
    teams, _ = read_submissions(submission(tmp_path / "team", t1__one=RIGHT, t1__two=WRONG))
    heard: list[tuple[str, str]] = []
    cases = case_directory(tmp_path / "cases", "t1/one", "t1/two")
    await assess_submissions(_plan(cases), teams, phase=lambda case, phase: heard.append((case, phase)))
    assert [phase for case, phase in heard if case == "t1/one"] == ["load", "build", "check"]
    assert {case for case, _ in heard} == {"t1/one", "t1/two"}


def test_lines_of_a_results_file_become_records() -> None:
    ok = {"outcome": "ok", "speedup": 1.5, "attempt": 1, "tier": "?", "case_name": "?"}
    lines = [
        {
            "benchmark": "kernels",
            "record_id": "t1/one",
            "attempt": 0,
            "outcome": "scored",
            "scoring_metadata": ok,
            "model_answer": f"```python\n{RIGHT}```",
        },
        {
            "benchmark": "kernels",
            "record_id": "t1/one",
            "attempt": 1,
            "outcome": "wrong_format",
            "scoring_metadata": {"why": "no code found"},
        },
        {"benchmark": "kernels", "record_id": "t1/two", "attempt": 0, "outcome": "judge_failed", "error": "the box died"},
    ]
    records, sources = records_of_lines(lines)
    assert [(r["tier"], r["case_name"], r["attempt"], r["outcome"]) for r in records] == [
        ("t1", "one", 1, "ok"),
        ("t1", "one", 2, "not_generated"),
        ("t1", "two", 1, "infrastructure_failed"),
    ]
    assert records[0]["speedup"] == 1.5 and records[1]["error"] == "no code found" and records[2]["error"] == "the box died"
    assert list(sources) == [("t1", "one", 1)]
    with pytest.raises(ConfigError, match="'gsm8k'"):
        records_of_lines([{"benchmark": "gsm8k"}])
