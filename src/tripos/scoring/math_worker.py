"""math-verify in one process of its own: it takes a while to import, its limits rest on signals, and sympy may run for ever
on a hostile answer. JSON lines over pipes; started with the first question, shared by everything in this process.

The limit is processor time, so that a busy machine does not turn right answers into wrong ones; the system's timer ends the
worker even inside C code. A worker that is killed is started again for the next question.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from tripos.core.errors import ScorerError

CPU_SECONDS = 5
_START_SECONDS = 120.0  # to import sympy on a machine that is busy
_WALL_FACTOR = 20  # wall-clock limit over processor-time limit: beyond it the machine is at fault, not the answer
_MEMORY_BYTES = 4 << 30


class Reply(NamedTuple):
    """Whether math-verify calls the two equal, and a remark where it could not finish."""

    equal: bool
    note: str | None = None


async def verify(gold: str, said: str, cpu_seconds: int = CPU_SECONDS) -> Reply:
    """Asks math-verify whether `said` equals `gold` (in that order: it is not symmetric).

    Cancelling the call does not disturb the worker: the exchange is finished in its thread and its result dropped.

    Raises:
        ScorerError: no worker could be started, or it did not get the processor.
    """
    return await asyncio.get_running_loop().run_in_executor(_line(), _worker.ask, gold, said, cpu_seconds)


class _Worker:
    """The process. Only the one thread of `_line` speaks to it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, gold: str, said: str, cpu_seconds: int) -> Reply:
        process = self._running()
        assert process.stdin is not None
        question = json.dumps({"gold": gold, "said": said, "cpu_seconds": cpu_seconds}).encode() + b"\n"
        try:
            process.stdin.write(question)
            process.stdin.flush()
            answer = self._read(cpu_seconds * _WALL_FACTOR)
        except BrokenPipeError:
            answer = b""
        if answer is None:
            self.close()
            raise ScorerError(
                f"math-verify had no answer after {cpu_seconds * _WALL_FACTOR} s; the machine is overloaded, run again to resume"
            )
        if not answer.endswith(b"\n"):
            code = process.wait()
            self.close()
            if -code == signal.SIGPROF:
                return Reply(False, f"math-verify was stopped after {cpu_seconds} s of processor time")
            return Reply(False, f"math-verify broke down over this answer (exit {code})")
        reply = json.loads(answer)
        return Reply(reply["equal"], reply["note"])

    def close(self) -> None:
        """Ends the process, at once."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.close()
        command = [sys.executable, "-m", __name__]
        # a session of its own: Ctrl-C at the terminal is for the run, which decides what is finished first
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        ready = self._read(_START_SECONDS)
        if not ready:
            code = self.process.poll()
            self.close()
            raise ScorerError(f"the math-verify process did not start (exit {code}); try: {' '.join(command)} </dev/null")
        return self.process

    def _read(self, seconds: float) -> bytes | None:
        """The next line, "" at the end of the stream, None if nothing came in time."""
        assert self.process is not None and self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if readable else None


_worker = _Worker()
_threads: ThreadPoolExecutor | None = None


def _line() -> ThreadPoolExecutor:
    """The one thread in which questions stand in line."""
    global _threads  # noqa: PLW0603
    if _threads is None:
        _threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="math-verify")
        atexit.register(_worker.close)
    return _threads


def _serve() -> None:
    """The process itself: a line in, a line out, until the pipe closes."""
    import os
    import resource

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not look like a reply
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    import math_verify

    grade: Any = math_verify
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, question["cpu_seconds"])
        equal, note = _verify(grade, question["gold"], question["said"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({"equal": equal, "note": note}), file=out, flush=True)


def _verify(grade: Any, gold: str, said: str) -> tuple[bool, str | None]:
    rules = (grade.LatexExtractionConfig(boxed_match_priority=0), grade.ExprExtractionConfig())
    try:
        left = grade.parse(rf"\boxed{{{gold}}}", rules, parsing_timeout=None)
        right = grade.parse(_wrapped(said), rules, parsing_timeout=None)
        return bool(grade.verify(left, right, timeout_seconds=None)), None
    except Exception as error:  # of a library fed with arbitrary text: reported with the verdict, never hidden
        return False, f"math-verify: {type(error).__name__}: {error}"[:200]


def _wrapped(said: str) -> str:
    """One box and no other, so that math-verify reads this answer and does not go looking for a better one."""
    plain = said.replace(r"\boxed", "").replace(r"\fbox", "").replace("$", "")
    depth = 0
    for character in plain.replace(r"\{", "").replace(r"\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            break
    return rf"\boxed{{{plain}}}" if depth == 0 else f"${plain}$"


if __name__ == "__main__":
    _serve()
