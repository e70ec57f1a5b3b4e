"""Questions to the store. Reads never write, so they work on a read-only file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard

from tripos.core.errors import StoreError
from tripos.core.records import Completion
from tripos.store.database import Database, Row
from tripos.store.events import SPAN, Answered, Blob, Event, Failed, Measured, Scored, Text, TrialPlanned, completion_of, decode

_MEASURES = ("energy_joules", "power_watts", "gpu_utilization_pct")
_NOTHING = [None, None, None]


class TrialRecord(NamedTuple):
    """Everything known of one trial and attempt under one overlay. `answer_name` names the answer, for `Scored.graded`."""

    planned: TrialPlanned
    answered: Answered | None
    failed: Failed | None
    scored: Scored | None
    answer_name: str | None = None


class RunRow(NamedTuple):
    """A row of the `run` table."""

    run_id: str
    run_key: str
    suite: str
    benchmark: str
    category: str
    model: str
    engine: str
    backend: str
    overlay: str
    planned: int | None
    status: str
    simulated: int
    started_at: float
    ended_at: float | None
    config: str
    dataset: str
    provenance: str


def json_cell(text: str | None, where: str) -> dict[str, Any]:
    """The object in a cell of JSON; an empty one for NULL.

    Args:
        where: `table.column` and whatever else tells the row, for the error.

    Raises:
        StoreError: it is damaged.
    """
    if not text:
        return {}
    try:
        found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise StoreError(f"{where} is damaged ({error}): {text[:60]!r}; run `tripos store rebuild`") from error
    return found


class Reader:
    """Reads over one connection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._decompressor = zstandard.ZstdDecompressor()
        self._streams: dict[int, str] = {}

    def fetch(self, text: Text) -> str:
        """A text that may have been stowed as a blob.

        Raises:
            StoreError: it is missing, or not what was written.
        """
        if not isinstance(text, Blob):
            return text
        rows = self.database.execute("SELECT data FROM blob WHERE digest = ?", (text.blob,))
        if not rows:
            raise self._damaged(text, "is missing")
        try:
            data = self._decompressor.decompress(bytes(rows[0][0]))
        except zstandard.ZstdError as error:
            raise self._damaged(text, f"cannot be read ({error})") from error
        if hashlib.sha256(data).hexdigest() != text.blob:
            raise self._damaged(text, "is not what was written")
        return data.decode("utf-8", "surrogatepass")

    def _damaged(self, text: Blob, how: str) -> StoreError:
        return StoreError(f"blob {text.blob[:12]} of {self.database.name} {how}; run `tripos store verify`")

    def is_empty(self) -> bool:
        """Whether nothing was ever answered here."""
        return not self.database.execute("SELECT 1 FROM candidate LIMIT 1")

    def newest_run(self, run_key: str) -> str | None:
        """The run that the same configuration made last."""
        rows = self.database.execute("SELECT run_id FROM run WHERE run_key = ? ORDER BY started_at DESC LIMIT 1", (run_key,))
        return rows[0][0] if rows else None

    def runs(self) -> list[RunRow]:
        """All runs, newest first."""
        return [RunRow(*row) for row in self.database.execute("SELECT * FROM run ORDER BY started_at DESC, run_id")]

    def run(self, run_id: str) -> RunRow:
        """A run by its id (the id of a fresh one begins with that of the run before it) or a unique beginning of it.

        Raises:
            StoreError: none or several begin so.
        """
        every = self.runs()
        rows = [r for r in every if r.run_id == run_id] or [r for r in every if r.run_id.startswith(run_id)]
        if len(rows) != 1:
            known = ", ".join(r.run_id for r in every[:10]) or "(none)"
            trouble = "several runs begin so" if rows else "no run begins so"
            raise StoreError(f"run {run_id!r}: {trouble} in {self.database.name}; runs: {known}")
        return rows[0]

    def statuses(self, candidate_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """{candidate_id: (status, position)} of those known; `status` is "answered" or "failed"."""
        rows = self.database.among("SELECT candidate_id, status, position FROM candidate WHERE candidate_id IN ", candidate_ids)
        return {r[0]: (r[1], r[2]) for r in rows}

    def verdicts(self, candidate_ids: Sequence[str], overlay: str) -> dict[str, tuple[str, str, int | None]]:
        """{candidate_id: (outcome, reference_hash, is_correct)} of those scored under an overlay."""
        sql = "SELECT candidate_id, outcome, reference_hash, is_correct FROM verdict WHERE overlay = ? AND candidate_id IN "
        return {r[0]: (r[1], r[2], r[3]) for r in self.database.among(sql, candidate_ids, overlay)}

    def in_run(self, run_id: str, record_ids: Sequence[str]) -> dict[tuple[str, str, int], Row]:
        """{(record_id, prompt_variant_id, attempt): labels} of the trials that a run already has; see `projection.labels`."""
        sql = """SELECT record_id, prompt_variant_id, attempt, candidate_id, trial_hash, subject, slice_id, cluster, dimensions,
            reference_hash FROM trial WHERE run_id = ? AND record_id IN """
        return {(r[0], r[1], r[2]): tuple(r[3:]) for r in self.database.among(sql, record_ids, run_id)}

    def answer_name(self, position: int) -> str:
        """The name of an answer that holds in every store: id of its stream and place in it. For `Scored.graded`."""
        number, place = divmod(position, SPAN)
        if number not in self._streams:
            self._streams = dict(self.database.execute("SELECT number, stream_id FROM stream"))
        if number not in self._streams:
            raise StoreError(f"stream {number} is missing from {self.database.name}")
        return f"{self._streams[number]}/{place}"

    def completion(self, position: int) -> Completion:
        """The stored completion at a position of the record."""
        event = self.event(position)
        if not isinstance(event, Answered):
            raise StoreError(f"event {position} is no answer")
        return completion_of(event, self.fetch)

    def event(self, position: int) -> Event:
        """One event by its position."""
        rows = self.database.execute("SELECT body FROM event WHERE position = ?", (position,))
        if not rows:
            raise StoreError(f"event {position} is missing from {self.database.name}")
        return decode(bytes(rows[0][0]))

    def trials(self, run_id: str, overlay: str) -> Iterator[TrialRecord]:
        """All trials of a run with their newest candidate and its verdict under an overlay, in the order of record ids."""
        sql = f"""SELECT p.body, c.body, s.body, k.position, m.energy_joules, m.power_watts, m.gpu_utilization_pct FROM trial t
            JOIN event p ON p.position = t.position
            LEFT JOIN candidate k ON k.candidate_id = t.candidate_id
            LEFT JOIN event c ON c.position = k.position
            LEFT JOIN verdict v ON v.candidate_id = t.candidate_id AND v.overlay = ?
            LEFT JOIN event s ON s.position = v.position
            LEFT JOIN measure m ON m.candidate_id = t.candidate_id AND m.position / {SPAN} = k.position / {SPAN}
            WHERE t.run_id = ? ORDER BY t.record_id, t.prompt_variant_id, t.attempt"""
        for planned_body, candidate_body, scored_body, position, *share in self.database.stream(sql, (overlay, run_id)):
            of = f"of run {run_id}"
            planned = decode(bytes(planned_body), of)
            candidate = decode(bytes(candidate_body), of) if candidate_body is not None else None
            scored = decode(bytes(scored_body), of) if scored_body is not None else None
            if isinstance(candidate, Answered) and share != _NOTHING:
                candidate = msgspec.structs.replace(candidate, telemetry=dict(zip(_MEASURES, share, strict=True)))
            assert isinstance(planned, TrialPlanned) and (scored is None or isinstance(scored, Scored))
            yield TrialRecord(
                planned,
                candidate if isinstance(candidate, Answered) else None,
                candidate if isinstance(candidate, Failed) else None,
                scored,
                self.answer_name(position) if isinstance(candidate, Answered) else None,
            )

    def measured(self, run_id: str) -> Iterator[Measured]:
        """What telemetry found in a run, in the order of the record."""
        sql = "SELECT body FROM event WHERE run_id = ? AND kind = 'measured' ORDER BY position"
        for (body,) in self.database.stream(sql, (run_id,)):
            event = decode(bytes(body))
            assert isinstance(event, Measured)
            yield event

    def lookup(self, run_id: str, record_id: str, attempt: int, variant: str = "default") -> Completion | None:
        """The answer that a run has for a sample, for `replay`."""
        rows = self.database.execute(
            """SELECT k.position FROM trial t JOIN candidate k ON k.candidate_id = t.candidate_id AND k.status = 'answered'
            WHERE t.run_id = ? AND t.record_id = ? AND t.prompt_variant_id = ? AND t.attempt = ?""",
            (run_id, record_id, variant, attempt),
        )
        return self.completion(rows[0][0]) if rows else None
