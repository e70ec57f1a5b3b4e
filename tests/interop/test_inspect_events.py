"""Times in the transcript of an Inspect sample: calls, waits, tools, scoring, judges; and none where the log does not say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foreign_logs import inspect_log, inspect_sample, write_json
from shared_data import shared
from tripos.interop.formats import read_log
from tripos.interop.imported import ImportedTrial
from tripos.interop.record import record
from tripos.results.benchmark_result import BenchmarkResult
from tripos.store.database import Database
from tripos.store.reading import Reader
from tripos.store.writer import Writer

T = 1767323045.0


def at(seconds: float) -> str:
    return datetime.fromtimestamp(T + seconds, UTC).isoformat()


def span(kind: str, begin: float, end: float, *inside: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"event": "span_begin", "type": kind, "timestamp": at(begin)}, *inside, {"event": "span_end", "timestamp": at(end)}]


def model(begin: float, end: float | None, time: float | None, *, name: str = "m1", text: str = "Paris", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "id": name, "content": text}
    output = {"model": "acme/large", "choices": [{"message": message, "stop_reason": "stop"}], "time": time}
    output["usage"] = {"input_tokens": 30, "output_tokens": 4}
    times = {"timestamp": at(begin), "completed": at(end) if end is not None else None, "working_time": time}
    return {
        "event": "model",
        "model": "acme/large",
        "input": [{"role": "user", "content": "Is it right?"}],
        "output": output,
        **times,
        **more,
    }


def score(when: float) -> dict[str, Any]:
    return {"event": "score", "timestamp": at(when), "score": {"value": "C"}}


def trial(tmp_path: Path, events: Any, **more: Any) -> ImportedTrial:
    sample = inspect_sample(1, "C", events=events, **more)
    (log,) = read_log(write_json(tmp_path / "a.json", inspect_log([sample], {"match": 1.0})))
    (found,) = log.trials()
    return found


def test_a_call_that_waited_for_a_connection(tmp_path: Path) -> None:
    events = [*span("solver", 1, 4, model(1.5, 3.0, 0.5)), *span("scorers", 4, 4.25, *span("scorer", 4.1, 4.2, score(4.15)))]
    found = trial(tmp_path, events)
    assert found.completion is not None
    c = found.completion
    assert (c.started_at, c.latency_seconds, c.queued_seconds) == (pytest.approx(T + 2.5), 0.5, pytest.approx(1.0))
    assert found.scoring == (T + 4, T + 4.25)


def test_after_retries_of_its_own_the_wait_is_not_known(tmp_path: Path) -> None:
    found = trial(tmp_path, span("solver", 1, 4, model(1.5, 3.0, 0.5, retries=2)))
    assert found.completion is not None
    assert (found.completion.started_at, found.completion.queued_seconds) == (pytest.approx(T + 2.5), None)
    assert found.scoring is None


@pytest.mark.parametrize(
    ("call", "following", "started_at"),
    [
        (model(1.5, None, 0.5), 2.1, T + 1.5),
        (model(1.5, None, 0.5), 1.501, None),  # the event was stamped when the call was over
        (model(1.5, None, None), 2.1, None),
        (model(1.5, 1.6, 0.5), 2.1, None),  # shorter than the time it says it took
        (model(1.5, 3.0, 0.5, timestamp="yesterday"), 2.1, None),
    ],
    ids=["begin and seconds", "stamped at the end", "no seconds", "contradiction", "no time"],
)
def test_older_logs_say_less_and_nothing_is_guessed(tmp_path: Path, call: Any, following: float, started_at: float | None) -> None:
    events = [{"event": "step", "action": "begin", "type": "solver", "timestamp": at(1)}, call]
    events += [{"event": "step", "action": "end", "type": "solver", "timestamp": at(following)}]
    found = trial(tmp_path, events, started_at=None)
    assert found.completion is not None
    assert (found.completion.started_at, found.completion.queued_seconds) == (started_at, None)


@pytest.mark.parametrize("events", [None, {}, [1], [{"event": 3, "timestamp": []}], [{"event": "model", "output": [], "input_refs": 7}]])
def test_a_transcript_of_another_shape_costs_no_score(tmp_path: Path, events: Any) -> None:
    found = trial(tmp_path, events)
    assert found.verdict is not None and found.verdict.is_correct is True and found.scoring is None


def test_calls_while_scoring_are_the_judges(tmp_path: Path) -> None:
    """A score on the way, before the candidate's last call, is not the scoring."""
    early = span("scorers", 2, 2.5, model(2.1, 2.4, 0.3, name="j0", text="not yet"))
    late = span("scorers", 5, 7, model(5.1, 6.9, 1.7, name="j1", text="attachment://a1"), score(6.95))
    found = trial(tmp_path, [*span("solver", 1, 4, model(1.5, 2.0, 0.5, name="m0"), *early, model(3.0, 3.5, 0.5)), *late])
    assert found.verdict is not None and found.scoring == (T + 5, T + 7)
    (call,) = found.verdict.audits
    assert (call.prompt, call.reply, call.model) == ("Is it right?", "Capital of France?", "acme/large")
    assert (call.started_at, call.latency_seconds) == (pytest.approx(T + 5.2), 1.7)
    assert (call.queued_seconds, call.usage.prompt_tokens, call.cost_usd) == (pytest.approx(0.1, abs=1e-5), 30, None)


def test_turns_and_tools_have_their_times(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Capital?", "source": "input"},
        {"role": "assistant", "id": "m1", "content": "", "tool_calls": [{"id": "c1", "function": "look_up", "arguments": {"what": "it"}}]},
        {"role": "tool", "tool_call_id": "c1", "function": "look_up", "content": "Paris"},
        {"role": "assistant", "id": "m2", "content": "Paris"},
    ]
    tool = {"event": "tool", "id": "c1", "timestamp": at(2), "completed": at(2.5)}
    events = span("solver", 1, 4, model(1.0, 2.0, 0.75), tool, model(3.0, 3.5, 0.5, name="m2"))
    sample = inspect_sample(1, "C", events=events, messages=messages)
    (log,) = read_log(write_json(tmp_path / "a.json", inspect_log([sample], {"match": 1.0})))
    writer, reader = Writer(Database(str(tmp_path / "t.db"))), Reader(Database(str(tmp_path / "t.db")))
    record(log, writer, reader)
    writer.close()
    found = BenchmarkResult.open(tmp_path / "t.db").view_timeline("1")
    shown = [(s.stage, s.component_id, s.started_at, s.ended_at) for s in found.timeline.stages if s.started_at is not None]
    assert [stage for stage, *_ in shown] == ["queueing", "inference", "tool", "queueing", "inference"]
    assert [who for _, who, *_ in shown] == ["acme/large"] * 2 + ["look_up"] + ["acme/large"] * 2
    assert [(a, b) for stage, _, a, b in shown if stage != "queueing"] == [
        (pytest.approx(T + 1.25), pytest.approx(T + 2)), (T + 2, T + 2.5), (pytest.approx(T + 3), pytest.approx(T + 3.5)),
    ]  # fmt: skip
    assert found.conversation is not None
    assert [(e.kind, e.tool_name, e.arguments) for e in found.conversation.events if e.kind != "message"] == [
        ("tool_call", "look_up", '{"what":"it"}'), ("tool_result", "look_up", None),
    ]  # fmt: skip
    assert found.evaluation is not None and found.evaluation.started_at is None, "not the time of the import"


def test_real_logs_with_a_judge_and_with_tools() -> None:
    (log,) = read_log(shared("logs/inspect/inspect_ai_tests/analysis/test_logs/2025-05-12T20-28-26-04-00_security-guide.json"))
    for found in log.trials():
        assert found.completion is not None and found.verdict is not None and found.scoring is not None
        (call,) = found.verdict.audits
        assert call.started_at is not None and call.latency_seconds is not None and "GRADE" in str(call.reply)
        assert found.completion.started_at is not None and found.completion.latency_seconds is not None
        assert found.completion.started_at + found.completion.latency_seconds <= found.scoring[0]
        assert found.scoring[0] <= call.started_at and call.started_at + call.latency_seconds <= found.scoring[1] + 0.001
    (log,) = read_log(shared("logs/inspect/inspect_ai_tests/log/test_eval_log/log_message_deduplication.eval"))
    (found,) = log.trials()
    assert found.completion is not None
    assert [t["role"] for t in found.completion.turns if "started_at" in t] == ["assistant", "tool"] * 5 + ["assistant"]
