"""What can happen. An event is an immutable fact; `projection` says what follows from it for the tables.

Large texts are stowed as content-addressed blobs and stand in the body as a reference. The events of one process form a
stream; its events are chained by digests over the stream's id and the place in it. The position of an event in a store
(number of the stream * 2^32 + place) is an address, no part of a digest: merging two stores gives streams new numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tripos.core.errors import StoreError
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


class Prepared(msgspec.Struct, frozen=True, array_like=True):
    """When a sample was read (from `started_at`, Unix seconds) and its prompt rendered; microseconds rounded up, so never 0."""

    started_at: float
    load: int
    pause: int
    render: int


class Took(msgspec.Struct, frozen=True, array_like=True):
    """How long parsing and scoring took from `Scored.started_at` on, with a pause between; microseconds rounded up, so never 0.

    `parse` is None when nothing was parsed (an old answer was scored again), `score` when it did not come to that.
    """

    parse: int | None
    pause: int
    score: int | None


class TrialPlanned(_Event, frozen=True, kw_only=True, tag="trial_planned"):
    """A sample was taken into the run: its labels, the rendered prompt, the reference.

    `prepared` is a list: Unix seconds at which reading the sample began, then microseconds: reading it, a pause, rendering the prompt.
    """

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
    prepared: Prepared | None = None


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
    queued_seconds: float | None = None


class Failed(_Event, frozen=True, kw_only=True, tag="failed"):
    """No candidate: the last error after all tries. The next run of the same command tries again.

    `started_at` is when it was asked for, `retries` are the tries before the last, which went out at `requested_at` (None: no request
    failed, but a tool, or nobody noted it) and failed at `ended_at`.
    """

    candidate_id: str
    error_kind: str
    error: str
    retries: tuple[dict[str, JSON], ...] = ()
    started_at: float | None = None
    requested_at: float | None = None
    ended_at: float | None = None


class Scored(_Event, frozen=True, kw_only=True, tag="scored"):
    """What the scorer said of a candidate; outcome `judge_failed` when it could not.

    `graded` names the answer that was graded, as `Reader.answer_name` gives it; None means the answer in this very stream.
    `started_at` is when this grading began; None in a log of another tool that does not say. `took` is a list of
    microseconds: parsing from then on, a pause (waiting for a place among the gradings), scoring.
    """

    candidate_id: str
    overlay: str
    reference_hash: str
    extraction: Extraction
    verdict: Verdict
    audits: Text | None = None
    error: str | None = None
    started_at: float | None = None
    judge_cost_usd: float | None = None
    graded: str | None = None
    took: Took | None = None


class RunEnded(_Event, frozen=True, kw_only=True, tag="run_ended"):
    """A process stopped working on a run: `complete`, `partial`, `until`, `interrupted`, `budget` or `given_up`."""

    status: str
    counts: dict[str, int]


class Measured(_Event, frozen=True, kw_only=True, tag="measured"):
    """What telemetry found out since the last such event of this stream.

    Attributes:
        shares: {candidate_id: (energy_joules, power_watts, gpu_utilization_pct)} of answers in this very stream.
        account: where the joules and seconds went, by the names of `tripos.telemetry.attribution.Account`; differences, to be added up.
        meters: what measured, in the first event of a process: name, devices, method, resolution_seconds.
    """

    shares: dict[str, tuple[float | None, float | None, float | None]] = {}
    account: dict[str, float]
    meters: tuple[dict[str, JSON], ...] = ()


Event = RunStarted | TrialPlanned | Answered | Failed | Scored | RunEnded | Measured

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode

SPAN = 1 << 32  # positions a stream has


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


def decode(body: bytes, of: str = "of the store") -> Event:
    """An event from its body; `of` says in an error whose it is.

    Raises:
        StoreError: it is damaged, or of a kind that this version does not know.
    """
    try:
        event: Event = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"an event {of} cannot be read ({error}): {body[:80]!r}; run `tripos store verify`") from error
    return event


def kind_of(event: Event) -> str:
    """The word for a kind of event: `scored`, `answered`, …"""
    return str(type(event).__struct_config__.tag)


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
        queued_seconds=c.queued_seconds,
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
        queued_seconds=event.queued_seconds,
    )


def audits_of(event: Scored, fetch: Fetch) -> tuple[JudgeAudit, ...]:
    """The judge calls behind a verdict."""
    return () if event.audits is None else tuple(msgspec.json.decode(fetch(event.audits), type=list[JudgeAudit]))
