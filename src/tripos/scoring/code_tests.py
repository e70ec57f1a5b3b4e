"""Running model-written code against hidden checks, so that nothing in the sandbox ever decides a pass.

The code and the *calls* go in; plain literal values come out; the comparison with the expected values happens here, in
our own process. Expected values never enter the sandbox. Whatever the code does in there (patching, forged output,
early exit) it can only claim a value, and the right value is what it was asked for.

    checks = [Check("add", [2, 3], expected=5), Check("add", ["a", 1], raises="TypeError")]
    report = await run_checks(sandbox, extract_code(answer.text) or "", checks)
    report.passed, report.results[0].reason
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tripos.core.errors import ScorerError
from tripos.sandbox import calls
from tripos.sandbox.sandbox import Completed, Limits, Sandbox
from tripos.scoring.values import kind, matches, shown


class _Anything:
    """Expected value of a call whose result does not matter."""

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
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """One hidden check: a call and what must come of it.

    Values are None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, nested at will.

    Attributes:
        call: a function of the code (`"solve"`), or a dotted path; a part that ends in `()` is constructed without
            arguments (`"Solution().twoSum"`). With `steps` it names the class to construct.
        expected: compared type by type: True is not 1, 1 is not 1.0, a list is not a tuple. `ANYTHING` = not compared.
        raises: name of the exception that must be raised (subclasses count); then `expected` is not looked at.
        steps: calls made in order on the object that `call` constructs; `expected` of the check is then not looked at.
        args_after: what the positional arguments must be after the call, as a list; None = not looked at. Give a copy
            of `args` to demand that they are not mutated.
        tolerance: floats may differ by this much, relative or absolute, whichever is larger; 0 = equal.
        exact: False compares as Python's `==` does, and takes a tuple for a list.
        name: shown in the report instead of the call.
    """

    call: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    raises: str | None = None
    steps: Sequence[Step] = ()
    args_after: Sequence[Any] | None = None
    tolerance: float = 0.0
    exact: bool = True
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


def extract_code(text: str) -> str | None:
    """The Python code of an answer: the last Python fence that defines something, else the last Python fence, else the
    same among unlabelled fences, else the whole text when it is only code; None when there is no code.

    The text is only looked at, never parsed: a parser can be brought down by what it reads.
    """
    blocks = [(label, body) for label, body in fences(text) if body.strip()]
    for labels in (_PYTHON, {""}):
        bodies = [body for label, body in blocks if label in labels]
        defining = [body for body in bodies if _DEFINES.search(body)]
        if bodies:
            return (defining or bodies)[-1]
    lines = [line for line in text.splitlines() if line.strip()]
    return text if not blocks and lines and _CODE_LINE.match(lines[0][:500]) else None


_PYTHON = {"python", "python3", "py", "py3", "python2"}
_FENCE = re.compile(r"^[ \t]*+(?P<marks>`{3,}+|~{3,}+)[ \t]*+(?P<label>[\w+-]*+)(?P<rest>[^`\n]*+)$")  # linear on any line
_DEFINES = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+\w", re.MULTILINE)
_CODE_LINE = re.compile(
    r"#|@\w|import [\w.]+(?: as \w+)?(?:\s*,.*)?$|from [\w.]+ import |(?:async )?def \w+\s*\(|class \w+\s*[(:]"
    r"|(?:if|for|while|with|try)\b.*:\s*(?:#.*)?$"
    r"|[A-Za-z_][\w.]*(?:\[.*\])?(?:\s*,\s*[A-Za-z_]\w*)*(?:\s*:\s*[\w\[\], .]+)?\s*[-+*/]?=\s*\S"
    r"|[A-Za-z_][\w.]*\(.*\)\s*$"
)


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Label and body of each fence; a fence that is never closed ends with the text."""
    opened: re.Match[str] | None = None
    body: list[str] = []
    for line in text.splitlines():
        match = _FENCE.match(line)
        if opened is None:
            if match:
                opened, body = match, []
        elif match and not match["label"] and match["marks"].startswith(opened["marks"]) and not match["rest"].strip():
            yield opened["label"].lower(), textwrap.dedent("\n".join(body)) + "\n"
            opened = None
        else:
            body.append(line)
    if opened is not None:
        yield opened["label"].lower(), textwrap.dedent("\n".join(body)) + "\n"


def encode_checks(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Checks as JSON (tuples, sets and so on survive), for `Sample.metadata`; the same text in every process.

    Raises:
        ValueError: a value is not plain.
    """
    return [_encode(check) for check in checks]


def decode_checks(encoded: Sequence[Mapping[str, Any]]) -> list[Check]:
    """The inverse of `encode_checks`.

    Raises:
        ValueError: it is not something that `encode_checks` writes.
    """
    checks = []
    for item in encoded:
        steps = tuple(Step(**_decode(step)) for step in item.get("steps", ()))
        checks.append(Check(**_decode(item), steps=steps))
    return checks


_VALUES = ("args", "kwargs", "expected", "args_after")


def _encode(item: Check | Step) -> dict[str, Any]:
    encoded: dict[str, Any] = {"call": item.call}
    if item.args:
        encoded["args"] = _plain(list(item.args))
    if item.kwargs:
        encoded["kwargs"] = _plain(dict(item.kwargs))
    if item.expected is not ANYTHING:
        encoded["expected"] = _plain(item.expected)
    if isinstance(item, Check):
        encoded |= {"args_after": _plain(list(item.args_after))} if item.args_after is not None else {}
        encoded |= {"steps": [_encode(step) for step in item.steps]} if item.steps else {}
        encoded |= {"name": item.name} if item.name else {}
    encoded |= {"raises": item.raises} if item.raises else {}
    encoded |= {"tolerance": item.tolerance} if item.tolerance else {}
    return encoded if item.exact else {**encoded, "exact": False}


def _decode(item: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key: calls.decode(value) if key in _VALUES else value for key, value in item.items() if key != "steps"}
    return {"expected": ANYTHING, **fields}


def _plain(value: Any) -> Any:
    encoded = calls.encode(value)
    if not matches(value, calls.decode(encoded)):
        raise ValueError(f"{shown(value)} is not a plain value; a check takes None, numbers, text, bytes, lists, tuples, sets and dicts")
    return encoded


async def run_checks(sandbox: Sandbox, code: str, checks: Sequence[Check], limits: Limits = CHECK_LIMITS) -> TestReport:
    """Runs every check in a fresh process of the sandbox, which loads the code anew.

    Args:
        limits: of *each check*; an endless loop costs `cpu_seconds`, a sleeping one `wall_seconds`, and only its own check.

    Raises:
        SandboxError: the sandbox cannot be had.
        ScorerError: our own driver did not start in it.
        ValueError: an argument of a check is not a plain value.
        Whatever the code does is a failed check, never an exception.
    """
    claims: dict[int, Any] = {}
    # A check that takes the driver down with it (memory of the whole sandbox, kill) costs itself; the rest goes on.
    while len(claims) < len(checks):
        left = [index for index in range(len(checks)) if index not in claims]
        completed = await _drive(sandbox, code, [(index, checks[index]) for index in left], limits)
        heard = _claims(completed.stdout, set(left))
        claims |= heard
        if len(heard) < len(left):
            culprit = next(index for index in left if index not in heard)
            claims[culprit] = {"failed": _why_ended(completed, limits)}
    return TestReport(tuple(_judge(check, claims[index]) for index, check in enumerate(checks)))


async def _drive(sandbox: Sandbox, code: str, checks: Sequence[tuple[int, Check]], limits: Limits) -> Completed:
    request = {
        "code": code,
        "calls": [(index, {**_call(check), "steps": [_call(step) for step in check.steps]}) for index, check in checks],
        "limits": {"cpu_seconds": limits.cpu_seconds, "wall_seconds": limits.wall_seconds},
    }
    whole = dataclasses.replace(
        limits,
        wall_seconds=30 + (limits.wall_seconds + 1) * len(checks),
        cpu_seconds=30 + limits.cpu_seconds + len(checks),  # of the driver; each check sets its own
        output_bytes=limits.output_bytes + min(len(checks), 16) * 2 * calls.ANSWER_BYTES,
        processes=limits.processes + 1,
    )
    completed = await sandbox.run(["python3", *_PYTHON_OPTIONS, "-c", _DRIVER], {}, whole, stdin=json.dumps(request).encode())
    if not completed.stdout.startswith(b"ready\n"):
        words = completed.stderr.decode(errors="replace").strip()[-300:]
        raise ScorerError(f"the test driver did not start in the sandbox {sandbox.name} (status {completed.returncode}): {words}")
    return completed


# Not -I, which would forget that strings are to be hashed alike in every run: the order of a set must not change a score.
_PYTHON_OPTIONS = ("-s", "-P", "-X", "utf8")
_DRIVER = Path(calls.__file__).read_text(encoding="utf-8")


def _call(item: Check | Step) -> dict[str, Any]:
    """What the sandbox may know of a check."""
    return {"call": item.call, "args": _plain(list(item.args)), "kwargs": _plain(dict(item.kwargs))}


def _claims(stdout: bytes, asked: set[int]) -> dict[int, Any]:
    """What the driver said, by check. A check of which two things are said has said nothing that counts."""
    claims: dict[int, Any] = {}
    for line in stdout.splitlines()[1:]:
        try:
            index, claim = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(index, int) and index in asked:
            claims[index] = claim if index not in claims else {"failed": "two answers came for one call"}
    return claims


def _why_ended(completed: Completed, limits: Limits) -> str:
    bounds = {
        "memory": f"more than {limits.memory_bytes} bytes of memory",
        "processes": f"more than {limits.processes} processes",
        "output": "too much output",
        "disk": "too many files",
    }
    return bounds.get(completed.stopped or "", f"it ended its test driver (status {completed.returncode}, {completed.stopped})")


def _judge(check: Check, claim: Any) -> CheckResult:
    name = check.name or check.call
    try:
        reason, got = _verdict(check, claim)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        reason, got = f"the answer could not be read: {str(error)[:200]}", None
    return CheckResult(name=name, passed=not reason, reason=reason, got=got)


def _verdict(check: Check, claim: Any) -> tuple[str, str | None]:
    """Why the check failed ("" = it passed) and what was got."""
    if "failed" in claim:
        return str(claim["failed"])[:400], None
    if not check.steps:
        reason, got = _compare(check, claim)
    elif "steps" not in claim:
        reason, got = _compare(dataclasses.replace(check, expected=ANYTHING), claim)
        reason = reason or ("" if check.raises else "no steps were made")
    else:
        reason, got = _compare_steps(check, claim["steps"])
    if not reason and check.args_after is not None:
        after = calls.decode(claim["args"])
        if not matches(list(check.args_after), after, check.tolerance, check.exact):
            return f"the arguments are {shown(after)} after the call, not {shown(list(check.args_after))}", got
    return reason, got


def _compare_steps(check: Check, claims: Sequence[Any]) -> tuple[str, str | None]:
    if check.raises:
        return f"did not raise {check.raises}", None
    if len(claims) != len(check.steps):
        return f"{len(claims)} of {len(check.steps)} steps were made", None
    got = None
    for number, (step, claim) in enumerate(zip(check.steps, claims, strict=True), 1):
        reason, got = _compare(step, claim)
        if reason:
            return f"step {number} ({step.call}): {reason}", got
    return "", got


def _compare(item: Check | Step, claim: Mapping[str, Any]) -> tuple[str, str | None]:
    if "raised" in claim:
        message = str(claim["message"])[:300]
        if item.raises and any(_is_named(cls, item.raises) for cls in claim["raised"]):
            return "", message
        return f"raised {message}" + (f", not {item.raises}" if item.raises else ""), message
    got = calls.decode(claim["value"])
    if item.raises:
        return f"did not raise {item.raises}", shown(got)
    if item.expected is ANYTHING or matches(item.expected, got, item.tolerance, item.exact):
        return "", shown(got)
    return f"got {kind(got)} {shown(got)}, expected {kind(item.expected)} {shown(item.expected)}", shown(got)


def _is_named(cls: Sequence[str], name: str) -> bool:
    # A class of the code's own must not pass for a built-in exception by its name alone.
    module, qualified = cls
    return qualified.rpartition(".")[2] == name and (module == "builtins" or not hasattr(builtins, name))


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """One run of a stdin/stdout program. `stdout` is what it printed; `reason` is None when it ended by itself with 0."""

    stdout: str
    reason: str | None
    wall_seconds: float


async def run_program(sandbox: Sandbox, code: str, stdin: str, limits: Limits = Limits()) -> ProgramRun:
    """Runs `code` as a program that reads `stdin` and prints.

    Raises:
        SandboxError: the sandbox cannot be had.
    """
    completed = await sandbox.run(["python3", *_PYTHON_OPTIONS, "solution.py"], {"solution.py": code}, limits, stdin=_utf8(stdin))
    words = completed.stderr.decode(errors="replace").strip().splitlines()[-1:]
    reason = None
    if completed.timed_out:
        reason = f"out of time: more than {limits.cpu_seconds:g} s of CPU or {limits.wall_seconds:g} s"
    elif completed.stopped:
        reason = _why_ended(completed, limits)
    elif completed.returncode:
        reason = f"ended with status {completed.returncode}" + (f": {words[0][:300]}" if words else "")
    return ProgramRun(completed.stdout.decode(errors="replace"), reason, completed.wall_seconds)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
