"""From stored events to the view of one record: stages with their real times, the parse behind the score, the judge's audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tripos.core.records import Completion, Outcome
from tripos.results import stored_record, timeline_stages
from tripos.results.overlays import TRANSFORM
from tripos.results.rows import metrics_of
from tripos.results.stored_record import At, StoredRecord
from tripos.results.timeline import (
    Conversation,
    ConversationEvent,
    EvaluationRecord,
    ExtractionRecord,
    InferenceRecord,
    JudgeAuditTrail,
    MetricScore,
    ObservabilityLink,
    ObservabilitySnapshot,
    RecordTimeline,
    RecordTimelineView,
    RecordType,
    TimelineStageRecord,
    TrialEvent,
    TrialSpec,
)
from tripos.results.timeline_stages import grading_times, milliseconds, why_unread
from tripos.store.events import Answered, Failed, Scored, TrialPlanned, audits_of, completion_of

if TYPE_CHECKING:
    from tripos.results.projections import Projections

_STAGE_OF = {TrialPlanned: "prompt_render", Answered: "inference", Failed: "inference", Scored: "evaluation"}


def view(
    repo: Projections,
    record_id: str,
    record_type: RecordType | str = RecordType.CANDIDATE,
    *,
    attempt: int | None = None,
    variant: str | None = None,
    transform_hash: str | None = None,
    evaluation_hash: str | None = None,
) -> RecordTimelineView:
    """The view of a candidate or a trial.

    Args:
        record_id: a candidate id, a trial hash (or 6 digits or more of either), or the benchmark's own record id.
        attempt, variant: which attempt and prompt variant, where a record id has several.

    Raises:
        ConfigError: nothing or more than one thing is called so; lists what there is.
    """
    kind = RecordType.of(record_type)
    found = stored_record.find(repo, record_id, transform_hash=transform_hash, evaluation_hash=evaluation_hash)
    found = stored_record.narrowed(found, record_id, attempt=attempt, variant=variant)
    if kind is RecordType.CANDIDATE:
        return _Viewer(repo, [stored_record.load(repo.database, stored_record.one_candidate(found, record_id))], kind).view()
    whole = stored_record.one_trial(found, record_id)
    return _Viewer(repo, [stored_record.load(repo.database, f) for f in whole], kind).view()


class _Viewer:
    """Puts the view of one candidate, or of the candidates of one trial, together."""

    def __init__(self, repo: Projections, records: Sequence[StoredRecord], kind: RecordType) -> None:
        self.repo, self.records, self.kind = repo, records, kind
        self.fetch = repo.reader.fetch
        self.first = records[0]
        self.completions = [None if r.answered is None else completion_of(r.answered, self.fetch) for r in records]

    def view(self) -> RecordTimelineView:
        found, planned = self.first.found, self.first.planned
        single = self.kind is RecordType.CANDIDATE
        name = found.candidate_id if single else found.trial_hash
        positions = [e.position for r in self.records for e in r.events()]
        candidate_id = found.candidate_id if single else None
        return RecordTimelineView(
            record_id=name,
            record_type=self.kind,
            trial_hash=found.trial_hash,
            candidate_id=candidate_id,
            lineage=self._lineage(),
            trial_spec=self._spec(),
            item_payload={
                "record_id": planned.record_id,
                "reference": planned.reference,
                "subject": planned.subject,
                "slice_id": planned.slice_id,
                "cluster": planned.cluster,
                "dimensions": planned.dimensions,
            },
            timeline=RecordTimeline(
                record_id=name,
                record_type=self.kind,
                trial_hash=found.trial_hash,
                candidate_id=candidate_id,
                item_id=planned.record_id,
                stages=list(self._stages()),
                source_event_range=(min(positions), max(positions)),
            ),
            conversation=self._conversation(self.completions[0]) if single else None,
            inference=_inference(self.first, self.completions[0]) if single else None,
            extractions=[_extraction(self.first.scored)] if single and self.first.scored is not None else [],
            evaluation=_evaluation(self.first) if single else None,
            judge_audit=self._audit(self.first) if single else None,
            observability=self._observability(),
            related_events=[_event(found.trial_hash, e) for r in self.records for e in r.events()],
        )

    def _lineage(self) -> dict[str, str | None]:
        found = self.first.found
        return {
            "run": found.run.row.run_id,
            "task": f"{found.run.row.benchmark}/{self.first.planned.slice_id}",
            "model": found.run.row.model,
            "item": found.record_id,
            "prompt_template": found.prompt_variant_id,
            "transform_hash": found.run.config.get(TRANSFORM) or found.overlay,
            "evaluation_hash": found.overlay,
        }

    def _spec(self) -> TrialSpec:
        found, row = self.first.found, self.first.found.run.row
        return TrialSpec(
            trial_id=found.trial_hash,
            benchmark_id=row.benchmark,
            model_id=row.model,
            item_id=found.record_id,
            slice_id=self.first.planned.slice_id,
            prompt_variant_id=found.prompt_variant_id,
            engine=row.engine,
            backend=row.backend,
            params=found.run.config.get("params") or {},
            candidate_count=stored_record.attempts_of(self.repo.database, found),
            run_id=row.run_id,
            simulated=bool(row.simulated),
            metadata={"suite": row.suite or None, "category": row.category, "seed": found.run.config.get("seed")},
        )

    def _stages(self) -> Iterator[TimelineStageRecord]:
        whole = self.kind is RecordType.TRIAL
        yield from timeline_stages.preparation(self.first, self.fetch(self.first.planned.prompt), whole=whole)
        for record, completion in zip(self.records, self.completions, strict=True):
            audits = audits_of(record.scored, self.fetch) if record.scored is not None and completion is not None else ()
            graded = timeline_stages.grading(record, audits) if completion is not None else ()
            for stage in timeline_stages.in_order((*timeline_stages.asking(record, completion), *graded)):
                yield msgspec.structs.replace(stage, metadata={"attempt": record.found.attempt, **stage.metadata}) if whole else stage

    def _conversation(self, completion: Completion | None) -> Conversation:
        said: list[dict[str, Any]] = []
        for message in msgspec.json.decode(self.fetch(self.first.planned.prompt)):
            said.append({"kind": "message", "role": message["role"], "content": message.get("content", "")})
        if completion is not None and completion.turns:
            said.extend(_turns(completion.turns))
        elif completion is not None:
            calls = [_call({"id": c.id, "name": c.name, "arguments": c.arguments}) for c in completion.tool_calls]
            ended = _end(completion.started_at, completion.latency_seconds)
            said += [{"kind": "message", "role": "assistant", "content": completion.text, "timestamp": ended}, *calls]
        return Conversation(events=[ConversationEvent(event_index=i, **event) for i, event in enumerate(said)])

    def _audit(self, record: StoredRecord) -> JudgeAuditTrail | None:
        calls = audits_of(record.scored, self.fetch) if record.scored is not None else ()
        return JudgeAuditTrail(evaluation_hash=record.found.overlay, calls=list(calls)) if calls else None

    def _observability(self) -> ObservabilitySnapshot | None:
        engine = self.first.found.run.row.engine
        links = [
            ObservabilityLink(provider=engine, external_id=c.request_id, extras={"model": c.model})
            for c in self.completions
            if c is not None and c.request_id
        ]
        return ObservabilitySnapshot(links=links) if links else None


def _turns(turns: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """An agent's turns: what the model said, the tools it called, what they gave."""
    for turn in turns:
        if turn.get("role") == "tool":  # another program's: a tool's answer is a message of its own
            yield _result(turn, turn.get("content"), turn.get("tool_call_id"), turn.get("function"), bool(turn.get("error")))
            continue
        ended = _end(turn.get("started_at"), turn.get("latency_seconds"))
        yield {"kind": "message", "role": str(turn.get("role", "assistant")), "content": turn.get("content"), "timestamp": ended}
        for call in turn.get("tool_calls") or ():
            yield _call(call)
            if "result" in call:
                yield _result(call, call["result"], call.get("id"), call.get("name"), bool(call.get("failed")))


def _result(call: dict[str, Any], said: Any, call_id: str | None, name: str | None, failed: bool) -> dict[str, Any]:
    named = {"call_id": call_id, "tool_name": name, "is_error": failed}
    return {"kind": "tool_result", "role": "tool", "content": said, "timestamp": _end(call.get("started_at"), call.get("seconds")), **named}


def _end(start: float | None, seconds: float | None) -> float | None:
    return None if start is None or seconds is None else start + seconds


def _call(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments")
    written = arguments if isinstance(arguments, str) or arguments is None else msgspec.json.encode(arguments).decode()
    named = {"call_id": call.get("id"), "tool_name": call.get("name") or call.get("function"), "arguments": written}
    return {"kind": "tool_call", "role": "assistant", "timestamp": call.get("started_at"), **named}


def _inference(record: StoredRecord, completion: Completion | None) -> InferenceRecord | None:
    if completion is None:
        last = record.failures[-1].event if record.failures else None
        if not isinstance(last, Failed):
            return None
        began = last.requested_at if last.requested_at is not None else last.started_at
        return InferenceRecord(status="error", retries=last.retries, started_at=began, error=f"{last.error_kind}: {last.error}")
    return InferenceRecord(
        status="ok",
        raw_text=completion.text,
        reasoning_trace=completion.reasoning,
        finish_reason=completion.finish_reason,
        latency_ms=milliseconds(completion.latency_seconds),
        time_to_first_token_ms=milliseconds(completion.ttft_seconds),
        provider_request_id=completion.request_id,
        token_usage=completion.usage,
        tool_calls=completion.tool_calls,
        cost_usd=completion.cost_usd,
        retries=completion.retries,
        model=completion.model,
        provider_response=completion.raw,
        started_at=completion.started_at,
        queued_ms=milliseconds(completion.queued_seconds),
        simulated=completion.simulated,
    )


def _extraction(scored: Scored) -> ExtractionRecord:
    read = scored.extraction
    warnings = ["several readings were possible"] if read.ambiguous else []
    return ExtractionRecord(
        extractor_id=read.how or None,
        success=read.found,
        parsed_answer=read.answer,
        warnings=warnings,
        failure_reason=why_unread(scored),
        evaluation_hash=scored.overlay,
    )


def _evaluation(record: StoredRecord) -> EvaluationRecord | None:
    scored = record.scored
    if scored is None:
        return None
    verdict = scored.verdict
    times = grading_times(scored)
    return EvaluationRecord(
        evaluation_hash=scored.overlay,
        status="ok" if verdict.outcome.of_model else "error",
        outcome=Outcome(verdict.outcome).value,
        is_correct=verdict.is_correct,
        metric_scores=[MetricScore(metric_id=name, value=value) for name, value in metrics_of(verdict).items()],
        details=verdict.details,
        reference_hash=scored.reference_hash,
        judge_cost_usd=scored.judge_cost_usd,
        started_at=times.scoring,
        ended_at=times.ended,
        error=scored.error,
    )


def _event(trial_hash: str, stored: At) -> TrialEvent:
    event = stored.event
    failed = isinstance(event, Failed) or (isinstance(event, Scored) and event.error is not None)
    said = getattr(event, "error", None)
    metadata = {"overlay": event.overlay} if isinstance(event, Scored) else {}
    return TrialEvent(
        trial_hash=trial_hash,
        event_seq=stored.position,
        event_id=f"{trial_hash}:{stored.position}",
        event_type=str(type(event).__struct_config__.tag),
        candidate_id=getattr(event, "candidate_id", None),
        stage=_STAGE_OF.get(type(event)),
        status="error" if failed else "ok",
        event_ts=stored.at,
        metadata=dict(metadata),
        payload=msgspec.to_builtins(event),
        error=said,
    )
