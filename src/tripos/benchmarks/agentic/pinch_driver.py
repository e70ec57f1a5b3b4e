"""Runs one `grade(transcript, workspace)` inside a sandbox. Standard library only; started from a file beside the folder `workspace`.

Reads a JSON object from stdin: "code", "transcript", "now" (Unix seconds) and "mark". The clock of `datetime` stands at "now", the time of
the answer, so that a check of "next Tuesday" says the same whenever it is run. Says one line on stdout: the mark, then a JSON object,
{"scores": {...}}, or {"raised": ...} where `grade` itself failed, or {"broken": ...} where there is no such function.
"""

from __future__ import annotations

import datetime
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def stand_still(now: float) -> None:
    """Stops the clock of the module `datetime`."""

    class Moment(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(now, tz)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(now, datetime.UTC).replace(tzinfo=None)

    class Day(datetime.date):
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now)

    datetime.datetime = Moment  # type: ignore[misc]
    datetime.date = Day  # type: ignore[misc]


def graded(request: dict[str, Any]) -> dict[str, Any]:
    """What came of the check."""
    names: dict[str, Any] = {"__name__": "checks"}
    try:
        exec(compile(request["code"], "checks.py", "exec"), names)  # noqa: S102 - this is the inside of the sandbox
        grade = names["grade"]
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {error}"[:300]}
    try:
        scores = grade(request["transcript"], os.path.abspath("workspace"))  # noqa: PTH100
        if not isinstance(scores, dict):
            return {"scores": {}}
        return {"scores": {str(name): float(value) for name, value in scores.items() if isinstance(value, (int, float))}}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """See the module."""
    request = json.loads(sys.stdin.buffer.read())
    mark = request.pop("mark")
    said = os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.makedirs("workspace", exist_ok=True)  # noqa: PTH103
    stand_still(request["now"])
    result = graded(request)
    os.write(said, f"{mark} {json.dumps(result)}\n".encode())


if __name__ == "__main__":
    main()
