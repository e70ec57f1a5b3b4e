"""The stages of a record with their real times: preparation, waits, requests, tools, parse, judge calls, score."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from tripos.core.records import Completion, JudgeAudit
from tripos.results.stored_record import StoredRecord
from tripos.results.timeline import ArtifactRef, TimelineStageRecord
from tripos.store.events import Failed, Prepared, Scored

Stages = Iterator[TimelineStageRecord]
Retries = Sequence[dict[str, Any]]


class Graded(NamedTuple):
    """When parsing and scoring began (Unix seconds) and how long they took; None where nobody looked at the clock."""

    parsing: float | None = None
    parse_seconds: float | None = None
    scoring: float | None = None
    score_seconds: float | None = None

    @property
    def ended(self) -> float | None:
        """When the score was there."""
        return None if self.scoring is None or self.score_seconds is None else self.scoring + self.score_seconds


def grading_times(scored: Scored) -> Graded:
    """When an answer was parsed and scored. Of records without `took` only the beginning is known."""
    began, took = scored.started_at, scored.took
    if began is None:
        return Graded()
    if took is None:
        return Graded(began, None, began, None)
    parsing, parse_seconds = (None, None) if took.parse is None else (began, took.parse / 1e6)
    if took.score is None:
        return Graded(parsing, parse_seconds)
    return Graded(parsing, parse_seconds, began + ((took.parse or 0) + took.pause) / 1e6, took.score / 1e6)


def in_order(stages: Iterable[TimelineStageRecord]) -> list[TimelineStageRecord]:
    """By their ends, so that scoring follows the judge calls within it. What has no time stays behind what it followed."""
    last = float("-inf")
    keyed = []
    for stage in stages:
        at = stage.ended_at if stage.ended_at is not None else stage.started_at
        last = at if at is not None else last
        keyed.append((last, stage))
    return [stage for _, stage in sorted(keyed, key=lambda pair: pair[0])]


def preparation(record: StoredRecord, prompt: str, *, whole: bool) -> Stages:
    """Reading the sample and rendering the prompt. `whole`: the sample is shown even when its time is not known."""
    planned, times = record.planned, record.planned.prepared
    if times is not None and _is_older(record, times):
        times = None  # the answer was there already: this run took it over, and prepared the question for nothing
    start = times.started_at if times is not None else None
    if whole or times is not None:
        reference = ArtifactRef(artifact_hash=content_hash(planned.reference_hash), role="item_payload", label="reference")
        read = None if times is None else times.load / 1e6
        yield _stage("item_load", "ok", record.found.run.row.benchmark, start, read, refs=[reference])
    rendered = ArtifactRef(artifact_hash=content_hash(prompt), media_type="application/json", role="rendered_prompt")
    began = None if times is None else times.started_at + (times.load + times.pause) / 1e6
    took = None if times is None else times.render / 1e6
    yield _stage("prompt_render", "ok", record.found.prompt_variant_id, began, took, refs=[rendered])


def _is_older(record: StoredRecord, times: Prepared) -> bool:
    answered = record.answered.started_at if record.answered is not None else None
    return answered is not None and answered < times.started_at


def asking(record: StoredRecord, completion: Completion | None) -> Stages:
    """What it took to get the answer: earlier runs that failed, waits, tries, turns and tools, the answer itself."""
    model = record.found.run.row.model
    for failure in record.failures:
        assert isinstance(failure.event, Failed)
        yield from _failing(failure.event, model)
    if completion is None:
        return
    answer = ArtifactRef(artifact_hash=content_hash(completion.text), role="inference_output")
    if any(turn.get("started_at") is not None for turn in completion.turns):
        yield from _turns(completion, model, answer)
        return
    c = completion
    yield from _before("inference", model, c.started_at, c.queued_seconds, c.retries)
    facts = {"finish_reason": c.finish_reason, "usage": msgspec.to_builtins(c.usage), "cost_usd": c.cost_usd, "simulated": c.simulated}
    facts |= {"ttft_ms": milliseconds(c.ttft_seconds), "tries": len(c.retries) + 1}
    yield _stage("inference", "ok", model, c.started_at, c.latency_seconds, facts, refs=[answer])


def _failing(failed: Failed, model: str) -> Stages:
    """A run in which no answer could be had."""
    sent, error = failed.requested_at, f"{failed.error_kind}: {failed.error}"
    first = failed.retries[0].get("started_at") if failed.retries else sent
    queued = None if first is None or sent is None or failed.started_at is None else first - failed.started_at
    yield from _before("inference", model, sent, queued, failed.retries)
    began = sent if sent is not None or failed.retries else failed.started_at
    facts = {"error_kind": failed.error_kind, "try": len(failed.retries) + 1}
    yield _stage("inference", "error", model, began, _between(began, failed.ended_at), facts, error, end=failed.ended_at)


def _before(stage: str, who: str | None, sent: float | None, queued: float | None, retries: Retries, turn: int | None = None) -> Stages:
    """Before a request went out (`sent`) that was answered: the wait for a slot, the tries that failed, the wait after each."""
    mark = {} if turn is None else {"turn": turn}
    first = retries[0].get("started_at") if retries else sent
    if queued is not None and first is not None:
        yield _stage("queueing", "ok", who, first - queued, queued, {**mark, "why": "a free slot"})
    for number, retry in enumerate(retries, 1):
        start, end = retry.get("started_at"), retry.get("at")
        facts = {**mark, "try": number, "error_kind": retry.get("kind"), "http_status": retry.get("status")}
        yield _stage(stage, "error", who, start, _between(start, end), facts, str(retry.get("error")), end=end)
        after = retries[number].get("started_at") if number < len(retries) else sent
        if end is not None and after is not None:
            slept = {"backoff_ms": milliseconds(retry.get("backoff_seconds")), "retry_after_seconds": retry.get("retry_after_seconds")}
            yield _stage("queueing", "ok", who, end, after - end, {**mark, "why": "back-off and a free slot", **slept})


def _turns(completion: Completion, model: str, answer: ArtifactRef) -> Stages:
    """An agent's turns, each with its waits, its request and its tools."""
    last = max(i for i, turn in enumerate(completion.turns) if turn.get("role") == "assistant" or i == 0)
    number = 0
    for place, turn in enumerate(completion.turns):
        if turn.get("role") == "tool":
            yield _tool(turn)
        if turn.get("role") != "assistant":
            continue
        number += 1
        start, took = turn.get("started_at"), turn.get("latency_seconds")
        yield from _before("inference", model, start, turn.get("queued_seconds"), turn.get("retries") or (), number)
        names = ("finish_reason", "usage", "cost_usd")
        facts = {"turn": number, **{name: turn.get(name) for name in names}, "ttft_ms": milliseconds(turn.get("ttft_seconds"))}
        cut = turn.get("limit") if turn.get("content") is None else None
        facts |= {"simulated": completion.simulated, "limit": turn.get("limit")}
        refs = [answer] if place == last else []
        yield _stage("inference", "ok" if cut is None else "error", model, start, took, facts, cut, refs=refs)
        for call in turn.get("tool_calls") or ():
            if "result" in call or call.get("started_at") is not None:
                yield _tool(call)


def _tool(call: dict[str, Any]) -> TimelineStageRecord:
    """A tool call: of ours, or a message in which another program's tool answers."""
    ours = "role" not in call
    said = call.get("result") if ours else call.get("content")
    error = call.get("error")
    if ours and "result" not in call:
        error = "it was not waited for to the end"
    elif ours and call.get("failed"):
        error = str(said)[:300]
    elif isinstance(error, dict):
        error = str(error.get("message") or error)[:300]
    name, number = (call.get("name"), call.get("id")) if ours else (call.get("function"), call.get("tool_call_id"))
    status = "ok" if not error else "error"
    return _stage("tool", status, name, call.get("started_at"), call.get("seconds"), {"call_id": number}, error or None)


def grading(record: StoredRecord, audits: Sequence[JudgeAudit]) -> Stages:
    """The parse, each judge call, the score: of the scoring that the record was asked for, not of another one."""
    scored = record.scored
    if scored is None:
        return
    times, read = grading_times(scored), scored.extraction
    facts: dict[str, Any] = {"parsed_answer": read.answer, "ambiguous": read.ambiguous}
    found = "ok" if read.found else "error"
    yield _stage("extraction", found, read.how or None, times.parsing, times.parse_seconds, facts, why_unread(scored))
    for audit in audits:
        yield from _judging(audit)
    facts = {"outcome": scored.verdict.outcome.value, "judge_cost_usd": scored.judge_cost_usd}
    status = "error" if scored.error is not None else "ok"
    yield _stage("evaluation", status, record.found.overlay, times.scoring, times.score_seconds, facts, scored.error)


def why_unread(scored: Scored) -> str | None:
    """Why there is no parsed answer; None where there is one."""
    if scored.extraction.found:
        return None
    return scored.error or f"no answer was found ({scored.extraction.how or 'no rule fits'})"


def _judging(audit: JudgeAudit) -> Stages:
    """One call of a judge. One that was never answered has its last try among the retries."""
    retries, start, took = list(audit.retries), audit.started_at, audit.latency_seconds
    if audit.reply is None and retries:
        last = retries.pop()
        start, took = last.get("started_at"), _between(last.get("started_at"), last.get("at"))
    yield from _before("judge", audit.model, start, audit.queued_seconds, retries)
    facts = {"label": audit.label, "parsed": audit.parsed, "cost_usd": audit.cost_usd, "finish_reason": audit.finish_reason}
    facts |= {"usage": msgspec.to_builtins(audit.usage)}
    prompt = ArtifactRef(artifact_hash=content_hash(audit.prompt), role="judge_audit", label="prompt")
    yield _stage("judge", "ok" if audit.error is None else "error", audit.model, start, took, facts, audit.error, refs=[prompt])


def _stage(
    stage: str,
    status: str,
    who: str | None,
    start: float | None,
    seconds: float | None,
    facts: dict[str, Any] | None = None,
    error: str | None = None,
    *,
    end: float | None = None,
    refs: Sequence[ArtifactRef] = (),
) -> TimelineStageRecord:
    if end is None and start is not None and seconds is not None:
        end = start + seconds
    return TimelineStageRecord(
        stage=stage,
        status=status,
        component_id=who,
        started_at=start,
        ended_at=end,
        duration_ms=milliseconds(seconds),
        metadata=facts or {},
        artifact_refs=list(refs),
        error=error,
    )


def content_hash(text: str) -> str:
    """`sha256:…` of a text."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def milliseconds(seconds: float | None) -> float | None:
    """Seconds in milliseconds, to the nanosecond; None stays None."""
    return None if seconds is None else round(seconds * 1000, 6)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start
