"""Model-written code against hidden checks: what passes, what fails and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.sandbox.sandbox import Limits
from tripos.scoring.code_tests import (
    ANYTHING,
    Check,
    CheckResult,
    Step,
    TestReport,
    extract_code,
    run_checks,
    run_program,
)

QUICK = Limits(wall_seconds=30.0, cpu_seconds=1.0)


async def only(sandbox: Bubblewrap, code: str, check: Check, limits: Limits = QUICK) -> CheckResult:
    """The result of a single check."""
    report = await run_checks(sandbox, code, [check], limits)
    return report.results[0]


# --- what passes ---------------------------------------------------------------------------------------------------


async def test_right_code_passes_every_check(sandbox: Bubblewrap) -> None:
    code = """
from collections import Counter, namedtuple
def add(a, b=0, *, scale=1): return (a + b) * scale
def count(text): return Counter(text)
def pair(a, b): return (a, b)
def unique(items): return set(items)
def fail(): raise KeyError("gone")
def nothing(): pass
class Solution:
    def double(self, x): return 2 * x
"""
    checks = [
        Check("add", [2, 3], expected=5),
        Check("add", [2], {"scale": 5}, expected=10),
        Check("add", [[1], [2]], expected=[1, 2]),
        Check("add", [10**5000, 1], expected=10**5000 + 1),
        Check("add", [0.1, 0.2], expected=0.3, tolerance=1e-9),
        Check("add", [float("nan")], expected=float("nan")),
        Check("add", ["é\ud800"], {"b": "\0"}, expected="é\ud800\0"),
        Check("count", ["aab"], expected={"a": 2, "b": 1}),
        Check("pair", [1, None], expected=(1, None)),
        Check("unique", [[1, 2, 2]], expected={1, 2}),
        Check("fail", raises="KeyError"),
        Check("fail", raises="LookupError"),
        Check("nothing", expected=None),
        Check("Solution().double", [21], expected=42),
    ]
    report = await run_checks(sandbox, code, checks, QUICK)
    assert [(r.name, r.reason) for r in report.results if not r.passed] == []
    assert report.passed


async def test_objects_with_state_are_taken_step_by_step(sandbox: Bubblewrap) -> None:
    code = """
class Account:
    def __init__(self, owner, balance=0):
        if balance < 0: raise ValueError("negative")
        self.owner, self.balance = owner, balance
    def deposit(self, amount): self.balance += amount
    def withdraw(self, amount):
        if amount > self.balance: raise InsufficientFunds(amount)
        self.balance -= amount
        return self.balance
    def __repr__(self): raise RuntimeError("never asked for")
class InsufficientFunds(Exception): pass
"""
    steps = [
        Step("deposit", [50], expected=None),
        Step("withdraw", [70], raises="InsufficientFunds"),
        Step("withdraw", [20], expected=30),
        Step("balance", expected=30),
        Step("owner"),
    ]
    report = await run_checks(
        sandbox,
        code,
        [
            Check("Account", ["Ada"], steps=steps),
            Check("Account", ["Ada"], steps=[*steps[:2], Step("withdraw", [20], expected=29)]),
            Check("Account", ["Ada", -1], steps=steps, raises="ValueError"),
            Check("Account", ["Ada", -1], steps=steps),
            Check("Account", ["Ada", 1], steps=steps, raises="ValueError"),
        ],
        QUICK,
    )
    assert [r.passed for r in report.results] == [True, False, True, False, False]
    assert report.results[1].reason == "step 3 (withdraw): got int 30, expected int 29"
    assert report.results[3].reason == "raised ValueError: negative"
    assert report.results[4].reason == "did not raise ValueError"


async def test_code_that_prints_reads_and_has_a_main_block_is_judged_by_what_it_returns(sandbox: Bubblewrap) -> None:
    code = """
import sys
print("loading"); sys.stderr.write("noise")
def f():
    print("x" * 5_000_000)
    return 1
if __name__ == "__main__":
    while True: pass
"""
    assert (await only(sandbox, code, Check("f", expected=1))).passed


async def test_no_state_is_carried_from_one_check_to_the_next(sandbox: Bubblewrap) -> None:
    code = "calls = []\ndef f(seen=[]):\n    calls.append(1); seen.append(1)\n    return len(calls) + len(seen)"
    report = await run_checks(sandbox, code, [Check("f", expected=2)] * 3, QUICK)
    assert report.passed


async def test_the_order_of_a_set_is_the_same_in_every_run(sandbox: Bubblewrap) -> None:
    code = "def f(): return list({str(n) for n in range(50)})"
    first, second = [await only(sandbox, code, Check("f", expected=0)) for _ in range(2)]
    assert first.got == second.got


# --- what fails, and why -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(): return 2", "got int 2, expected int 1"),
        ("def f(): return True", "got bool True, expected int 1"),
        ("def f(): return 1.0", "got float 1.0, expected int 1"),
        ("def f(): print(1)", "got NoneType None, expected int 1"),
        ("def f(): raise ValueError('why')", "raised ValueError: why"),
        ("def f(): return f", "got function <function f>, expected int 1"),
        ("def f(): yield 1", "got generator <generator object f>, expected int 1"),
        ("def f(x): return 1", "raised TypeError: f() missing 1 required positional argument: 'x'"),
        ("def g(): return 1", "there is no f: AttributeError: module 'solution' has no attribute 'f'"),
        ("def f(): return 1\nimport no_such_module", "the code could not be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f() return 1", "the code could not be loaded: SyntaxError: expected ':' (solution.py, line 1)"),
        ("", "there is no f: AttributeError: module 'solution' has no attribute 'f'"),
        ("def f():\n    while True: pass", "out of time: more than 1 s of CPU"),
        ("while True: pass", "out of time: more than 1 s of CPU"),
        ("def f(): return f()", "raised RecursionError: maximum recursion depth exceeded"),
        ("def f(): return 'x' * 10_000_000", "the answer is larger than 1048576 bytes"),
        ("def f(): return bytearray(2 << 30)", "raised MemoryError"),
        ("def f(): import os; os.kill(os.getpid(), 11)", "crashed with signal 11"),
        ("def f(): import ctypes; ctypes.string_at(0)", "crashed with signal 11"),
        ("def f(): import os; os._exit(0)", "the process ended without an answer (status 0)"),
        ("def f(): import sys; sys.exit(0)", "raised SystemExit: 0"),
        ("def f():\n    x = []\n    x.append(x)\n    return x", "nested too deeply"),
        ("\0", "source code string cannot contain null bytes"),
        ("def f():\n    class E(Exception):\n        def __str__(self): 1/0\n    raise E", "raised E"),
    ],
)
async def test_every_failure_has_its_reason(sandbox: Bubblewrap, code: str, reason: str) -> None:
    result = await only(sandbox, code, Check("f", expected=1))
    assert not result.passed
    assert reason in result.reason


async def test_a_sleeper_is_out_of_time_too(sandbox: Bubblewrap) -> None:
    result = await only(sandbox, "def f(): import time; time.sleep(60)", Check("f"), Limits(wall_seconds=0.5))
    assert result.reason == "out of time: more than 0.5 s"


async def test_one_bad_call_costs_only_its_own_check(sandbox: Bubblewrap) -> None:
    code = """
import os, signal, time
def f(how):
    if how == "loop":
        while True: pass
    if how == "crash": os.abort()
    if how == "kill the driver": os.kill(os.getppid(), signal.SIGKILL)
    if how == "kill everybody": os.kill(-1, signal.SIGKILL)
    if how == "memory":
        for _ in range(20):
            if os.fork() == 0:
                x = bytearray(100 << 20); time.sleep(10)
        time.sleep(10)
    if how == "close":
        os.closerange(0, 100)
    if how == "leave":
        if os.fork() == 0:
            os.setsid() if os.getpid() != os.getpgrp() else None
            time.sleep(100)
    return how
"""
    bad = ["loop", "crash", "kill the driver", "memory", "close", "kill everybody"]
    checks = [Check("f", [how], expected=how) for how in ["a", *[word for how in bad for word in (how, "fine")], "leave", "z"]]
    report = await run_checks(sandbox, code, checks, QUICK)
    failed = {check.args[0]: result.reason for check, result in zip(checks, report.results, strict=True) if not result.passed}
    assert set(failed) == set(bad)
    assert failed["kill the driver"].startswith("it ended its test driver")
    assert failed["memory"] == f"more than {QUICK.memory_bytes} bytes of memory"


async def test_a_changed_argument_is_seen(sandbox: Bubblewrap) -> None:
    code = "def sort(items): items.sort(); return items\ndef fair(items): return sorted(items)"
    report = await run_checks(
        sandbox,
        code,
        [
            Check("sort", [[2, 1]], expected=[1, 2], args_after=[[2, 1]]),
            Check("fair", [[2, 1]], expected=[1, 2], args_after=[[2, 1]]),
            Check("sort", [[2, 1]], expected=ANYTHING, args_after=[[1, 2]]),
        ],
        QUICK,
    )
    assert [r.passed for r in report.results] == [False, True, True]
    assert report.results[0].reason == "the arguments are [[1, 2]] after the call, not [[2, 1]]"


async def test_an_exception_that_should_come_must_come(sandbox: Bubblewrap) -> None:
    code = "class ValueError(Exception): pass\ndef f(): raise ValueError\ndef g(): return 1\ndef h(): raise KeyError"
    report = await run_checks(sandbox, code, [Check(name, raises="ValueError") for name in "fgh"], QUICK)
    assert [r.passed for r in report.results] == [False, False, False], "a class of the same name is not the built-in one"
    assert report.results[1].reason == "did not raise ValueError"


async def test_no_checks_are_no_pass(sandbox: Bubblewrap) -> None:
    report = await run_checks(sandbox, "x = 1", [], QUICK)
    assert not report.passed


# --- programs ------------------------------------------------------------------------------------------------------


async def test_a_program_reads_stdin_and_prints(sandbox: Bubblewrap) -> None:
    ran = await run_program(sandbox, "import sys\nprint(sum(map(int, sys.stdin.read().split())), 'ü')", "1 2\n3\n")
    assert (ran.stdout, ran.reason) == ("6 ü\n", None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('half'); 1 / 0", "ended with status 1: ZeroDivisionError: division by zero"),
        ("print('half'); import sys; sys.exit(4)", "ended with status 4"),
        ("print('half', flush=True)\nwhile True: pass", "out of time: more than 1 s of CPU or 30 s"),
        ("while True: print('flood')", "too much output"),
    ],
)
async def test_a_program_that_fails_says_why(sandbox: Bubblewrap, code: str, reason: str) -> None:
    ran = await run_program(sandbox, code, "", QUICK)
    assert ran.reason == reason
    assert ran.stdout.startswith(("half", "flood"))


# --- code in answers -----------------------------------------------------------------------------------------------

F = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"Here:\n```python\n{F}```\nDone.", F),
        (f"```py\n{F}```", F),
        (f"```Python\n{F}```", F),
        (f"```python title=x.py\n{F}```", F),
        (f"~~~python\n{F}~~~", F),
        (f"```\n{F}```", F),
        (f"```python\n{F}", F),
        (f"```python\ndef old(): pass\n```\nBetter:\n```python\n{F}```", F),
        (f"```python\n{F}```\nUse it:\n```python\nprint(f())\n```", F),
        (f"```bash\npip install x\n```\n```python\n{F}```\n```text\n1\n```", F),
        ("1. So:\n   ```python\n   def f():\n       return 1\n   ```", F),
        (f"````python\n{F}```\n````", F + "```\n"),
        ("```python\nprint(1)\n```", "print(1)\n"),
        (F, F),
        ("import sys\n\nprint(sys.stdin.read())\n", "import sys\n\nprint(sys.stdin.read())\n"),
        ("n = int(input())\nprint(n)", "n = int(input())\nprint(n)"),
        ("print(input())", "print(input())"),
        ("# a comment\nx = 1", "# a comment\nx = 1"),
        ("I cannot help with that.", None),
        ("", None),
        ("   \n", None),
        ("def is a keyword of Python", None),
        ("import the module first", None),
        ("for example, this", None),
        ("```\n```", None),
        ("```json\n{}\n```", None),
        ("Sure, f(x) = x + 1", None),
    ],
)
def test_extract_code(text: str, code: str | None) -> None:
    assert extract_code(text) == code


@given(st.text(alphabet="`~ \npythondef:()[]=#a1.,@", max_size=300) | st.text())
def test_extract_code_reads_any_text(text: str) -> None:
    code = extract_code(text)
    assert code is None or code.strip()


def test_extract_code_is_quick_on_hostile_text() -> None:
    for piece in ("```python\n", "a" * 50, "x[", "],", "`", "a,", " \t", "def ", "\n"):
        extract_code(piece * 20_000)
        extract_code("x" + piece * 20_000)


def test_a_report_counts() -> None:
    report = TestReport((CheckResult("a", True), CheckResult("b", False, "why"), CheckResult("c", True)))
    assert not report.passed
