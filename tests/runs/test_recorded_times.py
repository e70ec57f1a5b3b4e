"""Every stage of a record has the times it really had: waits, tries, turns, tools, parse, judge calls, score."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from running import fake_server, quiz, records, tripos, write_questions
from scripted_server import Body, Reply, calls, results, says, scripted
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.timeline import RecordTimelineView, TimelineStageRecord
from tripos.store.database import Database
from tripos.store.rebuild import rebuild
from tripos.store.verify import verify

YES = "extracted_final_answer: Jane\nreasoning: it matches\ncorrect: yes"


def view(store: Path, record: str, scores: str = "default") -> RecordTimelineView:
    return BenchmarkResult.open(store, scores=scores).view_timeline(record)


def stages(found: RecordTimelineView, name: str) -> list[TimelineStageRecord]:
    return [s for s in found.timeline.stages if s.stage == name]


def span(stage: TimelineStageRecord) -> tuple[float, float]:
    """Start and end, which must be there, in this order, and what the duration says."""
    assert stage.started_at is not None and stage.ended_at is not None, stage
    assert stage.started_at <= stage.ended_at
    assert stage.duration_ms == pytest.approx((stage.ended_at - stage.started_at) * 1000, abs=1)
    return stage.started_at, stage.ended_at


def follow(found: list[TimelineStageRecord]) -> None:
    """No stage begins before the one before it has ended."""
    spans = [span(s) for s in found]
    for (_, ended), (began, _) in pairwise(spans):
        assert began >= ended - 1e-3, found


def write_frames(path: Path, n: int) -> Path:
    rows = [
        {"Unnamed: 0": i, "Prompt": f"Who is QID-{i}?", "Answer": f"Jane {i}", "reasoning_types": "Temporal", "wiki_links": "[]"}
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_preparing_asking_parsing_and_scoring_follow_each_other(tmp_path: Path) -> None:
    began = time.time()
    with fake_server("--latency-ms", "40") as server:
        run = tripos(*quiz(write_questions(tmp_path / "q.jsonl", 20), server.url, "-w", "2", "--store", "t.db"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    scorings = []
    for record in records(tmp_path / "out.jsonl"):
        found = view(tmp_path / "t.db", record["record_id"])
        names = [s.stage for s in found.timeline.stages]
        assert names == ["item_load", "prompt_render", "queueing", "inference", "extraction", "evaluation"]
        follow(found.timeline.stages)
        assert span(found.timeline.stages[0])[0] >= began and span(found.timeline.stages[-1])[1] <= time.time()
        assert span(stages(found, "inference")[0])[1] - span(stages(found, "inference")[0])[0] >= 0.035
        scorings.append(stages(found, "evaluation")[0].duration_ms or 0)
        assert found.inference is not None and found.inference.queued_ms is not None
        assert found.evaluation is not None and (found.evaluation.started_at, found.evaluation.ended_at) == span(found.timeline.stages[-1])
    assert 0 < min(scorings) < 3, "until it was scored, not until it was written"


def test_waiting_for_a_slot_is_queueing(tmp_path: Path) -> None:
    """An adaptive limit begins with eight requests in flight: whoever comes later waits for one of them."""
    with fake_server("--latency-ms", "600") as server:
        run = tripos(*quiz(write_questions(tmp_path / "q.jsonl", 24), server.url, "-w", "auto", "--store", "t.db"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    waits = sorted(float(stages(view(tmp_path / "t.db", f"q{i:05d}"), "queueing")[0].duration_ms or 0) for i in range(24))
    assert waits[7] < 300 < waits[8], waits
    assert waits[-1] > 1000, "two answers long"


def test_each_try_has_its_start_and_end_and_the_back_off_after_it(tmp_path: Path) -> None:
    with fake_server("--p429", "100", "--retry-after", "0.2", "--latency-ms", "20") as server:
        run = tripos(*quiz(write_questions(tmp_path / "q.jsonl", 1), server.url, "-w", "1", "--store", "t.db"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = view(tmp_path / "t.db", "q00000")
    asked = [s for s in found.timeline.stages if s.stage in ("queueing", "inference")]
    assert [(s.stage, s.status) for s in asked] == [
        ("queueing", "ok"), ("inference", "error"), ("queueing", "ok"), ("inference", "error"), ("queueing", "ok"), ("inference", "ok"),
    ]  # fmt: skip
    follow(asked)
    for failed, pause in ((asked[1], asked[2]), (asked[3], asked[4])):
        assert (failed.metadata["http_status"], failed.metadata["error_kind"]) == (429, "rate_limited")
        assert failed.duration_ms is not None and failed.duration_ms >= 15 and "slow down" in str(failed.error)
        assert pause.metadata["retry_after_seconds"] == 0.2
        assert pause.duration_ms is not None and 195 <= pause.metadata["backoff_ms"] <= pause.duration_ms
    assert [s.metadata["try"] for s in (asked[1], asked[3])] == [1, 2] and asked[5].metadata["tries"] == 3


def test_a_request_that_cannot_succeed_has_its_times_too(tmp_path: Path) -> None:
    def model(body: Body) -> Reply:
        return says("no such parameter", status=400, delay_seconds=0.05)

    with scripted(model) as server:
        run = tripos(*quiz(write_questions(tmp_path / "q.jsonl", 1), server.url, "-m", "scripted", "--store", "t.db"), cwd=tmp_path)
    assert run.returncode == 1
    found = view(tmp_path / "t.db", "q00000")
    queueing, failed = found.timeline.stages[2:]
    follow([queueing, failed])
    assert failed.status == "error" and 45 <= (failed.duration_ms or 0) < 60_000 and failed.metadata["try"] == 1
    assert found.inference is not None and found.inference.started_at == failed.started_at


def test_every_judge_call_lies_inside_the_scoring(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 3)
    with fake_server() as candidate, fake_server("--judge", YES, "--latency-ms", "30", "--p429", "100", "--retry-after", "0.1") as judge:
        run = tripos("run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "--judge-model", "fake",
                     "--judge-base-url", judge.url, "-o", "out.jsonl", "--store", "t.db", "-w", "1", cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    for record in records(tmp_path / "out.jsonl"):
        found = view(tmp_path / "t.db", record["record_id"])
        (scoring,) = stages(found, "evaluation")
        tries = stages(found, "judge")
        assert [t.status for t in tries] == ["error", "error", "ok"]
        follow(tries)
        for one in tries:
            assert span(scoring)[0] - 1e-3 <= span(one)[0] and span(one)[1] <= span(scoring)[1] + 1e-3
            assert one.component_id == "fake" and (one.duration_ms or 0) >= 25
        assert found.judge_audit is not None and len(found.judge_audit.calls[0].retries) == 2
        assert found.timeline.stages[-1] == scoring, "it ends last"


def test_a_judge_that_is_never_reached_has_its_tries(tmp_path: Path) -> None:
    def model(body: Body) -> Reply:
        return says("not allowed", status=403)

    data = write_frames(tmp_path / "test.jsonl", 1)
    with fake_server() as candidate, scripted(model) as judge:
        run = tripos("run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "--judge-model", "scripted",
                     "--judge-base-url", judge.url, "-o", "out.jsonl", "--store", "t.db", cwd=tmp_path)  # fmt: skip
    assert run.returncode == 1
    found = view(tmp_path / "t.db", records(tmp_path / "out.jsonl")[0]["record_id"])
    (failed,), (scoring,) = stages(found, "judge"), stages(found, "evaluation")
    assert failed.status == scoring.status == "error" and "auth" in str(failed.error)
    assert span(scoring)[0] - 1e-3 <= span(failed)[0] and span(failed)[1] <= span(scoring)[1] + 1e-3
    assert stages(found, "extraction")[0].status == "ok", "the parse is not lost with the judge"


def test_turns_and_tools_of_an_agent_follow_each_other(tmp_path: Path) -> None:
    refused = iter((True, False))

    def model(body: Body) -> Reply:
        seen = results(body)
        if len(seen) == 1 and next(refused, False):
            return says("busy", status=500)
        wanted = calls(("calculator", {"expression": "6 * 7"}), ("calculator", {"expression": "6 *"}), delay_seconds=0.02)
        return says(f"ANSWER: {'ABCD'[len(seen) % 4]}", delay_seconds=0.03) if len(seen) >= 2 else wanted

    data = write_questions(tmp_path / "q.jsonl", 1)
    with scripted(model) as server:
        run = tripos(*quiz(data, server.url, "-m", "scripted", "--backend", "agent", "--tools", "calculator", "--store", "t.db"),
                     cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = view(tmp_path / "t.db", "q00000")
    turns = [s for s in stages(found, "inference") if s.status == "ok"]
    assert [s.metadata["turn"] for s in turns] == [1, 2]
    first, second = turns
    tools = stages(found, "tool")
    assert [(t.component_id, t.status) for t in tools] == [("calculator", "ok"), ("calculator", "error")] and tools[1].error
    for tool in tools:
        assert span(first)[1] - 1e-3 <= span(tool)[0] and span(tool)[1] <= span(second)[0] + 1e-3
    assert (first.duration_ms or 0) >= 15 and (second.duration_ms or 0) >= 25
    assert found.inference is not None and found.inference.latency_ms == pytest.approx((first.duration_ms or 0) + (second.duration_ms or 0))
    assert not first.artifact_refs and second.artifact_refs[0].role == "inference_output"


def test_a_try_that_failed_belongs_to_its_turn(tmp_path: Path) -> None:
    refused = iter((True,))

    def model(body: Body) -> Reply:
        if not results(body):
            return calls(("calculator", {"expression": "1"}))
        return says("busy", status=500) if next(refused, False) else says("ANSWER: A")

    data = write_questions(tmp_path / "q.jsonl", 1)
    with scripted(model) as server:
        run = tripos(*quiz(data, server.url, "-m", "scripted", "--backend", "agent", "--tools", "calculator", "--store", "t.db"),
                     cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = view(tmp_path / "t.db", "q00000")
    asked = [s for s in found.timeline.stages if s.stage in ("inference", "tool")]
    assert [(s.stage, s.status, s.metadata.get("turn")) for s in asked] == [
        ("inference", "ok", 1), ("tool", "ok", None), ("inference", "error", 2), ("inference", "ok", 2),
    ]  # fmt: skip
    follow(asked)


def test_another_judge_has_its_own_times_and_the_answer_keeps_its_own(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 2)
    with fake_server("--judge", YES) as judge:
        with fake_server() as candidate:
            run = tripos("run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "--judge-model", "fake",
                         "--judge-base-url", judge.url, "-o", "out.jsonl", "--store", "t.db", cwd=tmp_path)  # fmt: skip
        assert run.returncode == 0, run.stderr
        line = records(tmp_path / "out.jsonl")[0]
        rescored_from = time.time()
        run = tripos("rescore", line["run_id"], "--judge-base-url", judge.url, "--judge-max-tokens", "99", "--name", "second",
                     "--store", "t.db", cwd=tmp_path)  # fmt: skip
        assert run.returncode == 0, run.stderr
    first, second = view(tmp_path / "t.db", line["record_id"]), view(tmp_path / "t.db", line["record_id"], "second")
    for name in ("extraction", "judge", "evaluation"):
        assert span(stages(first, name)[0])[1] < rescored_from < span(stages(second, name)[0])[0], name
    for name in ("item_load", "prompt_render", "queueing", "inference"):
        assert stages(first, name)[0] == stages(second, name)[0], name


def test_replies_that_are_read_again_are_scored_now_and_were_given_then(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "test.jsonl", 1)
    with fake_server() as candidate, fake_server("--judge", YES) as judge:
        run = tripos("run", "-b", "frames", "--data", str(data), "-m", "fake", "--base-url", candidate.url, "--judge-model", "fake",
                     "--judge-base-url", judge.url, "-o", "out.jsonl", "--store", "t.db", cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    line = records(tmp_path / "out.jsonl")[0]
    (tmp_path / "out.jsonl").write_text(json.dumps({**line, "is_correct": False, "score": 0.0}) + "\n")
    before = view(tmp_path / "t.db", line["record_id"])
    reread_from = time.time()
    run = tripos("reparse-judge", "--jsonl", "out.jsonl", "--store", "t.db", "--in-place", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    after = view(tmp_path / "t.db", line["record_id"])
    assert span(stages(after, "evaluation")[0])[0] > reread_from > span(stages(before, "evaluation")[0])[1]
    assert stages(after, "judge") == stages(before, "judge")
    assert stages(after, "extraction")[0].started_at is None, "nothing was parsed anew"
    assert [s.stage for s in after.timeline.stages][-2:] == ["judge", "evaluation"]


def test_a_run_that_takes_an_answer_over_does_not_claim_to_have_prepared_it(tmp_path: Path) -> None:
    data, again = write_questions(tmp_path / "q.jsonl", 1), write_questions(tmp_path / "again.jsonl", 1)
    with fake_server() as server:
        for name in (data, again):
            assert tripos(*quiz(name, server.url, "--store", "t.db"), cwd=tmp_path).returncode == 0
        assert sum(server.stats()["asked"].values()) == 1
    run_id = records(tmp_path / "out.jsonl")[0]["run_id"]
    found = BenchmarkResult.open(tmp_path / "t.db", run_ids=[run_id]).view_timeline("q00000")
    assert [s.stage for s in found.timeline.stages] == ["prompt_render", "queueing", "inference", "extraction", "evaluation"]
    assert found.timeline.stages[0].started_at is None


def test_times_are_no_identity_and_a_rebuild_changes_nothing(tmp_path: Path) -> None:
    data = write_questions(tmp_path / "q.jsonl", 4)
    with fake_server() as server:
        lines = []
        for store in ("a.db", "b.db"):
            assert tripos(*quiz(data, server.url, "--store", store), cwd=tmp_path).returncode == 0
            lines.append({r["record_id"]: (r["trial_hash"], r["candidate_id"], r["run_id"]) for r in records(tmp_path / "out.jsonl")})
    assert lines[0] == lines[1]
    database = Database(str(tmp_path / "a.db"))
    assert verify(database).ok
    before = [database.execute(f"SELECT * FROM {t} ORDER BY 1, 2") for t in ("trial", "candidate", "verdict")]
    rebuild(database)
    assert before == [database.execute(f"SELECT * FROM {t} ORDER BY 1, 2") for t in ("trial", "candidate", "verdict")]
    database.close()
