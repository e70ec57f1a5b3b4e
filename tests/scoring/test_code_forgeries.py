"""A pass cannot be forged: no expected value enters the sandbox, and what comes out is a claim and nothing more."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ScorerError
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.sandbox.sandbox import Completed, Limits
from tripos.scoring.code_tests import (
    ANYTHING,
    Check,
    Step,
    run_checks,
)

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
    limits = Limits(wall_seconds=30, cpu_seconds=20)
    (result,) = (await run_checks(sandbox, FORGERIES[name], [Check("f", expected=SECRET)], limits)).results
    assert not result.passed
    assert result.reason


ROOMY = Limits(wall_seconds=60, cpu_seconds=40, memory_bytes=6 << 30)  # the search holds all it reads


async def test_a_search_finds_what_is_there_but_never_the_answer(sandbox: Bubblewrap) -> None:
    given = f"answer-{uuid.uuid4().hex}"
    (result,) = (await run_checks(sandbox, SEARCH, [Check("f", [given], expected=SECRET)], ROOMY)).results
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
