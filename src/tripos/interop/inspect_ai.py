"""Logs of Inspect AI: `.eval` (a zip archive, one member a sample) and `.json`, versions 2 and 3.

A sample's scores become metrics: `C`/`I`/`P`/`N` are 1/0/0.5/0, other words and numbers as Inspect's `value_to_float` has them; NaN
is "unscored". The primary one is the log's headline, else the first in its results. An epoch is an attempt. `latency_seconds` is the
time of the model call where there was one, else the sample's working time, which includes tools. Prompt tokens include what
Inspect counts apart as cached. Times are those of the events (`inspect_events`); without any, the sample's own beginning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Message, Outcome, ToolCall, Usage, Verdict
from tripos.interop.archive import Archive
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import NO_SCORE, ImportedLog, ImportedTrial, Reported, are_shares, graded, scale_notes
from tripos.interop.inspect_events import FINISH, Call, Clock, audits_of, clock_of, events_of
from tripos.interop.loose_json import content_of, decode, number, positive, read_document, whole
from tripos.interop.times import unix_seconds

_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


class _Document(msgspec.Struct):
    eval: dict[str, Any]
    version: int | None = None
    status: str = ""
    plan: dict[str, Any] | None = None
    results: dict[str, Any] | None = None
    stats: dict[str, Any] | None = None
    samples: list[msgspec.Raw] | None = None


class _Scores(msgspec.Struct):
    id: str | int
    epoch: int = 1
    scores: dict[str, Any] | None = None
    score: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class _Sample(_Scores):
    input: Any = None
    target: Any = None
    choices: list[str] | None = None
    messages: list[dict[str, Any]] = []
    output: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    model_usage: dict[str, Any] = {}
    attachments: dict[str, str] = {}
    events: msgspec.Raw = msgspec.Raw(b"[]")
    message_pool: list[Any] = []
    started_at: Any = None
    working_time: Any = None
    error_retries: list[Any] | None = None
    limit: dict[str, Any] | None = None
    invalidation: Any = None


_Read = Callable[[], Iterator[tuple[str, bytes]]]  # (where, JSON) of each sample


def recognises(peek: Peek) -> bool:
    """An `.eval` archive, or a JSON document with an `eval` section and a status."""
    if peek.suffix == ".eval":
        return True
    return peek.suffix == ".json" and {"eval", "status", "task"} <= peek.keys and "model" in peek.keys


def read(path: Path) -> list[ImportedLog]:
    """The log of a file.

    Raises:
        ConfigError: it is damaged, of another shape, or keeps no samples.
    """
    document, samples = _of_archive(path) if path.suffix.lower() == ".eval" else _of_document(path)
    return [_Reading(path, document, samples).log()]


def _of_document(path: Path) -> tuple[_Document, _Read]:
    document = read_document(path, _Document)
    raw = document.samples or []

    def samples() -> Iterator[tuple[str, bytes]]:
        for number_, text in enumerate(raw, 1):
            yield f"{path}, sample {number_}", bytes(text)

    return document, samples


def _of_archive(path: Path) -> tuple[_Document, _Read]:
    with Archive(path) as archive:
        names = archive.names()
        members = [n for n in names if n.startswith("samples/") and n.endswith(".json")]
        head = next((n for n in ("header.json", "_journal/start.json") if n in names), None)
        if head is None:
            raise ConfigError(f"{path}: neither header.json nor _journal/start.json is in it; this is no Inspect log")
        document = decode(archive.read(head), _Document, f"{path}, member {head}")

    def samples() -> Iterator[tuple[str, bytes]]:
        with Archive(path) as archive:
            for name in members:
                yield f"{path}, member {name}", archive.read(name)

    return document, samples


class _Reading:
    """Turns one log into ours. The scale of the primary score needs a first pass over the scores alone."""

    def __init__(self, path: Path, document: _Document, samples: _Read) -> None:
        self.path, self.document, self.samples = path, document, samples
        self.results = document.results or {}
        self.model = str(document.eval.get("model") or "unknown")
        every: list[dict[str, float | None]] = []
        self.finished = 0
        for s in self._each(_Scores):
            every.append(values(s))
            self.finished += s.error is None
        self.count = len(every)
        self.primary = self._primary(every)
        self.shares = are_shares(self.primary, (v.get(self.primary) for v in every))

    def log(self) -> ImportedLog:
        task, config = self.document.eval, self.document.eval.get("config") or {}
        if not self.count:
            figures = ", ".join(f"{r.name} {r.value:.4g}" for r in self._reported()) or "no figures either"
            raise ConfigError(
                f"{self.path}: the log keeps no samples (it states {figures}), so there is nothing to compare; log_samples was off"
            )
        stats = self.document.stats or {}
        dataset = task.get("dataset") or {}
        epochs = whole(config.get("epochs")) or 1
        generation = {**((self.document.plan or {}).get("config") or {}), **(task.get("model_generate_config") or {})}
        return ImportedLog(
            tool="inspect-ai",
            tool_version=(task.get("packages") or {}).get("inspect_ai"),
            path=self.path,
            content=content_of(self.path),
            benchmark=str(task.get("task") or "unknown"),
            model=self.model,
            planned=max(self.count, len(dataset.get("sample_ids") or []) * epochs, whole(self.results.get("total_samples")) or 0),
            trials=self.trials,
            scorer=self.primary,
            params=generation,
            dataset={k: v for k, v in dataset.items() if k != "sample_ids"},
            started_at=unix_seconds(stats.get("started_at")),
            ended_at=unix_seconds(stats.get("completed_at")),
            seed=whole(generation.get("seed")),
            reported=self._reported(),
            notes=self._notes(),
            simulated=self.model.startswith("mockllm/"),
        )

    def trials(self) -> Iterator[ImportedTrial]:
        return (self._trial(s) for s in self._each(_Sample))

    def _each(self, kind: type[Any]) -> Iterator[Any]:
        return (decode(text, kind, where) for where, text in self.samples())

    def _primary(self, every: list[dict[str, float | None]]) -> str:
        headline = (self.results.get("headline") or {}).get("score")
        stated = [s["name"] for s in self.results.get("scores") or [] if "name" in s]
        seen = list(dict.fromkeys(name for v in every for name in v))
        wanted = [n for n in (headline, *stated, *seen) if n is not None]
        return str(next((n for n in wanted if n in seen), wanted[0] if wanted else "score"))

    def _trial(self, s: _Sample) -> ImportedTrial:
        found = values(s)
        finish, clock = _finish(s.output), clock_of(events_of(s.events))
        prompt, rest = _split(_resolved(s.messages, s.attachments), s)
        scores = s.scores or {}
        completion = None if s.error and not scores else self._completion(s, rest, finish, clock)
        verdict, error = None, None
        if completion is None:
            error = str((s.error or {}).get("message") or "the sample failed")[:2000]
        elif not found:
            error = str(s.error["message"])[:2000] if s.error else NO_SCORE
        else:
            verdict = graded(
                found, self.primary, shares=self.shares, finish_reason=finish, limited=s.limit is not None, details=_details(s, scores)
            )
            error = NO_SCORE if verdict.value is None else None
            audits = audits_of(clock, lambda value: _resolved(value, s.attachments), s.message_pool, _usage)
            verdict = msgspec.structs.replace(verdict, audits=audits)
        if s.invalidation is not None:
            verdict, error = Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID), "the log marks this sample as invalid"
        return ImportedTrial(
            record_id=str(s.id),
            attempt=s.epoch - 1,
            subject=next((v for k in ("subject", "category", "topic", "domain") if isinstance(v := s.metadata.get(k), str)), None),
            prompt=prompt,
            reference=s.target,
            completion=completion,
            extraction=_extraction(scores.get(self.primary)),
            verdict=verdict,
            error=error,
            error_kind="sample_error",
            scoring=clock.scoring,
        )

    def _completion(self, s: _Sample, rest: list[dict[str, Any]], finish: str | None, clock: Clock) -> Completion:
        calls = sum(m.get("role") == "assistant" for m in rest)
        usage = s.output.get("usage") if calls <= 1 else s.model_usage.get(self.model)
        usage = usage if isinstance(usage, dict) else {}
        choice = (s.output.get("choices") or [{}])[0].get("message") or {}
        text, reasoning = _text(choice.get("content"))
        latency = positive(s.output.get("time")) if calls <= 1 else None
        first = next(iter(clock.calls.values()), Call()) if len(clock.calls) == 1 or calls > 1 else Call()
        return Completion(
            text=s.output.get("completion") or text,
            reasoning=reasoning or None,
            finish_reason=finish,
            usage=_usage(usage),
            cost_usd=number(usage.get("total_cost")),
            latency_seconds=latency if latency is not None else positive(s.working_time),
            started_at=unix_seconds(s.started_at) if first.started_at is None else first.started_at,
            queued_seconds=first.queued_seconds,
            model=s.output.get("model"),
            turns=_timed(rest, clock) if len(rest) > 1 else (),
            retries=tuple({"error": str(e.get("message") if isinstance(e, dict) else e)[:500]} for e in s.error_retries or ()),
            simulated=self.model.startswith("mockllm/"),
        )

    def _reported(self) -> tuple[Reported, ...]:
        found = []
        total, completed = whole(self.results.get("total_samples")), whole(self.results.get("completed_samples"))
        for entry in self.results.get("scores") or []:
            for metric in (entry.get("metrics") or {}).values():
                value, kind = number(metric.get("value")), str(metric.get("name", "")).rpartition("/")[2]
                if value is None or kind not in ("accuracy", "mean"):
                    continue
                why = self._why(entry, total if completed is None else completed)
                found.append(Reported(name=f"{entry['name']}/{kind}", value=value, ours=str(entry["name"]), why=why))
        return tuple(found)

    def _why(self, entry: dict[str, Any], stated: int | None) -> str:
        """What can make a figure of Inspect differ from the mean of the samples in its log."""
        reasons = []
        reducer = entry.get("reducer") or next(iter((self.document.eval.get("config") or {}).get("epochs_reducer") or []), "mean")
        if reducer != "mean":
            reasons.append(f"Inspect reduces the epochs of a sample by {reducer}, we take their mean")
        if stated is not None and stated != self.finished:
            reasons.append(f"the figure is of {stated} samples, the log holds {self.finished} finished ones")
        return "; ".join(reasons)

    def _notes(self) -> tuple[str, ...]:
        found = []
        if self.document.status not in ("success", ""):
            found.append(f"Inspect ended this log with status {self.document.status!r}.")
        if self.document.eval.get("epochs") is None and not self.results:
            found.append("The log has no results of its own to check ours against.")
        return (*found, *scale_notes(self.primary, self.shares))


def values(sample: _Scores) -> dict[str, float | None]:
    """Every score of a sample as a number, by the name it has in the log's results."""
    scores = sample.scores if sample.scores is not None else {"score": sample.score} if sample.score is not None else {}
    found: dict[str, float | None] = {}
    for scorer, score in scores.items():
        value = score.get("value") if isinstance(score, dict) else score
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if parts is None:
            found[scorer] = to_number(value)
        else:
            for key, part in parts:
                name = str(key) if isinstance(value, dict) else f"{scorer}/{key}"
                found[name if name not in found else f"{scorer}/{name}"] = to_number(part)
    return found


def to_number(value: Any) -> float | None:
    """Inspect's `value_to_float`, except that what it cannot read is None (Inspect warns and takes 0) and that null, which stands
    for NaN, is None: unscored."""
    if isinstance(value, (bool, int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    word = _WORDS.get(value, _WORDS.get(value.lower()) if len(value) > 1 else None)
    if word is not None:
        return word
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _finish(output: dict[str, Any]) -> str | None:
    choices = output.get("choices") or []
    reason = choices[0].get("stop_reason") if choices else output.get("stop_reason")
    return FINISH.get(reason, reason) if isinstance(reason, str) else None


def _usage(usage: dict[str, Any]) -> Usage:
    cached = [whole(usage.get(k)) or 0 for k in ("input_tokens_cache_read", "input_tokens_cache_write")]
    prompt = whole(usage.get("input_tokens"))
    return Usage(
        prompt_tokens=prompt + sum(cached) if prompt is not None else None,
        completion_tokens=whole(usage.get("output_tokens")),
        reasoning_tokens=whole(usage.get("reasoning_tokens")),
        cached_tokens=whole(usage.get("input_tokens_cache_read")),
    )


def _extraction(score: Any) -> Extraction:
    answer = score.get("answer") if isinstance(score, dict) else None
    return Extraction(answer=answer, how="as Inspect extracted it" if answer is not None else "")


def _details(s: _Sample, scores: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, score in scores.items():
        if isinstance(score, dict):
            kept = {k: score[k] for k in ("value", "answer", "explanation", "metadata") if score.get(k) not in (None, {}, "")}
            found[name] = kept
    if s.limit is not None:
        found["limit"] = s.limit
    if s.choices:
        found["choices"] = s.choices
    return found


def _split(messages: list[dict[str, Any]], s: _Sample) -> tuple[tuple[Message, ...], list[dict[str, Any]]]:
    """(what was asked, what followed): asked is everything before the first message that the model wrote."""
    first = next((i for i, m in enumerate(messages) if m.get("role") == "assistant" and m.get("source") != "input"), len(messages))
    asked = messages[:first]
    if not asked:
        asked = [{"role": "user", "content": s.input}] if isinstance(s.input, str) else list(s.input or [])
    return tuple(_message(m) for m in asked if isinstance(m, dict)), messages[first:]


def _timed(said: list[dict[str, Any]], clock: Clock) -> tuple[dict[str, Any], ...]:
    """What followed, each message of the model and of a tool with its times where the log has them."""
    found = []
    for m in said:
        call, tool = clock.calls.get(str(m.get("id"))), clock.tools.get(str(m.get("tool_call_id")))
        if m.get("role") == "assistant" and call is not None and call.started_at is not None:
            m = {**m, "started_at": call.started_at, "latency_seconds": call.seconds, "queued_seconds": call.queued_seconds}
        elif m.get("role") == "tool" and tool is not None:
            m = {**m, "started_at": tool[0], "seconds": tool[1]}
        found.append(m)
    return tuple(found)


def _message(m: dict[str, Any]) -> Message:
    content = m.get("content")
    calls = tuple(
        ToolCall(id=str(c.get("id", "")), name=str(c.get("function", "")), arguments=msgspec.json.encode(c.get("arguments")).decode())
        for c in m.get("tool_calls") or ()
        if isinstance(c, dict)
    )
    body: Any = content if isinstance(content, (str, list)) else ""
    return Message(role=str(m.get("role", "user")), content=body, tool_calls=calls, tool_call_id=m.get("tool_call_id"))


def _text(content: Any) -> tuple[str, str]:
    """(visible text, reasoning) of a message's content."""
    if isinstance(content, str):
        return content, ""
    parts = [p for p in content or () if isinstance(p, dict)]
    visible = "\n".join(str(p.get("text", "")) for p in parts if p.get("type") == "text")
    return visible, "\n".join(str(p.get("reasoning", "")) for p in parts if p.get("type") == "reasoning")


def _resolved(value: Any, attachments: dict[str, str]) -> Any:
    """Texts that Inspect stored apart, put back."""
    if isinstance(value, str):
        if value.startswith("attachment://"):
            return attachments.get(value.removeprefix("attachment://"), value)
        return value
    if isinstance(value, list):
        return [_resolved(v, attachments) for v in value]
    if isinstance(value, dict):
        return {k: _resolved(v, attachments) for k, v in value.items()}
    return value


formats.register("inspect-ai", Format("Inspect AI: .eval, .json", recognises, read))
