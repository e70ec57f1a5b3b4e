"""What a program in the sandbox cannot use up: processes, disk, time, output, memory."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tripos.sandbox.sandbox import Completed, Limits, Sandbox

MIB = 1 << 20


def living(word: str) -> list[int]:
    """Processes of this machine with `word` in their command line."""
    return [int(entry.name) for entry in _processes() if word.encode() in _command_line(entry)]


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


async def ran(sandbox: Sandbox, program: str, **limits: float) -> Completed:
    chosen = Limits(**{"wall_seconds": 120.0, **limits})  # type: ignore[arg-type]
    return await sandbox.run(["python3", "-I", "-c", program], {}, chosen)


async def test_a_fork_bomb_is_bounded_by_the_kernel(sandbox: Sandbox) -> None:
    bomb = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(20)
        count += 1
except OSError as error:
    print(count, error.errno)
"""
    completed = await ran(sandbox, bomb, processes=40)
    assert completed.stdout.split() == [b"39", b"11"], "39 children and the program itself; then EAGAIN"


async def test_a_fork_bomb_that_never_gives_up_ends_with_its_time_and_leaves_nothing(sandbox: Sandbox) -> None:
    word = uuid.uuid4().hex
    bomb = f"""
import os
mark = "{word}"
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    most = 0

    async def count() -> None:
        nonlocal most
        while True:
            most = max(most, len(living(word)))
            await asyncio.sleep(0.05)

    counting = asyncio.create_task(count())
    completed = await ran(sandbox, bomb, processes=30, wall_seconds=4.0)
    counting.cancel()
    assert completed.timed_out
    assert 10 < most <= 30
    assert living(word) == []


async def test_threads_count_as_processes(sandbox: Sandbox) -> None:
    completed = await ran(
        sandbox,
        """
import threading, time
try:
    for count in range(10_000):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
except RuntimeError:
    print(count, flush=True)
    import os; os._exit(0)
""",
        processes=20,
    )
    assert completed.stdout.strip() == b"19"


@pytest.mark.parametrize("place", ["/tmp", "/tmp/work", "/dev/shm"])
async def test_the_disk_cannot_be_filled(sandbox: Sandbox, place: str) -> None:
    fill = f"""
written = 0
try:
    for number in range(100):
        with open("{place}/" + str(number), "wb", buffering=0) as file:
            for _ in range(8):
                written += file.write(bytes(1 << 20))
except OSError as error:
    print(written, error.errno)
"""
    completed = await ran(sandbox, fill, disk_bytes=32 * MIB)
    written, errno = map(int, completed.stdout.split())
    assert written <= 32 * MIB
    assert errno == 28, "no space left on device"


async def test_a_file_cannot_be_larger_than_allowed(sandbox: Sandbox) -> None:
    completed = await ran(sandbox, "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 16))", file_bytes=MIB)
    assert completed.returncode == 1
    assert b"File too large" in completed.stderr


async def test_files_without_number_are_stopped(sandbox: Sandbox) -> None:
    completed = await ran(sandbox, "n = 0\nwhile True: open(str(n := n + 1), 'w').close()", wall_seconds=300, cpu_seconds=60)
    assert completed.stopped == "disk"


async def test_an_endless_loop_ends_with_its_cpu_time(sandbox: Sandbox) -> None:
    completed = await ran(sandbox, "while True: pass", cpu_seconds=1)
    assert (completed.returncode, completed.timed_out, completed.stopped) == (None, True, "cpu")


async def test_the_cpu_limit_cannot_be_ignored(sandbox: Sandbox) -> None:
    ignore = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    completed = await ran(sandbox, ignore, cpu_seconds=1)
    assert (completed.timed_out, completed.stopped) == (True, "cpu")


async def test_a_sleeper_ends_with_the_wall_clock_and_keeps_what_it_said(sandbox: Sandbox) -> None:
    started = time.monotonic()
    completed = await ran(sandbox, "import time; print('before', flush=True); time.sleep(3600)", wall_seconds=3.0)
    assert (completed.returncode, completed.timed_out, completed.stopped) == (None, True, "wall")
    assert completed.stdout == b"before\n"
    assert 3.0 <= completed.wall_seconds < time.monotonic() - started < 60


DETACH = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/usr/bin/env", ["env", "sleep", "{seconds}"])
    os._exit(0)
time.sleep({stay})
"""


@pytest.mark.parametrize(("stay", "timed_out"), [(2.0, False), (3600, True)])
async def test_a_detached_process_does_not_outlive_the_run(sandbox: Sandbox, stay: float, timed_out: bool) -> None:
    seconds = f"{1000 + uuid.uuid4().int % 1000}.{uuid.uuid4().int % 10**9}"
    running = asyncio.create_task(ran(sandbox, DETACH.format(seconds=seconds, stay=stay), wall_seconds=4.0))
    while not running.done() and not living(f"sleep\0{seconds}"):
        await asyncio.sleep(0.01)
    assert not running.done(), "it was alive while the program ran"
    assert (await running).timed_out == timed_out
    assert living(seconds) == []


async def test_nothing_outlives_a_cancelled_run(sandbox: Sandbox) -> None:
    seconds = f"3000.{uuid.uuid4().int % 10**9}"
    running = asyncio.create_task(ran(sandbox, DETACH.format(seconds=seconds, stay=3600)))
    while not running.done() and not living(f"sleep\0{seconds}"):
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(3000):  # the kernel ends the rest of a namespace a moment after its first process
        if not living(seconds):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the detached process is still there")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_flood_of_output_is_cut_and_ended(sandbox: Sandbox, stream: str) -> None:
    completed = await ran(sandbox, f"import sys\nwhile True: sys.{stream}.write('x' * 10000)", output_bytes=100_000)
    assert (completed.stopped, completed.output_truncated, completed.returncode) == ("output", True, None)
    assert len(completed.stdout) + len(completed.stderr) == 100_000
    assert completed.wall_seconds < 60


async def test_output_of_just_the_allowed_size_is_whole(sandbox: Sandbox) -> None:
    completed = await ran(sandbox, "print('x' * 9999)", output_bytes=10_000)
    assert (completed.returncode, completed.output_truncated, len(completed.stdout)) == (0, False, 10_000)


async def test_a_process_cannot_use_more_than_its_memory(sandbox: Sandbox) -> None:
    completed = await ran(sandbox, "x = bytearray(600 << 20)", memory_bytes=300 * MIB)
    assert b"MemoryError" in completed.stderr


@pytest.mark.parametrize("kind", ["bytearray({size})", "__import__('mmap').mmap(-1, {size}).write(bytes({size}))"])
async def test_many_processes_together_cannot_either(sandbox: Sandbox, kind: str) -> None:
    program = f"""
import os, time
for _ in range(20):
    if os.fork() == 0:
        kept = {kind.format(size=60 << 20)}
        time.sleep(30)
time.sleep(30)
"""
    completed = await ran(sandbox, program, memory_bytes=400 * MIB)
    assert (completed.stopped, completed.returncode, completed.timed_out) == ("memory", None, False)


async def test_no_more_programs_run_at_once_than_there_are_cores(sandbox: Sandbox) -> None:
    cores = os.cpu_count() or 1
    program = "import time; a = time.monotonic(); time.sleep(0.25); print(a, time.monotonic())"
    spans = [tuple(map(float, c.stdout.split())) for c in await asyncio.gather(*(ran(sandbox, program) for _ in range(2 * cores + 1)))]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(at_once) <= cores
