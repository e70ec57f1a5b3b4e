"""Code that is graded by hidden checks: the share that passes, and whether all of them do.

The reference of such a sample is

    {"solution": code, "checks": encode_checks([...])}                     a function to write
    {"solution": code, "checks": encode_checks([...]), "passed_before": [true, false, ...], "shown": code}    a bug to mend

where `passed_before` says, for each check, whether the code that the model was shown passes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.core.errors import ScorerError
from tripos.core.records import Extraction, Sample, Verdict
from tripos.sandbox.sandbox import Limits
from tripos.scoring.code_tests import CHECK_LIMITS, TestReport, decode_checks, extract_code, run_checks
from tripos.scoring.scorer import Answer, Instruments, scorer, transform
from tripos.scoring.structured import graded, unreadable


@transform("python_code")
@dataclass(frozen=True)
class PythonCode:
    """The Python code of an answer, see `extract_code`."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        code = extract_code(text)
        return Extraction(
            answer=code, how="no code found" if code is None else "last Python fence that defines something, or nothing but code"
        )


@scorer("hidden_checks")
@dataclass(frozen=True)
class HiddenChecks:
    """Runs the code against the hidden checks of the sample.

    `is_correct`: every check passes. `value`: the pass rate; where the reference has `passed_before` with at least one
    failing check, the credit (pass rate - b) / (1 - b), not below 0, b being the pass rate of the code that was shown, so
    that handing it back unchanged is worth nothing. (Where the shown code has no bug, the value is the pass rate.)

    Further metrics: `hidden_pass_rate` and, for a bug, `fix_rate` (share of the checks failing before that pass now) and
    `regression_rate` (share of those passing before that fail now; None if none passed).

    No code: wrong_format. Nothing at all: refused. Not correct and cut at max_tokens: truncated. Code that crashes, loops
    or does not compile is wrong, never unscored.

    Args:
        cpu_seconds, wall_seconds: limits of one check.
        memory_bytes: limit of the sandbox.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset({"sandbox"})

    cpu_seconds: float = 1.0  # a right solution needs milliseconds
    wall_seconds: float = CHECK_LIMITS.wall_seconds
    memory_bytes: int = CHECK_LIMITS.memory_bytes

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            SandboxError: the sandbox cannot be had.
            ScorerError: there is no sandbox, or the sample has no readable checks.
        """
        code = answer.extraction.answer
        if not isinstance(code, str) or not code.strip():
            return unreadable(answer, "no code found", _nothing(sample.reference))
        if instruments.sandbox is None:
            raise ScorerError("hidden_checks runs code and needs a sandbox; this run has none")
        try:
            checks = decode_checks(sample.reference["checks"])
        except (KeyError, TypeError, ValueError) as error:
            raise ScorerError(f"sample {sample.record_id} has no readable checks: {error!r}") from error
        if not checks:
            raise ScorerError(f"sample {sample.record_id} has no checks")
        limits = Limits(cpu_seconds=self.cpu_seconds, wall_seconds=self.wall_seconds, memory_bytes=self.memory_bytes)
        report = await run_checks(instruments.sandbox, code, checks, limits)
        return _graded(answer, report, sample.reference.get("passed_before"))


def _nothing(reference: Mapping[str, Any]) -> dict[str, float | None]:
    before = reference.get("passed_before")
    figures = ("hidden_pass_rate",) if before is None or all(before) else ("hidden_pass_rate", "fix_rate")
    return dict.fromkeys(figures, 0.0)


def _graded(answer: Answer, report: TestReport, passed_before: Sequence[bool] | None) -> Verdict:
    now = [result.passed for result in report.results]
    rate = value = sum(now) / len(now)
    metrics: dict[str, float | None] = {"hidden_pass_rate": rate}
    if passed_before is not None and not all(passed_before):
        mended = [after for before, after in zip(passed_before, now, strict=True) if not before]
        kept = [after for before, after in zip(passed_before, now, strict=True) if before]
        baseline = len(kept) / len(now)
        value = max(0.0, (rate - baseline) / (1 - baseline))
        metrics["fix_rate"] = sum(mended) / len(mended)
        metrics["regression_rate"] = 1 - sum(kept) / len(kept) if kept else None
    failures = [f"check {number}: {result.reason}" for number, result in enumerate(report.results, 1) if not result.passed]
    details = {"checks": len(now), "passed": sum(now), "failures": failures[:3]}
    return graded(answer, value, all(now), metrics=metrics, details=details)
