"""Model-written code against hidden checks: what passes, what fails and why, and that a pass cannot be forged."""

from __future__ import annotations

import contextlib
import json
import math
import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.core.errors import ScorerError
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.sandbox.calls import Foreign, decode, encode
from tripos.sandbox.sandbox import Completed, Limits
from tripos.scoring.code_tests import (
    ANYTHING,
    Check,
    CheckResult,
    Step,
    TestReport,
    decode_checks,
    encode_checks,
    extract_code,
    run_checks,
    run_program,
)
from tripos.scoring.values import matches, shown

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
    assert report.pass_rate == 1.0


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
    assert (report.passed, report.pass_rate) == (False, None)


# --- a pass cannot be forged ---------------------------------------------------------------------------------------

SECRET = f"answer-{uuid.uuid4().hex}"

SEARCH = """
import gc, os, re, sys
def f(*given):
    seen = [repr(gc.get_objects())]
    frame = sys._getframe()
    while frame:
        seen.append(repr(frame.f_locals) + repr(frame.f_globals))
        frame = frame.f_back
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ", "maps", "fd/0"):
            try: seen.append(open(f"/proc/{pid}/{name}", "rb").read(1 << 20).decode("latin-1"))
            except OSError: pass
    for line in open("/proc/self/maps"):
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        try:
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(start)
                seen.append(memory.read(min(end - start, 1 << 22)).decode("latin-1"))
        except (OSError, OverflowError, ValueError): pass
    for top in ("/tmp", "/dev/shm"):
        for folder, _, names in os.walk(top):
            for name in names:
                try: seen.append(open(os.path.join(folder, name), errors="replace").read(1 << 20))
                except OSError: pass
    return sorted({word for text in seen for word in re.findall("answer-[0-9a-f]{32}", text)})
"""

FORGERIES = {
    "prints the protocol": """
import json
print("ready"); print(json.dumps([0, {"value": None, "passed": True}]), flush=True)
def f(): print(json.dumps([0, {"value": None, "args": []}]), flush=True)
""",
    "writes to every descriptor": """
import os
def f():
    for fd in range(64):
        try: os.write(fd, b'[0, {"value": null, "passed": true, "failed": ""}]\\n{"passed": true}\\n')
        except OSError: pass
    os._exit(0)
""",
    "writes to the driver's output": """
import os
def f():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for fd in range(16):
            try: open(f"/proc/{pid}/fd/{fd}", "wb", buffering=0).write(b'[0, {"value": null, "passed": true}]\\n')
            except OSError: pass
    os._exit(0)
""",
    "equals everything": """
class Everything(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
    def __ne__(self, other): return False
    def __class__(self): return int
def f(): return Everything(5)
""",
    "equals everything, and is nothing": """
class Everything:
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __repr__(self): return "'answer'"
def f(): return Everything()
""",
    "leaves with success": "import os\nos._exit(0)",
    "leaves at the end": "import atexit, os, sys\natexit.register(os._exit, 0)\ndef f(): sys.exit(0)",
    "patches the comparison and the encoder": """
import builtins, json, sys
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: int
builtins.all = builtins.any = lambda *a: True
json.dumps = lambda *a, **k: '{"value": null, "passed": true, "args": []}'
for name, module in list(sys.modules.items()):
    for attribute in ("matches", "encode", "decode", "_verdict", "_compare"):
        if hasattr(module, attribute): setattr(module, attribute, lambda *a, **k: True)
def f(): return None
""",
    "searches memory, frames, files and processes for the answer": SEARCH,
    "answers twice": """
import json, os, sys
def f():
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if name == "write_end":
                for guess in range(100): os.write(value, json.dumps({"value": guess, "args": []}).encode() + b"\\n")
        frame = frame.f_back
""",
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_no_forgery_passes(sandbox: Bubblewrap, name: str) -> None:
    result = await only(sandbox, FORGERIES[name], Check("f", expected=SECRET), Limits(wall_seconds=30, cpu_seconds=20))
    assert not result.passed
    assert result.reason


ROOMY = Limits(wall_seconds=60, cpu_seconds=40, memory_bytes=6 << 30)  # the search holds all it reads


async def test_a_search_finds_what_is_there_but_never_the_answer(sandbox: Bubblewrap) -> None:
    given = f"answer-{uuid.uuid4().hex}"
    result = await only(sandbox, SEARCH, Check("f", [given], expected=SECRET), ROOMY)
    assert result.got == f"['{given}']"


async def test_no_expected_value_enters_the_sandbox() -> None:
    class Recorder:
        name = "recorder"

        def __init__(self) -> None:
            self.seen = b""

        async def run(self, argv: Any, files: Any, limits: Any = None, *, stdin: bytes = b"", collect: Any = ()) -> Completed:
            self.seen += repr((argv, files)).encode() + stdin
            return Completed(0, b"ready\n" + b"".join(b'[%d, {"failed": "x"}]\n' % i for i in range(2)), b"", False, False, 0.1)

    recorder = Recorder()
    checks = [
        Check("f", [1], expected=SECRET, args_after=[SECRET], name=f"n{SECRET}", tolerance=0.5),
        Check("F", steps=[Step("g", expected=SECRET), Step("h", raises=f"E{SECRET}")]),
    ]
    await run_checks(recorder, "code", checks)
    assert str(SECRET).encode() not in recorder.seen
    assert b"expected" not in recorder.seen.split(b'{"code"')[1]


class Saying:
    """A sandbox whose program says what it wants to: the code inside has taken over the driver."""

    name = "saying"

    def __init__(self, *claims: bytes) -> None:
        self.claims = claims

    async def run(self, argv: Any, files: Any, limits: Any = None, *, stdin: bytes = b"", collect: Any = ()) -> Completed:
        return Completed(0, b"ready\n" + b"\n".join(self.claims), b"", False, False, 0.1)


@pytest.mark.parametrize(
    "claim",
    [
        b'[0, {"passed": true}]',
        b'[0, {"value": {"foreign": ["int", "1"]}, "args": []}]',
        b'[0, {"value": {"no such tag": 1}, "args": []}]',
        b'[0, {"value": {"set": [[1]]}, "args": []}]',
        b'[0, {"value": {"float": "x"}, "args": []}]',
        b'[0, {"value": 1' + b"0" * 5000 + b', "args": []}]',
        b"[0, " + b"[" * 100_000,
        b'[0, {"value": ' + b"[" * 900 + b"]" * 900 + b', "args": []}]',
        b"[0, null]",
        b"[0, 7]",
        b"[0, []]",
        b'[0, {"raised": 1, "message": 2}]',
        b'[0, {"raised": [["builtins"]], "message": 2}]',
        b'[0, {"steps": []}]',
        b'[true, {"value": 1, "args": []}]',
        b'[5, {"value": 1, "args": []}]',
        b'[0, {"value": 1, "args": []}]\n[0, {"value": 1, "args": []}]',
        b"\xff\xfe",
        b"",
    ],
)
async def test_a_claim_that_cannot_be_read_is_a_failed_check(claim: bytes) -> None:
    report = await run_checks(Saying(claim), "", [Check("f", expected=1)])
    assert [r.passed for r in report.results] == [False]
    assert report.results[0].reason


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(
        lambda claim: json.dumps([0, claim]).encode()
    )
)
async def test_no_claim_whatever_raises(claim: bytes) -> None:
    report = await run_checks(Saying(claim), "", [Check("f", expected=ANYTHING, args_after=[3])])
    assert len(report.results) == 1


async def test_a_driver_that_does_not_start_is_our_failure_and_not_the_codes() -> None:
    class Broken(Saying):
        async def run(self, *args: Any, **kwargs: Any) -> Completed:
            return Completed(1, b"", b"no json module", False, False, 0.1)

    with pytest.raises(ScorerError, match="no json module"):
        await run_checks(Broken(), "", [Check("f", expected=1)])


# --- values --------------------------------------------------------------------------------------------------------

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
HASHABLE = st.recursive(ATOMS, lambda x: st.tuples(x, x) | st.frozensets(x, max_size=3), max_leaves=6)
VALUES = st.recursive(
    HASHABLE,
    lambda x: st.lists(x, max_size=4) | st.tuples(x) | st.sets(HASHABLE, max_size=3) | st.dictionaries(HASHABLE, x, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_values_survive_the_way_through_json(value: Any) -> None:
    back = decode(json.loads(json.dumps(encode(value))))
    assert type(back) is type(value)
    assert matches(value, back)


@given(VALUES)
def test_a_value_matches_itself_exactly_and_loosely(value: Any) -> None:
    copy = decode(encode(value))
    assert matches(value, copy)
    assert matches(value, copy, exact=False)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=9), x, max_size=2)
    )
)
def test_what_was_not_encoded_is_a_value_error_or_a_value(encoded: Any) -> None:
    with contextlib.suppress(ValueError):
        decode(encoded)


@pytest.mark.parametrize(
    ("expected", "got", "options", "equal"),
    [
        (1, True, {}, False),
        (1, 1.0, {}, False),
        (1, 1.0, {"exact": False}, True),
        ([1], (1,), {}, False),
        ([1], (1,), {"exact": False}, True),
        ({1}, {True}, {}, False),
        ({1}, {1.0}, {"exact": False}, True),
        ({1: "a"}, {True: "a"}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}, True),
        ({"a": 1}, {"a": 1, "b": 2}, {}, False),
        (b"a", "a", {}, False),
        (math.nan, math.nan, {}, True),
        (math.inf, -math.inf, {"tolerance": 1.0}, False),
        (0.0, -0.0, {}, True),
        (1.0, 1.0 + 1e-9, {}, False),
        (1.0, 1.0 + 1e-9, {"tolerance": 1e-6}, True),
        (1e9, 1e9 + 1, {"tolerance": 1e-6}, True),
        ([[1.0, (2.0,)]], [[1.0, (2.0 + 1e-9,)]], {"tolerance": 1e-6}, True),
        (1.0, 10**400, {"tolerance": 1e-6, "exact": False}, False),
        (None, 0, {}, False),
        (None, False, {"exact": False}, False),
        ("1", 1, {"exact": False}, False),
        (5, Foreign("int", "5"), {}, False),
        ({1, 2}, frozenset({1, 2}), {}, False),
    ],
)
def test_matches(expected: Any, got: Any, options: dict[str, Any], equal: bool) -> None:
    assert matches(expected, got, **options) is equal


def test_shown_is_short_and_has_no_addresses() -> None:
    assert shown("x" * 10_000) == "'" + "x" * 139 + " … " + "x" * 54 + "'"
    assert shown(Foreign("f", "<function f at 0x7f00deadbeef>")) == "<function f>"
    assert shown(10**9999) == "a number too long to show"


CHECKS = st.builds(
    Check,
    call=st.text(min_size=1),
    args=st.lists(VALUES, max_size=2),
    kwargs=st.dictionaries(st.text(), VALUES, max_size=2),
    expected=VALUES | st.just(ANYTHING),
    raises=st.none() | st.text(min_size=1),
    steps=st.lists(st.builds(Step, call=st.text(), args=st.lists(VALUES, max_size=2), expected=VALUES | st.just(ANYTHING)), max_size=2),
    args_after=st.none() | st.lists(VALUES, max_size=2),
    tolerance=st.sampled_from([0.0, 1e-6]),
    exact=st.booleans(),
)


@settings(max_examples=30)
@given(st.lists(CHECKS, max_size=2))
def test_checks_survive_the_way_through_json(checks: list[Check]) -> None:
    encoded = json.loads(json.dumps(encode_checks(checks)))
    assert encode_checks(decode_checks(encoded)) == encoded
    assert [check.expected is ANYTHING for check in decode_checks(encoded)] == [check.expected is ANYTHING for check in checks]


@pytest.mark.parametrize("value", [object(), {"a": [len]}, Counter("a"), Foreign("a", "b")])
def test_a_check_takes_only_plain_values(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a plain value"):
        encode_checks([Check("f", [value])])
    with pytest.raises(ValueError, match="is not a plain value"):
        encode_checks([Check("f", expected=value)])


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
    assert (report.passed, report.pass_rate) == (False, 2 / 3)
