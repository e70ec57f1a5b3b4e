"""Runs plans: workers pull jobs, graders wait for judges and sandboxes, one writer makes it durable.

A worker holds a request slot only while a request is on the wire. Scoring that has to wait (a judge, a sandbox) goes on
beside the workers, bounded in number, so a slow judge never idles the model and memory stays flat.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import BudgetExhausted, EngineError, StoreError, TriposError
from tripos.core.identity import digest, settings_of
from tripos.engines.endpoint import Counters
from tripos.engines.limiter import CEILING
from tripos.runs.breaker import Breaker, breaker_of
from tripos.runs.endpoints import Endpoints
from tripos.runs.feed import Feed
from tripos.runs.graders import Graders, wait_for_all
from tripos.runs.lines import Header
from tripos.runs.measuring import Measuring, measuring
from tripos.runs.pipeline import Ended, Job, Pipeline
from tripos.runs.plan import Plan, prepare
from tripos.runs.provenance import provenance
from tripos.runs.results_file import ResultsFile, lay, make_way, summary_of
from tripos.runs.spec import RunSpec, public
from tripos.runs.stopping import Control, Stopping, interruptible
from tripos.runs.summary import Summary, public_options, summarise, write_summary
from tripos.runs.tally import Tally
from tripos.runs.until import Until
from tripos.store.database import Database
from tripos.store.events import RunEnded, RunStarted, TrialPlanned
from tripos.store.reading import Reader
from tripos.store.writer import Writer

_log = logging.getLogger("tripos.run")


@dataclass(frozen=True)
class RunResult:
    """How a run went.

    `status` is complete, partial (some unscored), until (sure enough), interrupted, budget, given_up (the server answers nobody) or
    failed (not started).
    """

    spec: RunSpec
    status: str
    summary: Summary | None = None
    tally: Tally | None = None
    error: str | None = None
    path: Path | None = None
    moved: Path | None = None


class Watcher:
    """What the runner tells about its progress. The default keeps silent; the command line draws."""

    def planned(self, plan: Plan, tally: Tally) -> None:
        """A run is about to start."""

    def sample(self, line: bytes) -> None:
        """A line of the results file is durable. Called in the writer's thread."""

    def ended(self, result: RunResult) -> None:
        """A run has ended."""

    def warn(self, message: str) -> None:
        """Something a person should know."""


class Runner:
    """Runs specifications one after the other over shared endpoints and one store."""

    def __init__(self, store: str, endpoints: Endpoints, control: Control, watcher: Watcher) -> None:
        self.endpoints, self.control, self.watcher = endpoints, control, watcher
        self.database = Database(store)
        self.reader = Reader(Database(store))
        self.writer = Writer(self.database)

    async def close(self) -> None:
        """Writes what is queued, closes engines and store."""
        await self.endpoints.close()
        await asyncio.to_thread(self.writer.close)
        self.database.close()
        self.reader.database.close()

    async def run(self, spec: RunSpec) -> RunResult:
        """Brings one run as far as it gets. Its own troubles are in the result.

        Raises:
            StoreError: the record itself cannot be kept.
        """
        shown = len(self.endpoints.warnings)
        try:
            plan = await prepare(spec, self.endpoints, self.reader)
            telemetry = await asyncio.to_thread(measuring, plan, self.endpoints, self.writer)
            for warning in self.endpoints.warnings[shown:]:
                self.watcher.warn(warning)
            return await self._run(plan, telemetry)
        except StoreError:
            raise
        except TriposError as error:  # also under way: the examples of a prompt may not be there
            return RunResult(spec, "failed", error=str(error))

    async def _run(self, plan: Plan, telemetry: Measuring | None) -> RunResult:
        spec, path = plan.spec, plan.spec.output_path()
        until = await asyncio.to_thread(self._until, plan, spec.until) if spec.until is not None else None
        stopping = Stopping(self.control, breaker_of(plan.endpoint, spec.give_up_after), until)
        _log.debug("run %s: %d planned, endpoint %s, overlay %s", plan.run_id, plan.planned, plan.endpoint.engine.endpoint_id, plan.overlay)
        header = Header(
            benchmark=spec.benchmark, model=spec.model.name, backend=spec.backend, run_id=plan.run_id, seed=spec.seed, hardware=spec.model
        )
        moved = make_way(path, plan.run_id)
        if moved is not None:
            self.watcher.warn(f"{path} held another run; it is now {moved}")
        resumed = lay(plan, header, self.reader) > 0
        summary_of(path).unlink(missing_ok=True)  # it comes back at the end; until then it would speak for other records
        file = ResultsFile(path)
        tally = Tally(plan.planned)
        self.watcher.planned(plan, tally)
        self.writer.write(plan.run_id, [_started(plan)])
        pipeline = Pipeline(plan, self.writer, header, _Ending(tally, file, self.watcher, until), telemetry)
        feed = self._feed(plan, tally, stopping)
        try:
            async with telemetry.running(self.endpoints, self.watcher.warn) if telemetry is not None else contextlib.nullcontext():
                try:
                    await self._work(plan, pipeline, feed, stopping)
                finally:
                    await feed.close()
            await asyncio.to_thread(self.writer.flush)
        finally:
            file.close()
        stopped = stopping.reason(tally)
        status = stopped or ("partial" if tally.unscored or tally.done < tally.planned else "complete")
        self.writer.write(plan.run_id, [RunEnded(status=status, counts={"planned": tally.planned, **tally.outcomes})])
        await asyncio.to_thread(self.writer.flush)
        if resumed or tally.reused or stopped or self.writer.late or telemetry is not None:  # stopped: answers without a verdict
            lay(plan, header, self.reader)
        summary = summarise(plan, self.reader, status, tally, stopping)
        write_summary(summary, path)
        result = RunResult(spec, status, summary, tally, path=path, moved=moved)
        self.watcher.ended(result)
        return result

    def _until(self, plan: Plan, half_width: float) -> Until:
        sizes = plan.selection.cluster_sizes()
        until = Until(half_width, per_item=plan.spec.attempts, sizes=sizes)
        if sizes is not None and len(sizes) < until.least:
            takes = f"it takes about {until.least} sources (clusters) or more, and these samples have {len(sizes)}"
            self.watcher.warn(f"--until ±{half_width:g} will hardly be reached: {takes}")
        return until

    def _feed(self, plan: Plan, tally: Tally, stopping: Stopping) -> Feed:
        until = stopping.until

        def skipped(ended: Ended) -> None:
            tally.add(ended, reused=True)
            if until is not None:
                until.ended(ended.place, None if ended.is_correct is None else float(ended.is_correct))

        return Feed(
            plan,
            self.reader,
            self.writer,
            skipped=skipped,
            link=_Link(self.writer, plan.run_id),
            stopping=lambda: stopping.now,
            waiting=lambda n: self.watcher.warn(f"{n} trials are in the hands of another process; waiting until it is done with them"),
        )

    async def _work(self, plan: Plan, pipeline: Pipeline, feed: Feed, stopping: Stopping) -> None:
        limiter = plan.endpoint.limiter
        workers = min(CEILING if limiter.adaptive else limiter.limit, plan.planned)
        await self._warm_up(plan)
        plan.endpoint.counters = Counters()  # of this run alone: neither what warmed up nor the runs before it
        graders = Graders(self.control, limit=2 * workers + 16)

        async def work() -> None:
            while not stopping.now:
                job = await feed.next()
                if job is None:
                    return
                await self._bring_to_end(job, pipeline, graders, stopping.breaker)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        self.control.tasks.update(tasks)
        try:
            await wait_for_all(tasks)
            await graders.wait()
        finally:
            self.control.tasks.difference_update(tasks)

    async def _bring_to_end(self, job: Job, pipeline: Pipeline, graders: Graders, breaker: Breaker) -> None:
        completion = job.completion
        if completion is None:
            number = breaker.begin()
            try:
                completion = await pipeline.answer(job)
            except EngineError as error:
                if breaker.failed(number, error.kind, str(error)):
                    self.watcher.warn(f"{breaker.in_a_row} samples in a row failed alike ({error}): stopping; what was done is kept")
                return
            except BudgetExhausted as error:
                if self.control.stopping is None:
                    self.watcher.warn(f"{error}: stopping; what was done is kept")
                self.control.stop("budget")
                return
        waiting = pipeline.grade(job, completion)
        if waiting is not None:
            await graders.add(waiting)

    async def _warm_up(self, plan: Plan) -> None:
        """Requests that are neither timed nor stored, from samples outside the run where there are any."""
        if not plan.spec.warmup_samples:
            return
        texts = await asyncio.to_thread(_warm_up_prompts, plan)
        for messages in texts:
            with contextlib.suppress(TriposError):
                await plan.endpoint.generate(messages, plan.spec.params, context={"record_id": "warm-up"})


class _Ending:
    """What happens when a job's events are durable: its line is written, then the tally moves."""

    def __init__(self, tally: Tally, file: ResultsFile, watcher: Watcher, until: Until | None) -> None:
        self.tally, self.file, self.watcher, self.until = tally, file, watcher, until

    def __call__(self, ended: Ended, text: bytes) -> None:
        self.file.append(text)
        self.tally.add(ended)
        _log.debug("%r: %s, correct %s, error %r", ended.record_id, ended.outcome, ended.is_correct, ended.error)
        self.watcher.sample(text)
        if self.until is not None:
            self.until.ended(ended.place, None if ended.is_correct is None else float(ended.is_correct))


class _Link:
    """Records that a trial which is done elsewhere belongs to this run too."""

    def __init__(self, writer: Writer, run_id: str) -> None:
        self.writer, self.run_id = writer, run_id

    def __call__(self, planned: TrialPlanned) -> None:
        prompt = planned.prompt
        assert isinstance(prompt, str)
        self.writer.write(self.run_id, [msgspec.structs.replace(planned, prompt=self.writer.stow(prompt))])


def _started(plan: Plan) -> RunStarted:
    spec = plan.spec
    return RunStarted(
        run_key=plan.run_key,
        suite=spec.suite,
        benchmark=spec.benchmark,
        category=plan.entry.category,
        model=spec.model.name,
        engine=plan.engine,
        backend=spec.backend,
        overlay=plan.overlay,
        simulated=plan.endpoint.engine.simulated,
        planned=plan.planned,
        config=_config(plan),
        dataset=dict(plan.benchmark.samples.fingerprint()),
        provenance=provenance(plan.endpoint.engine),
    )


def _config(plan: Plan) -> dict[str, Any]:
    spec = plan.spec
    transform = digest(settings_of(plan.benchmark.transform))[:12]
    config: dict[str, Any] = public(spec)
    return config | {"model": public(spec.model) | {"options": public_options(spec.model.options)}, "transform_hash": transform}


def _warm_up_prompts(plan: Plan) -> list[tuple[Any, ...]]:
    from itertools import islice

    from tripos.core.records import Message

    taken = plan.selection.ids
    spare: list[tuple[Any, ...]] = []
    if taken is not None:
        outside = (s for s in plan.benchmark.samples if s.record_id not in taken)
        spare = [plan.messages(s, next(iter(plan.variants))) for s in islice(outside, plan.spec.warmup_samples)]
    while len(spare) < plan.spec.warmup_samples:
        spare.append((Message(role="user", content=f"Count from 1 to {10 + len(spare)} in words."),))
    return spare


async def run_all(specs: tuple[RunSpec, ...], store: str, endpoints: Endpoints, watcher: Watcher) -> list[RunResult]:
    """Runs specifications in order until done or stopped. One run that cannot start does not stop the others."""
    control = Control()
    runner = Runner(store, endpoints, control, watcher)
    results = []
    try:
        async with interruptible(control):
            for spec in specs:
                if control.stopping is not None:
                    results.append(RunResult(spec, control.stopping))
                    continue
                results.append(await runner.run(spec))
    finally:
        await runner.close()
    return results


def run_in_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Runs a coroutine function on uvloop where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):  # not on Windows
        import uvloop

        factory = uvloop.new_event_loop

    async def main() -> Any:
        return await work()

    with asyncio.Runner(loop_factory=factory) as loop:
        return loop.run(main())
