"""Competition programs in the sandbox: what passes, what fails, and that nothing in there decides."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import Completion, Outcome, Sample
from tripos.sandbox.choose import choose
from tripos.sandbox.sandbox import Limits
from tripos.scoring.code_tests import TestReport
from tripos.scoring.packed_tests import ProgramTest
from tripos.scoring.program_tests import LastProgram, ProgramTests, run_program_tests, same_output, same_value
from tripos.scoring.scorer import Answer, Instruments

ADD = [ProgramTest("1 2\n", "3\n"), ProgramTest("10 -4", "6")]
FAST = Limits(cpu_seconds=1, wall_seconds=60, memory_bytes=1 << 30)


async def run(code: str, tests: list[ProgramTest] = ADD, function: str | None = None, limits: Limits = FAST) -> TestReport:
    return await run_program_tests(choose(), code, tests, function=function, limits=limits)


@pytest.mark.parametrize(
    "code",
    [
        "print(sum(map(int, input().split())))",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))",
        "print(sum(map(int, open(0).read().split())))",
        "def main():\n    print(sum(map(int, stdin.readline().split())))\nif __name__ == '__main__':\n    main()",
        "import threading\nt = threading.Thread(target=lambda: print(sum(map(int, input().split()))))\nt.start()",
        "import atexit, io, sys\nout = io.StringIO()\natexit.register(lambda: sys.__stdout__.write(out.getvalue()))\n"
        "out.write(str(sum(map(int, input().split()))))",
        "import os\nos.write(1, str(sum(map(int, input().split()))).encode())\nos._exit(0)",
        "print(sum(map(int, input().split())))\nexit(3)",
        "h = list(map(int, input().split()))\nheapify(h)\nprint(reduce(lambda a, b: a + b, h), pow(2, 0, 5) and '')",
    ],
)
async def test_right_programs_in_every_habit_pass(code: str) -> None:
    report = await run(code)
    assert report.passed, report


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print(0)", "printed '0', expected '3'"),
        ("", "printed ''"),
        ("1/0", "ZeroDivisionError"),
        ("print(sum(map(int, input().split())))\n1/0", "ZeroDivisionError"),
        ("def (:", "SyntaxError"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("import os\nos._exit(4)", "status 4"),
        ("while True: pass", "out of time"),
        ("x = [0] * 10**10", "MemoryError"),
        ("while True: print('x' * 10**6)", "printed more"),
        ("import os\nos.kill(os.getppid(), 9)", "driver"),
        ("print('3'); import json; print(json.dumps([1, {'out': '6', 'failed': ''}]))", "printed"),
    ],
)
async def test_wrong_programs_fail_and_say_why(code: str, reason: str) -> None:
    report = await run(code)
    assert not report.passed
    assert reason in report.results[0].reason


async def test_each_test_starts_afresh() -> None:
    code = "print(globals().get('seen', 0))\nseen = 1\nopen('left', 'w').close()"
    report = await run(code, [ProgramTest("", "0")] * 3)
    assert report.passed
    report = await run("import builtins\nprint(getattr(builtins, 'left', 0))\nbuiltins.left = 1", [ProgramTest("", "0")] * 2)
    assert report.passed


async def test_three_tests_out_of_time_are_enough() -> None:
    report = await run("n = int(input())\nwhile n: pass\nprint(0)", [ProgramTest(str(i % 2), "0") for i in range(40)])
    reasons = [result.reason for result in report.results]
    assert [not reason for reason in reasons[:6]] == [True, False, True, False, True, False]
    assert all("not run" in reason for reason in reasons[6:])


METHOD = [ProgramTest("[1, 2]\n3", "9"), ProgramTest("[]\n3", "0")]


@pytest.mark.parametrize(
    "code",
    [
        "class Solution:\n    def f(self, a: List[int], k: int) -> int:\n        return sum(a) * k",
        "def f(a, k):\n    return sum(a) * k",
        "class Solution:\n    @cache\n    def g(self, k): return k\n    def f(self, a, k): print('noise'); return self.g(k) * sum(a)",
        "class Solution:\n    def f(self, a, k): return float(sum(a) * k)",
    ],
)
async def test_right_methods_pass(code: str) -> None:
    assert (await run(code, METHOD, "f")).passed


@pytest.mark.parametrize(
    "code",
    [
        "class Solution:\n    def g(self, a, k): return 9",
        "class Solution:\n    def f(self, a): return 9",
        "class Solution:\n    def f(self, a, k): print(9)",
        "class Solution:\n    def f(self, a, k): return str(sum(a) * k)",
        "class Yes:\n    def __eq__(self, other): return True\nclass Solution:\n    def f(self, a, k): return Yes()",
        "class Yes(int):\n    def __eq__(self, other): return True\nclass Solution:\n    def f(self, a, k): return Yes(5)",
        "import sys\nclass Solution:\n    def f(self, a, k): sys.exit(0)",
        "import os\nclass Solution:\n    def f(self, a, k): os.write(3, b'9'); os.write(4, b'9'); os._exit(0)",
        "import calls\ncalls.encode = lambda v, depth=0: 9\nclass Solution:\n    def f(self, a, k): return -1",
    ],
)
async def test_wrong_methods_and_forgeries_fail(code: str) -> None:
    assert not (await run(code, METHOD, "f")).passed


async def test_large_answers_come_through() -> None:
    numbers = [i * 7_919.25 for i in range(150_000)]
    test = ProgramTest("150000", json.dumps(numbers))
    code = "class Solution:\n    def f(self, n): return [i * 7919.25 for i in range(n)]"
    assert (await run(code, [test], "f", Limits(cpu_seconds=6, wall_seconds=60, memory_bytes=2 << 30))).passed


@pytest.mark.parametrize(
    ("expected", "printed", "right"),
    [
        ("3", "3\n\n", True),
        (" 1 2 \n3", "1 2\n  3  ", True),
        ("0.50", "0.5", True),
        ("1", "1.0", True),
        ("50000000000000000", "50000000000000001", False),
        ("0.3333333333", "0.33333333333", False),
        ("1 2", "1  2", True),
        ("a b", "a  b", False),
        ("Yes", "YES", False),
        ("1\n2", "1 2", False),
        ("nan", "nan", True),
        ("nan 1", "NaN 1.0", False),
        ("sNaN 1", "sNaN 1.0", False),
        ("", "  \n", True),
    ],
)
def test_outputs_are_compared_by_lines_and_exact_decimals(expected: str, printed: str, right: bool) -> None:
    assert same_output(expected, printed) is right


@given(st.text(), st.text())
def test_comparing_is_symmetric_and_never_fails(one: str, other: str) -> None:
    assert same_output(one, one)
    assert same_output(one, other) == same_output(other, one)


def test_values_are_compared_as_python_does_and_a_tuple_counts_as_a_list_at_the_top() -> None:
    assert same_value([1, 2], (1, 2)) and same_value(1, 1.0) and same_value(True, 1)
    assert not same_value([[1]], [(1,)]) and not same_value([1], {1}) and not same_value("1", 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```python\ndef draft(): pass\n```\nfinally\n```python\nprint(1)\n```\nwhich prints\n```\n1\n```", "print(1)\n"),
        ("```\nprint(1)\n```", "print(1)\n"),
        ("import sys\nprint(1)", "import sys\nprint(1)"),
        ("I would add them up.", None),
        ("", None),
        ("```cpp\nint main() {}\n```", None),
        ("```python\nprint(1)", "print(1)\n"),
    ],
)
def test_the_last_python_fence_is_the_program(text: str, code: str | None) -> None:
    assert LastProgram()(Sample(record_id="x", input=""), text).answer == code


@pytest.mark.parametrize("padding", ["```" + "a" * 200_000 + "`", "`" * 200_000, " " * 200_000, "~~~" * 60_000, "ф" * 100_000 + "\x00"])
def test_padding_costs_no_time(padding: str) -> None:
    began = time.thread_time()
    assert "print(1)\n" in LastProgram()(Sample(record_id="x", input=""), f"{padding}\n\n```python\nprint(1)\n```").answer
    assert time.thread_time() - began < 2


async def verdict_of(text: str, private: str, finish: str = "stop") -> tuple[bool | None, float | None, Outcome, dict[str, float | None]]:
    tests = {"public_tests": json.dumps([{"input": "1 2", "output": "3"}]), "private_tests": private, "function": None}
    sample = Sample(record_id="x", input="", metadata=tests)
    answer = Answer(text, Completion(text=text, finish_reason=finish), LastProgram()(sample, text))
    verdict = await ProgramTests().score(sample, answer, Instruments(sandbox=choose()))
    return verdict.is_correct, verdict.value, verdict.outcome, verdict.metrics


async def test_the_public_tests_alone_do_not_make_a_solution() -> None:
    private = json.dumps([{"input": "2 2", "output": "4"}])
    assert await verdict_of("```python\nprint(3)\n```", private) == (False, 0.5, Outcome.SCORED, {"public_correct": 1.0})


async def test_tests_that_cannot_be_read_are_our_failure() -> None:
    assert (await verdict_of("```python\nprint(3)\n```", "eJx"))[:3] == (None, None, Outcome.SAMPLE_INVALID)


async def test_an_answer_cut_short_says_so() -> None:
    assert (await verdict_of("```python\nprint(", "[]", "length"))[:3] == (False, 0.0, Outcome.TRUNCATED)
    assert (await verdict_of("", "[]"))[:3] == (False, 0.0, Outcome.REFUSED)
