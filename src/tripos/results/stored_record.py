"""Everything that a store holds about one candidate, each event with its position and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tripos.core.errors import ConfigError, StoreError
from tripos.results.run_selection import Chosen
from tripos.store.database import Database
from tripos.store.events import Answered, Event, Failed, Scored, TrialPlanned, decode

if TYPE_CHECKING:
    from tripos.results.projections import Projections

SHORTEST_ID = 6
"""Hexadecimal digits that a beginning of an id must have."""


class Found(NamedTuple):
    """A trial's row: where a record id, a candidate id or a trial hash led."""

    run: Chosen
    overlay: str
    record_id: str
    prompt_variant_id: str
    attempt: int
    candidate_id: str
    trial_hash: str
    position: int


class At(NamedTuple):
    """An event with its place in the store."""

    position: int
    at: float
    event: Event


@dataclass(frozen=True)
class StoredRecord:
    """One candidate. `scored` is its verdict under the scoring asked for; `others` are verdicts under other scorings."""

    found: Found
    planned: TrialPlanned
    planned_at: At
    answered: Answered | None
    answered_at: At | None
    failures: tuple[At, ...]
    scored: Scored | None
    scored_at: At | None
    others: tuple[At, ...]

    @property
    def failed(self) -> Failed | None:
        """The last failure of a candidate that was never answered."""
        last = self.failures[-1].event if self.failures and self.answered is None else None
        return last if isinstance(last, Failed) else None

    def events(self) -> list[At]:
        """All of them in the order in which they were recorded."""
        own = (self.planned_at, self.answered_at, self.scored_at)
        return sorted((*(e for e in own if e is not None), *self.failures, *self.others), key=lambda e: (e.at, e.position))


def find(repo: Projections, name: str, *, transform_hash: str | None = None, evaluation_hash: str | None = None) -> list[Found]:
    """The trials that a name may mean: a record id of the benchmark, or (the beginning of) a candidate id or a trial hash.

    Raises:
        ConfigError: nothing here is called so; says how many records there are and names some.
    """
    parts = repo.parts(evaluation_hash, transform_hash)
    columns = "record_id, prompt_variant_id, attempt, candidate_id, trial_hash, position FROM trial WHERE run_id = ?"
    found = [
        Found(*part, *row) for part in parts for row in repo.database.execute(f"SELECT {columns} AND record_id = ?", (_id(part.run), name))
    ]
    if not found and len(name) >= SHORTEST_ID:
        named, sought = _named(repo.database, name)
        sql = f"SELECT {columns} AND {named}"
        found = [Found(*part, *row) for part in parts for row in repo.database.execute(sql, (_id(part.run), *sought))]
    if not found:
        raise ConfigError(_nothing(repo, name))
    return found


def _named(database: Database, name: str) -> tuple[str, tuple[Any, ...]]:
    """What a candidate id, a trial hash or a beginning of either demands of a trial, with the parameters."""
    size = len(name)
    if size not in (32, 64):
        return "(substr(candidate_id, 1, ?) = ? OR substr(trial_hash, 1, ?) = ?)", (size, name) * 2
    if size == 64:
        return "trial_hash = ?", (name,)
    # a run notes what it asks right before what came of it, and that tells the record, by which trials are sorted
    before = "SELECT e.body FROM candidate k JOIN event e ON e.position = k.position - 1 WHERE k.candidate_id = ?"
    for (body,) in database.execute(before, (name,)):
        planned = decode(bytes(body), f"before candidate {name}")
        if isinstance(planned, TrialPlanned) and planned.candidate_id == name:
            return "record_id = ? AND candidate_id = ?", (planned.record_id, name)
    return "candidate_id = ?", (name,)


def load(database: Database, found: Found) -> StoredRecord:
    """All events of a candidate."""
    planned_at = _at(database, found.position, found)
    assert isinstance(planned_at.event, TrialPlanned)
    rows = database.execute("SELECT status, position FROM candidate WHERE candidate_id = ?", (found.candidate_id,))
    answered_at = _at(database, rows[0][1], found) if rows and rows[0][0] == "answered" else None
    failures = database.execute("SELECT position, at, body FROM event WHERE candidate_id = ? ORDER BY at, position", (found.candidate_id,))
    verdicts = database.execute("SELECT overlay, position FROM verdict WHERE candidate_id = ?", (found.candidate_id,))
    scored_at = next((_at(database, position, found) for overlay, position in verdicts if overlay == found.overlay), None)
    return StoredRecord(
        found=found,
        planned=planned_at.event,
        planned_at=planned_at,
        answered=answered_at.event if answered_at is not None and isinstance(answered_at.event, Answered) else None,
        answered_at=answered_at,
        failures=tuple(At(p, at, e) for p, at, body in failures if isinstance(e := decode(bytes(body), _of(found)), Failed)),
        scored=scored_at.event if scored_at is not None and isinstance(scored_at.event, Scored) else None,
        scored_at=scored_at,
        others=tuple(_at(database, position, found) for overlay, position in verdicts if overlay != found.overlay),
    )


def narrowed(found: Sequence[Found], name: str, *, attempt: int | None, variant: str | None) -> list[Found]:
    """Those among them that are this attempt and this way of asking; None leaves it open.

    Raises:
        ConfigError: there is no such attempt or prompt variant; lists those that there are.
    """
    for what, wanted, of in (("attempt", attempt, "attempt"), ("prompt variant", variant, "prompt_variant_id")):
        if wanted is None:
            continue
        there = sorted({getattr(f, of) for f in found})
        found = [f for f in found if getattr(f, of) == wanted]
        if not found:
            raise ConfigError(f"{name!r} has no {what} {wanted}; there are: {', '.join(map(str, there))}")
    return list(found)


def one_candidate(found: Sequence[Found], name: str) -> Found:
    """The only candidate among them.

    Raises:
        ConfigError: there are several; lists them.
    """
    distinct = {f.candidate_id: f for f in reversed(found)}
    if len(distinct) > 1:
        listed = "; ".join(_described(f) for f in list(reversed(distinct.values()))[:12])
        raise ConfigError(f"{name!r} is answered by {len(distinct)} candidates, name one by its id: {listed}")
    return next(iter(distinct.values()))


def one_trial(found: Sequence[Found], name: str) -> list[Found]:
    """The attempts of the only trial among them, in order; errors as `one_candidate`."""
    distinct = {f.trial_hash: f for f in reversed(found)}
    if len(distinct) > 1:
        listed = "; ".join(f"{f.trial_hash[:12]} ({f.run.row.model}, variant {f.prompt_variant_id})" for f in list(distinct.values())[:12])
        raise ConfigError(f"{name!r} belongs to {len(distinct)} trials, name one by its hash: {listed}")
    attempts = {f.candidate_id: f for f in reversed(found)}
    return sorted(attempts.values(), key=lambda f: f.attempt)


def attempts_of(database: Database, found: Found) -> int:
    """How many attempts a trial has in its run."""
    sql = "SELECT count(*) FROM trial WHERE run_id = ? AND record_id = ? AND prompt_variant_id = ?"
    return int(database.execute(sql, (_id(found.run), found.record_id, found.prompt_variant_id))[0][0])


def _described(f: Found) -> str:
    return f"{f.candidate_id[:12]} ({f.run.row.model}, run {_id(f.run)}, variant {f.prompt_variant_id}, attempt {f.attempt})"


def _id(run: Chosen) -> str:
    return run.row.run_id


def _at(database: Database, position: int, found: Found) -> At:
    rows = database.execute("SELECT at, body FROM event WHERE position = ?", (position,))
    if not rows:
        raise StoreError(f"event {position} {_of(found)} is missing from {database.name}; run `tripos store verify`")
    return At(position, rows[0][0], decode(bytes(rows[0][1]), _of(found)))


def _of(found: Found) -> str:
    return f"of candidate {found.candidate_id} of trial {found.trial_hash[:12]}"


def _names(repo: Projections) -> Iterator[str]:
    for run in repo.runs:
        sql = "SELECT DISTINCT record_id FROM trial WHERE run_id = ? ORDER BY record_id LIMIT 5000"
        yield from (row[0] for row in repo.database.execute(sql, (_id(run),)))


def _nothing(repo: Projections, name: str) -> str:
    from tripos.core.errors import unknown

    return f"{repo.database.url}: {unknown('record', name, _names(repo))} (a candidate id or a trial hash does as well)"
