"""The stream of jobs of a plan: what is done is skipped, what is half done starts where it stopped, what another process
has in hand is left to it.

Samples are pulled, rendered, named, claimed and looked up in chunks on a thread of their own, a little ahead of the
workers, so that neither a slow hub nor the store ever stalls a request, and memory holds a few chunks whatever the size
of the set.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, islice

from tripos.core.records import Outcome
from tripos.runs.pipeline import Ended, Job
from tripos.runs.plan import Plan
from tripos.store.events import Prepared, TrialPlanned
from tripos.store.projection import labels
from tripos.store.reading import Reader
from tripos.store.writer import Writer

_SMALLEST, _LARGEST = 32, 256  # samples of a chunk; a few a worker, so that processes on one run share it fairly
_LOOK_AGAIN_SECONDS = 0.5


class Feed:
    """Hands out jobs one by one.

    `skipped` is told, in the writer's thread, of each trial that is done already; `link` gets the trials that are done but
    new to this run (answered under another run, or with new labels), so that they are recorded as part of it. At the end,
    trials that another process has in hand are waited for (`waiting` is told how many) until they are done, or free to take.
    """

    def __init__(
        self,
        plan: Plan,
        reader: Reader,
        writer: Writer,
        *,
        skipped: Callable[[Ended], None],
        link: Callable[[TrialPlanned], None],
        stopping: Callable[[], bool],
        waiting: Callable[[int], None],
    ) -> None:
        self.plan, self.reader, self.writer = plan, reader, writer
        self.skipped, self.link, self.stopping, self.waiting = skipped, link, stopping, waiting
        workers = plan.spec.max_workers
        self._chunk = _LARGEST if isinstance(workers, str) else min(_LARGEST, max(_SMALLEST, 4 * workers))
        self._jobs: deque[Job] = deque()
        self._held: list[Job] = []
        self._elsewhere: deque[Job] = deque()
        self._candidates = self._every()
        self._loading: asyncio.Task[None] | None = None
        self._ended = self._waited = False

    async def next(self) -> Job | None:
        """The next job, or None when there is none."""
        while not self._jobs:
            if self._ended or self.stopping():
                return None
            await asyncio.shield(self._fetch())
            if self.stopping():  # what is done already may be all that is wanted
                return None
        if len(self._jobs) < self._chunk // 2 and not self._ended:
            self._fetch()
        return self._jobs.popleft()

    async def close(self) -> None:
        """Waits for the thread that looks ahead; what it found is of no use any more."""
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)

    def _fetch(self) -> asyncio.Task[None]:
        if self._loading is None or (self._loading.done() and self._loading.exception() is None):
            self._loading = asyncio.create_task(self._load_or_wait())
        return self._loading

    async def _load_or_wait(self) -> None:
        if not await asyncio.to_thread(self._load):
            if not self._waited:
                self.waiting(len(self._elsewhere))
            self._waited = True
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _every(self) -> Iterator[Job]:
        plan, places, clock = self.plan, count(), time.perf_counter
        started_at, began = time.time(), clock()
        for sample in plan.selection:
            loaded = clock()
            for variant in plan.variants:
                rendering = clock()
                messages = plan.messages(sample, variant)
                load, pause, render = (loaded - began) * 1e6, (rendering - loaded) * 1e6, (clock() - rendering) * 1e6
                prepared = Prepared(started_at, int(load) + 1, int(pause), int(render) + 1)
                for attempt in range(plan.spec.attempts):
                    trial = plan.trial(sample, variant, attempt, messages, prepared)
                    yield Job(sample, trial, messages, new_to_run=True, place=next(places))
            started_at, began = time.time(), clock()

    def _load(self) -> bool:
        """Takes the next chunk and looks again at what was elsewhere. False when there is nothing to do but wait for others."""
        fresh = list(islice(self._candidates, self._chunk))
        chunk = [*(self._elsewhere.popleft() for _ in range(min(len(self._elsewhere), _LARGEST))), *fresh]
        left = len(self._elsewhere)
        self._held = [job for job in self._held if not job.over]
        names = [job.planned.candidate_id for job in chunk]
        free = self.writer.claim([job.planned.candidate_id for job in self._held], names) if chunk else set()
        statuses = self.reader.statuses(names)  # after the claim: what is free now and not done stays so until we do it
        present = self.reader.in_run(self.plan.run_id, [job.planned.record_id for job in chunk]) if statuses else {}
        verdicts = self.reader.verdicts(names, self.plan.overlay) if statuses else {}
        done: list[Ended] = []
        ready: list[Job] = []
        for job in chunk:
            p = job.planned
            known = present.get((p.record_id, p.prompt_variant_id, p.attempt))
            job.new_to_run = known is None or known != labels(p)
            status, position = statuses.get(p.candidate_id, ("", 0))
            outcome, reference_hash, is_correct = verdicts.get(p.candidate_id, (None, None, None))
            if outcome not in (None, Outcome.JUDGE_FAILED) and reference_hash == p.reference_hash:
                if job.new_to_run:
                    self.link(p)
                right = None if is_correct is None else bool(is_correct)
                done.append(Ended(Outcome(outcome), right, record_id=p.record_id, place=job.place))
            elif p.candidate_id not in free:
                self._elsewhere.append(job)
            else:
                if status == "answered":
                    job.completion, job.graded = self.reader.completion(position), self.reader.answer_name(position)
                self._held.append(job)
                ready.append(job)
        if done:
            self.writer.write(self.plan.run_id, (), then=lambda: self._tell(done))
            if self.plan.spec.until is not None:  # a run that is sure asks nothing more
                self.writer.flush()
        self._jobs.extend(ready)
        self._ended = not chunk
        return not chunk or bool(fresh) or len(self._elsewhere) - left < len(chunk)

    def _tell(self, done: list[Ended]) -> None:
        for ended in done:
            self.skipped(ended)
