"""Bad input gets one sentence that says what to do, exit 2, no traceback, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import QUIZ, environment, fake_server, quiz, tripos, write_questions

SIMULATED = ("-m", "sim", "-e", "simulated")

CASES = {
    "unknown benchmark": (("run", "-b", "mmlu_pro", *SIMULATED), "did you mean 'mmlu-pro'"),
    "unknown command": (("runn",), "did you mean 'run'"),
    "no benchmark": (("run", "-m", "x"), "--benchmark"),
    "no model": (("run", "-b", "email_triage"), "--model"),
    "unknown engine": (("run", "-b", "email_triage", "-m", "x", "-e", "vlm"), "did you mean 'vllm'"),
    "unknown engine option": (("run", "-b", "email_triage", *SIMULATED, "--model-option", "skil=1"), "did you mean 'skill'"),
    "bad engine option": (("run", "-b", "email_triage", *SIMULATED, "--model-option", "skill"), "KEY=VALUE"),
    "unknown prompt variant": (("run", "-b", "email_triage", *SIMULATED, "--prompt-variant", "x"), "default"),
    "backend of a later version": (("run", "-b", "email_triage", *SIMULATED, "--backend", "hermes"), "agent, direct"),
    "missing suite": (("run", "--config", "quickstat"), "quickstart"),
    "model filter without suite": (("run", "-b", "email_triage", *SIMULATED, "--model-filter", "x"), "--config"),
    "missing data": (("run", "-b", "mmlu-pro", *SIMULATED, "--data", "nowhere"), "nowhere"),
    "missing recording": (("run", "-b", "email_triage", "-m", "x", "--replay", "gone.jsonl", "-n", "3"), "gone.jsonl"),
    "missing results": (("summarize", "gone.jsonl"), "gone.jsonl"),
    "one file to compare": (("compare", "gone.jsonl"), "gone.jsonl"),
    "no store": (("explain", "x", "--store", "gone.db"), "gone.db"),
    "nothing to check": (("check",), "--all"),
    "bad number": (("run", "-b", "email_triage", *SIMULATED, "-n", "0"), "-n"),
    "no money": (("run", "-b", "email_triage", *SIMULATED, "--max-cost", "0"), "--max-cost"),
    "one misspelt engine for all benchmarks": (
        ("run-all", "-m", "x", "-e", "simulatd"),
        "tripos: unknown engine 'simulatd'; did you mean 'simulated'?",
    ),
    "a suite without a name": (("run", "--config", ""), "--config is empty"),
    "a number too large": (
        ("run", "-b", "email_triage", *SIMULATED, "-n", "9" * 20),
        "`max_samples`, given as a flag, must fit into 64 bits",
    ),
    "data that would change nothing": (
        ("run", "-b", "email_triage", *SIMULATED, "--data", "x.jsonl"),
        "data = 'x.jsonl' would change nothing",
    ),
    "a directory as recording": (("run", "-b", "email_triage", "-m", "x", "--replay", "."), "--replay . is a directory"),
    "a model that the suite does not have": (
        ("run", "--config", "quickstart", "-m", "x"),
        "(a model that is not in the suite runs without the file)",
    ),
    "a level that is no number": (("compare", "a", "b", "--level", "nan"), "'nan'"),
    "a margin that is no number": (("compare", "a", "b", "--margin", "nan"), "'nan' is not a finite number"),
    "a margin without end": (("compare", "a", "b", "--margin", "inf"), "'inf' is not a finite number"),
    "a gate that is no number": (("compare", "a", "b", "--fail-if-worse", "nan"), "'nan' is not a finite number"),
    "bad workers": (("run", "-b", "email_triage", *SIMULATED, "-w", "many"), "auto"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_helpful_sentence(name: str, tmp_path: Path) -> None:
    arguments, hint = CASES[name]
    run = tripos(*arguments, cwd=tmp_path)
    assert run.returncode == 2, (run.stdout, run.stderr)
    assert hint in run.stderr
    assert "Traceback" not in run.stderr


def test_an_empty_set_of_rows(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("")
    run = tripos("run", "-b", "mmlu-pro", *SIMULATED, "--data", "test.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "test.jsonl" in run.stderr, run.stderr


def test_rows_with_other_columns(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"foo": 1}\n')
    run = tripos("run", "-b", "mmlu-pro", *SIMULATED, "--data", "test.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "question" in run.stderr and "foo" in run.stderr, run.stderr


def test_a_broken_row_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"question_id": 1, \n')
    run = tripos("run", "-b", "mmlu-pro", *SIMULATED, "--data", "test.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "test.jsonl" in run.stderr and "1" in run.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_that_cannot_be_written_as_a_user(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", "-o", "locked/out.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "locked/out.jsonl" in run.stderr


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", "-o", "file/out.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "file/out.jsonl" in run.stderr and "Traceback" not in run.stderr, run.stderr


def test_a_limit_that_the_backend_does_not_have_is_said_to_do_nothing(tmp_path: Path) -> None:
    for flag in ("--max-turns", "--query-timeout", "--max-sample-tokens"):
        run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", flag, "3", cwd=tmp_path)
        assert run.returncode == 0 and f"{flag} has no effect" in run.stderr, run.stderr


@pytest.mark.parametrize("place", [".", "folder", "notes.txt", "results/tripos.db", "pipe"])
def test_an_output_that_is_something_else_is_left_alone(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("kept")
    (tmp_path / "notes.txt").write_text("my notes\n")
    os.mkfifo(tmp_path / "pipe")
    assert tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", cwd=tmp_path).returncode == 0
    there = {p for p in tmp_path.rglob("*") if p.suffix not in (".db-wal", ".db-shm")}
    run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", "-o", place, cwd=tmp_path)
    assert run.returncode == 2 and place in run.stderr and "-o" in run.stderr and "Traceback" not in run.stderr, run.stderr
    assert {p for p in tmp_path.rglob("*") if p.suffix not in (".db-wal", ".db-shm")} == there
    assert (tmp_path / "notes.txt").read_text() == "my notes\n" and (tmp_path / "pipe").is_fifo()


def test_a_disk_that_is_full_gets_one_sentence(tmp_path: Path) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full here")
    command = [sys.executable, "-m", "tripos", "list"]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 2 and "No space left" in run.stderr and "Traceback" not in run.stderr, run.stderr


def test_a_store_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, not a database, and there are quite many of them" * 30)
    run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", "--store", "notes.db", cwd=tmp_path)
    assert run.returncode == 2 and "notes.db" in run.stderr and "Traceback" not in run.stderr


def test_a_damaged_results_file_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"record_id": "a"}\n{"record_')
    run = tripos("summarize", "r.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "r.jsonl, line 2" in run.stderr


@pytest.mark.parametrize("command", [("summarize",), ("report",), ("compare", "r.jsonl"), ("reparse-judge", "--jsonl")])
def test_a_results_file_that_is_not_utf8_names_its_line(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'{"record_id": "caf\xe9"}\n')
    run = tripos(*command, "r.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "r.jsonl, line 1" in run.stderr and "Traceback" not in run.stderr, run.stderr


@pytest.mark.parametrize("name", ["r.jsonl", "r.json"])
def test_rows_that_are_not_utf8_name_their_place(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b'[{"uuid": "caf\xe9"}]\n' if name == "r.json" else b'{"uuid": "caf\xe9"}\n')
    run = tripos("run", "-b", "supergpqa", *SIMULATED, "--data", name, cwd=tmp_path)
    assert run.returncode == 2 and name in run.stderr and "Traceback" not in run.stderr, run.stderr


@pytest.mark.parametrize("command", [("rescore",), ("reparse-judge", "--jsonl")])
def test_a_results_file_without_records_says_so(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").touch()
    assert tripos("run", "-b", "email_triage", *SIMULATED, "-n", "1", cwd=tmp_path).returncode == 0  # makes a store
    run = tripos(*command, "r.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "r.jsonl holds no records" in run.stderr, run.stderr


def test_no_sandbox_refuses_and_names_the_package(tmp_path: Path) -> None:
    run = tripos("run", "-b", "coding_task", *SIMULATED, "-n", "2", cwd=tmp_path, PATH="/nonexistent")
    assert run.returncode == 2 and "bubblewrap" in run.stderr, run.stderr


def test_a_model_that_the_server_does_not_have_is_refused_before_the_first_sample(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server:
        arguments = quiz(data, server.url)
        arguments[arguments.index("fake")] = "fak"
        run = tripos(*arguments, cwd=tmp_path)
        assert run.returncode == 2 and "did you mean 'fake'" in run.stderr and server.url in run.stderr
        assert server.stats()["asked"] == {}


def test_keys_reach_no_file_and_no_output(tmp_path: Path) -> None:
    canary = "sk-canary-7f3a91"
    data = write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server:
        run = tripos(*quiz(data, server.url, "--api-key", canary, "-v"), cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        dry = tripos(*quiz(data, server.url, "--api-key", canary, "--dry-run", "--json"), cwd=tmp_path)
        dead = tripos(*quiz(data, "http://127.0.0.1:9/v1", "--api-key", canary), cwd=tmp_path)
    for text in (run.stdout, run.stderr, dry.stdout, dead.stderr):
        assert canary not in text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path


def test_list_and_dry_run_speak_json(tmp_path: Path) -> None:
    listed = json.loads(tripos("list", "--json", cwd=tmp_path).stdout)
    assert {"key", "category", "summary"} <= listed["benchmarks"][0].keys()
    assert {b["key"] for b in listed["backends"]} == {"agent", "direct"}
    plan = json.loads(tripos("run", "--config", "full-suite", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert len(plan["runs"]) == 12
    assert QUIZ.exists()


@pytest.mark.parametrize("flag", [("--split", "test"), ("--subset", "x"), ("--shots", "2"), ("--choice-judge", "never"), ("--data", ".")])
def test_a_generated_benchmark_refuses_options_that_would_change_nothing(flag: tuple[str, str], tmp_path: Path) -> None:
    for benchmark in ("email_triage", "security_scanner", "coding_task", "coding_assistant"):
        run = tripos("run", "-b", benchmark, *SIMULATED, "-n", "2", *flag, cwd=tmp_path)
        assert run.returncode == 2 and benchmark in run.stderr and "would change nothing" in run.stderr, run.stderr


def test_a_question_without_text_is_never_asked(tmp_path: Path) -> None:
    row = {"question_id": 1, "question": None, "options": ["a", "b"], "answer": "A", "answer_index": 0, "category": "x", "src": "y"}
    for question in (None, "  ", ["q"]):
        (tmp_path / "test.jsonl").write_text(json.dumps({**row, "question": question, "cot_content": ""}) + "\n")
        run = tripos("run", "-b", "mmlu-pro", *SIMULATED, "--data", "test.jsonl", cwd=tmp_path)
        assert run.returncode == 2 and "question" in run.stderr and "test.jsonl" in run.stderr, run.stderr


def test_a_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    run = tripos("run", "-b", "email_triage", *SIMULATED, "-n", "2", "--store", "mysql://me:secret@host/db", cwd=tmp_path)
    assert run.returncode == 2 and "postgresql://" in run.stderr and "secret" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_comparison_of_simulated_candidates_says_so(tmp_path: Path) -> None:
    for name, skill in (("weak", "0.3"), ("strong", "0.9")):
        options = ("-m", name, "-e", "simulated", "--model-option", f"skill={skill}")
        assert tripos("run", "-b", "email_triage", *options, "-n", "6", cwd=tmp_path).returncode == 0
    for sides in (("results/email_triage_weak.jsonl", "results/email_triage_strong.jsonl"), ("model:weak", "model:strong")):
        table = tripos("compare", *sides, cwd=tmp_path)
        assert "SIMULATED" in table.stdout, table.stderr
        assert json.loads(tripos("compare", *sides, "--json", cwd=tmp_path).stdout)["simulated"] == ["strong", "weak"]
