"""The work of a rescoring: stored answers are graded, nothing is asked of the model under examination."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from tripos.core.records import Outcome, Sample
from tripos.runs.graders import Graders
from tripos.runs.pipeline import Ended, Job, Pipeline
from tripos.runs.plan import Plan
from tripos.runs.stopping import Control
from tripos.runs.stored import header_of
from tripos.store.events import Answered, RunEnded, TrialPlanned, completion_of
from tripos.store.reading import Reader, RunRow
from tripos.store.writer import Writer

_CHUNK = 256
_GRADINGS = 64
"""Gradings that wait for a judge or a sandbox at a time."""


@dataclass(frozen=True)
class Rescored:
    """How it went. `run_id` is the new run. `reused` verdicts were there already; `missing` records are no longer in the benchmark.

    `accuracy_before` and `accuracy_after` are over candidates that both scorings scored; `changed` counts those they disagree on.
    """

    source: str
    run_id: str
    overlay: str
    name: str | None
    status: str
    candidates: int
    graded: int
    reused: int
    unanswered: int
    missing: tuple[str, ...]
    outcomes: dict[str, int]
    errors: tuple[str, ...]
    accuracy_before: float | None
    accuracy_after: float | None
    changed: int


class Rescoring:
    """The work on one run. Counts are written by the writer's thread and read at the end."""

    def __init__(self, plan: Plan, source: RunRow, name: str | None, reader: Reader, writer: Writer, control: Control) -> None:
        self.plan, self.source, self.name, self.reader, self.writer, self.control = plan, source, name, reader, writer, control
        self.pipeline = Pipeline(plan, writer, header_of(source), self._durable)
        self.outcomes: Counter[str] = Counter()
        self.errors: list[str] = []
        self.graded = self.reused = self.unanswered = 0
        self.needed = {r[0] for r in reader.database.execute("SELECT DISTINCT record_id FROM trial WHERE run_id = ?", (source.run_id,))}
        self.total = len(self.needed)
        self.graders = Graders(control, limit=_GRADINGS)

    async def run(self) -> None:
        """Grades everything, then says that it ended."""
        samples = self._samples()
        while not self._stopped() and (chunk := await asyncio.to_thread(lambda: list(islice(samples, _CHUNK)))):
            for job in await asyncio.to_thread(self._jobs, chunk):
                if not self._stopped():
                    await self._grade(job)
        await self.graders.wait()
        await asyncio.to_thread(self.writer.flush)
        counts = {"planned": self.graded + self.reused + self.unanswered, **self.outcomes}
        self.writer.write(self.plan.run_id, [RunEnded(status=self.status, counts=counts)])
        await asyncio.to_thread(self.writer.flush)

    def _stopped(self) -> bool:
        return self.control.stopping is not None

    @property
    def status(self) -> str:
        """complete, partial, or what stopped it."""
        ours = sum(n for outcome, n in self.outcomes.items() if not Outcome(outcome).of_model)
        return self.control.stopping or ("partial" if ours or self.unanswered or self.needed else "complete")

    def result(self) -> Rescored:
        """What came of it."""
        sql = """SELECT b.is_correct, a.is_correct, count(*) FROM trial t
            JOIN verdict b ON b.candidate_id = t.candidate_id AND b.overlay = ?
            JOIN verdict a ON a.candidate_id = t.candidate_id AND a.overlay = ?
            WHERE t.run_id = ? AND b.is_correct IS NOT NULL AND a.is_correct IS NOT NULL GROUP BY b.is_correct, a.is_correct"""
        pairs = self.reader.database.execute(sql, (self.source.overlay, self.plan.overlay, self.source.run_id))
        both = sum(n for _, _, n in pairs)
        return Rescored(
            source=self.source.run_id,
            run_id=self.plan.run_id,
            overlay=self.plan.overlay,
            name=self.name,
            status=self.status,
            candidates=self.graded + self.reused + self.unanswered,
            graded=self.graded,
            reused=self.reused,
            unanswered=self.unanswered,
            missing=tuple(sorted(self.needed)) if self.control.stopping is None else (),
            outcomes=dict(self.outcomes),
            errors=tuple(self.errors[:10]),
            accuracy_before=sum(before * n for before, _, n in pairs) / both if both else None,
            accuracy_after=sum(after * n for _, after, n in pairs) / both if both else None,
            changed=sum(n for before, after, n in pairs if before != after),
        )

    def _samples(self) -> Iterator[Sample]:
        """The samples of the run as the benchmark has them now; `needed` keeps those that it has not."""
        source = self.plan.benchmark.samples
        every = islice(source, 10 * self.total + 1000) if source.endless else source
        for sample in every:
            if not self.needed:
                return
            if sample.record_id in self.needed:
                self.needed.discard(sample.record_id)
                yield sample

    def _jobs(self, samples: Sequence[Sample]) -> list[Job]:
        """Trials of these samples that are to be graded; those that are done, or have no answer, are made part of the new run."""
        by_id = {s.record_id: s for s in samples}
        sql = "SELECT record_id, candidate_id, position FROM trial WHERE run_id = ? AND record_id IN "
        rows = self.reader.database.among(sql, list(by_id), self.source.run_id)
        names = [candidate_id for _, candidate_id, _ in rows]
        statuses, verdicts = self.reader.statuses(names), self.reader.verdicts(names, self.plan.overlay)
        jobs = []
        for record_id, candidate_id, position in rows:
            sample, event = by_id[record_id], self.reader.event(position)
            assert isinstance(event, TrialPlanned)
            reference = hashlib.sha256(msgspec.json.encode(sample.reference, order="sorted")).hexdigest()[:16]
            planned = msgspec.structs.replace(event, reference=sample.reference, reference_hash=reference)
            status, answer_position = statuses.get(candidate_id, ("", 0))
            outcome, graded_reference, _ = verdicts.get(candidate_id, (None, None, None))
            if status != "answered":
                self.unanswered += 1
                self.writer.write(self.plan.run_id, [planned])
            elif outcome not in (None, Outcome.JUDGE_FAILED) and graded_reference == reference:
                self.writer.write(self.plan.run_id, [planned], self._is_reused(str(outcome)))
            else:
                self.writer.write(self.plan.run_id, [planned])
                answer = self.reader.event(answer_position)
                assert isinstance(answer, Answered)
                completion = completion_of(answer, self.reader.fetch)
                jobs.append(Job(sample, planned, (), False, completion, self.reader.answer_name(answer_position)))
        return jobs

    async def _grade(self, job: Job) -> None:
        assert job.completion is not None
        waiting = self.pipeline.grade(job, job.completion)
        if waiting is not None:
            await self.graders.add(waiting)

    def _durable(self, ended: Ended, line: bytes) -> None:
        self.graded += 1
        self.outcomes[ended.outcome.value] += 1
        if ended.error is not None:
            self.errors.append(f"{ended.record_id}: {ended.error}")

    def _is_reused(self, outcome: str) -> Callable[[], None]:
        def durable() -> None:
            self.reused += 1
            self.outcomes[outcome] += 1

        return durable
