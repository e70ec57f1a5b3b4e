"""One record's view: every stage with its real times, the parse behind the score, the judge's audit, and nothing unknown."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_results import Made, candidate_id, identity, write_run
from running import tripos
from tripos.core.errors import ConfigError
from tripos.core.records import Completion, JudgeAudit, Outcome
from tripos.results.benchmark_result import BenchmarkResult
from tripos.results.projections import Projections
from tripos.results.timeline import RecordTimelineView, RecordType
from tripos.results.timeline_stages import grading_times
from tripos.results.timeline_view import view
from tripos.store.database import Database
from tripos.store.events import Failed, Scored, TrialPlanned, answered, decode
from tripos.store.writer import Writer

AUDITS = (
    JudgeAudit(prompt="Judge this.", reply="I am not sure.", model="judge-1", latency_seconds=0.7, error="no verdict found"),
    JudgeAudit(prompt="Judge this again.", reply="correct: yes", parsed={"correct": True}, model="judge-1", latency_seconds=0.4),
)
SEED_FIELDS = [
    "record_id", "record_type", "trial_hash", "candidate_id", "lineage", "trial_spec", "item_payload", "timeline", "conversation",
    "inference", "extractions", "evaluation", "judge_audit", "observability", "related_events",
]  # fmt: skip


@pytest.fixture
def result(tmp_path: Path) -> BenchmarkResult:
    """A judged record, one that failed, one with two attempts, one whose answer could not be read."""
    candidates = [
        Made("judged", audits=AUDITS, metrics={"attempted": 1.0}, dimensions={"level": "1"}),
        Made("gone", failed=True),
        Made("twice"), Made("twice", 0.0, attempt=1),
        Made("unread", 0.0, answer=None, outcome=Outcome.WRONG_FORMAT),
    ]  # fmt: skip
    write_run(tmp_path / "t.db", "m", candidates)
    return BenchmarkResult.open(tmp_path / "t.db")


def of(result: BenchmarkResult, record: str) -> RecordTimelineView:
    return result.view_timeline(candidate_id("m", "quiz", Made(record)))


def test_it_has_the_fields_of_the_seed_and_cannot_be_changed(result: BenchmarkResult) -> None:
    view = of(result, "judged")
    assert list(view.__struct_fields__) == SEED_FIELDS
    with pytest.raises(AttributeError):
        view.record_id = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        view.timeline.stages[0].status = "error"  # type: ignore[misc]
    with pytest.raises(TypeError):
        RecordTimelineView(**{**{f: getattr(view, f) for f in SEED_FIELDS}, "colour": "red"})


def test_unknown_fields_are_refused_and_known_ones_come_back(result: BenchmarkResult) -> None:
    plain = json.loads(msgspec.json.encode(of(result, "judged")))
    assert RecordTimelineView.of(plain) == of(result, "judged")
    with pytest.raises(ConfigError, match="colour"):
        RecordTimelineView.of({**plain, "colour": "red"})
    plain["timeline"]["stages"][0]["mood"] = "good"
    with pytest.raises(ConfigError, match="mood"):
        RecordTimelineView.of(plain)


@given(st.text(min_size=1).filter(lambda name: name not in SEED_FIELDS))
def test_no_other_field_is_taken(name: str) -> None:
    with pytest.raises(ConfigError):
        RecordTimelineView.of({name: 1})


def test_stages_have_their_real_times(result: BenchmarkResult) -> None:
    view = of(result, "judged")
    stages = view.timeline.stages
    assert [s.stage for s in stages] == ["prompt_render", "queueing", "inference", "extraction", "judge", "judge", "evaluation"]
    by_name = {s.stage: s for s in stages}
    inference, queueing, evaluation = by_name["inference"], by_name["queueing"], by_name["evaluation"]
    assert inference.started_at is not None and inference.ended_at is not None and queueing.started_at is not None
    assert inference.duration_ms == 500.0 and inference.ended_at - inference.started_at == pytest.approx(0.5)
    assert queueing.ended_at == inference.started_at and queueing.duration_ms == pytest.approx(250.0)
    extraction = by_name["extraction"]
    assert evaluation.started_at is not None and evaluation.ended_at is not None and extraction.started_at is not None
    assert (extraction.duration_ms, evaluation.duration_ms) == (pytest.approx(0.3), pytest.approx(2.0))
    assert evaluation.started_at - extraction.started_at == pytest.approx(0.0004, abs=1e-6)
    assert [s.duration_ms for s in stages if s.stage == "judge"] == [700.0, 400.0]
    assert by_name["prompt_render"].started_at is None, "nobody took its time"


def test_the_parse_a_score_rests_on_is_in_the_scored_view(result: BenchmarkResult) -> None:
    view = of(result, "judged")
    (parse,) = view.extractions
    assert (parse.extractor_id, parse.success, parse.parsed_answer) == ("letter", True, "A")
    assert view.evaluation is not None
    assert view.evaluation.aggregate_scores == {"score": 1.0, "accuracy": 1.0, "attempted": 1.0}
    assert view.lineage["evaluation_hash"] == parse.evaluation_hash == "aaaa11112222"
    (unread,) = of(result, "unread").extractions
    assert not unread.success and unread.failure_reason is not None and "no answer" in unread.failure_reason


def test_judge_conversation_links_and_events(result: BenchmarkResult) -> None:
    view = of(result, "judged")
    assert view.judge_audit is not None and tuple(view.judge_audit.calls) == AUDITS
    assert view.conversation is not None
    assert [(e.kind, e.role, e.content) for e in view.conversation.events] == [
        ("message", "system", "Be brief."), ("message", "user", "Which?"), ("message", "assistant", "ANSWER: A"),
    ]  # fmt: skip
    assert view.observability is not None and view.observability.external_id_for("openai") == "req-judged"
    assert view.observability.link_for("langfuse") is None and view.observability.url_for("openai") is None
    assert [e.event_type for e in view.related_events] == ["trial_planned", "answered", "scored"]
    assert view.timeline.source_event_range == (view.related_events[0].event_seq, view.related_events[-1].event_seq)
    assert view.inference is not None and view.inference.token_usage.completion_tokens == 3
    assert view.item_payload is not None and view.item_payload["dimensions"] == {"level": "1"}
    assert view.trial_spec.params["max_tokens"] == 64 and view.trial_spec.candidate_count == 1


def test_a_record_that_was_never_answered_shows_every_try(result: BenchmarkResult) -> None:
    view = of(result, "gone")
    assert [(s.stage, s.status) for s in view.timeline.stages] == [
        ("prompt_render", "ok"), ("queueing", "ok"), ("inference", "error"), ("queueing", "ok"), ("inference", "error"),
    ]  # fmt: skip
    queueing, first, pause, last = view.timeline.stages[1:]
    assert [s.duration_ms for s in (queueing, first, pause, last)] == [pytest.approx(ms, abs=1) for ms in (500, 1000, 1000, 1000)]
    assert first.metadata["http_status"] == 500 and pause.metadata["backoff_ms"] == 500
    assert last.error == "server_error: HTTP 500" and (first.metadata["try"], last.metadata["try"]) == (1, 2)
    assert view.inference is not None and view.inference.status == "error" and view.evaluation is None and view.extractions == []


def test_what_an_older_version_did_not_take_the_time_of_is_none_and_never_zero(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("r", audits=AUDITS, timed=False), Made("gone", failed=True, timed=False)])
    result = BenchmarkResult.open(tmp_path / "t.db")
    answered, gone = (of(result, r).timeline.stages for r in ("r", "gone"))
    assert [s.stage for s in answered] == ["prompt_render", "inference", "extraction", "judge", "judge", "evaluation"]
    known = {s.stage: (s.started_at is not None, s.ended_at is not None) for s in answered}
    assert known == {
        "prompt_render": (False, False), "inference": (True, True), "extraction": (True, False), "judge": (False, False),
        "evaluation": (True, False),
    }  # fmt: skip
    assert [(s.stage, s.started_at is not None, s.ended_at is not None) for s in gone] == [
        ("prompt_render", False, False), ("inference", False, True), ("inference", False, False),
    ]  # fmt: skip
    assert all(s.duration_ms is None or s.duration_ms > 0 for s in (*answered, *gone))


def test_events_of_an_older_version_are_read() -> None:
    scored = decode(
        b'{"kind":"scored","candidate_id":"c","overlay":"o","reference_hash":"r","extraction":{"answer":"A","how":"pattern"},'
        b'"verdict":{"value":1.0,"is_correct":true},"started_at":1795239886.7}'
    )
    assert isinstance(scored, Scored) and scored.took is None and scored.started_at == 1795239886.7
    assert grading_times(scored) == (1795239886.7, None, 1795239886.7, None)
    failed = decode(b'{"kind":"failed","candidate_id":"c","error_kind":"auth","error":"no","started_at":1.5}')
    assert isinstance(failed, Failed) and failed.requested_at is failed.ended_at is None


def test_waiting_for_another_try_is_visible(tmp_path: Path) -> None:
    import time

    retries = ({"at": time.time() - 5.0, "kind": "rate_limited", "status": 429, "error": "slow down"},)
    write_run(tmp_path / "t.db", "m", [Made("r", retries=retries)])
    stages = of(BenchmarkResult.open(tmp_path / "t.db"), "r").timeline.stages
    assert [(s.stage, s.status) for s in stages][1:4] == [("inference", "error"), ("queueing", "ok"), ("inference", "ok")]
    assert stages[2].duration_ms == pytest.approx(4400, abs=300)


def test_a_trial_has_all_attempts_and_no_parse_of_its_own(result: BenchmarkResult) -> None:
    trial_hash = identity("m", "quiz", Made("twice"))
    view = result.view_timeline(trial_hash, record_type=RecordType.TRIAL)
    assert (view.record_id, view.candidate_id, view.extractions, view.inference) == (trial_hash, None, [], None)
    assert view.timeline.stages[0].stage == "item_load"
    assert [s.metadata["attempt"] for s in view.timeline.stages if s.stage == "inference"] == [0, 1]
    assert len(view.related_events) == 6 and view.trial_spec.candidate_count == 2


def test_names_may_be_short_but_must_be_one(result: BenchmarkResult) -> None:
    full = candidate_id("m", "quiz", Made("judged"))
    assert of(result, "judged") == result.view_timeline(full[:12]) == result.view_timeline("judged")
    with pytest.raises(ConfigError, match="answered by 2 candidates") as error:
        result.view_timeline("twice")
    assert candidate_id("m", "quiz", Made("twice", attempt=1))[:12] in str(error.value)


def test_an_answer_is_found_by_its_id_whichever_process_had_noted_the_question(result: BenchmarkResult, tmp_path: Path) -> None:
    first, second = Writer(Database(str(tmp_path / "t.db"))), Writer(Database(str(tmp_path / "t.db")))
    run_id = result.projection_repo.runs[0].row.run_id  # type: ignore[attr-defined]
    for number, (noted, asked) in enumerate(((first, second), (first, first))):
        for name in ("0", "1"):
            planned = TrialPlanned(
                record_id=f"late{number}{name}", candidate_id=f"{number}{name}" * 16, trial_hash=f"{number}{name}" * 32,
                reference_hash="f" * 16, prompt="[]",
            )  # fmt: skip
            noted.write(run_id, [planned])
            noted.flush()
        for name in ("0", "1"):
            asked.write(run_id, [answered(f"{number}{name}" * 16, Completion(text="A"), asked.stow, {})])
            asked.flush()
    first.close()
    second.close()
    for name in ("00", "01", "10", "11"):
        view = result.view_timeline(name * 16)
        assert (view.candidate_id, view.timeline.item_id) == (name * 16, f"late{name}")


def test_an_attempt_that_was_not_made_is_not_replaced_by_another(result: BenchmarkResult) -> None:
    repo = result.projection_repo
    assert isinstance(repo, Projections)
    assert view(repo, "twice", attempt=1).candidate_id == candidate_id("m", "quiz", Made("twice", attempt=1))
    for name, there in (("judged", "0"), ("twice", "0, 1")):
        with pytest.raises(ConfigError, match=f"'{name}' has no attempt 7; there are: {there}"):
            view(repo, name, attempt=7)


def test_another_scoring_of_the_same_answer_is_another_view_of_it(tmp_path: Path) -> None:
    source = write_run(tmp_path / "t.db", "m", [Made("r")])
    layer = {"rescored_from": source, "scores_name": "strict"}
    write_run(tmp_path / "t.db", "m", [Made("r", 0.0)], overlay="bbbb33334444", config=layer, scored_only=True)
    result = BenchmarkResult.open(tmp_path / "t.db")
    default, strict = result.view_timeline("r"), result.for_evaluation("strict").view_timeline("r")
    assert default.evaluation is not None and strict.evaluation is not None
    assert (default.evaluation.is_correct, strict.evaluation.is_correct) == (True, False)
    assert default.inference == strict.inference
    assert [e.event_type for e in strict.related_events].count("scored") == 2, "the other scoring is a related event"


def test_on_the_command_line(tmp_path: Path) -> None:
    write_run(tmp_path / "t.db", "m", [Made("judged", audits=AUDITS), Made("other")])
    shown = tripos("timeline", "judged", "--store", "t.db", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert all(word in shown.stdout for word in ("queueing", "inference", "judge", "evaluation", "ANSWER: A", "correct: yes"))
    plain = tripos("timeline", "judged", "--store", "t.db", "--json", cwd=tmp_path)
    assert RecordTimelineView.of(json.loads(plain.stdout)).trial_spec.model_id == "m"
    wrong = tripos("timeline", "jugded", "--store", "t.db", cwd=tmp_path)
    assert wrong.returncode == 2 and "did you mean 'judged'" in wrong.stderr
