"""The stream of jobs of a plan: what is done is skipped, what is half done starts where it stopped.

Samples are pulled, rendered, named and looked up in chunks on a thread of their own, a little ahead of the workers, so
that neither a slow hub nor the store ever stalls a request, and memory holds a few chunks whatever the size of the set.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from tripos.core.records import Outcome
from tripos.runs.pipeline import Ended, Job
from tripos.runs.plan import Plan
from tripos.store.events import TrialPlanned
from tripos.store.reading import Reader

_CHUNK = 256


class Feed:
    """Hands out jobs one by one. `skipped` is told of each trial that is done already; `link` gets the trials that are
    done but new to this run (answered under another run), so that they are recorded as part of it."""

    def __init__(self, plan: Plan, reader: Reader, skipped: Callable[[Ended], None], link: Callable[[TrialPlanned], None]) -> None:
        self.plan, self.reader, self.skipped, self.link = plan, reader, skipped, link
        self._jobs: deque[Job] = deque()
        self._candidates = self._every()
        self._lock = asyncio.Lock()
        self._ended = False

    async def next(self) -> Job | None:
        """The next job, or None when there is none."""
        while not self._jobs:
            if self._ended:
                return None
            async with self._lock:
                if not self._jobs and not self._ended:
                    await asyncio.to_thread(self._load)
        return self._jobs.popleft()

    def _every(self) -> Iterator[Job]:
        plan = self.plan
        for sample in plan.selection:
            for variant in plan.variants:
                messages = plan.messages(sample, variant)
                for attempt in range(plan.spec.attempts):
                    yield Job(sample, plan.trial(sample, variant, attempt, messages), messages, new_to_run=True)

    def _load(self) -> None:
        chunk = list(islice(self._candidates, _CHUNK))
        if not chunk:
            self._ended = True
            return
        names = [job.planned.candidate_id for job in chunk]
        statuses = self.reader.statuses(names)
        present = self.reader.in_run(self.plan.run_id, [job.planned.record_id for job in chunk]) if statuses else set()
        verdicts = self.reader.verdicts(names, self.plan.overlay) if statuses else {}
        for job in chunk:
            p = job.planned
            job.new_to_run = (p.record_id, p.prompt_variant_id, p.attempt) not in present
            status = statuses.get(p.candidate_id)
            if status is None or status[0] != "answered":
                self._jobs.append(job)
                continue
            outcome, reference_hash, is_correct = verdicts.get(p.candidate_id, (None, None, None))
            if outcome not in (None, Outcome.JUDGE_FAILED) and reference_hash == p.reference_hash:
                if job.new_to_run:
                    self.link(p)
                self.skipped(Ended(Outcome(outcome), None if is_correct is None else bool(is_correct)))
                continue
            job.completion = self.reader.completion(status[1])
            self._jobs.append(job)
