"""`--until ±h` stops a run when its anytime-valid interval is narrow enough, says so, and goes on with the same command."""

from __future__ import annotations

from pathlib import Path

from running import fake_server, quiz, records, summary, tripos, write_questions


def test_a_run_stops_when_it_is_sure_enough(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 3000)
    with fake_server() as server:
        run = tripos(*quiz(data, server.url, "-w", "8", "--until", "±0.05"), cwd=tmp_path)
        asked = sum(server.stats()["asked"].values())
    assert run.returncode == 0, run.stderr
    said = summary(tmp_path / "out.jsonl")
    assert said["status"] == "until" and said["unscored"] == 0
    assert 100 < asked < 2000
    until = said["until"]
    assert until["sure"] and (until["upper"] - until["lower"]) / 2 <= 0.05 + 1e-9
    assert until["lower"] <= 0.9 <= until["upper"]
    assert said["planned"] == len(records(tmp_path / "out.jsonl")) == asked
    assert any("stopped on purpose" in notice for notice in said["notices"])


def test_the_same_command_without_it_asks_only_for_the_rest(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 600)
    with fake_server() as server:
        assert tripos(*quiz(data, server.url, "--until", "0.08"), cwd=tmp_path).returncode == 0
        before = sum(server.stats()["asked"].values())
        again = tripos(*quiz(data, server.url, "--until", "0.08"), cwd=tmp_path)
        assert again.returncode == 0
        assert sum(server.stats()["asked"].values()) == before, "it was sure already"
        assert tripos(*quiz(data, server.url), cwd=tmp_path).returncode == 0
        assert sum(server.stats()["asked"].values()) == 600
    assert summary(tmp_path / "out.jsonl")["accuracy"] == 0.9


def test_samples_that_share_a_source_count_by_whole_clusters(tmp_path: Path) -> None:
    simulated = ["run", "-b", "doc_qa", "-m", "s", "-e", "simulated", "-n", "2000", "-o", "out.jsonl", "--model-option", "skill=0.9"]
    run = tripos(*simulated, "--until", "0.1", "-w", "8", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    said, lines = summary(tmp_path / "out.jsonl"), records(tmp_path / "out.jsonl")
    until = said["until"]
    assert said["status"] == "until" and said["planned"] == len(lines) < 1000
    assert (until["upper"] - until["lower"]) / 2 <= 0.1 + 1e-9 and until["lower"] < until["mean"] < until["upper"]
    assert until["clusters"] * 2 == until["items"] <= len(lines), "these come in pairs, and whole ones count"
    again = tripos(*simulated, "--until", "0.1", "-w", "8", cwd=tmp_path)
    assert again.returncode == 0 and summary(tmp_path / "out.jsonl")["until"] == until, "looked at again, it says the same"


def test_too_few_sources_for_a_width_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    run = tripos("run", "-b", "doc_qa", "-m", "s", "-e", "simulated", "-n", "20", "-o", "out.jsonl", "--until", "0.05", cwd=tmp_path)
    assert "will hardly be reached" in run.stderr and "have 10" in run.stderr, run.stderr
    assert run.returncode == 0 and summary(tmp_path / "out.jsonl")["status"] == "complete"


def test_bad_widths_and_several_ways_of_asking_are_refused(tmp_path: Path) -> None:
    simulated = ["run", "-b", "email_triage", "-m", "s", "-e", "simulated", "-n", "20"]
    for width in ("0.7", "narrow"):
        run = tripos(*simulated, "--until", width, cwd=tmp_path)
        assert run.returncode == 2 and "--until" in run.stderr, run.stderr


def test_a_width_that_cannot_be_leaves_what_is_there_alone(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "quiz.jsonl", 8)
    with fake_server() as server:
        assert tripos(*quiz(data, server.url), cwd=tmp_path).returncode == 0
        before = summary(tmp_path / "out.jsonl")
        for width in ("0.7", "0", "50%"):
            assert tripos(*quiz(data, server.url, "--until", width), cwd=tmp_path).returncode == 2
    assert summary(tmp_path / "out.jsonl") == before
