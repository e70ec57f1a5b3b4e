"""The bracket of the flow for one trial: sample, candidate, transform, score, events.

Each finished stage is an event and is never paid for twice: a trial whose candidate is stored starts at grading, one
that is graded is not started at all.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec

from tripos.core.errors import BudgetExhausted, EngineError, JudgeError, StoreError
from tripos.core.records import ENDED_EARLY, Completion, Extraction, JudgeAudit, Message, Outcome, Sample, Verdict
from tripos.runs.lines import Header, line
from tripos.runs.measuring import Measuring
from tripos.runs.plan import Plan
from tripos.scoring.answers import visible
from tripos.scoring.judge import judge_cost
from tripos.scoring.scorer import Answer, check_extraction, check_verdict
from tripos.store.events import Event, Failed, Scored, Took, TrialPlanned, answered
from tripos.store.writer import Writer

_encode = msgspec.json.Encoder().encode
_UNREAD = Extraction(how="failed")
_UNSCORED = Verdict(value=None, is_correct=None, outcome=Outcome.JUDGE_FAILED)


@dataclass(slots=True)
class Job:
    """One trial and attempt to be brought to its end.

    `completion` is set when it is stored already, `graded` is its name then; `over` is set when the end is durable; `place`
    counts the jobs of a run as they were planned.
    """

    sample: Sample
    planned: TrialPlanned
    messages: tuple[Message, ...]
    new_to_run: bool
    completion: Completion | None = None
    graded: str | None = None
    over: bool = False
    place: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended, for the tally: durable when reported."""

    outcome: Outcome
    is_correct: bool | None
    error_kind: str | None = None
    error: str | None = None
    record_id: str = ""
    place: int = 0


class _Times:
    """The clock of one grading: `parsed` and `scoring` are readings of the performance counter, None while it did not come to that."""

    __slots__ = ("began", "parsed", "scoring", "started_at")

    def __init__(self) -> None:
        self.started_at, self.began = time.time(), time.perf_counter()
        self.parsed: float | None = None
        self.scoring: float | None = None

    def took(self) -> Took:
        """What is recorded, at its end."""
        ended, began = time.perf_counter(), self.began
        if self.parsed is None or self.scoring is None:
            return Took(int((ended - began) * 1e6) + 1, 0, None)
        parse, pause, score = self.parsed - began, self.scoring - self.parsed, ended - self.scoring
        return Took(int(parse * 1e6) + 1, int(pause * 1e6), int(score * 1e6) + 1)


_NOTHING: AbstractContextManager[None] = nullcontext()


def _unmeasured(candidate_id: str) -> AbstractContextManager[None]:
    return _NOTHING


Durable = Callable[[Ended, bytes], None]


class Pipeline:
    """Brings jobs of one plan to their end. `durable` is called, in the writer's thread, once a job's events are safe."""

    def __init__(self, plan: Plan, writer: Writer, header: Header, durable: Durable, measuring: Measuring | None = None) -> None:
        self.plan, self.writer, self.header, self.durable, self.measuring = plan, writer, header, durable, measuring
        self._owned: Callable[[str], AbstractContextManager[None]] = measuring.owned if measuring is not None else _unmeasured
        self._perfect = plan.benchmark.perfect
        self._simulated = plan.endpoint.engine.simulated
        self._answer = plan.backend.answer

    async def answer(self, job: Job) -> Completion:
        """Asks the model.

        Raises:
            EngineError: it failed for good; that is recorded.
            BudgetExhausted: nothing was asked.
        """
        began = time.time()
        try:
            with self._owned(job.planned.candidate_id):
                return await self._answer(job.sample, job.messages, job.planned.attempt, self._context(job))
        except EngineError as error:
            notes = " ".join(getattr(error, "__notes__", ()))
            said = f"{error} ({notes})" if notes else str(error)
            failed = _failed(job.planned.candidate_id, error, said, began)
            text = line(self.header, job.planned, None, None, failed=failed, telemetry={})
            ended = Ended(Outcome.INFRASTRUCTURE_FAILED, None, error.kind, said, job.planned.record_id, job.place)
            self._write([*self._trial(job), failed], lambda: self._over(job, ended, text))
            raise

    def grade(self, job: Job, completion: Completion) -> Awaitable[None] | None:
        """Transforms and scores. Returns None when done, or an awaitable when the scorer has to wait for something."""
        events: list[Event] = self._trial(job)
        if job.completion is None:
            events.append(answered(job.planned.candidate_id, completion, self.writer.stow, {}))
        times = _Times()
        text = visible(completion.text)
        extraction = _UNREAD
        waiting: Awaitable[Verdict] | None = None
        try:
            extraction = check_extraction(self.plan.benchmark.transform(job.sample, text))
            times.parsed = times.scoring = time.perf_counter()
            scored = self.plan.benchmark.scorer.score(job.sample, Answer(text, completion, extraction), self.plan.instruments)
            if inspect.isawaitable(scored):
                waiting = scored
            else:
                verdict = check_verdict(scored)
        except StoreError:
            raise
        except Exception as error:
            self._finish(job, completion, extraction, _UNSCORED, times, events, error)
            return None
        if waiting is not None:
            if events:
                self._write(events, None)
            return self._later(job, completion, extraction, waiting, times)
        self._finish(job, completion, extraction, verdict, times, events)
        return None

    async def _later(self, job: Job, completion: Completion, extraction: Extraction, scored: Awaitable[Verdict], times: _Times) -> None:
        times.scoring = time.perf_counter()  # it may have waited for a place among the gradings
        try:
            verdict = check_verdict(await scored)
        except (StoreError, BudgetExhausted):
            raise
        except Exception as error:  # ours or the judge's, never the candidate's: unscored, kept, retried on resume
            audits = error.audits if isinstance(error, JudgeError) else ()
            self._finish(job, completion, extraction, msgspec.structs.replace(_UNSCORED, audits=audits), times, [], error)
            return
        self._finish(job, completion, extraction, verdict, times, [])

    def _finish(
        self,
        job: Job,
        completion: Completion,
        extraction: Extraction,
        verdict: Verdict,
        times: _Times,
        events: list[Event],
        error: Exception | None = None,
    ) -> None:
        took = times.took()
        verdict = _ended_early(verdict, completion.finish_reason)
        audits: tuple[JudgeAudit, ...] = verdict.audits
        scored = Scored(
            candidate_id=job.planned.candidate_id,
            overlay=self.plan.overlay,
            reference_hash=job.planned.reference_hash,
            extraction=extraction,
            verdict=msgspec.structs.replace(verdict, audits=()) if audits else verdict,
            audits=self.writer.stow(_encode(audits).decode()) if audits else None,
            error=f"{type(error).__name__}: {error}" if error is not None else None,
            started_at=times.started_at,
            judge_cost_usd=judge_cost(audits),
            graded=job.graded,
            took=took,
        )
        text = line(self.header, job.planned, completion, scored, judge_reply=audits[-1].reply if audits else None, telemetry={})
        kind = "judge" if error else None
        ended = Ended(verdict.outcome, verdict.is_correct, kind, scored.error, job.planned.record_id, job.place)
        self._write([*events, scored], lambda: self._over(job, ended, text))

    def _over(self, job: Job, ended: Ended, text: bytes) -> None:
        job.over = True
        self.durable(ended, text)

    def _trial(self, job: Job) -> list[Event]:
        if not job.new_to_run:
            return []
        job.new_to_run = False
        prompt = job.planned.prompt
        assert isinstance(prompt, str)
        return [msgspec.structs.replace(job.planned, prompt=self.writer.stow(prompt))]

    def _write(self, events: list[Event], then: Callable[[], None] | None) -> None:
        self.writer.write(self.plan.run_id, events, then)
        if self.measuring is not None:
            self.measuring.settle(events)

    def _context(self, job: Job) -> dict[str, Any] | None:
        if not self._simulated and self.plan.engine != "replay":
            return None
        p = job.planned
        context: dict[str, Any] = {"record_id": p.record_id, "attempt": p.attempt, "variant": p.prompt_variant_id}
        if self._simulated:
            context["perfect"] = self._perfect(job.sample) if self._perfect else str(job.sample.reference)
        return context


def _failed(candidate_id: str, error: EngineError, said: str, began: float) -> Failed:
    *before, last = error.tries or (None,)
    return Failed(
        candidate_id=candidate_id,
        error_kind=error.kind,
        error=said,
        retries=tuple(before),
        started_at=began,
        requested_at=last["started_at"] if last is not None else None,
        ended_at=last["at"] if last is not None else time.time(),
    )


def _ended_early(verdict: Verdict, finish_reason: str | None) -> Verdict:
    """An answer that is not correct and did not end by itself is called what it is."""
    outcome = ENDED_EARLY.get(finish_reason or "")
    if outcome is None or verdict.is_correct is not False or verdict.outcome is Outcome.LIMIT:
        return verdict
    return msgspec.structs.replace(verdict, outcome=outcome)
