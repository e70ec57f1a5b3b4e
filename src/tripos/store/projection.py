"""What follows from events for the tables. This is the only way rows come to be: live, in a rebuild and after a merge.

The rows are a function of the set of events, not of the order in which they became known, so that concurrent writers,
a rebuild and a merge of shards agree to the byte. The rules, where "earlier" and "newer" compare (time, position):

- trial: the newest `trial_planned` of a run, record, prompt variant and attempt.
- candidate: the earliest `answered`; it never changes, whatever comes later. Without any, the newest `failed`.
- verdict, with its metrics: the newest `scored` of an overlay among those that graded the answer that counts.
- measure: one row a share of a `measured` event; it is of the answer in the same stream.
- run: named and started by its earliest `run_started`, configured by its newest; status by the newest event of both kinds.

`apply` relies on one thing: an answer is applied no later than the verdicts that graded it. Live this is so because nobody
can grade what is not yet there; a rebuild and a merge apply verdicts last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.events import SPAN, Answered, Event, Failed, Measured, RunEnded, RunStarted, Scored, Stored, TrialPlanned, decode
from tripos.store.schema import metric_name

_plain = msgspec.json.Encoder(order="sorted").encode

Row = tuple[Any, ...]


class _Known(NamedTuple):
    """What a candidate row says."""

    answered: bool
    at: float
    position: int

    def beats(self, other: _Known) -> bool:
        if self.answered != other.answered:
            return self.answered
        mine, its = (self.at, self.position), (other.at, other.position)
        return mine < its if self.answered else mine > its


def _upsert(table: str, key: str, columns: str, where: str = "") -> str:
    names = key.split() + columns.split()
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns.split())
    marks = ", ".join("?" * len(names))
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT ({', '.join(key.split())}) DO UPDATE SET {updates}{where}"
    )


_AT = "(SELECT at FROM event WHERE position = {}.position)"
_TRIAL = _upsert(
    "trial",
    "run_id record_id prompt_variant_id attempt",
    "candidate_id trial_hash subject slice_id cluster dimensions reference_hash position",
    f" WHERE ({_AT.format('excluded')}, excluded.position) > ({_AT.format('trial')}, trial.position)",
)
_CANDIDATE = _upsert(
    "candidate",
    "candidate_id",
    "status finish_reason prompt_tokens completion_tokens cost_usd latency_seconds ttft_seconds energy_joules started_at retries "
    "error_kind error simulated position",
)
_VERDICT = _upsert("verdict", "candidate_id overlay", "outcome answer value is_correct reference_hash judge_cost_usd at position")
_METRIC = "INSERT INTO metric (candidate_id, overlay, metric_id, value) VALUES (?,?,?,?)"
_MEASURE = _upsert("measure", "candidate_id position", "energy_joules power_watts gpu_utilization_pct")
_RUN = _upsert(
    "run",
    "run_id",
    "run_key suite benchmark category model engine backend overlay planned status simulated started_at ended_at config dataset provenance",
)


def apply(database: Database, batch: Sequence[Stored]) -> int:
    """Writes the rows that follow from events; they (or at least their times and positions) are in the `event` table already.

    Called inside a transaction. Returns how many answers and verdicts do not count because another answer was earlier.
    """
    of: dict[type, list[Stored]] = {kind: [] for kind in get_args(Event)}
    for stored in batch:
        of[type(stored.event)].append(stored)
    if of[TrialPlanned]:
        database.execute_many(_TRIAL, [_trial_row(s) for s in of[TrialPlanned]])
    endings = [*of[Answered], *of[Failed]]
    before = _known(database, {_name(s) for s in (*endings, *of[Scored])})
    counting, late = _candidates(database, endings, before)
    late += _verdicts(database, of[Scored], before, counting)
    shares = [(name, s.position, *map(_number, share)) for s in of[Measured] for name, share in getattr(s.event, "shares", {}).items()]
    if shares:
        database.execute_many(_MEASURE, shares)
    for run_id in sorted({s.run_id for s in (*of[RunStarted], *of[RunEnded])}):
        _run(database, run_id)
    return late


def labels(e: TrialPlanned) -> Row:
    """The columns of a trial that may change while it stays the same trial of its run."""
    dimensions = _plain(e.dimensions).decode() if e.dimensions else None
    return (e.candidate_id, e.trial_hash, _text(e.subject), e.slice_id, _text(e.cluster), dimensions, e.reference_hash)


def _trial_row(stored: Stored) -> Row:
    e = stored.event
    assert isinstance(e, TrialPlanned)
    return (stored.run_id, e.record_id, e.prompt_variant_id, e.attempt, *labels(e), stored.position)


def _name(stored: Stored) -> str:
    name: str = stored.event.candidate_id  # type: ignore[union-attr]  # asked of events that have one
    return name


def _known(database: Database, names: Iterable[str]) -> dict[str, _Known]:
    rows = database.among(
        "SELECT k.candidate_id, k.status, e.at, k.position FROM candidate k JOIN event e ON e.position = k.position "
        "WHERE k.candidate_id IN ",
        sorted(names),
    )
    return {name: _Known(status == "answered", at, position) for name, status, at, position in rows}


def _candidates(database: Database, endings: Sequence[Stored], before: dict[str, _Known]) -> tuple[dict[str, _Known], int]:
    """Writes the candidates that changed. Returns what counts for all that the batch speaks of, and the answers that came late."""
    counting = dict(before)
    best: dict[str, Stored] = {}
    late = 0
    for stored in endings:
        name, new = _name(stored), _Known(type(stored.event) is Answered, stored.at, stored.position)
        old = counting.get(name)
        if old is not None:
            late += new.answered and old.answered
            if not new.beats(old):
                continue
        counting[name], best[name] = new, stored
    displaced = [(name,) for name in best if name in before and before[name].answered]
    if displaced:  # what was said of the other answer does not count any more
        database.execute_many("DELETE FROM verdict WHERE candidate_id = ?", displaced)
        database.execute_many("DELETE FROM metric WHERE candidate_id = ?", displaced)
    if best:
        database.execute_many(_CANDIDATE, [_candidate_row(s) for s in best.values()])
    return counting, late


def _verdicts(database: Database, batch: Sequence[Stored], before: dict[str, _Known], counting: dict[str, _Known]) -> int:
    """Writes the verdicts that changed, with their metrics. Returns how many graded an answer that does not count."""
    scored = [(s, s.event) for s in batch if isinstance(s.event, Scored)]
    numbers = _numbers(database, {e.graded.partition("/")[0] for _, e in scored if e.graded is not None})
    best: dict[tuple[str, str], tuple[Stored, Scored]] = {}
    late = 0
    for stored, event in scored:
        if not _graded_what_counts(stored, event, counting.get(event.candidate_id), numbers):
            late += 1
            continue
        key = (event.candidate_id, event.overlay)
        rival = best.get(key)
        if rival is None or (stored.at, stored.position) > (rival[0].at, rival[0].position):
            best[key] = (stored, event)
    for name, overlay, at, position in _written(database, {name for name, _ in best if name in before}):
        rival = best.get((name, overlay))
        if rival is not None and (at, position) > (rival[0].at, rival[0].position):
            del best[name, overlay]
        elif rival is not None:
            database.execute("DELETE FROM metric WHERE candidate_id = ? AND overlay = ?", (name, overlay))
    if best:
        database.execute_many(_VERDICT, [_verdict_row(s, e) for s, e in best.values()])
    metrics = [row for (name, overlay), (_, e) in best.items() for row in _metric_rows(name, overlay, e)]
    if metrics:
        database.execute_many(_METRIC, metrics)
    return late


def _metric_rows(name: str, overlay: str, e: Scored) -> list[Row]:
    named = {_text(metric_name(metric)): _number(value) for metric, value in e.verdict.metrics.items()}
    return [(name, overlay, metric, value) for metric, value in named.items()]


def _graded_what_counts(stored: Stored, event: Scored, counting: _Known | None, numbers: dict[str, int]) -> bool:
    if counting is None or not counting.answered:
        return False
    if event.graded is None:
        return counting.position // SPAN == stored.position // SPAN
    stream_id, _, place = event.graded.partition("/")
    return stream_id in numbers and numbers[stream_id] * SPAN + int(place) == counting.position


def _numbers(database: Database, stream_ids: Iterable[str]) -> dict[str, int]:
    return dict(database.among("SELECT stream_id, number FROM stream WHERE stream_id IN ", sorted(stream_ids)))


def _written(database: Database, names: Iterable[str]) -> list[Row]:
    return database.among("SELECT candidate_id, overlay, at, position FROM verdict WHERE candidate_id IN ", sorted(names))


def _run(database: Database, run_id: str) -> None:
    """Writes the row of a run anew from all its starts and ends; they are few."""
    rows = database.execute(
        "SELECT at, body FROM event WHERE run_id = ? AND kind IN ('run_started', 'run_ended') ORDER BY at, position", (run_id,)
    )
    events = [(at, decode(bytes(body))) for at, body in rows]
    starts = [(at, e) for at, e in events if isinstance(e, RunStarted)]
    if not starts:
        return
    started_at, first = starts[0]
    if any(start.run_key != first.run_key for _, start in starts):
        raise StoreError(f"run {run_id}: two configurations have this id; use another store for one of them")
    newest = starts[-1][1]
    at, last = events[-1]
    status, ended_at = (last.status, at) if isinstance(last, RunEnded) else ("running", None)
    named = (first.run_key, first.suite, first.benchmark, first.category, first.model, first.engine, first.backend, first.overlay)
    papers = tuple(_plain(p).decode() for p in (newest.config, newest.dataset, newest.provenance))
    database.execute(_RUN, (run_id, *named, newest.planned, status, int(first.simulated), started_at, ended_at, *papers))


def _candidate_row(stored: Stored) -> Row:
    e = stored.event
    if isinstance(e, Answered):
        tokens = (e.usage.prompt_tokens, e.usage.completion_tokens)
        energy = _number(e.telemetry.get("energy_joules"))
        times = (e.cost_usd, e.latency_seconds, e.ttft_seconds, energy, e.started_at, len(e.retries))
        return (e.candidate_id, "answered", _text(e.finish_reason), *tokens, *times, None, None, int(e.simulated), stored.position)
    assert isinstance(e, Failed)
    blank = (None,) * 7
    return (e.candidate_id, "failed", *blank, e.started_at, len(e.retries), e.error_kind, _text(e.error), 0, stored.position)


def _verdict_row(stored: Stored, e: Scored) -> Row:
    v = e.verdict
    correct = None if v.is_correct is None else int(v.is_correct)
    judged = (_answer(e.extraction.answer), _number(v.value), correct, e.reference_hash, e.judge_cost_usd)
    return (e.candidate_id, e.overlay, v.outcome.value, *judged, stored.at, stored.position)


def _answer(answer: Any) -> str | None:
    """An extracted answer as text, the same before and after it went through JSON."""
    if answer is None:
        return None
    if not isinstance(answer, str):
        answer = msgspec.json.decode(_plain(answer))
        answer = answer if isinstance(answer, str) else _plain(answer).decode()
    return _text(answer[:500])


def _text(text: str | None) -> str | None:
    """PostgreSQL cannot store NUL in a text; the event keeps it."""
    return text.replace("\0", "\ufffd") if text is not None and "\0" in text else text


def _number(value: float | None) -> float | None:
    """What is not finite is no measurement; JSON, and so the event, says null."""
    return value if value is not None and math.isfinite(value) else None
