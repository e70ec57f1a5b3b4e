"""What can happen, and what follows from it for the tables.

An event is an immutable fact. `project` turns one into table rows; it is the only way rows come to be, live and in a
rebuild, so that both give the same bytes. Large texts are stowed as content-addressed blobs and stand in the body as a
reference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tripos.core.records import JSON, Completion, Extraction, JudgeAudit, ToolCall, Usage, Verdict

INLINE_LIMIT = 1024  # characters; below this a blob would cost more than it saves


class Blob(msgspec.Struct, frozen=True):
    """A reference to a text in the `blob` table by its SHA-256."""

    blob: str


Text = str | Blob
Stow = Callable[[str], Text]
Fetch = Callable[[Text], str]


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    pass


class RunStarted(_Event, frozen=True, kw_only=True, tag="run_started"):
    """A process began (or went on with) a run. `planned` = trials x attempts it wants, None while unknown."""

    run_key: str
    suite: str
    benchmark: str
    category: str
    model: str
    engine: str
    backend: str
    overlay: str
    simulated: bool
    planned: int | None
    config: dict[str, JSON]
    dataset: dict[str, JSON]
    provenance: dict[str, JSON]


class TrialPlanned(_Event, frozen=True, kw_only=True, tag="trial_planned"):
    """A sample was taken into the run: its labels, the rendered prompt, the reference."""

    record_id: str
    prompt_variant_id: str = "default"
    attempt: int = 0
    candidate_id: str
    trial_hash: str
    subject: str | None = None
    slice_id: str = "default"
    cluster: str | None = None
    dimensions: dict[str, str] = {}
    reference: JSON = None
    reference_hash: str
    prompt: Text


class Answered(_Event, frozen=True, kw_only=True, tag="answered"):
    """A candidate: what came back, and what it took."""

    candidate_id: str
    text: Text
    reasoning: Text | None = None
    raw: Text | None = None
    turns: Text | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_seconds: float | None = None
    ttft_seconds: float | None = None
    started_at: float | None = None
    model: str | None = None
    request_id: str | None = None
    retries: tuple[dict[str, JSON], ...] = ()
    simulated: bool = False
    telemetry: dict[str, float | None] = {}


class Failed(_Event, frozen=True, kw_only=True, tag="failed"):
    """No candidate: the last error after all tries. The next run of the same command tries again."""

    candidate_id: str
    error_kind: str
    error: str
    retries: tuple[dict[str, JSON], ...] = ()
    started_at: float | None = None


class Scored(_Event, frozen=True, kw_only=True, tag="scored"):
    """What the scorer said of a candidate; outcome `judge_failed` when it could not."""

    candidate_id: str
    overlay: str
    reference_hash: str
    extraction: Extraction
    verdict: Verdict
    audits: Text | None = None
    error: str | None = None
    started_at: float
    judge_cost_usd: float | None = None


class RunEnded(_Event, frozen=True, kw_only=True, tag="run_ended"):
    """A process stopped working on a run: `complete`, `partial`, `interrupted` or `budget`."""

    status: str
    counts: dict[str, int]


Event = RunStarted | TrialPlanned | Answered | Failed | Scored | RunEnded

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode
_plain = msgspec.json.Encoder(order="sorted").encode


class Stored(NamedTuple):
    """An event with its place in the record."""

    position: int
    run_id: str
    at: float
    body: bytes
    event: Event


def encode(event: Event) -> bytes:
    """The body of an event as JSON."""
    return _encode(event)


def decode(body: bytes) -> Event:
    """An event from its body."""
    event: Event = _decode(body)
    return event


def link(previous: bytes, stream_id: str, place: int, run_id: str, at: float, body: bytes) -> bytes:
    """The digest of an event in the chain of its stream."""
    head = f"{stream_id}\0{place}\0{run_id}\0{at!r}\0".encode()
    return hashlib.sha256(previous + head + body).digest()


def answered(candidate_id: str, completion: Completion, stow: Stow, telemetry: dict[str, float | None]) -> Answered:
    """The event of a completion."""
    c = completion
    return Answered(
        candidate_id=candidate_id,
        text=stow(c.text),
        reasoning=stow(c.reasoning) if c.reasoning is not None else None,
        raw=stow(c.raw) if c.raw is not None else None,
        turns=stow(_encode(c.turns).decode()) if c.turns else None,
        tool_calls=c.tool_calls,
        finish_reason=c.finish_reason,
        usage=c.usage,
        cost_usd=c.cost_usd,
        latency_seconds=c.latency_seconds,
        ttft_seconds=c.ttft_seconds,
        started_at=c.started_at,
        model=c.model,
        request_id=c.request_id,
        retries=c.retries,
        simulated=c.simulated,
        telemetry=telemetry,
    )


def completion_of(event: Answered, fetch: Fetch) -> Completion:
    """The completion of an event, as it was."""
    return Completion(
        text=fetch(event.text),
        reasoning=fetch(event.reasoning) if event.reasoning is not None else None,
        raw=fetch(event.raw) if event.raw is not None else None,
        turns=tuple(msgspec.json.decode(fetch(event.turns))) if event.turns is not None else (),
        tool_calls=event.tool_calls,
        finish_reason=event.finish_reason,
        usage=event.usage,
        cost_usd=event.cost_usd,
        latency_seconds=event.latency_seconds,
        ttft_seconds=event.ttft_seconds,
        started_at=event.started_at,
        model=event.model,
        request_id=event.request_id,
        retries=event.retries,
        simulated=event.simulated,
    )


def audits_of(event: Scored, fetch: Fetch) -> tuple[JudgeAudit, ...]:
    """The judge calls behind a verdict."""
    return () if event.audits is None else tuple(msgspec.json.decode(fetch(event.audits), type=list[JudgeAudit]))


def _upsert(table: str, key: str, columns: str, where: str = "") -> str:
    names = key.split() + columns.split()
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns.split())
    marks = ", ".join("?" * len(names))
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT ({', '.join(key.split())}) DO UPDATE SET {updates}{where}"
    )


INSERTS = {
    "run": "INSERT INTO run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (run_id) DO UPDATE SET planned = excluded.planned, "
    "status = excluded.status, config = excluded.config, dataset = excluded.dataset, provenance = excluded.provenance, ended_at = NULL",
    "run_end": "UPDATE run SET status = ?, ended_at = ? WHERE run_id = ?",
    "trial": _upsert(
        "trial",
        "run_id record_id prompt_variant_id attempt",
        "candidate_id trial_hash subject slice_id cluster dimensions reference_hash position",
    ),
    # a candidate that was answered stays so, whatever fails later
    "candidate": _upsert(
        "candidate",
        "candidate_id",
        "status finish_reason prompt_tokens completion_tokens cost_usd latency_seconds ttft_seconds energy_joules started_at retries "
        "error_kind error simulated position",
        " WHERE candidate.status <> 'answered' OR excluded.status = 'answered'",
    ),
    "verdict": _upsert("verdict", "candidate_id overlay", "outcome answer value is_correct reference_hash judge_cost_usd at position"),
    "metric": _upsert("metric", "candidate_id overlay metric_id", "value"),
}
"""One statement a projection; rows of one batch go through each in this order."""


def project(stored: Stored) -> list[tuple[str, tuple[Any, ...]]]:
    """The rows that follow from one event, as (statement, row)."""
    where = stored.position
    match stored.event:
        case TrialPlanned() as e:
            labels = _plain(e.dimensions).decode() if e.dimensions else None
            identity = (stored.run_id, e.record_id, e.prompt_variant_id, e.attempt, e.candidate_id, e.trial_hash)
            return [("trial", (*identity, e.subject, e.slice_id, e.cluster, labels, e.reference_hash, where))]
        case Answered() as e:
            tokens = (e.usage.prompt_tokens, e.usage.completion_tokens)
            times = (e.cost_usd, e.latency_seconds, e.ttft_seconds, e.telemetry.get("energy_joules"), e.started_at, len(e.retries))
            return [("candidate", (e.candidate_id, "answered", e.finish_reason, *tokens, *times, None, None, int(e.simulated), where))]
        case Failed() as e:
            blank = (None,) * 7
            return [("candidate", (e.candidate_id, "failed", *blank, e.started_at, len(e.retries), e.error_kind, e.error, 0, where))]
        case Scored() as e:
            return _scored(e, stored.at, where)
        case RunStarted() as e:
            named = (stored.run_id, e.run_key, e.suite, e.benchmark, e.category, e.model, e.engine, e.backend, e.overlay)
            papers = tuple(_plain(p).decode() for p in (e.config, e.dataset, e.provenance))
            return [("run", (*named, e.planned, "running", int(e.simulated), stored.at, None, *papers))]
        case RunEnded() as e:
            return [("run_end", (e.status, stored.at, stored.run_id))]


def _scored(e: Scored, at: float, where: int) -> list[tuple[str, tuple[Any, ...]]]:
    v = e.verdict
    answer = None if e.extraction.answer is None else str(e.extraction.answer)[:500]
    correct = None if v.is_correct is None else int(v.is_correct)
    row = (e.candidate_id, e.overlay, str(v.outcome), answer, v.value, correct, e.reference_hash, e.judge_cost_usd, at, where)
    return [("verdict", row), *(("metric", (e.candidate_id, e.overlay, metric, value)) for metric, value in v.metrics.items())]
