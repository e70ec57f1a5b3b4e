"""Competition programs: a program on stdin and stdout, or a method of `Solution`, put to all tests of a problem.

Outputs leave the sandbox, expected outputs never enter it. A printed output is right when, after stripping, it has as many
lines as the expected one and each line is equal, or both lines are numbers that are equal as exact decimals; a returned
value when it equals the expected JSON value as Python compares (a tuple counts as a list at the top). Both are the rules
of LiveCodeBench's runner (lcb_runner/evaluation/testing_util.py, MIT).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, ClassVar, Final

from tripos.core.errors import ScorerError
from tripos.core.records import Extraction, Outcome, Sample, Verdict
from tripos.sandbox import calls, programs
from tripos.sandbox.sandbox import Limits, Sandbox
from tripos.scoring.code_tests import CheckResult, TestReport, fences
from tripos.scoring.packed_tests import ProgramTest, unpack
from tripos.scoring.scorer import Answer, Instruments, scorer, transform
from tripos.scoring.structured import graded, unreadable
from tripos.scoring.values import shown

PROGRAM_LIMITS: Final = Limits(wall_seconds=20.0, cpu_seconds=6.0, memory_bytes=4 << 30)
"""Of one test. 6 s are the official limit, there of wall-clock time; CPU time does not depend on what else the machine does."""

GIVE_UP: Final = 3
"""After so many tests out of bounds the rest is not run and counts as failed: it cannot change whether all pass."""

_LABELS = {"python", "python3", "py", "py3"}
_STARTS = ("import ", "from ", "def ", "class ", "@", "#")


@transform("last_program")
@dataclass(frozen=True)
class LastProgram:
    """The last Python fence of an answer, else the last fence without a label, else the whole text if it begins as a module does."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        blocks = [(label, body) for label, body in fences(text) if body.strip()]
        for labels, how in ((_LABELS, "last Python fence"), ({""}, "last fence")):
            bodies = [body for label, body in blocks if label in labels]
            if bodies:
                return Extraction(answer=bodies[-1], how=how)
        if not blocks and text.startswith(_STARTS):
            return Extraction(answer=text, how="whole text")
        return Extraction(answer=None, how="no code found")


@scorer("program_tests")
@dataclass(frozen=True)
class ProgramTests:
    """Runs the program against the tests of the sample: `metadata` has "public_tests" and "private_tests", each as `unpack` takes
    them, and "function" (None: stdin and stdout).

    `is_correct`: every test passes. `value`: the share that passes; tests not run after `give_up` count as failed. Metric
    `public_correct`: whether the public tests pass, which is all that some runners look at (None where there are none).

    Nothing at all: refused. No code: wrong_format. Not correct and cut at max_tokens: truncated. Tests that cannot be read:
    sample_invalid. Code that crashes, loops or does not compile is wrong, never unscored.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset({"sandbox"})

    cpu_seconds: float = PROGRAM_LIMITS.cpu_seconds
    wall_seconds: float = PROGRAM_LIMITS.wall_seconds
    memory_bytes: int = PROGRAM_LIMITS.memory_bytes
    give_up: int = GIVE_UP

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            SandboxError: the sandbox cannot be had.
            ScorerError: there is none in this run, or our own driver failed in it.
        """
        code = answer.extraction.answer
        if not isinstance(code, str) or not code.strip():
            return unreadable(answer, "no code found", {"public_correct": 0.0})
        if instruments.sandbox is None:
            raise ScorerError("program_tests runs code and needs a sandbox; this run has none")
        try:
            public, private = await asyncio.to_thread(_tests_of, sample)
        except (ValueError, KeyError, TypeError) as error:
            why = f"the tests of {sample.record_id} cannot be read: {error}"
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"reason": why})
        limits = Limits(cpu_seconds=self.cpu_seconds, wall_seconds=self.wall_seconds, memory_bytes=self.memory_bytes)
        function = sample.metadata["function"]
        report = await run_program_tests(
            instruments.sandbox, code, [*public, *private], function=function, limits=limits, give_up=self.give_up
        )
        return _verdict(answer, report, len(public))


def _tests_of(sample: Sample) -> tuple[list[ProgramTest], list[ProgramTest]]:
    public, private = (unpack(str(sample.metadata[name])) for name in ("public_tests", "private_tests"))
    if not public and not private:
        raise ValueError("there are none")
    if sample.metadata["function"] is not None:
        for test in [*public, *private]:
            json.loads(test.output)
    return public, private


def _verdict(answer: Answer, report: TestReport, public: int) -> Verdict:
    passed = [result.passed for result in report.results]
    metrics: dict[str, float | None] = {"public_correct": float(all(passed[:public])) if public else None}
    failures = [f"test {number}: {result.reason}" for number, result in enumerate(report.results, 1) if not result.passed]
    details = {"tests": len(passed), "passed": sum(passed), "public_tests": public, "failures": failures[:3]}
    return graded(answer, sum(passed) / len(passed), all(passed), metrics=metrics, details=details)


async def run_program_tests(
    sandbox: Sandbox,
    code: str,
    tests: Sequence[ProgramTest],
    *,
    function: str | None = None,
    limits: Limits = PROGRAM_LIMITS,
    give_up: int = GIVE_UP,
) -> TestReport:
    """Runs the code on every input, each in a fresh process.

    Args:
        function: method of `Solution` (or function of the module) to call; None: the code is a program on stdin and stdout.
        limits: of each test.

    Raises:
        SandboxError: the sandbox cannot be had.
        ScorerError: our own driver did not start in it.
        ValueError: an expected output of a function is no JSON.
    """
    claims: dict[int, dict[str, Any]] = {}
    while len(claims) < len(tests) and _out_of_bounds(claims) < give_up:
        left = [(index, test) for index, test in enumerate(tests) if index not in claims]
        heard, done, why = await _drive(sandbox, code, left, function, limits, give_up - _out_of_bounds(claims))
        claims |= heard
        if done:
            break
        # A test that takes the driver down with it costs itself; the rest goes on.
        culprit = next(index for index, _ in left if index not in claims)
        claims[culprit] = {"out": "", "failed": f"out of bounds: {why}"}
    results = [_result(test, claims.get(index), function is not None) for index, test in enumerate(tests)]
    return TestReport(tuple(results))


def _out_of_bounds(claims: dict[int, dict[str, Any]]) -> int:
    return sum(str(claim["failed"]).startswith(("out of", "printed more")) for claim in claims.values())


async def _drive(
    sandbox: Sandbox, code: str, tests: Sequence[tuple[int, ProgramTest]], function: str | None, limits: Limits, give_up: int
) -> tuple[dict[int, dict[str, Any]], bool, str]:
    """Claims by test, whether the driver came to its end, and why it did not."""
    most = [(1 << 20) + 16 * len(test.output) for _, test in tests]
    request = json.dumps(
        {
            "code": code,
            "function": function,
            "tests": [(index, test.input, bound) for (index, test), bound in zip(tests, most, strict=True)],
            "cpu_seconds": limits.cpu_seconds,
            "wall_seconds": limits.wall_seconds,
            "give_up": give_up,
        }
    )
    whole = replace(
        limits,
        wall_seconds=60 + (limits.wall_seconds + 1) * len(tests),
        cpu_seconds=60 + (limits.cpu_seconds + 1) * len(tests),
        output_bytes=limits.output_bytes + (give_up + 1) * 6 * max(most) + 12 * sum(len(test.output) for _, test in tests),
        file_bytes=limits.file_bytes + 4 * max(len(test.input) for _, test in tests),
        disk_bytes=limits.disk_bytes + 2 * len(request),
    )
    files = {"calls.py": _source(calls.__file__), "programs.py": _source(programs.__file__), "request.json": request}
    completed = await sandbox.run(["python3", "-s", "-X", "utf8", "programs.py"], files, whole)
    lines = completed.stdout.splitlines()
    if lines[:1] != [b"ready"]:
        words = completed.stderr.decode(errors="replace").strip()[-300:]
        raise ScorerError(f"the test driver did not start in the sandbox {sandbox.name} (status {completed.returncode}): {words}")
    why = f"it ended its test driver (status {completed.returncode}, {completed.stopped})"
    return _claims(lines[1:], {index for index, _ in tests}), lines[-1] == b'["done"]', why


def _source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _claims(lines: Sequence[bytes], asked: set[int]) -> dict[int, dict[str, Any]]:
    """What was said, by test. A test of which two things are said has said nothing that counts."""
    claims: dict[int, dict[str, Any]] = {}
    for line in lines:
        try:
            index, claim = json.loads(line)
            claim = {"out": str(claim["out"]), "failed": str(claim["failed"])}
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(index, int) and index in asked:
            claims[index] = claim if index not in claims else {"out": "", "failed": "two answers came for one test"}
    return claims


def _result(test: ProgramTest, claim: dict[str, Any] | None, is_call: bool) -> CheckResult:
    name = shown(test.input)
    if claim is None:
        return CheckResult(name, False, "not run: too many tests before it were out of bounds")
    if claim["failed"]:
        return CheckResult(name, False, claim["failed"])
    if not is_call:
        reason = "" if same_output(test.output, claim["out"]) else f"printed {_cut(claim['out'])}, expected {_cut(test.output)}"
        return CheckResult(name, not reason, reason)
    expected = json.loads(test.output)
    try:
        got = calls.decode(json.loads(claim["out"]))
        right = same_value(expected, got)
    except (ValueError, TypeError, RecursionError) as error:
        return CheckResult(name, False, f"nothing was returned that can be read: {str(error)[:200]}")
    return CheckResult(name, right, "" if right else f"returned {shown(got)}, expected {shown(expected)}")


def same_output(expected: str, printed: str) -> bool:
    """Whether a printed output is right: line by line, each equal or the same numbers exactly."""
    wanted, got = ([line.strip() for line in text.strip().split("\n")] for text in (expected, printed))
    return len(wanted) == len(got) and all(a == b or _same_numbers(a, b) for a, b in zip(wanted, got, strict=True))


def _same_numbers(wanted: str, got: str) -> bool:
    try:
        return [Decimal(token) for token in wanted.split()] == [Decimal(token) for token in got.split()]
    except (InvalidOperation, ValueError):  # no number, or a signalling NaN
        return False


def same_value(expected: Any, got: Any) -> bool:
    """Whether a returned value is right: `==`, and a tuple counts as a list at the top."""
    return bool((list(got) if isinstance(got, tuple) else got) == expected)


def _cut(text: str) -> str:
    return repr(text.strip()[:120])
