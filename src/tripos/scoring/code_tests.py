"""Running model-written code against hidden checks, so that nothing in the sandbox ever decides a pass.

The code and the *calls* go in; plain literal values come out; the comparison with the expected values happens here, in
our own process. Expected values never enter the sandbox. Whatever the code does in there (patching, forged output,
early exit) it can only claim a value, and the right value is what it was asked for.

    checks = [Check("add", [2, 3], expected=5), Check("add", ["a", 1], raises="TypeError")]
    report = await run_checks(sandbox, extract_code(answer.text) or "", checks)
    report.pass_rate, report.passed, report.results[0].reason
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tripos.sandbox.sandbox import Limits, Sandbox


class _Anything:
    """Expected value of a step whose result does not matter."""

    def __repr__(self) -> str:
        return "ANYTHING"


ANYTHING: Final = _Anything()

CHECK_LIMITS: Final = Limits(wall_seconds=10.0, cpu_seconds=2.0)
"""Limits of one check. The bound that normally ends an endless loop is CPU time, so a busy machine changes no score."""


@dataclass(frozen=True, slots=True)
class Step:
    """One method call (or attribute read, when the attribute is not callable) on the object of a `Check`."""

    call: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = ANYTHING
    raises: str | None = None
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One hidden check: a call and what must come of it.

    Values are None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, nested at will.

    Attributes:
        call: a function of the code (`"solve"`), or a dotted path; a part that ends in `()` is constructed without
            arguments (`"Solution().twoSum"`). With `steps` it names the class to construct.
        expected: compared type by type: True is not 1, 1 is not 1.0, a list is not a tuple.
        raises: name of the exception that must be raised (subclasses count); then `expected` is not looked at.
        steps: calls made in order on the object that `call` constructs; `expected` of the check is then not looked at.
        args_after: what the positional arguments must be after the call, as a list; None = not looked at. Give a copy
            of `args` to demand that they are not mutated.
        tolerance: floats may differ by this much, relative or absolute, whichever is larger; 0 = equal.
        name: shown in the report instead of the call.
    """

    call: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = ANYTHING
    raises: str | None = None
    steps: Sequence[Step] = ()
    args_after: Sequence[Any] | None = None
    tolerance: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check. `reason` is empty for a pass; `got` is the shortened repr of what came back, or None."""

    name: str
    passed: bool
    reason: str = ""
    got: str | None = None


@dataclass(frozen=True, slots=True)
class TestReport:
    """One result a check, in order."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Every check passed, and there was at least one."""
        return bool(self.results) and all(r.passed for r in self.results)

    @property
    def pass_rate(self) -> float | None:
        """Share of checks that passed; None without checks."""
        return sum(r.passed for r in self.results) / len(self.results) if self.results else None


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """One run of a stdin/stdout program. `stdout` is what it printed; `reason` is None when it ended by itself with 0."""

    stdout: str
    reason: str | None
    wall_seconds: float


def extract_code(text: str) -> str | None:
    """The Python code of an answer: the last Python fence that defines something, else the last Python fence, else the
    same among unlabelled fences, else the whole text when it is only code; None when there is no code."""
    raise NotImplementedError


def encode_checks(checks: Sequence[Check]) -> list[Any]:
    """Checks as JSON (tuples, sets and so on survive), for `Sample.metadata`."""
    raise NotImplementedError


def decode_checks(encoded: Sequence[Any]) -> list[Check]:
    """The inverse of `encode_checks`."""
    raise NotImplementedError


async def run_checks(sandbox: Sandbox, code: str, checks: Sequence[Check], limits: Limits = CHECK_LIMITS) -> TestReport:
    """Runs every check in a fresh process of the sandbox (no state is shared between checks).

    Args:
        limits: of *each check*; an endless loop costs `cpu_seconds`, a sleeping one `wall_seconds`, and only its own check.

    Raises:
        SandboxError: the sandbox cannot be had. Whatever the code does is a failed check, never an exception.
    """
    raise NotImplementedError


async def run_program(sandbox: Sandbox, code: str, stdin: str, limits: Limits = Limits()) -> ProgramRun:
    """Runs `code` as a program that reads `stdin` and prints.

    Raises:
        SandboxError: the sandbox cannot be had.
    """
    raise NotImplementedError
