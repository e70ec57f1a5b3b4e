"""`tripos kernels`, as a person uses it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tripos.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))
from tiny_case import CASE, RIGHT, WRONG, case_directory, submission


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    case_directory(tmp_path / "cases", "t1/scale", "t2/scale_again")
    return tmp_path


def tripos(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    return int(ended.value.code or 0)


def test_cases_are_listed_with_what_they_compute(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tripos("kernels", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert len(listed["cases"]) >= 30 and all(case["summary"] for case in listed["cases"])
    assert tripos("kernels", "list", "--cases-dir", "cases", "--tiers", "t2") == 0
    assert "scale_again" in capsys.readouterr().out


UNFAIR = """import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x):
        return torch.zeros(64) + 0.0 * x.sum()


def get_inputs():
    return [torch.randn(64)]


def get_init_inputs():
    return []
"""


def test_unfair_and_broken_cases_are_named_with_the_reason(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tripos("kernels", "check", "--cases-dir", "cases") == 0
    assert "2 of 2 cases are fair" in capsys.readouterr().out
    (here / "cases" / "t1" / "nothing.py").write_text(UNFAIR)
    (here / "cases" / "t1" / "broken.py").write_text(UNFAIR.replace("torch.randn(64)]", "torch.randn(sixty)]"))
    assert tripos("kernels", "check", "--cases-dir", "cases", "--json") == 1
    reports = {report["case"]: report for report in json.loads(capsys.readouterr().out)["cases"]}
    assert {finding["code"] for finding in reports["t1/nothing"]["findings"]} >= {"accepts_zeros", "ignores_inputs"}
    assert reports["t1/broken"]["outcome"] == "case_error" and "sixty" in reports["t1/broken"]["error"]
    assert reports["t1/scale"] == {"case": "t1/scale", "outcome": "ok", "error": None, "findings": []}


def test_a_reference_whose_weights_do_not_matter_is_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = (here / "cases" / "t1" / "scale.py").read_text()
    (here / "cases" / "t1" / "scale.py").write_text(source.replace("x * self.weight + 1.0", "x * 2.0 + 1.0"))
    assert tripos("kernels", "check", "--cases-dir", "cases", "--tiers", "t1", "--json") == 1
    assert [finding["code"] for finding in json.loads(capsys.readouterr().out)["cases"][0]["findings"]] == ["ignores_seed"]


def test_a_submission_is_judged_and_ranked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission(here / "teams" / "good", t1__scale=RIGHT, t2__scale_again=RIGHT)
    submission(here / "teams" / "bad", t1__scale=WRONG)
    code = tripos("kernels", "evaluate", "teams", "--cases-dir", "cases", "--budget", "0.1", "-o", "out/all.json")
    assert code == 1
    shown = capsys.readouterr().out
    assert "wrong_value" in shown and "passed 2 of 2 cases" in shown
    board = json.loads((here / "out" / "leaderboard.json").read_text())
    assert [entry["team_name"] for entry in board["ranking"]] == ["good", "bad"]
    files = [str(path) for path in sorted((here / "out").glob("all_*.json"))]
    assert tripos("kernels", "leaderboard", *files, "-o", "board.html", "-o", "board.md") == 0
    assert "good" in (here / "board.md").read_text() and "<table" in (here / "board.html").read_text()
    capsys.readouterr()
    assert tripos("kernels", "leaderboard", *files) == 0
    shown = capsys.readouterr().out
    assert "Against the one above" in shown and "indistinguishable (" in shown, "a rank alone would be read as a difference"


def test_a_long_reason_does_not_fill_the_screen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud = "class ModelNew:\n    def __init__(self, *given):\n        raise RuntimeError('z' * 100_000)\n"
    submission(here / "mine", t1__scale=loud)
    asked = ("kernels", "evaluate", "mine", "--cases-dir", "cases", "--tiers", "t1", "--budget", "0.1", "-o", "p.json")
    assert tripos(*asked) == 1
    assert 100 < capsys.readouterr().out.count("z") <= 300
    (row,) = json.loads((here / "p.json").read_text())["performance_results"]
    assert row["error"].count("z") > 300


def test_the_payload_is_printed_as_the_seed_has_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission(here / "mine", t1__scale=RIGHT)
    code = tripos("kernels", "evaluate", "mine", "--cases-dir", "cases", "--tiers", "t1", "--backend", "cpu", "--budget", "0.1", "--json")
    payload = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {"summary", "results", "performance_results", "performance_summary"} <= payload.keys()
    assert payload["performance_results"][0]["case"] == "t1/scale"
    assert payload["performance_results"][0]["status"] == "pass"


def test_a_model_is_asked_judged_and_its_best_attempts_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("kernels", "run", "-e", "simulated", "-m", "expert", "--model-option", "skill=1", "--pass-n", "2", "--temperature", "1")
    where = ("--cases-dir", "cases", "--budget", "0.1", "-o", "out/run.json", "--submission-dir", "subs", "--team-name", "expert")
    assert tripos(*command, *where) == 0
    payload = json.loads((here / "out" / "run.json").read_text())
    assert payload["config"]["simulated"] is True and payload["config"]["model"] == "expert"
    assert [row["success_count"] for row in payload["results"]] == [2, 2]
    assert payload["summary"]["attempt_pass_rate"] == 1.0
    assert "class ModelNew" in (here / "subs" / "expert" / "t1" / "scale.py").read_text()
    assert json.loads((here / "out" / "leaderboard.json").read_text())["ranking"][0]["simulated"] is True
    capsys.readouterr()
    assert tripos(*command, *where, "--json") == 0
    again = json.loads(capsys.readouterr().out)
    first, second = ([row["attempts"] for row in each["results"]] for each in (payload, again))
    assert first == second, "what was paid for is not done again"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("evaluate", "nothing_here"), "no such directory or archive"),
        (("evaluate", "mine", "--cases-dir", "elsewhere"), "no such directory of cases"),
        (("evaluate", "mine", "--cases-dir", "cases", "--tiers", "t7"), "unknown tier 't7'"),
        (("evaluate", "mine", "--cases-dir", "cases", "--cases", "scal"), "did you mean 'scale'"),
        (("evaluate", "mine", "--cases-dir", "cases", "--team-name", "../up"), "team name"),
        (("evaluate", "mine", "--cases-dir", "cases", "--backend", "gpu"), "sees no cuda device"),
        (("evaluate", "mine", "--cases-dir", "cases", "--devices", "3"), "the CPU is one device"),
        (("evaluate", "mine", "--cases-dir", "cases", "--dsl", "triton_cud"), "did you mean 'triton_cuda'?"),
        (("leaderboard", "nothing.json"), "nothing.json"),
    ],
)
def test_bad_input_is_one_sentence(here: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], said: str) -> None:
    submission(here / "mine", t1__scale=RIGHT)
    assert tripos("kernels", *args) == 2
    shown = capsys.readouterr().err
    assert said in " ".join(shown.split()) and "Traceback" not in shown


@pytest.mark.parametrize("mode", ["correctness", "full"])
def test_what_no_case_can_use_is_shown_and_fails_in_every_mode(here: Path, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    submission(here / "mine", t1__scale=RIGHT, t1__sclae=RIGHT)
    (here / "mine" / "t1" / "latin.py").write_bytes(b"# \xe9")
    asked = ("kernels", "evaluate", "mine", "--cases-dir", "cases", "--tiers", "t1", "--budget", "0.1", "--mode", mode)
    assert tripos(*asked) == 1
    shown = capsys.readouterr().out
    assert "passed 1 of 1 cases" in shown and "did you mean 'scale'?" in shown and "not UTF-8 at byte 2" in shown


def test_what_no_case_can_use_is_said_once_for_several_backends(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission(here / "mine", t1__scale=RIGHT, t1__sclae=RIGHT)
    asked = ("kernels", "evaluate", "mine", "--cases-dir", "cases", "--tiers", "t1", "--mode", "correctness", "--json")
    assert tripos(*asked, "--backend", "all", "--backends", "cpu", "--backends", "npu") == 1
    assert [row["case"] for row in json.loads(capsys.readouterr().out)["unusable_solutions"]] == ["t1/sclae"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("d/leaderboard.json", "full mode writes the leaderboard to a file of this name"),
        ("leaderboard_all.json", "full mode writes the leaderboard to a file of this name"),
        ("cases", "cases, which is a directory"),
        ("", "is a directory"),
        (".", "is a directory"),
        ("taken/p.json", "leaderboard.json, which is a directory"),
        ("pipe", "pipe, which is no plain file"),
        ("a_file/p.json", "cannot write a_file/p.json"),
        ("/proc/nowhere/p.json", "cannot write /proc/nowhere/p.json"),
        ("x" * 300, "File name too long"),
        ("a\0b.json", "a path cannot hold a NUL byte"),
    ],
)
@pytest.mark.parametrize("command", [("evaluate", "mine"), ("run", "-e", "simulated", "-m", "x")])
def test_a_place_that_cannot_take_the_payload_is_told_before_anything_runs(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], place: str, said: str
) -> None:
    submission(here / "mine", t1__scale=RIGHT)
    (here / "a_file").write_text("x")
    (here / "taken" / "leaderboard.json").mkdir(parents=True)
    os.mkfifo(here / "pipe")
    monkeypatch.setattr("tripos.cli.kernels._targets", lambda flags: pytest.fail("something ran"))
    assert tripos("kernels", *command, "--cases-dir", "cases", "-o", place) == 2
    assert said in capsys.readouterr().err
    assert not list(here.rglob("*.tmp"))


def test_a_payload_may_have_the_name_of_a_leaderboard_where_none_is_written(here: Path) -> None:
    submission(here / "mine", t1__scale=RIGHT)
    asked = ("kernels", "evaluate", "mine", "--cases-dir", "cases", "--tiers", "t1", "--mode", "correctness", "-o", "d/leaderboard.json")
    assert tripos(*asked) == 0
    assert json.loads((here / "d" / "leaderboard.json").read_text())["summary"]["passed_cases"] == 1


@pytest.mark.parametrize("mode", ["correctness", "full"])
def test_where_every_case_is_skipped_there_is_no_score_and_a_reason(here: Path, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    (here / "npu" / "t1").mkdir(parents=True)
    (here / "npu" / "t1" / "scale.py").write_text("import torch_npu\n" + CASE)
    submission(here / "mine", t1__scale=RIGHT)
    assert tripos("kernels", "evaluate", "mine", "--cases-dir", "npu", "--mode", mode, "-o", "out/p.json") == 1
    assert [file.name for file in (here / "out").iterdir()] == ["p.json"], "nobody is ranked by nothing"
    shown = capsys.readouterr()
    assert "every case was skipped (t1/scale: requires torch_npu)" in shown.err
    assert ("score – of 100" in shown.out) == (mode == "full")


def test_names_that_are_no_text_are_printed_with_a_replacement(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "cases" / "t1" / os.fsdecode(b"\xffcase.py")).write_text(CASE)
    (here / "cases" / "t1" / os.fsdecode(b"\xffnpu.py")).write_text("import torch_npu\n" + CASE)
    for command in ("list", "check"):
        assert tripos("kernels", command, "--cases-dir", "cases", "--tiers", "t1", "--json") == 0
        listed = json.loads(capsys.readouterr().out)
        named = [case["case_name"] if command == "list" else case["case"].removeprefix("t1/") for case in listed["cases"]]
        assert (sorted(named), listed["skipped_cases"][0]["case_name"]) == (["?case", "scale"], "?npu")


@pytest.mark.parametrize("mode", ["correctness", "full"])
def test_a_submission_with_names_that_are_no_text_is_judged(here: Path, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    team = here / "teams" / os.fsdecode(b"\xffteam")
    submission(team, t1__scale=RIGHT)
    (here / "teams" / os.fsdecode(b"\xffloose.py")).write_text("x = 1\n")
    asked = ("kernels", "evaluate", "teams", "--cases-dir", "cases", "--tiers", "t1", "--budget", "0.1", "--mode", mode, "--json")
    submission(here / "teams" / "good", t1__scale=RIGHT)
    assert tripos(*asked) == 1
    payload = json.loads(capsys.readouterr().out)
    assert payload["summary"]["passed_cases"] == 1
    assert {each["place"] for each in payload["unread_submissions"]} == {"?team", "?loose.py"}
