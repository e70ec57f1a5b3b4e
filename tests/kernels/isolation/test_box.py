"""The box itself: what guards a result, what is left when something is broken off, and that anybody may use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluating import GELU, PRODUCT, job

from running import alive, family
from tripos.core.errors import SandboxError
from tripos.kernels.isolation.box import Box
from tripos.sandbox import seccomp

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = Path(__file__).parent
SAME = GELU.replace("Model(", "ModelNew(")
ENDLESS = (HERE / "exploits" / "endless_forward.py").read_text(encoding="utf-8")
GUARDS = {"processes", "network", "ipc", "files", "limits", "process_count", "privileges"}


async def settles(box: Box, count: int, seconds: float = 120.0) -> bool:
    """Whether the box comes to have this many processes."""
    for _ in range(int(seconds * 20)):
        if len(family(box._process.pid)) == count:
            return True
        await asyncio.sleep(0.05)
    return False


async def quiet(box: Box) -> list[int]:
    """The box's processes when the last evaluation is quite over."""
    while True:
        found = family(box._process.pid)
        await asyncio.sleep(0.3)
        if found == family(box._process.pid):
            return found


async def begun(box: Box, **more: Any) -> asyncio.Task[dict[str, Any]]:
    """An evaluation whose solution is in its first call, which will never end."""
    checking = asyncio.Event()
    task = asyncio.create_task(
        box.evaluate(job(GELU, ENDLESS, deadline_seconds=300, **more), phase=lambda phase: phase == "check" and checking.set())
    )
    await asyncio.wait_for(checking.wait(), 300)
    await asyncio.sleep(0.3)
    return task


async def test_a_record_says_how_it_was_guarded(box: Box) -> None:
    phases: list[str] = []
    record = await box.evaluate(job(GELU, SAME, timing=None), phase=phases.append)
    assert record["outcome"] == "ok" and record["correct"] and phases == ["load", "build", "check"]
    assert set(record["containment"]) == GUARDS | ({"system_calls"} if seccomp.program() else set())


async def test_limits_are_in_force(box: Box) -> None:
    names = ("RLIMIT_DATA", "RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CPU")
    told = "import resource, json\nraise ValueError(json.dumps([resource.getrlimit(getattr(resource, n)) for n in " + repr(names) + "]))"
    record = await box.evaluate(job(GELU, told, timing=None))
    found = re.search(r"\[\[.*\]\]", record["error"])
    assert record["outcome"] == "load_error" and found, record
    data, core, files, processes, seconds = json.loads(found[0])
    assert data == [2 << 30, 2 << 30] and core == [0, 0] and files[1] <= 1024 and processes == [256, 256] and seconds[1] <= 3600


async def test_weights_of_the_same_names_are_carried_over(box: Box) -> None:
    solution = PRODUCT.replace("Model(", "ModelNew(").replace("torch.randn(512, 256) / 16", "torch.zeros(512, 256)")
    assert (await box.evaluate(job(PRODUCT, solution, timing=None)))["outcome"] == "ok"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 0.5", "raise ValueError('no') or 0.5"),
        ("return 0.5", "return x.log() * 0.5"),
        ("class Model", "class Other"),
        ("def get_inputs", "def got_inputs"),
        ("import math", "import nothing_of_the_kind"),
        ("return 0.5", "return None and 0.5"),
    ],
)
async def test_what_is_wrong_with_the_case_is_not_the_solutions_fault(box: Box, old: str, new: str) -> None:
    record = await box.evaluate(job(GELU.replace(old, new), SAME))
    assert record["outcome"] == "case_error" and record["error"], record


async def test_a_device_is_measured_between_moving_inputs_there_and_outputs_back(box: Box) -> None:
    """The way of a GPU, gone with a processor under another name."""
    record = await box.evaluate(job(GELU, SAME, device="cpu:0"))
    assert record["outcome"] in ("ok", "noisy") and record["unclocked_ms"]["baseline"] > 0, record
    assert "suspicion" not in record, record
    early = """
import struct, sys
def do_window(self, slots):
    end = self.channel.end
    self.channel.send({"ok": True})
    end.recv(1)
    outputs = [self.models[""](*self.slots[slot]) for slot in slots]
    for _ in range(2):
        end.sendall(b"s")
        end.recv(1) if _ == 0 else None
    end.sendall(struct.pack(f"<q{len(outputs)}Q", len(outputs), *(y.data_ptr() for y in outputs)))
    end.recv(1)
    return {}
sys.modules["inside.worker"].Worker.do_window = do_window
"""
    record = await box.evaluate(job(GELU, SAME + early, device="cpu:0"))
    aside, clocked = record["unclocked_ms"], record["calls_per_window"] * record["baseline_ms"]
    assert aside["solution"] > aside["baseline"] + clocked / 2, record
    assert record["speedup_low"] < 1.15 and (record["noisy"] or record["suspicion"] == "unclocked_work"), record


async def test_many_at_once(box: Box) -> None:
    wrong = SAME.replace("1.0 +", "1.1 +")
    records = await asyncio.gather(*(box.evaluate(job(GELU, each, timing=None)) for each in [SAME, wrong] * 6))
    assert [record["outcome"] for record in records] == ["ok", "wrong_value"] * 6


async def test_an_evaluation_that_is_broken_off_leaves_nothing(box: Box) -> None:
    before = len(await quiet(box))
    task = await begun(box)
    assert len(family(box._process.pid)) >= before + 5  # judge, reference, candidate, and their keepers
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await settles(box, before)


async def test_a_judge_that_dies_takes_its_workers_along_and_nobody_else(box: Box) -> None:
    before = await quiet(box)
    task = await begun(box)
    new = [process for process in family(box._process.pid) if process not in before]
    (judge,) = [process for process in new if len(family(process)) == 1 and parent(process) in before]
    os.kill(judge, signal.SIGKILL)
    with pytest.raises(SandboxError, match="judge"):
        await asyncio.wait_for(task, 300)
    assert await settles(box, len(before))
    assert (await box.evaluate(job(GELU, SAME, timing=None)))["outcome"] == "ok"


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])


async def test_the_end_of_the_box_is_the_end_of_all_its_processes() -> None:
    async with Box.start() as own:
        task = await begun(own)
        everybody = family(own._process.pid)
    with pytest.raises(SandboxError):
        await asyncio.wait_for(task, 300)
    for _ in range(1200):
        if not any(alive(process) for process in everybody):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still there: {[process for process in everybody if alive(process)]}")


AS_ANYBODY = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from evaluating import GELU, job
from tripos.kernels.isolation.box import Box, WorkerLimits

async def main():
    records = {}
    async with Box.start(WorkerLimits(memory_bytes=2 << 30)) as box:
        records["same"] = await box.evaluate(job(GELU, GELU.replace("Model(", "ModelNew(")))
        for name in sys.argv[2:]:
            solution = (Path(sys.argv[1]) / "exploits" / f"{name}.py").read_text()
            records[name] = await box.evaluate(job(GELU, solution, deadline_seconds=4.0 if name == "fork_bomb" else 120.0))
    print(json.dumps(records))

asyncio.run(main())
"""
# The interpreter may lie where only root goes; so the closed folder above it is replaced by an open one that holds nothing else.
LET_IN = """
set -e
hold=$(mktemp -d); mount --bind "$1" "$hold"; mount -t tmpfs -o mode=0755 tmpfs "$2"; mkdir -p "$1"; mount --bind "$hold" "$1"
shift 2; exec "$@"
"""


async def test_an_ordinary_user_has_the_same_guards(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    if os.getuid() != 0 or not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("only root can become somebody else; anybody else has run all of the above as themselves")
    base = Path(sys.base_prefix)
    closed = next((folder for folder in reversed(base.parents) if not folder.stat().st_mode & 0o001), None)
    enter = ["unshare", "-m", "sh", "-c", LET_IN, "sh", str(base), str(closed)] if closed else []
    if any(not folder.stat().st_mode & 0o001 for folder in [*HERE.parents, *Path(sys.prefix).parents]):
        pytest.skip("the project lies where others cannot go")
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp", f"PYTHONPATH={os.pathsep.join(sys.path)}"]
    names = ["helper_process", "wakes_by_timer", "shared_memory_bomb", "fork_bomb", "escapes", "other_processes", "kills_everybody"]
    command = [*enter, *user, sys.executable, "-c", AS_ANYBODY, str(HERE), *names]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=1200, check=False, cwd="/")
    assert done.returncode == 0, done.stderr[-3000:]
    records = json.loads(done.stdout)
    assert GUARDS - {"process_count"} <= set(records["same"]["containment"])
    outcomes = {name: record["outcome"] for name, record in records.items()}
    assert outcomes.pop("fork_bomb") in ("timeout", "oom")
    assert {outcomes.pop(name) for name in ("same", "escapes", "other_processes", "kills_everybody")} <= {"ok", "noisy"}, records
    assert outcomes == {"helper_process": "cheat_suspected", "wakes_by_timer": "cheat_suspected", "shared_memory_bomb": "oom"}
