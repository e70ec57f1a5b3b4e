"""What a record's timeline consists of. Immutable; unknown fields are refused.

Times are Unix seconds, durations milliseconds where the name says so. None means that it was not measured, never zero:
a stage whose start nobody took the time of has `started_at` None.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import JSON, JudgeAudit, ToolCall, Usage


class RecordType(StrEnum):
    """A trial (a question put to a model, all attempts), or a candidate (one attempt)."""

    TRIAL = "trial"
    CANDIDATE = "candidate"

    @classmethod
    def of(cls, name: RecordType | str) -> RecordType:
        """Raises ConfigError for another word."""
        if name not in {member.value for member in cls}:
            raise ConfigError(unknown("record type", str(name), [member.value for member in cls]))
        return cls(name)


class _View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def plain(self) -> dict[str, Any]:
        """As a JSON object."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class ArtifactRef(_View, frozen=True, kw_only=True):
    """A text of the record by its content: `sha256:…` and what it is to the stage."""

    artifact_hash: str
    media_type: str = "text/plain"
    label: str | None = None
    role: str | None = None


class TimelineStageRecord(_View, frozen=True, kw_only=True):
    """One stage. `stage` is item_load, prompt_render, queueing, inference, tool, extraction, judge or evaluation.

    A request that failed is an `inference` (or `judge`) of status `error`; waiting for a slot or for the next try (back-off, then a
    slot) is `queueing`. Each turn of an agent is an inference, each call of a tool a `tool`. An `evaluation` contains the judge calls
    made for it. `component_id` names who did it: the model, the tool, the rule that read the answer, the scoring, the judge.
    """

    stage: str
    status: str
    component_id: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    duration_ms: float | None = None
    metadata: dict[str, JSON] = {}
    artifact_refs: list[ArtifactRef] = []
    error: str | None = None


class RecordTimeline(_View, frozen=True, kw_only=True):
    """The stages of a record in the order in which they happened; `source_event_range` are positions in the store."""

    record_id: str
    record_type: RecordType
    trial_hash: str
    item_id: str
    candidate_id: str | None = None
    stages: list[TimelineStageRecord] = []
    source_event_range: tuple[int, int] | None = None


class TrialSpec(_View, frozen=True, kw_only=True):
    """What was asked, of whom, and in which way."""

    trial_id: str
    benchmark_id: str
    model_id: str
    item_id: str
    slice_id: str
    prompt_variant_id: str
    engine: str
    backend: str
    params: dict[str, JSON]
    candidate_count: int
    run_id: str
    simulated: bool = False
    metadata: dict[str, JSON] = {}


class ConversationEvent(_View, frozen=True, kw_only=True):
    """`kind` is message, tool_call or tool_result."""

    kind: str
    role: str
    event_index: int
    content: JSON = None
    timestamp: float | None = None
    call_id: str | None = None
    tool_name: str | None = None
    arguments: str | None = None
    is_error: bool | None = None


class Conversation(_View, frozen=True, kw_only=True):
    """Everything said, from the system prompt to the last answer."""

    events: list[ConversationEvent]


class InferenceRecord(_View, frozen=True, kw_only=True):
    """What the model answered, or why it did not (`status` error)."""

    status: str
    raw_text: str | None = None
    reasoning_trace: str | None = None
    finish_reason: str | None = None
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None
    provider_request_id: str | None = None
    token_usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    cost_usd: float | None = None
    retries: tuple[dict[str, JSON], ...] = ()
    model: str | None = None
    provider_response: str | None = None
    started_at: float | None = None
    queued_ms: float | None = None
    simulated: bool = False
    error: str | None = None


class ExtractionRecord(_View, frozen=True, kw_only=True):
    """The parse that a score rests on. `extractor_id` is the rule that found the answer."""

    extractor_id: str | None
    success: bool
    parsed_answer: JSON = None
    warnings: list[str] = []
    failure_reason: str | None = None
    evaluation_hash: str


class MetricScore(_View, frozen=True, kw_only=True):
    """One metric's value; None where it could not be had."""

    metric_id: str
    value: float | None


class EvaluationRecord(_View, frozen=True, kw_only=True):
    """What the scorer said, under the scoring `evaluation_hash`."""

    evaluation_hash: str
    status: str
    outcome: str
    is_correct: bool | None
    metric_scores: list[MetricScore]
    details: dict[str, JSON] = {}
    reference_hash: str
    judge_cost_usd: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    error: str | None = None

    @property
    def aggregate_scores(self) -> dict[str, float | None]:
        """Value by metric."""
        return {m.metric_id: m.value for m in self.metric_scores}


class JudgeAuditTrail(_View, frozen=True, kw_only=True):
    """Every judge call behind the score: prompt, reply, what was read from it, what it cost."""

    evaluation_hash: str
    calls: list[JudgeAudit]


class ObservabilityLink(_View, frozen=True, kw_only=True):
    """Where another system knows this record: the provider's request id, a trace."""

    provider: str
    external_id: str
    url: str | None = None
    extras: dict[str, JSON] = {}


class ObservabilitySnapshot(_View, frozen=True, kw_only=True):
    """All such links."""

    links: list[ObservabilityLink]

    def link_for(self, provider: str) -> ObservabilityLink | None:
        """The first link of a provider."""
        return next((link for link in self.links if link.provider == provider), None)

    def external_id_for(self, provider: str) -> str | None:
        """Its id, None without one."""
        link = self.link_for(provider)
        return link.external_id if link is not None else None

    def url_for(self, provider: str) -> str | None:
        """Its address, None without one."""
        link = self.link_for(provider)
        return link.url if link is not None else None


class TrialEvent(_View, frozen=True, kw_only=True):
    """An event of the store that concerns the record; `event_seq` is its position, `payload` its body."""

    trial_hash: str
    event_seq: int
    event_id: str
    event_type: str
    candidate_id: str | None = None
    stage: str | None = None
    status: str | None = None
    event_ts: float
    metadata: dict[str, JSON] = {}
    payload: dict[str, JSON] | None = None
    artifact_refs: list[ArtifactRef] = []
    error: str | None = None


class RecordTimelineView(_View, frozen=True, kw_only=True):
    """Analysis-oriented single-record projection over timelines and related artifacts.

    `lineage` names what the record hangs on (run, task, model, item, prompt_template, transform_hash, evaluation_hash). `item_payload`
    is what the store keeps of the question, without the prompt. A trial has no parse of its own; its candidates have.
    """

    record_id: str
    record_type: RecordType
    trial_hash: str
    candidate_id: str | None = None
    lineage: dict[str, str | None] = {}
    trial_spec: TrialSpec
    item_payload: dict[str, JSON] | None = None
    timeline: RecordTimeline
    conversation: Conversation | None = None
    inference: InferenceRecord | None = None
    extractions: list[ExtractionRecord] = []
    evaluation: EvaluationRecord | None = None
    judge_audit: JudgeAuditTrail | None = None
    observability: ObservabilitySnapshot | None = None
    related_events: list[TrialEvent] = []

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> RecordTimelineView:
        """From a JSON object. Raises ConfigError for an unknown or missing field, naming it."""
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as error:
            raise ConfigError(f"not a timeline view: {error}") from error
