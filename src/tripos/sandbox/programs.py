"""The driver that runs inside a sandbox and puts one program, or one function, to many inputs.

Standard library only; started from a file beside `calls.py`. Each test gets a fresh fork, so that no test sees another's
state, and only what the program printed (or the function returned) goes out, one line of JSON a test on stdout. No expected
output is known in here: whatever is said is a claim that the scorer outside compares.

Reads `request.json`: {"code", "function" (null: a program on stdin and stdout), "tests": [[index, input, output_bytes]],
"cpu_seconds", "wall_seconds", "give_up"}.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIGKILL, SIGXCPU = 9, 24
DIGITS = 50_000  # of a whole number that may be printed; Python's own bound is 4,300
RECURSION = 50_000
LIBRARY = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools", "functools"),
    *("operator", "io", "sys", "json", "builtins", "typing"),
)
"""Modules whose names a solution of LiveCodeBench finds imported, in the order of its runner: later names win."""


def library() -> dict[str, Any]:
    """The names a solution may use without importing them: what each module exports, and then the modules."""
    names: dict[str, Any] = {}
    modules = {name: importlib.import_module(name) for name in LIBRARY}
    for module in modules.values():
        exported = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        names.update({name: getattr(module, name) for name in exported})
    return names | {name: module for name, module in modules.items() if name not in {"builtins", "typing"}}


def program(code: str, names: dict[str, Any]) -> None:
    """Runs the code as the main program."""
    main = type(sys)("__main__")
    main.__dict__.update(names)
    sys.modules["__main__"] = main
    exec(compile(code, "solution.py", "exec"), main.__dict__)  # noqa: S102 - this is the inside of the sandbox


def returned(code: str, function: str, text: str, names: dict[str, Any]) -> str:
    """What the function (of `Solution`, or of the module) returns for the arguments, one JSON value a line; encoded as in `calls`."""
    calls = importlib.import_module("calls")
    module = type(sys)("solution")
    module.__dict__.update(names)
    sys.modules["solution"] = module
    exec(compile(code, "solution.py", "exec"), module.__dict__)  # noqa: S102
    owner = module.Solution() if hasattr(module, "Solution") else module
    value = getattr(owner, function)(*[json.loads(line) for line in text.split("\n")])
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist() if not getattr(value, "shape", ()) else value
    return json.dumps(calls.encode(value))


def test(request: dict[str, Any], text: str, most: int, names: dict[str, Any]) -> dict[str, Any] | None:
    """One test in a process of its own: what came out, and why it failed if it did. None: this is that process, which must end."""
    out, out_end = os.pipe()
    note, note_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.close(note)
        _child(request, text, names, out_end, note_end)
        return None
    os.close(out_end)
    os.close(note_end)
    deadline = time.monotonic() + request["wall_seconds"]
    said, too_much, late = _hear(out, most, deadline)
    status, cpu_seconds, late = _end(child, deadline, late or too_much)
    os.set_blocking(note, False)
    try:
        why = os.read(note, 1000).decode(errors="replace")
    except BlockingIOError:
        why = ""
    os.close(out)
    os.close(note)
    failed = _failure(status, cpu_seconds, request, why, f"printed more than {most} bytes" if too_much else "", late)
    return {"out": said.decode(errors="replace"), "failed": failed}


def _child(request: dict[str, Any], text: str, names: dict[str, Any], out: int, note: int) -> None:
    """Becomes the program. A program's end is the interpreter's own: threads are waited for, buffers flushed."""
    import resource  # not on Windows, where this file is only read

    os.setpgid(0, 0)
    os.close(request["results"])
    cpu = max(1, int(request["cpu_seconds"]))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 2)
    try:
        if request["function"] is None:
            os.dup2(_file(text), 0)
            os.dup2(out, 1)
            os.close(out)
            program(request["code"], names)
        else:
            os.dup2(null, 0)
            os.dup2(null, 1)
            answer = returned(request["code"], request["function"], text, names)
            _write_all(out, answer.encode())
            os._exit(0)
    except SystemExit:
        return
    except BaseException as error:
        _write_all(note, _described(error).encode(errors="replace"))
        sys.exit(1)


def _file(text: str) -> int:
    name = f"stdin-{os.getpid()}"
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.unlink(name)  # noqa: PTH108
    _write_all(descriptor, text.encode("utf-8", "surrogatepass"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _hear(out: int, most: int, deadline: float) -> tuple[bytes, bool, bool]:
    """What was printed until the end; whether it was too much, or the deadline came first."""
    said = bytearray()
    while len(said) <= most:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([out], [], [], left)[0]:
            return bytes(said), False, True
        piece = os.read(out, 1 << 16)
        if not piece:
            return bytes(said), False, False
        said += piece
    return b"", True, False


def _end(child: int, deadline: float, now: bool) -> tuple[int, float, bool]:
    """Waits for the process, at most to the deadline: its status, CPU seconds, and whether it had to be ended."""
    while not now:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            _kill(child, reaped=True)
            return status, used.ru_utime + used.ru_stime, False
        now = time.monotonic() > deadline
        time.sleep(0.0005)
    _kill(child, reaped=False)
    _, status, used = os.wait4(child, 0)
    return status, used.ru_utime + used.ru_stime, True


def _kill(child: int, *, reaped: bool) -> None:
    # Nothing of one test may live on into the next: where we are process 2 of a namespace of our own, everybody else is the program's.
    everybody = (os.getpid(), os.getppid()) == (2, 1)
    for kill, whom in ([] if reaped else [(os.kill, child)]) + [(os.killpg, child)] + ([(os.kill, -1)] if everybody else []):
        try:
            kill(whom, SIGKILL)
        except OSError:
            continue  # it has ended


def _failure(status: int, cpu_seconds: float, request: dict[str, Any], why: str, flood: str, late: bool) -> str:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if flood:
        return flood
    if number == SIGXCPU or (number == SIGKILL and cpu_seconds >= request["cpu_seconds"]):
        return f"out of time: more than {request['cpu_seconds']:g} s of CPU"
    if late:
        return f"out of time: more than {request['wall_seconds']:g} s"
    if number:
        return f"crashed with signal {number}"
    return (why or f"ended with status {os.waitstatus_to_exitcode(status)}") if status else ""


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:
        return type(error).__name__


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> None:
    """Puts the code to every test, in order, one line each; after `give_up` that were out of bounds, to no more."""
    with open("request.json", encoding="utf-8") as file:  # noqa: PTH123
        request = json.load(file)
    request["results"] = results = os.dup(1)
    sys.set_int_max_str_digits(DIGITS)
    sys.setrecursionlimit(RECURSION)
    names = library()
    _write_all(results, b"ready\n")
    gc.freeze()
    left = request["give_up"]
    for index, text, most in request["tests"]:
        claim = test(request, text, most, names)
        if claim is None:
            return
        _write_all(results, json.dumps([index, claim]).encode() + b"\n")
        left -= claim["failed"].startswith(("out of time", "printed more"))
        if left <= 0:
            break
    _write_all(results, b'["done"]\n')


if __name__ == "__main__":
    main()
