"""From a submission, or from the answers of a model, to the payload of one backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError, SandboxError
from tripos.kernels.aggregate import Record, case_rows, summarise
from tripos.kernels.case import Case, Discovery, discover
from tripos.kernels.contract import extract_solution
from tripos.kernels.devices import Devices, NoDevice, resolve_devices
from tripos.kernels.environment import environment_of
from tripos.kernels.evaluate import Conditions, Evaluator, evaluate_all
from tripos.kernels.outcome import OUTCOMES
from tripos.kernels.payload import Payload, Performance, build_payload, strict
from tripos.kernels.performance import performance_rows
from tripos.kernels.performance_summary import performance_summary
from tripos.kernels.settings import Settings
from tripos.kernels.submission import Match, Submission, match
from tripos.kernels.targets import Target

NO_ANSWER = {"judge_failed": "infrastructure_failed", "infrastructure_failed": "infrastructure_failed", "sample_invalid": "case_error"}
"""What a line of a results file without an evaluation was, where it was not the model's doing."""

UNUSABLE = "unusable_solutions"
"""Key of a payload without performance rows: what a submission holds that belongs to no case or could not be read, each with its reason."""


@dataclass(frozen=True)
class Assessment:
    """What is common to all submissions of one backend: the cases, the devices, how they are judged; `lacking`: why nothing can run."""

    target: Target
    settings: Settings
    conditions: Conditions
    found: Discovery
    known: tuple[Case, ...]
    devices: Devices
    lacking: str | None = None

    def payload(
        self,
        records: Sequence[Record],
        wall_seconds: float,
        *,
        environment_error: str | None = None,
        stopped: str | None = None,
        extra_rows: Iterable[dict[str, Any]] = (),
        submission_dir: Path | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Payload:
        """The document of these records. `stopped`: why a run ended early; a case without a record was not asked for then."""
        environment_error = environment_error or self.lacking
        pass_n, cases = self.settings.pass_n, list(self.found.cases)
        named = {"backend": self.target.key, "arch": self.target.arch, "dsl": self.target.dsl, "backend_name": self.target.backend}
        asked = self.settings.config(**named, devices=list(self.devices.ids)) | self._conditions() | dict(config or {})
        results = case_rows(records, cases, pass_n, backend=self.target.key, environment_error=environment_error)
        summary = summarise(results, wall_seconds, self.found.skipped, environment_error)
        performance = None
        if self.settings.measures:
            ours = environment_error or (f"{stopped} before this case was asked" if stopped else None)
            absent = ("infrastructure_failed", ours) if ours else ("not_generated", "there is no solution for this case")
            rows = [*performance_rows(records, cases, pass_n, absent=absent), *extra_rows]
            performance = Performance(rows, performance_summary(rows), self.settings.performance_config(), submission_dir)
        environment = environment_of(self.target, self.devices.ids)
        payload = build_payload(asked, environment, summary, results, performance)
        unusable = [] if self.settings.measures else _unusable(extra_rows)
        return {**payload, UNUSABLE: unusable} if unusable else payload

    def _conditions(self) -> dict[str, Any]:
        asked = self.conditions
        timing = asked.timing
        budget = {"budget_seconds": timing.budget_seconds, "precision": timing.precision, "compile": timing.compile} if timing else {}
        return {"rule": asked.rule, "input_sets": asked.input_sets, "seed": asked.seed, "threads": asked.threads, **budget}


def plan(
    root: Path, target: Target, settings: Settings, conditions: Conditions, devices: Sequence[int] | None = None, *, alone: bool = True
) -> Assessment:
    """Checks everything that can be checked before anything runs.

    Args:
        alone: the only backend that was asked for; where it is one of several, a device that is not there fails its cases only.

    Raises:
        ConfigError: no such cases, tiers, devices.
    """
    tiers, cases = settings.tiers, settings.cases
    found = discover(root, tiers=tiers, cases=cases, substring=settings.filter, skip_npu=target.skip_npu)
    known = discover(root, skip_npu=target.skip_npu)
    lacking = None
    try:
        resolved = resolve_devices(target, devices)
    except NoDevice as error:
        if alone:
            raise
        lacking = str(error)
        resolved = Devices((), (lacking,))
    conditions = replace(conditions, device=target.device, dsl=target.dsl, devices=resolved.ids)
    return Assessment(target, settings, conditions, found, (*known.cases, *known.skipped), resolved, lacking)


async def assess_submissions(
    assessment: Assessment,
    submissions: Sequence[Submission],
    done: Callable[[dict[str, Any]], None] = lambda record: None,
    phase: Callable[[str, str], None] = lambda case, phase: None,
) -> list[Payload]:
    """One payload a team. A device or box that cannot be had is an `environment_error` in each, not an exception.

    Args:
        done: hears each record. phase: hears the case and the phase that its evaluation enters.
    """
    if assessment.lacking is not None:
        return [_failed(assessment, submission, assessment.lacking) for submission in submissions]
    try:
        async with Evaluator.open(assessment.conditions) as evaluator:
            return [await _assess(assessment, evaluator, submission, done, phase) for submission in submissions]
    except SandboxError as error:
        return [_failed(assessment, submission, str(error)) for submission in submissions]


async def _assess(
    assessment: Assessment,
    evaluator: Evaluator,
    submission: Submission,
    done: Callable[[dict[str, Any]], None],
    phase: Callable[[str, str], None],
) -> Payload:
    began = time.monotonic()
    matched = match(submission, assessment.found.cases, assessment.known)
    work = [
        {
            "case_source": case.file_path.read_text(encoding="utf-8-sig"),
            "solution_source": solution.source,
            "tier": case.tier,
            "case_name": case.case_name,
            "phase": partial(phase, case.label),
        }
        for case, solution in matched.pairs
    ]
    records = await evaluate_all(evaluator, work, done)
    return _of_team(assessment, submission, matched, [*records, *_absent(matched)], time.monotonic() - began)


def _unusable(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a payload without times says of rows that belong to no case."""
    return [strict({name: row[name] for name in ("case", "tier", "case_name", "error")}) for row in rows]


def _absent(matched: Match) -> list[dict[str, Any]]:
    missing = {"attempt": 1, "outcome": "not_generated", "error": "the submission has no solution for this case"}
    return [{"tier": case.tier, "case_name": case.case_name, **missing} for case in matched.absent]


def _failed(assessment: Assessment, submission: Submission, error: str) -> Payload:
    matched = match(submission, assessment.found.cases, assessment.known)
    return _of_team(assessment, submission, matched, [], 0.0, error)


def _of_team(
    assessment: Assessment, submission: Submission, matched: Match, records: Sequence[Record], wall_seconds: float, error: str | None = None
) -> Payload:
    own = replace(assessment, settings=replace(assessment.settings, team_name=submission.team))
    return own.payload(records, wall_seconds, environment_error=error, extra_rows=matched.rows, submission_dir=submission.origin)


def records_of_lines(lines: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[tuple[str, str, int], str]]:
    """Evaluations and code from the lines of a kernels results file; attempts count from 1.

    Raises:
        ConfigError: a line is not one of the kernels benchmark.
    """
    records, sources = [], {}
    for line in lines:
        if line.get("benchmark") != "kernels":
            raise ConfigError(f"a line of benchmark {line.get('benchmark')!r}; a leaderboard is made of kernels runs")
        tier, _, name = str(line["record_id"]).rpartition("/")
        found = dict(line.get("scoring_metadata") or {})
        attempt = int(line["attempt"]) + 1
        if found.get("outcome") not in OUTCOMES:
            outcome = NO_ANSWER.get(line["outcome"], "not_generated")
            found = {"outcome": outcome, "error": str(found.get("why") or line.get("error") or line["outcome"])}
        records.append({**found, "tier": tier, "case_name": name, "attempt": attempt})
        code = extract_solution(str(line.get("model_answer") or ""))
        if code:
            sources[tier, name, attempt] = code
    return records, sources
