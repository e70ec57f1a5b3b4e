"""The nouns of the system (design vocabulary) as frozen records.

All durations are seconds, all times are Unix seconds, all costs US dollars. `None` means *not measured*, never zero.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

JSON = Any  # whatever json.loads can return


class Outcome(StrEnum):
    """How a candidate ended. Carried into every count; see `Outcome.of_model` for the headline denominator."""

    SCORED = "scored"
    WRONG_FORMAT = "wrong_format"  # an answer came, but not in a form that can be read: counts as wrong
    REFUSED = "refused"  # empty or declined: counts as wrong
    TRUNCATED = "truncated"  # cut at max_tokens and not correct: counts as wrong, and is shouted about
    LIMIT = "limit"  # turns, time or tokens of an agent ran out: counts as wrong
    JUDGE_FAILED = "judge_failed"  # we could not grade: unscored, retried on resume
    INFRASTRUCTURE_FAILED = "infrastructure_failed"  # we could not ask: unscored, retried on resume
    SAMPLE_INVALID = "sample_invalid"  # the row itself is unusable: unscored

    @property
    def of_model(self) -> bool:
        """True where the model is responsible for the ending, so that it stays in the denominator."""
        return self not in _OURS


ENDED_EARLY = {"length": Outcome.TRUNCATED, "limit": Outcome.LIMIT, "refusal": Outcome.REFUSED, "content_filter": Outcome.REFUSED}
"""What a wrong answer is called that did not end by itself, by the finish reason."""

_OURS = frozenset({Outcome.JUDGE_FAILED, Outcome.INFRASTRUCTURE_FAILED, Outcome.SAMPLE_INVALID})


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call the model asked for; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a conversation. `content` is text or a list of OpenAI-style parts (`text`, `image_url`)."""

    role: str
    content: str | list[dict[str, JSON]] = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to a sample. `path` is local; it is copied into the workspace of an agent."""

    name: str
    path: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One question, before any prompt is rendered.

    Attributes:
        record_id: stable upstream id (never a position), unique within the benchmark.
        input: the bare question: text, or messages.
        reference: the expected answer as the scorer wants it; never shown to the model.
        choices: options of a multiple-choice question, in the order in which they are shown.
        subject: the group of the seed's `per_subject`.
        slice_id: a named part of the benchmark that is reported apart.
        cluster: items that share a source (a passage, a repository) share a cluster; None means independent.
        dimensions: free labels to aggregate by (difficulty, discipline, source).
        metadata: whatever the scorer or a person needs beside (tests, urls, raw upstream columns).
    """

    record_id: str
    input: str | tuple[Message, ...]
    reference: JSON = None
    choices: tuple[str, ...] = ()
    subject: str | None = None
    slice_id: str = "default"
    cluster: str | None = None
    dimensions: dict[str, str] = {}
    attachments: tuple[Attachment, ...] = ()
    metadata: dict[str, JSON] = {}

    @property
    def question(self) -> str:
        """The bare question as text (messages are joined)."""
        if isinstance(self.input, str):
            return self.input
        return "\n\n".join(text_of(m.content) for m in self.input)


class GenerationParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of the model beside the messages. Part of the identity of a trial."""

    temperature: float = 0.0
    max_tokens: int = 2048
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    extra: dict[str, JSON] = {}  # passed through to the server as they are


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts as the server reported them; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine (or an agent, summed over its turns) answered.

    Attributes:
        text: the visible answer as it came, not stripped of anything.
        reasoning: separate reasoning text, where the server sends it apart.
        finish_reason: the server's word: `stop`, `length`, `tool_calls`, `content_filter`, …
        latency_seconds: from sending to the last byte of the successful request (no queueing, no retries).
        ttft_seconds: time to the first token, only when streamed.
        cost_usd: from the price table; None when the price is unknown.
        raw: the provider's response as it came, for replay.
        turns: an agent's turns, each a JSON object; empty for a direct answer.
        retries: one entry a failed request before this success: `started_at`, `at` (its end), `kind`, `status`, `error`,
            `backoff_seconds` (slept after it), and `retry_after_seconds` where the server asked for it.
        simulated: True when no model was asked; every output must say so.
        queued_seconds: from being asked for to the first request going out; no back-off. Of an agent the sum over its turns.
    """

    text: str
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_seconds: float | None = None
    ttft_seconds: float | None = None
    started_at: float | None = None
    model: str | None = None
    request_id: str | None = None
    raw: str | None = None
    turns: tuple[dict[str, JSON], ...] = ()
    retries: tuple[dict[str, JSON], ...] = ()
    simulated: bool = False
    queued_seconds: float | None = None


class Extraction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a transform read out of the raw output.

    Attributes:
        answer: the extracted answer, None if there is none.
        how: which rule found it, for `explain`.
        ambiguous: several readings were possible; a judge may decide.
    """

    answer: JSON = None
    how: str = ""
    ambiguous: bool = False

    @property
    def found(self) -> bool:
        """Whether there is an answer to score."""
        return self.answer is not None


class JudgeAudit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about one judge call: prompt, reply, what was read from it, what it cost.

    `label` tells the calls of one verdict apart (the two orders of a comparison, the items of a checklist);
    `finish_reason` is the server's word, so that a reply cut at max_tokens is never read as a verdict. `started_at`, `queued_seconds`
    and `retries` are as in `Completion`; of a call that failed, `started_at` is None and all its requests are among the retries.
    """

    prompt: str
    reply: str | None
    parsed: JSON = None
    model: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_seconds: float | None = None
    error: str | None = None
    label: str | None = None
    finish_reason: str | None = None
    started_at: float | None = None
    queued_seconds: float | None = None
    retries: tuple[dict[str, JSON], ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a scorer says of one candidate.

    Attributes:
        value: the primary score in 0..1; None when unscored.
        is_correct: by the benchmark's rule; None when unscored.
        outcome: SCORED unless the answer could not be read or graded.
        metrics: further metrics reported beside the primary one (official rules, partial credit).
        details: the seed's `scoring_metadata`.
        audits: the judge calls behind the verdict.
    """

    value: float | None
    is_correct: bool | None
    outcome: Outcome = Outcome.SCORED
    metrics: dict[str, float | None] = {}
    details: dict[str, JSON] = {}
    audits: tuple[JudgeAudit, ...] = ()


def text_of(content: str | list[dict[str, JSON]]) -> str:
    """The text parts of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content if part.get("type") == "text")
