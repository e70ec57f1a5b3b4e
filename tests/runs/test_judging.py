"""A judge that is gone costs no answer and no verdict: unscored, counted, exit 1; the same command has it judged later."""

from __future__ import annotations

import json
from pathlib import Path

from running import fake_server, records, reserved_port, summary, tripos

YES = "extracted_final_answer: Jane\nreasoning: it matches\ncorrect: yes"


def write_frames(path: Path, n: int) -> Path:
    with path.open("w") as file:
        for i in range(n):
            row = {
                "Unnamed: 0": i,
                "Prompt": f"Who is person QID-{i}?",
                "Answer": f"Jane {i}",
                "reasoning_types": "Temporal",
                "wiki_links": "[]",
            }
            file.write(json.dumps(row) + "\n")
    return path


def command(data: Path, candidate: str, judge: str) -> list[str]:
    return ["run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate, "--judge-model", "fake",
            "--judge-base-url", judge, "-o", "out.jsonl", "-w", "8"]  # fmt: skip


def test_answers_are_kept_without_a_judge_and_judged_later(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 40)
    with reserved_port() as port, fake_server() as candidate:
        judge_url = f"http://127.0.0.1:{port}/v1"
        run = tripos(*command(data, candidate.url, judge_url), cwd=tmp_path)
        assert run.returncode == 1, run.stderr
        assert "judge does not answer" in run.stderr
        lines = records(tmp_path / "out.jsonl")
        assert len(lines) == 40
        assert all(r["model_answer"] and r["is_correct"] is None and r["outcome"] == "judge_failed" for r in lines)
        assert all(r["error_kind"] == "judge" for r in lines)
        said = summary(tmp_path / "out.jsonl")
        assert (said["accuracy"], said["unscored"], said["scored_samples"]) == (None, 40, 0)
        assert said["accuracy_three_ways"]["bounds"] == [0.0, 1.0]
        with fake_server("--port", str(port), "--judge", YES) as judge:
            again = tripos(*command(data, candidate.url, judge_url), cwd=tmp_path)
            assert again.returncode == 0, again.stderr
            assert sum(judge.stats()["asked"].values()) == 40
        assert sum(candidate.stats()["asked"].values()) == 40, "no answer was paid for twice"
    lines = records(tmp_path / "out.jsonl")
    assert len(lines) == 40 and all(r["is_correct"] is True and r["error"] is None for r in lines)
    assert all(r["scoring_metadata"]["raw_judge_output"] == YES for r in lines)


def test_changing_the_judge_judges_again_and_asks_no_candidate(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 10)
    with fake_server() as candidate, fake_server("--judge", YES) as judge:
        assert tripos(*command(data, candidate.url, judge.url), cwd=tmp_path).returncode == 0
        other = command(data, candidate.url, judge.url)
        other[other.index("--judge-model") + 1] = "fake"
        run = tripos(*other, "--choice-judge", "fallback", cwd=tmp_path)
        assert run.returncode in (0, 2)
        before = sum(judge.stats()["asked"].values())
        suite = tmp_path / "suite.toml"
        suite.write_text(
            f'[judge]\nmodel = "fake"\nbase_url = "{judge.url}"\nmax_tokens = 77\n'
            f'[[models]]\nname = "fake"\nbase_url = "{candidate.url}"\n[[benchmarks]]\nname = "frames"\ndata = "{data}"\n'
        )
        run = tripos("run", "--config", str(suite), cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert sum(judge.stats()["asked"].values()) == before + 10
        assert sum(candidate.stats()["asked"].values()) == 10


def test_a_reply_without_a_verdict_is_unscored_and_can_be_read_again(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 5)
    with fake_server() as candidate, fake_server("--judge", "I would rather not say.") as judge:
        run = tripos(*command(data, candidate.url, judge.url), cwd=tmp_path)
    assert run.returncode == 1
    assert {r["outcome"] for r in records(tmp_path / "out.jsonl")} == {"judge_failed"}
    again = tripos("reparse-judge", "--jsonl", "out.jsonl", cwd=tmp_path)
    assert again.returncode == 2 and "no stored judge reply could be read" in again.stderr


def test_stored_replies_are_read_again_without_asking(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 5)
    with fake_server() as candidate, fake_server("--judge", YES) as judge:
        assert tripos(*command(data, candidate.url, judge.url), cwd=tmp_path).returncode == 0
    lines = records(tmp_path / "out.jsonl")
    spoilt = [
        {**r, "is_correct": None, "score": None, "outcome": "judge_failed", "error": "JudgeError: x", "error_kind": "judge"} for r in lines
    ]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(r) + "\n" for r in spoilt))
    run = tripos("reparse-judge", "--jsonl", "out.jsonl", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["recovered"], found["accuracy_before"], found["accuracy_after"]) == (5, None, 1.0)
    assert all(r["is_correct"] is True and r["error"] is None for r in records(tmp_path / "out.jsonl.reparsed"))
    in_place = tripos("reparse-judge", "--jsonl", "out.jsonl", "--in-place", cwd=tmp_path)
    assert in_place.returncode == 0
    assert all(r["is_correct"] is True for r in records(tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl.bak").exists()


def test_a_second_reading_in_place_reaches_the_summary_and_the_report(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 5)
    with fake_server() as candidate, fake_server("--judge", YES) as judge:
        assert tripos(*command(data, candidate.url, judge.url), cwd=tmp_path).returncode == 0
    as_before = summary(tmp_path / "out.jsonl")
    lines = records(tmp_path / "out.jsonl")
    wrong = [{**r, "is_correct": False, "score": 0.0} for r in lines]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(r) + "\n" for r in wrong))
    report = tripos("report", "out.jsonl", cwd=tmp_path)
    assert report.returncode == 2 and "do not agree" in report.stderr, report.stdout
    said = {**as_before, "correct": 0, "accuracy": 0.0}
    (tmp_path / "out.jsonl.summary.json").write_text(json.dumps(said))
    assert tripos("report", "out.jsonl", cwd=tmp_path).returncode == 0, "file and summary agree, both as an older parser had it"
    assert tripos("reparse-judge", "--jsonl", "out.jsonl", "--in-place", cwd=tmp_path).returncode == 0
    report = tripos("report", "out.jsonl", cwd=tmp_path)
    assert report.returncode == 0 and "accuracy 1.0000" in report.stdout, (report.stdout, report.stderr)
    renewed = summary(tmp_path / "out.jsonl")
    assert {k: renewed[k] for k in ("correct", "accuracy", "accuracy_interval")} == {
        k: as_before[k] for k in ("correct", "accuracy", "accuracy_interval")
    }


def test_answers_that_a_budget_left_unjudged_stand_in_the_file_as_in_the_summary(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 40)
    with fake_server() as candidate, fake_server("--judge", YES, "--latency-ms", "300") as judge:
        run = tripos(*command(data, candidate.url, judge.url), "--max-tokens-total", "3500", cwd=tmp_path)
        assert run.returncode == 1 and "is spent" in run.stderr, run.stderr
        lines, said = records(tmp_path / "out.jsonl"), summary(tmp_path / "out.jsonl")
        unjudged = [r for r in lines if r["outcome"] == "judge_failed"]
        assert unjudged and all(r["model_answer"] and r["is_correct"] is None for r in unjudged)
        assert (said["answered"], said["outcomes"]["judge_failed"]) == (len(lines), len(unjudged))
        assert said["not_reached"] == 40 - len(lines) and said["status"] == "budget"
        assert tripos(*command(data, candidate.url, judge.url), cwd=tmp_path).returncode == 0
        assert sum(candidate.stats()["asked"].values()) == 40
    assert all(r["is_correct"] for r in records(tmp_path / "out.jsonl"))


def test_a_summary_says_that_no_judge_read_the_unclear_answers(tmp_path: Path) -> None:
    options = ["one", "two", "three", "four"]
    row = {"question": "Which?", "options": options, "answer": "B", "answer_index": 1, "cot_content": "", "category": "law", "src": "x"}
    (tmp_path / "test.jsonl").write_text("".join(json.dumps({"question_id": i, **row}) + "\n" for i in range(3)))
    unclear = ["run", "-b", "mmlu-pro", "--data", "test.jsonl", "-m", "sim", "-e", "simulated", "--model-option",
               "text=Maybe A, maybe B; I cannot single one out.", "-o", "out.jsonl"]  # fmt: skip
    without = tripos(*unclear, cwd=tmp_path)
    assert without.returncode == 0, without.stderr
    said = summary(tmp_path / "out.jsonl")
    assert said["judge"] is None and said["outcomes"]["wrong_format"] == 3
    assert any("no judge" in notice for notice in said["notices"]) and "no judge to read" in without.stdout
    with fake_server("--judge", "VERDICT: B") as judge:
        judged = tripos(*unclear, "--judge-model", "fake", "--judge-base-url", judge.url, cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    said = summary(tmp_path / "out.jsonl")
    assert said["judge"]["model"] == "fake" and not any("no judge" in notice for notice in said["notices"])


def test_a_dead_judge_is_given_up_on_and_every_answer_is_kept(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 80)
    with reserved_port() as port, fake_server() as candidate:
        judge_url = f"http://127.0.0.1:{port}/v1"
        with fake_server("--port", str(port), "--judge", YES, "--fails-after", "10", "--fails-with", "403") as judge:
            run = tripos(*command(data, candidate.url, judge_url), "--give-up-after", "5", cwd=tmp_path)
            asked = sum(judge.stats()["asked"].values())
        assert run.returncode == 1, run.stderr
        assert 15 < asked < 80, "the judge is left alone"
        said = summary(tmp_path / "out.jsonl")
        assert (said["status"], said["answered"], said["not_reached"], said["given_up"]) == ("partial", 80, 0, None)
        assert said["outcomes"]["judge_failed"] == said["unscored"] == 70
        assert said["judge_given_up"]["kind"] == "auth"
        (why,) = [n for n in said["notices"] if "judge" in n]
        assert "in a row" in why and "same command" in why and "! the judge was given up" in run.stdout
        with fake_server("--port", str(port), "--judge", YES) as judge:
            assert tripos(*command(data, candidate.url, judge_url), cwd=tmp_path).returncode == 0
            assert sum(judge.stats()["asked"].values()) == 70
        assert sum(candidate.stats()["asked"].values()) == 80, "no answer was paid for twice"
