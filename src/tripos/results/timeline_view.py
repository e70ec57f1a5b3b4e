"""From stored events to the view of one record: stages with their real times, the parse behind the score, the judge's audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tripos.core.records import Completion, Outcome
from tripos.results import stored_record
from tripos.results.overlays import TRANSFORM
from tripos.results.stored_record import At, StoredRecord
from tripos.results.timeline import (
    ArtifactRef,
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
    transform_hash: str | None = None,
    evaluation_hash: str | None = None,
) -> RecordTimelineView:
    """The view of a candidate or a trial.

    Args:
        record_id: a candidate id, a trial hash (or 6 digits or more of either), or the benchmark's own record id.
        attempt: which attempt, where a record id has several.

    Raises:
        ConfigError: nothing or more than one thing is called so; lists what there is.
    """
    kind = RecordType.of(record_type)
    found = stored_record.find(repo, record_id, transform_hash=transform_hash, evaluation_hash=evaluation_hash)
    if attempt is not None:
        found = [f for f in found if f.attempt == attempt] or found
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
        if self.kind is RecordType.TRIAL:
            reference = ArtifactRef(artifact_hash=_hash(self.first.planned.reference_hash), role="item_payload", label="reference")
            yield TimelineStageRecord(
                stage="item_load", status="ok", component_id=self.first.found.run.row.benchmark, artifact_refs=[reference]
            )
        prompt = self.fetch(self.first.planned.prompt)
        yield TimelineStageRecord(
            stage="prompt_render",
            status="ok",
            component_id=self.first.found.prompt_variant_id,
            artifact_refs=[ArtifactRef(artifact_hash=_hash(prompt), media_type="application/json", role="rendered_prompt")],
        )
        for record, completion in zip(self.records, self.completions, strict=True):
            mark = {"attempt": record.found.attempt} if self.kind is RecordType.TRIAL else {}
            for stage in (*_asked(record, completion), *self._graded(record, completion)):
                yield msgspec.structs.replace(stage, metadata={**mark, **stage.metadata})

    def _graded(self, record: StoredRecord, completion: Completion | None) -> Iterator[TimelineStageRecord]:
        scored = record.scored
        if scored is None or record.scored_at is None or completion is None:
            return
        read = _extraction(scored)
        yield TimelineStageRecord(
            stage="extraction",
            status="ok" if read.success else "error",
            component_id=read.extractor_id,
            started_at=scored.started_at,
            metadata={"parsed_answer": read.parsed_answer, "ambiguous": scored.extraction.ambiguous},
            error=read.failure_reason,
        )
        for audit in audits_of(scored, self.fetch):
            yield TimelineStageRecord(
                stage="judge",
                status="ok" if audit.error is None else "error",
                component_id=audit.model,
                duration_ms=_ms(audit.latency_seconds),
                metadata={"label": audit.label, "parsed": audit.parsed, "cost_usd": audit.cost_usd, "finish_reason": audit.finish_reason},
                artifact_refs=[ArtifactRef(artifact_hash=_hash(audit.prompt), role="judge_audit", label="prompt")],
                error=audit.error,
            )
        ended = record.scored_at.at
        yield TimelineStageRecord(
            stage="evaluation",
            status="error" if scored.error is not None else "ok",
            component_id=record.found.overlay,
            started_at=scored.started_at,
            ended_at=ended,
            duration_ms=_ms(ended - scored.started_at),
            metadata={"outcome": scored.verdict.outcome.value, "judge_cost_usd": scored.judge_cost_usd},
            error=scored.error,
        )

    def _conversation(self, completion: Completion | None) -> Conversation:
        said: list[dict[str, Any]] = []
        for message in msgspec.json.decode(self.fetch(self.first.planned.prompt)):
            said.append({"kind": "message", "role": message["role"], "content": message.get("content", "")})
        if completion is not None and completion.turns:
            said.extend(_turns(completion.turns))
        elif completion is not None:
            calls = [_call({"id": c.id, "name": c.name, "arguments": c.arguments}) for c in completion.tool_calls]
            ended = None if completion.started_at is None else completion.started_at + (completion.latency_seconds or 0.0)
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


def _asked(record: StoredRecord, completion: Completion | None) -> Iterator[TimelineStageRecord]:
    """Failed tries, the waits between, and the answer. A queue time is shown where the record has it."""
    model = record.found.run.row.model
    for failure in record.failures:
        assert isinstance(failure.event, Failed)
        yield from _tries(failure.event.retries, model, failure.event.started_at)
        error = f"{failure.event.error_kind}: {failure.event.error}"
        yield _span("inference", "error", model, failure.event.started_at, failure.at, {"error_kind": failure.event.error_kind}, error)
    if completion is None or record.answered is None:
        return
    yield from _tries(completion.retries, model, None)
    began = completion.started_at
    queued = record.answered.telemetry.get("queued_seconds")
    if began is not None and completion.retries:
        yield _span("queueing", "ok", model, completion.retries[-1].get("at"), began, {"why": "back-off and a free slot"})
    elif began is not None and queued is not None:
        yield _span("queueing", "ok", model, began - queued, began, {"why": "a free slot"})
    ended = None if began is None or completion.latency_seconds is None else began + completion.latency_seconds
    usage = msgspec.to_builtins(completion.usage)
    facts = {"finish_reason": completion.finish_reason, "usage": usage, "cost_usd": completion.cost_usd, "simulated": completion.simulated}
    stage = _span(
        "inference", "ok", model, began, ended, facts | {"ttft_ms": _ms(completion.ttft_seconds), "tries": len(completion.retries) + 1}
    )
    answer = ArtifactRef(artifact_hash=_hash(completion.text), role="inference_output")
    yield msgspec.structs.replace(stage, duration_ms=_ms(completion.latency_seconds), artifact_refs=[answer])


def _tries(retries: Sequence[dict[str, Any]], model: str, began: float | None) -> Iterator[TimelineStageRecord]:
    before: float | None = None
    for retry in retries:
        started, ended = retry.get("started_at", began), retry.get("at")
        if before is not None and started is not None:
            yield _span("queueing", "ok", model, before, started, {"why": "back-off and a free slot"})
        facts = {"error_kind": retry.get("kind"), "http_status": retry.get("status")}
        yield _span("inference", "error", model, started, ended, facts, str(retry.get("error")))
        before, began = ended, None


def _span(
    stage: str, status: str, who: str, start: float | None, end: float | None, facts: dict[str, Any], error: str | None = None
) -> TimelineStageRecord:
    duration = None if start is None or end is None else _ms(end - start)
    return TimelineStageRecord(
        stage=stage, status=status, component_id=who, started_at=start, ended_at=end, duration_ms=duration, metadata=facts, error=error
    )


def _turns(turns: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """An agent's turns: what the model said, the tools it called, what they gave."""
    for turn in turns:
        began, took = turn.get("started_at"), turn.get("latency_seconds")
        ended = None if began is None else began + (took or 0.0)
        yield {"kind": "message", "role": str(turn.get("role", "assistant")), "content": turn.get("content"), "timestamp": ended}
        for call in turn.get("tool_calls") or ():
            yield _call(call)
            if "result" in call:
                end = None if call.get("started_at") is None else call["started_at"] + (call.get("seconds") or 0.0)
                named = {"call_id": call.get("id"), "tool_name": call.get("name"), "is_error": bool(call.get("failed"))}
                yield {"kind": "tool_result", "role": "tool", "content": call["result"], "timestamp": end, **named}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    named = {"call_id": call.get("id"), "tool_name": call.get("name"), "arguments": call.get("arguments")}
    return {"kind": "tool_call", "role": "assistant", "timestamp": call.get("started_at"), **named}


def _inference(record: StoredRecord, completion: Completion | None) -> InferenceRecord | None:
    if completion is None:
        last = record.failures[-1].event if record.failures else None
        if not isinstance(last, Failed):
            return None
        return InferenceRecord(status="error", retries=last.retries, started_at=last.started_at, error=f"{last.error_kind}: {last.error}")
    return InferenceRecord(
        status="ok",
        raw_text=completion.text,
        reasoning_trace=completion.reasoning,
        finish_reason=completion.finish_reason,
        latency_ms=_ms(completion.latency_seconds),
        time_to_first_token_ms=_ms(completion.ttft_seconds),
        provider_request_id=completion.request_id,
        token_usage=completion.usage,
        tool_calls=completion.tool_calls,
        cost_usd=completion.cost_usd,
        retries=completion.retries,
        model=completion.model,
        provider_response=completion.raw,
        started_at=completion.started_at,
        simulated=completion.simulated,
    )


def _extraction(scored: Scored) -> ExtractionRecord:
    read = scored.extraction
    reason = None if read.found else scored.error or f"no answer was found ({read.how or 'no rule fits'})"
    warnings = ["several readings were possible"] if read.ambiguous else []
    return ExtractionRecord(
        extractor_id=read.how or None,
        success=read.found,
        parsed_answer=read.answer,
        warnings=warnings,
        failure_reason=reason,
        evaluation_hash=scored.overlay,
    )


def _evaluation(record: StoredRecord) -> EvaluationRecord | None:
    scored = record.scored
    if scored is None or record.scored_at is None:
        return None
    verdict = scored.verdict
    accuracy = None if verdict.is_correct is None else float(verdict.is_correct)
    metrics = {"score": verdict.value, "accuracy": accuracy, **verdict.metrics}
    return EvaluationRecord(
        evaluation_hash=scored.overlay,
        status="ok" if verdict.outcome.of_model else "error",
        outcome=Outcome(verdict.outcome).value,
        is_correct=verdict.is_correct,
        metric_scores=[MetricScore(metric_id=name, value=value) for name, value in metrics.items()],
        details=verdict.details,
        reference_hash=scored.reference_hash,
        judge_cost_usd=scored.judge_cost_usd,
        started_at=scored.started_at,
        ended_at=record.scored_at.at,
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


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
