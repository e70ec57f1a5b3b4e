"""`tripos kernels` where something is wrong: each thing gets a row with its reason, and the rest is judged; and again, and after a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from running import alive, fake_server, family, start, wait_until
from tripos.cli.main import main
from tripos.kernels.environment import torch_facts

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))
from tiny_case import CASE, HEAD, RIGHT, WRONG, case_directory, submission


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tripos(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    return int(ended.value.code or 0)


BAD_CASES = {
    "without_model": (CASE.replace("class Model(", "class Other("), "does not define Model"),
    "import_error": ("import nothing_of_the_kind\n" + CASE, "nothing_of_the_kind"),
    "no_python": ("def (:\n", "SyntaxError"),
    "bad_tolerance": (CASE + "TOLERANCE = 'loose'\n", "TOLERANCE must be a literal dict"),
}
BAD_SOLUTIONS = {
    "import_fails": ("import nothing_of_the_kind\n" + RIGHT, "load_error", "nothing_of_the_kind"),
    "no_modelnew": ("x = 1\n", "load_error", "does not define ModelNew"),
    "empty": ("\n", "not_generated", "there is no code"),
    "too_long": (RIGHT + "#" * 1_000_000, "static_reject", "the most is 1,000,000"),
    "endless": (HEAD + "        while True: pass\n", "timeout", "3 s in phase check"),
    "prints": (HEAD + "        print('x' * (50 << 20)); return x\n", "wrong_value", "outside the bound"),
    "huge": (HEAD + "        return torch.empty(1 << 33)\n", "", ""),
    "numpy": (HEAD + "        return (x * self.weight + 1.0).detach().numpy()\n", "wrong_structure", "is of type ndarray, expected Tensor"),
    "nothing": (HEAD + "        return None\n", "wrong_structure", "is of type NoneType"),
    "dies": (HEAD + "        import os; os._exit(0)\n", "crashed", "ended by itself with status 0"),
}


def test_everything_bad_is_a_row_with_its_reason_and_the_rest_is_judged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case_directory(here / "cases", *(f"t1/{name}" for name in [*BAD_CASES, *BAD_SOLUTIONS, "good"]))
    for name, (text, _) in BAD_CASES.items():
        (here / "cases" / "t1" / f"{name}.py").write_text(text)
    codes = {f"t1__{name}": RIGHT for name in [*BAD_CASES, "good"]} | {f"t1__{name}": code for name, (code, _, _) in BAD_SOLUTIONS.items()}
    submission(here / "mine", **codes)
    assert tripos("kernels", "evaluate", "mine", "--cases-dir", "cases", "--mode", "correctness", "--timeout", "3", "--json") == 1
    rows = {row["case_name"]: row for row in json.loads(capsys.readouterr().out)["results"]}
    assert rows.keys() == {*BAD_CASES, *BAD_SOLUTIONS, "good"}
    assert [name for name, row in rows.items() if row["overall_success"]] == ["good"]
    for name, (_, said) in BAD_CASES.items():
        assert rows[name]["attempts"][0]["outcome"] == "case_error" and said in rows[name]["failure_reason"], rows[name]
    for name, (_, outcome, said) in BAD_SOLUTIONS.items():
        assert outcome in ("", rows[name]["attempts"][0]["outcome"]) and said in rows[name]["failure_reason"], rows[name]
    assert rows["huge"]["attempts"][0]["outcome"] in ("oom", "crashed", "wrong_structure"), rows["huge"]


def test_teams_that_cannot_be_read_are_told_and_the_others_are_judged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case_directory(here / "cases", "t1/scale")
    submission(here / "teams" / "good", t1__scale=RIGHT)
    submission(here / "teams" / "odd", t1__scale=RIGHT)
    (here / "teams" / "odd" / "meta.json").write_text('{"team_name": "../../up"}')
    with tarfile.open(here / "teams" / "evil.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil.py"), io.BytesIO())
    assert tripos("kernels", "evaluate", "teams", "--cases-dir", "cases", "--mode", "correctness", "--json") == 1, "not all could be read"
    shown = capsys.readouterr()
    payload = json.loads(shown.out)
    assert payload["config"]["team_name"] == "good" and payload["summary"]["passed_cases"] == 1
    reasons = {each["place"]: each["reason"] for each in payload["unread_submissions"]}
    assert "team name '../../up'" in reasons["odd"] and "'../../evil.py' has a name that no submission has" in reasons["evil.tar"]
    assert "evil.tar" in shown.err and not (here.parent.parent / "evil.py").exists()


def test_backends_that_are_not_there_fail_their_cases_and_the_others_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch_facts().cuda_count or torch_facts().npu_count:
        pytest.skip("they are here")
    case_directory(here / "cases", "t1/scale", "t1/scale_again")
    submission(here / "mine", t1__scale=RIGHT, t1__scale_again=WRONG)
    where = ("--cases-dir", "cases", "--backend", "all", "--budget", "0.1")
    assert tripos("kernels", "evaluate", "mine", *where, "-o", "out/all.json") == 1
    summary = json.loads((here / "out" / "all.json").read_text())["summary"]
    assert set(summary["environment_error"]) == {"gpu", "npu"} and "sees no cuda device" in summary["environment_error"]["gpu"]
    assert (summary["total_cases"], summary["passed_cases"]) == (6, 1)
    assert (here / "out" / "leaderboard_all.json").exists()
    ask = ("kernels", "run", "-e", "simulated", "-m", "expert", "--model-option", "skill=1", "--pass-n", "1", "-o", "out/run.json")
    assert tripos(*ask, *where) == 1
    payload = json.loads((here / "out" / "run.json").read_text())
    assert payload["config"]["simulated"] is True and payload["config"]["model"] == "expert"
    assert payload["summary"]["passed_cases"] == 2 and len(list((here / "results").glob("kernels_*.jsonl"))) == 1
    assert json.loads((here / "out" / "leaderboard_all.json").read_text())["notices"][0].startswith("SIMULATED")
    capsys.readouterr()


def test_the_interval_of_the_mean_is_shown_and_correct_attempts_are_kept_in_every_mode(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case_directory(here / "cases", "t1/scale", "t1/scale_again")
    ask = ("kernels", "run", "-e", "simulated", "-m", "expert", "--model-option", "skill=1", "--cases-dir", "cases", "--temperature", "1")
    assert tripos(*ask, "--pass-n", "2", "--mode", "correctness", "--submission-dir", "subs", "--team-name", "a") == 0
    assert sorted(path.name for path in (here / "subs" / "a" / "t1").iterdir()) == ["scale.py", "scale_again.py"]
    capsys.readouterr()
    assert tripos("kernels", "evaluate", "subs/a", "--cases-dir", "cases", "--budget", "0.1") == 0
    shown = capsys.readouterr().out
    assert "geometric mean speedup" in shown and "[" in shown.split("geometric mean speedup")[1], shown
    assert tripos(*ask, "--pass-n", "1", "--mode", "correctness", "--json") == 0, "fewer attempts than before are no trouble"
    assert [row["pass_n"] for row in json.loads(capsys.readouterr().out)["results"]] == [1, 1]


def without_times(payload: dict[str, Any]) -> str:
    """The bytes of a document but for what a clock or the load of the machine has told."""
    changing = {"timestamp", "total_wall_time", "wall_seconds", "load_average"}

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(each) for key, each in value.items() if key not in changing}
        return [kept(each) for each in value] if isinstance(value, list) else value

    return json.dumps(kept(payload), indent=1)


def test_the_same_seed_gives_the_same_document(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case_directory(here / "cases", "t1/one", "t1/two", "t1/three")
    nearly = RIGHT.replace("return torch.addcmul(", "return 1.0000003 * torch.addcmul(")
    submission(here / "mine", t1__one=nearly, t1__two=WRONG, t1__three=HEAD + "        raise ValueError('no')\n")
    documents = []
    for seed in ("7", "7", "8"):
        tripos("kernels", "evaluate", "mine", "--cases-dir", "cases", "--mode", "correctness", "--seed", seed, "--json")
        documents.append(without_times(json.loads(capsys.readouterr().out)))
    assert documents[0] == documents[1] != documents[2].replace('"seed": 8', '"seed": 7')
    rows = []
    for _ in range(2):
        tripos("kernels", "evaluate", "mine", "--cases-dir", "cases", "--budget", "0.1", "--json")
        payload = json.loads(capsys.readouterr().out)
        same = ("case", "status", "max_abs_diff", "max_rel_diff", "correctness_detail", "mismatch", "input_seed", "solution_hash")
        rows.append([{name: row[name] for name in same} for row in payload["performance_results"]])
    assert rows[0] == rows[1] and rows[0][0]["max_abs_diff"] > 0


# -- kill -9 -----------------------------------------------------------------------------------------------------------

RUN = ("kernels", "run", "-e", "simulated", "-m", "middling", "--model-option", "skill=0.6", "--pass-n", "2", "--temperature", "1",
       "--cases-dir", "cases", "--budget", "0.1", "-w", "2", "-o", "out.json")  # fmt: skip


def lines(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (folder / "results").glob("kernels_*.jsonl"))


def judged(folder: Path) -> dict[str, Any]:
    """What a run found out, but for times; a time may be steady once and not the next time."""
    payload = json.loads((folder / "out.json").read_text())
    attempts = {
        (row["case_name"], attempt["attempt_id"]): (attempt["success"], attempt["failure_reason"])
        for row in payload["results"]
        for attempt in row["attempts"]
    }
    counts = ("total_cases", "passed_cases", "total_attempts", "successful_attempts", "missing_attempts", "tier_stats", "pass_at_k")
    return {"attempts": attempts, **{name: payload["summary"][name] for name in counts}}


def test_a_killed_run_goes_on_where_it_was_and_ends_the_same(tmp_path: Path) -> None:
    for folder in (tmp_path / "whole", tmp_path / "killed"):
        case_directory(folder / "cases", *(f"t1/case{n}" for n in range(4)), "t2/other")
    whole = start(*RUN, cwd=tmp_path / "whole")
    assert whole.wait(1200) in (0, 1), whole.communicate()
    expected = judged(tmp_path / "whole")
    assert len(expected["attempts"]) == 10 and 0 < expected["successful_attempts"] < 10, expected
    where = tmp_path / "killed"
    for done in (0, 1, 3, 6):  # before the first is judged; then while others are being judged
        process = start(*RUN, cwd=where)
        if done == 0:
            wait_until(lambda p=process.pid: len(family(p)) > 3)  # its box is there
        else:
            wait_until(lambda n=done, p=process: lines(where) >= n or p.poll() is not None)
        everybody = family(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was at work"
        wait_until(lambda them=everybody: not any(alive(each) for each in them))
    before = lines(where)
    last = start(*RUN, cwd=where)
    began = time.monotonic()
    assert last.wait(1200) in (0, 1), last.communicate()
    assert judged(where) == expected, (before, time.monotonic() - began)


def test_cases_that_a_dead_server_was_never_asked_for_are_not_the_models_failures(here: Path) -> None:
    case_directory(here / "cases", *(f"t1/c{number}" for number in range(12)))
    with fake_server("--fails-after", "0", "--fails-with", "401") as server:
        asked = ["run", "-m", "fake", "--base-url", server.url, "--cases-dir", "cases", "--temperature", "1", "--budget", "0.1", "-w", "1"]
        assert tripos("kernels", *asked, "--store", "store.db", "-o", "p.json") == 1
    said = json.loads((here / "p.json").read_text())
    summary = said["performance_summary"]
    assert summary["outcomes"] == {"infrastructure_failed": 12} and summary["normalised_bounds"] == [0.0, 100.0], summary
    reasons = {row["case_name"]: row["error"] for row in said["performance_results"]}
    assert reasons["c11"] == "the server was given up on before this case was asked"
