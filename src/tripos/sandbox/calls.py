"""The driver that runs inside a sandbox and answers calls of model-written code with plain values.

Standard library only; sent as source text. It reads the code and the calls from stdin. For every call it forks a process
that loads the code anew, makes the call, and sends back what came of it; one line of JSON a call goes to stdout. It knows
no expected value and decides nothing: whatever it says is a claim that the scorer outside compares.

The encoding of values (`encode`, `decode`) is used on both sides.
"""

from __future__ import annotations

import gc
import json
import math
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWER_BYTES = 1 << 20
MAX_DEPTH = 100
CONTAINERS = (list, tuple, set, frozenset)
SIGKILL, SIGXCPU = 9, 24


class Foreign:
    """A value that is not plain: its class and shortened repr. Equal to nothing."""

    def __init__(self, kind: str, shown: str) -> None:
        self.kind, self.shown = kind, shown

    def __repr__(self) -> str:
        return self.shown or f"<{self.kind}>"

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


def encode(value: Any, depth: int = 0) -> Any:
    """A value as JSON. A subclass counts as its plain base and is read by the base's own methods, so that overriding
    `__eq__` or `__iter__` changes nothing; what has no plain base becomes a `Foreign`."""
    if value is None or value is True or value is False:
        return value
    if depth > MAX_DEPTH:
        return {"foreign": [type(value).__name__, "nested too deeply"]}
    if isinstance(value, str):
        return {"str": str.encode(value, "utf-8", "surrogatepass").hex()} if _has_surrogates(value) else str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -(1 << 53) < number < 1 << 53 else {"int": hex(number)}
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, complex):
        parts = complex.__complex__(value)
        return {"complex": [parts.real.hex(), parts.imag.hex()]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes" if isinstance(value, bytes) else "bytearray": bytes.hex(bytes(memoryview(value)))}
    if isinstance(value, dict):
        return {"dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in dict.items(value)]}
    base: Any
    for base in CONTAINERS:
        if isinstance(value, base):
            items = [encode(item, depth + 1) for item in base.__iter__(value)]
            if base in (set, frozenset):  # one text for one set, whatever the hashes of this process
                items.sort(key=json.dumps)
            return items if base is list else {base.__name__: items}
    return {"foreign": [type(value).__name__, _shown(value)]}


def decode(value: Any, depth: int = 0) -> Any:
    """The inverse of `encode`.

    Raises:
        ValueError: it is not something that `encode` writes.
    """
    if depth > 2 * MAX_DEPTH:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, list):
        return [decode(item, depth + 1) for item in value]
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"not an encoded value: {str(value)[:60]!r}")
    ((tag, body),) = value.items()
    try:
        return _READERS[tag](body, depth + 1)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"not an encoded value: {str(value)[:60]!r}") from error


_READERS: dict[str, Any] = {
    "str": lambda body, _: bytes.fromhex(body).decode("utf-8", "surrogatepass"),
    "int": lambda body, _: int(body, 16),
    "float": lambda body, _: float.fromhex(body),
    "complex": lambda body, _: complex(float.fromhex(body[0]), float.fromhex(body[1])),
    "bytes": lambda body, _: bytes.fromhex(body),
    "bytearray": lambda body, _: bytearray.fromhex(body),
    "tuple": lambda body, depth: tuple(decode(item, depth) for item in body),
    "set": lambda body, depth: {decode(item, depth) for item in body},
    "frozenset": lambda body, depth: frozenset(decode(item, depth) for item in body),
    "dict": lambda body, depth: {decode(key, depth): decode(item, depth) for key, item in body},
    "foreign": lambda body, _: Foreign(str(body[0]), str(body[1])),
}


def _has_surrogates(text: str) -> bool:
    return not str.isascii(text) and any(0xD800 <= ord(letter) <= 0xDFFF for letter in str.__str__(text))


def _shown(value: object) -> str:
    try:
        return str.__str__(repr(value))[:200]
    except Exception as error:
        return f"repr failed with {type(error).__name__}"


def make(code: str, call: dict[str, Any]) -> dict[str, Any]:
    """Loads the code and makes one call (with its steps); what came of it, all values encoded."""
    module = type(sys)("solution")
    sys.modules["solution"] = module
    try:
        exec(compile(code, "solution.py", "exec"), module.__dict__)  # noqa: S102 - this is the inside of the sandbox
    except BaseException as error:
        return {"failed": f"the code could not be loaded: {_described(error)}"}
    try:
        target = _resolve(module, call["call"])
    except BaseException as error:
        return {"failed": f"there is no {call['call']}: {_described(error)}"}
    args, kwargs = decode(call["args"]), decode(call["kwargs"])
    try:
        result = target(*args, **kwargs)
        # The object of a check with steps is never shown: its repr is code, too.
        claim = {"steps": [_take(result, step) for step in call["steps"]]} if call["steps"] else {"value": encode(result)}
    except BaseException as error:
        claim = _raised(error)
    return {**claim, "args": encode(args)}


def _take(instance: Any, step: dict[str, Any]) -> dict[str, Any]:
    try:
        member = _resolve(instance, step["call"])
        return {"value": encode(member(*decode(step["args"]), **decode(step["kwargs"])) if callable(member) else member)}
    except BaseException as error:
        return _raised(error)


def _resolve(start: Any, path: str) -> Any:
    target = start
    for part in path.split("."):
        target = getattr(target, part.removesuffix("()"))
        if part.endswith("()"):
            target = target()
    return target


def _raised(error: BaseException) -> dict[str, Any]:
    return {"raised": [[c.__module__, c.__qualname__] for c in type(error).__mro__], "message": _described(error)}


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:
        return type(error).__name__


def answer(code: str, call: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    """Makes a call in a process of its own; a claim, or why there is none."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _child(code, call, limits, write_end)
    os.close(write_end)
    text, late = _hear(read_end, time.monotonic() + limits["wall_seconds"])
    os.close(read_end)
    _kill(child)
    _, status, used = os.wait4(child, 0)
    return _claim(text, late, status, used.ru_utime + used.ru_stime, limits)


def _kill(child: int) -> None:
    # Nothing of one call may live on into the next. In a namespace of our own (process 1 started us first) "everybody"
    # is the program's; elsewhere it is not, and the group has to do.
    everybody = (os.getpid(), os.getppid()) == (2, 1)
    for kill, whom in ((os.kill, child), (os.killpg, child), *([(os.kill, -1)] if everybody else [])):
        try:
            kill(whom, SIGKILL)
        except OSError:
            continue  # it has ended


def _child(code: str, call: dict[str, Any], limits: dict[str, float], write_end: int) -> None:
    import resource  # not on Windows, where the values of this file are read all the same

    try:
        os.setpgid(0, 0)
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        cpu = max(1, math.ceil(limits["cpu_seconds"]))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        text = json.dumps(make(code, call)).encode()
        if len(text) > ANSWER_BYTES:
            text = json.dumps({"failed": f"the answer is larger than {ANSWER_BYTES} bytes"}).encode()
        _write_all(write_end, text + b"\n")
    except BaseException as error:
        _write_all(write_end, json.dumps({"failed": f"the answer could not be written: {_described(error)}"}).encode() + b"\n")
    finally:
        os._exit(0)


def _hear(read_end: int, deadline: float) -> tuple[bytes, bool]:
    """The first line that comes before the deadline, and whether the deadline passed."""
    text = bytearray()
    while b"\n" not in text[-(1 << 16) :] and len(text) <= ANSWER_BYTES + 1:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([read_end], [], [], left)[0]:
            return bytes(text), True
        piece = os.read(read_end, 1 << 16)
        if not piece:
            break
        text += piece
    return bytes(text), False


def _claim(text: bytes, late: bool, status: int, cpu_seconds: float, limits: dict[str, float]) -> dict[str, Any]:
    line, end, _ = text.partition(b"\n")
    if end:
        try:
            claim = json.loads(line)
            if isinstance(claim, dict):
                return claim
        except (ValueError, RecursionError):
            pass
        return {"failed": "the answer could not be read"}
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == SIGXCPU or (number == SIGKILL and not late and cpu_seconds >= limits["cpu_seconds"]):
        return {"failed": f"out of time: more than {limits['cpu_seconds']:g} s of CPU"}
    if late:
        return {"failed": f"out of time: more than {limits['wall_seconds']:g} s"}
    if number:
        return {"failed": f"crashed with signal {number}"}
    return {"failed": f"the process ended without an answer (status {os.waitstatus_to_exitcode(status)})"}


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> None:
    """Answers every call, in order, one line each."""
    request = json.load(sys.stdin)
    _write_all(1, b"ready\n")
    gc.freeze()
    for index, call in request["calls"]:
        _write_all(1, json.dumps([index, answer(request["code"], call, request["limits"])]).encode() + b"\n")


if __name__ == "__main__":
    main()
