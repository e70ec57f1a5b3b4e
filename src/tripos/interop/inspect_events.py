"""What the transcript of an Inspect sample says about time: when each model call, tool and scoring began and ended, and who judged.

A model event has `timestamp` (its begin) and `completed`; before May 2025 only the former and perhaps the seconds that the call
took, and the oldest stamp their events when they are over. What does not fit together is left out: None, not a guess. Inspect
counts waiting for a connection and for retries apart (`working_time` is without them); it comes before the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from tripos.core.records import JudgeAudit, Usage
from tripos.interop.loose_json import positive
from tripos.interop.times import unix_seconds

FINISH = {"max_tokens": "length", "model_length": "length"}
"""Inspect's words for how an answer ended, where ours differ."""

_SLACK_SECONDS = 0.01  # by which a call may seem to end after the event that follows it


class Event(msgspec.Struct):
    """The parts of an event that are read here. Other kinds of events have other things under the same names."""

    event: Any = None
    timestamp: Any = None
    completed: Any = None
    working_time: Any = None
    type: Any = None
    action: Any = None
    id: Any = None
    model: Any = None
    retries: Any = None
    input: Any = None
    input_refs: Any = None
    output: Any = None
    error: Any = None

    @property
    def said(self) -> dict[str, Any]:
        """Output of a model event."""
        return self.output if isinstance(self.output, dict) else {}

    @property
    def choice(self) -> dict[str, Any]:
        """What the model said."""
        choices = self.said.get("choices")
        return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}

    @property
    def message(self) -> dict[str, Any]:
        """Its message."""
        found = self.choice.get("message")
        return found if isinstance(found, dict) else {}


class Call(NamedTuple):
    """When a model call was on the wire, and how long it had waited before; None where the log does not say."""

    started_at: float | None = None
    seconds: float | None = None
    queued_seconds: float | None = None


class Clock(NamedTuple):
    """`calls` of the candidate by message id, in order; `tools` by call id: (begin, seconds); `scoring`: begin and end; `judged`: the
    model calls made while scoring."""

    calls: dict[str, Call] = {}
    tools: dict[str, tuple[float, float]] = {}
    scoring: tuple[float, float] | None = None
    judged: tuple[tuple[Event, Call], ...] = ()


def events_of(raw: msgspec.Raw) -> list[Event]:
    """The events of a sample; none where they have another shape, which costs times and judge calls, but no score."""
    try:
        return msgspec.json.decode(raw, type=list[Event])
    except msgspec.ValidationError:
        return []


def clock_of(events: Sequence[Event]) -> Clock:
    """The times of one sample. Scoring is what the scorers did after the last call of the candidate."""
    calls: dict[str, Call] = {}
    tools: dict[str, tuple[float, float]] = {}
    judged: list[tuple[Event, Call]] = []
    began: float | None = None
    ended: float | None = None
    scopes: list[bool] = []  # whether each span or step that is open is a scorer's
    for place, event in enumerate(events):
        at = unix_seconds(event.timestamp)
        if event.event == "span_begin" or (event.event == "step" and event.action == "begin"):
            scopes.append(event.type in ("scorer", "scorers"))
            if any(scopes) and began is None:
                began = at
        elif event.event == "span_end" or (event.event == "step" and event.action == "end"):
            ended = at if any(scopes) else ended
            if scopes:
                scopes.pop()
        elif event.event == "model" and any(scopes):
            judged.append((event, _call(event, events[place + 1 :])))
        elif event.event in ("model", "tool"):
            began, ended, judged = None, None, []
            if event.event == "model":
                calls[str(event.message.get("id") or f"#{len(calls)}")] = _call(event, events[place + 1 :])
            elif (over := unix_seconds(event.completed)) is not None and at is not None and over >= at:
                tools[str(event.id)] = (at, over - at)
    scoring = (began, ended) if began is not None and ended is not None and ended >= began else None
    return Clock(calls, tools, scoring, tuple(judged))


def _call(event: Event, after: Sequence[Event]) -> Call:
    at, over = unix_seconds(event.timestamp), unix_seconds(event.completed)
    took = positive(event.said.get("time")) or positive(event.working_time)
    if at is None or took is None:
        return Call()
    if over is None:
        following = unix_seconds(after[0].timestamp) if after else None
        return Call(at, took) if following is not None and at + took <= following + _SLACK_SECONDS else Call()
    waited = over - at - took
    if waited < -_SLACK_SECONDS:
        return Call()
    return Call(max(at, over - took), took, None if event.retries else max(0.0, waited))


def audits_of(clock: Clock, resolved: Callable[[Any], Any], pool: list[Any], usage_of: Callable[[Any], Usage]) -> tuple[JudgeAudit, ...]:
    """The judge calls. `resolved` puts texts back that Inspect stored apart; `pool` holds the messages that several events share."""
    return tuple(_audit(event, call, resolved, pool, usage_of) for event, call in clock.judged)


def _audit(event: Event, call: Call, resolved: Callable[[Any], Any], pool: list[Any], usage_of: Callable[[Any], Usage]) -> JudgeAudit:
    asked = list(event.input) if isinstance(event.input, list) else []
    for reference in event.input_refs if isinstance(event.input_refs, list) else ():
        if isinstance(reference, list) and len(reference) == 2 and all(isinstance(place, int) for place in reference):
            asked += pool[reference[0] : reference[1]]
    texts = [(str(m.get("role", "user")), _text(resolved(m.get("content")))) for m in asked if isinstance(m, dict)]
    usage = event.said.get("usage")
    return JudgeAudit(
        prompt=texts[0][1] if len(texts) == 1 else "\n\n".join(f"[{role}]\n{text}" for role, text in texts),
        reply=_text(resolved(event.message.get("content"))) if event.message else None,
        model=str(event.said.get("model") or event.model or "") or None,
        usage=usage_of(usage) if isinstance(usage, dict) else Usage(),
        latency_seconds=call.seconds,
        error=str(event.error)[:300] if event.error else None,
        finish_reason=FINISH.get(str(event.choice.get("stop_reason")), event.choice.get("stop_reason")),
        started_at=call.started_at,
        queued_seconds=call.queued_seconds,
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or () if isinstance(part, dict) and part.get("type") == "text")
