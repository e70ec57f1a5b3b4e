"""Agents from the command line: a benchmark with files, limits, resume after a kill, replay, refusals."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from running import records, start, summary, tripos, wait_until
from scripted_server import Body, Reply, calls, question, results, says, scripted, turn
from tripos.store.database import Database
from tripos.store.events import completion_of
from tripos.store.reading import Reader

N = 6


def write_tasks(folder: Path) -> Path:
    """Tasks in the shape of GAIA, written for this test: add the numbers in a file, or multiply two numbers."""
    place = folder / "gaia" / "2023" / "validation"
    place.mkdir(parents=True)
    with (place / "metadata.jsonl").open("w") as file:
        for i in range(N):
            name = f"sums-{i}.csv" if i % 2 else ""
            if name:
                (place / name).write_text(f"n\n{i}\n100\n")
            text = f"TASK-{i} Add the numbers of the file." if name else f"TASK-{i} What is {i} times 7?"
            row = {"task_id": f"t{i}", "Question": text, "Level": "1", "Final answer": str(i + 100 if name else i * 7), "file_name": name}
            file.write(json.dumps(row | {"Annotator Metadata": {}}) + "\n")
    return folder / "gaia"


def number(body: Body) -> int:
    return int(question(body).partition("TASK-")[2].split()[0])


def solver(body: Body) -> Reply:
    """Reads the file if there is one, computes, answers. Task 4 never stops; task 2 gives a wrong answer."""
    i, step = number(body), turn(body)
    if i == 4:
        return calls(("calculator", {"expression": "1"}))
    if i % 2 == 0:
        return (
            calls(("calculator", {"expression": f"{i} * 7"}))
            if step == 0
            else says(f"FINAL ANSWER: {results(body)[0] if i != 2 else 'no idea'}")
        )
    if step == 0:
        return calls(("file_read", {"path": f"sums-{i}.csv"}), ("calculator", {"expression": "1 +"}))
    if step == 1:
        numbers = results(body)[0].split()[1:]
        return calls(("calculator", {"expression": " + ".join(numbers)}))
    return says(f"It is done.\nFINAL ANSWER: {results(body)[-1]}")


def command(data: Path, url: str, *more: str) -> list[str]:
    what = ["run", "-b", "gaia", "--data", str(data), "-m", "scripted", "--base-url", url, "--choice-judge", "never", "-o", "out.jsonl"]
    return [*what, "--backend", "jarvis-agent", "--agent", "orchestrator", "--tools", "calculator,file_read", *more]


def stored(path: Path) -> dict[str, Any]:
    """The completions of the newest run by record."""
    reader = Reader(Database(str(path), read_only=True))
    run = reader.runs()[0]
    return {t.planned.record_id: completion_of(t.answered, reader.fetch) for t in reader.trials(run.run_id, run.overlay) if t.answered}


def test_gaia_with_an_agent_and_its_tools(tmp_path: Path) -> None:
    data = write_tasks(tmp_path)
    with scripted(solver) as server:
        run = tripos(*command(data, server.url), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = {r["record_id"]: r for r in records(tmp_path / "out.jsonl")}
    assert {i: r["is_correct"] for i, r in found.items()} == {"t0": True, "t1": True, "t2": False, "t3": True, "t4": False, "t5": True}
    assert {i: r["outcome"] for i, r in found.items() if i in ("t1", "t4")} == {"t1": "scored", "t4": "limit"}
    assert (found["t1"]["prompt_tokens"], found["t1"]["completion_tokens"]) == (300, 30)
    assert (found["t4"]["prompt_tokens"], found["t4"]["finish_reason"], found["t4"]["model_answer"]) == (1000, "limit", "")
    whole = summary(tmp_path / "out.jsonl")
    assert (whole["accuracy"], whole["outcomes"]["limit"], whole["backend"], whole["unscored"]) == (pytest.approx(4 / 6), 1, "agent", 0)

    answers = stored(tmp_path / "results" / "tripos.db")
    assert [[(c["name"], c["failed"]) for c in t.get("tool_calls", [])] for t in answers["t3"].turns] == [
        [("file_read", False), ("calculator", True)],
        [("calculator", False)],
        [],
    ]
    assert answers["t3"].turns[0]["tool_calls"][0]["result"] == "n\n3\n100\n"
    assert len(answers["t4"].turns) == 10 and answers["t4"].turns[-1]["limit"] == "10 turns"


def test_the_shared_rows_run_too(tmp_path: Path) -> None:
    from shared_data import shared

    data = shared("gaia")
    with scripted(lambda body: says("FINAL ANSWER: none") if turn(body) else calls(("file_read", {"path": "inv-0002.csv"}))) as server:
        run = tripos(*command(data, server.url), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    answers = stored(tmp_path / "results" / "tripos.db")
    read = [c for a in answers.values() for c in a.turns[0]["tool_calls"]]
    assert len(read) == 5 and sum(not c["failed"] for c in read) == 1, "only the task with the file sees it"


def test_after_a_kill_no_finished_sample_is_asked_again(tmp_path: Path) -> None:
    data = write_tasks(tmp_path)
    asked: Counter[int] = Counter()
    stuck = [True]

    def model(body: Body) -> Reply:
        asked[number(body)] += 1
        reply = solver(body)
        reply.delay_seconds = 3600.0 if stuck[0] and number(body) >= 3 and turn(body) == 1 else 0.0
        return reply

    with scripted(model) as server:
        process = start(*command(data, server.url, "-w", "8"), cwd=tmp_path, TMPDIR=str(tmp_path))  # a kill leaves folders
        out = tmp_path / "out.jsonl"
        wait_until(lambda: out.exists() and len(out.read_bytes().splitlines()) == 3 and all(asked[i] == 2 for i in (3, 4, 5)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = dict(asked)
        stuck[0] = False
        run = tripos(*command(data, server.url, "-w", "8"), cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert {i: asked[i] - before[i] for i in range(N)} == {0: 0, 1: 0, 2: 0, 3: 3, 4: 10, 5: 3}, "in flight: from the beginning"
        again = dict(asked)
        assert tripos(*command(data, server.url), cwd=tmp_path).returncode == 0
        assert dict(asked) == again, "all done: nothing is asked"
        tripos(*command(data, server.url, "--max-turns", "12"), cwd=tmp_path)
        assert asked[4] - again[4] == 12 and asked[1] - again[1] == 3, "another limit is another trial"
    assert summary(tmp_path / "out.jsonl")["planned"] == N


def test_an_agents_run_is_replayed_offline(tmp_path: Path) -> None:
    data = write_tasks(tmp_path)
    with scripted(solver) as server:
        assert tripos(*command(data, server.url), cwd=tmp_path).returncode == 0
    first, answers = records(tmp_path / "out.jsonl"), stored(tmp_path / "results" / "tripos.db")
    replay = [
        "run",
        "-b",
        "gaia",
        "--data",
        str(data),
        "-m",
        "scripted",
        "--choice-judge",
        "never",
        "-o",
        "again.jsonl",
        "--store",
        "again.db",
    ]
    way = ["--backend", "agent", "--tools", "calculator,file_read", "--replay", str(tmp_path / "results" / "tripos.db")]
    run = tripos(*replay, *way, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    second = records(tmp_path / "again.jsonl")
    same = ("record_id", "model_answer", "is_correct", "outcome", "finish_reason", "prompt_tokens", "latency_seconds", "started_at")
    assert sorted([{k: r[k] for k in same} for r in second], key=str) == sorted([{k: r[k] for k in same} for r in first], key=str)
    replayed = stored(tmp_path / "again.db")
    assert {i: msgspec.to_builtins(c.turns) for i, c in replayed.items()} == {i: msgspec.to_builtins(c.turns) for i, c in answers.items()}


def test_the_time_of_a_sample_is_bounded(tmp_path: Path) -> None:
    data = write_tasks(tmp_path)

    def model(body: Body) -> Reply:
        reply = solver(body)
        reply.delay_seconds = 3600.0 if number(body) == 1 else 0.0
        return reply

    with scripted(model) as server:
        run = tripos(*command(data, server.url, "--query-timeout", "8", "--max-turns", "3"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = {r["record_id"]: r for r in records(tmp_path / "out.jsonl")}
    assert (found["t1"]["outcome"], found["t1"]["is_correct"], found["t1"]["prompt_tokens"]) == ("limit", False, None)
    assert found["t3"]["is_correct"] is True


def test_a_tool_that_breaks_leaves_the_sample_unscored_and_the_exit_code_says_so(tmp_path: Path) -> None:
    data = write_tasks(tmp_path)
    (tmp_path / "plugin.py").write_text(
        "from tripos.agents.tool import tool\n\n"
        "@tool('calculator2')\ndef calculator2(expression: str) -> str:\n    '''Broken.'''\n    return 1 // 0\n"
    )
    info = tmp_path / "plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tripos.tools]\ncalculator2 = plugin:calculator2\n")
    model = lambda body: says("FINAL ANSWER: 0") if number(body) else calls(("calculator2", {"expression": "1"}))  # noqa: E731
    with scripted(model) as server:
        run = tripos(*command(data, server.url, "--tools", "calculator2"), cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert run.returncode == 1, run.stderr
    found = {r["record_id"]: r for r in records(tmp_path / "out.jsonl")}
    assert (found["t0"]["outcome"], found["t0"]["error_kind"], found["t0"]["is_correct"]) == ("infrastructure_failed", "tool", None)
    assert "calculator2 broke: ZeroDivisionError" in found["t0"]["error"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tools", "calculator,file_raed"), "did you mean 'file_read'"),
        (("--agent", "orchestra"), "did you mean 'orchestrator'"),
        (("--agent", "simple"), "'simple' takes no tools"),
        (("--tools", "web_search"), "TAVILY_API_KEY"),
        (("--backend", "openclaw"), "those that are: agent, direct"),
        (("--agentic",), "--agentic is not in this version"),
        (("--episode-mode",), "--episode-mode is not in this version"),
        (("--concurrency", "4"), "use --max-workers"),
    ],
)
def test_what_is_refused_is_refused_before_a_request(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    data = write_tasks(tmp_path)
    with scripted(solver) as server:
        run = tripos(*command(data, server.url, *flags), cwd=tmp_path)
        assert run.returncode == 2 and said in run.stderr and "Traceback" not in run.stderr, run.stderr
        assert server.asked == []


def test_a_limit_that_the_direct_backend_cannot_keep_is_said(tmp_path: Path) -> None:
    run = tripos("run", "-b", "email_triage", "-n", "1", "-m", "s", "-e", "simulated", "--query-timeout", "5", cwd=tmp_path)
    assert run.returncode == 0 and "--query-timeout has no effect with the direct backend" in run.stderr


def test_list_has_agents_and_tools(tmp_path: Path) -> None:
    listed = json.loads(tripos("list", "--json", cwd=tmp_path).stdout)
    assert [a["key"] for a in listed["agents"]] == ["orchestrator", "react", "simple"]
    assert {"calculator", "file_read", "file_write", "code_interpreter", "shell_exec", "think"} <= {t["key"] for t in listed["tools"]}
