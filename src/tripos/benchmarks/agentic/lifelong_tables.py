"""The database family of LifelongAgentBench: what a reply asks of the table, and whether what came of it is right.

By `src/tasks/instance/db_bench/task.py` of LifelongAgentBench (no licence is stated, so its rules are told here, not its code).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tripos.core.errors import ScorerError
from tripos.core.records import JSON
from tripos.sandbox.sandbox import Limits, Sandbox

LIMITS = Limits(wall_seconds=15.0, cpu_seconds=10.0, memory_bytes=512 << 20, output_bytes=64 << 20)
GROUP_CONCAT_BYTES = 1024  # MySQL cuts the joined hashes here unless it is configured otherwise

_ACTION = re.compile(r"Action: (Operation|Answer)")
_SQL = re.compile(r"```sql\n(.*?)\n```", re.DOTALL)
_FINAL = re.compile(r"\nFinal Answer:(.*)")
_DECIMAL = re.compile(r"""Decimal\((["']?)([^()]*?)\1\)""")


async def play(sandbox: Sandbox | None, table: Mapping[str, JSON], programs: Sequence[str]) -> list[dict[str, JSON]]:
    """What came of each program on a table of its own; see `lifelong_sql`.

    Raises:
        ScorerError: there is no sandbox, or it gave no result.
    """
    if sandbox is None:
        raise ScorerError("lifelong-agent plays SQL in a sandbox; this run has none")
    driver = Path(__file__).with_name("lifelong_sql.py").read_text(encoding="utf-8")
    request = json.dumps({"table": table, "programs": list(programs)}).encode()
    done = await sandbox.run(["python3", "play.py"], {"play.py": driver}, LIMITS, stdin=request)
    try:
        results = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise ScorerError(f"the SQL programs gave no result (stopped by {done.stopped}; {said})") from error
    if not isinstance(results, list) or len(results) != len(programs):
        raise ScorerError("the SQL programs gave no result for each of them")
    return results


def protocol(said: Sequence[str]) -> tuple[list[str], str | None]:
    """(statements, final answer or None) of a conversation in the benchmark's own protocol, up to its end.

    A reply is `Action: Operation` with a fenced sql block, or `Action: Answer` with a line `Final Answer: …`; the answer, or a
    reply that is neither, ends it.
    """
    asked: list[str] = []
    for text in said:
        action = _ACTION.search(text)
        if action is None:
            return asked, None
        if action[1] == "Answer":
            final = _FINAL.search(text)
            return asked, final[1].strip() if final else None
        block = _SQL.search(text)
        if block is None:
            return asked, None
        asked.append(block[1].strip())
    return asked, None


# ------------------------------------------------------------------------------------------------------- rows of a query


def same_rows(expected: Sequence[Sequence[JSON]], given: Sequence[Sequence[JSON]]) -> bool:
    """Whether a query returned the expected rows: as many, in the same order, cell by cell (see `same_cell`)."""
    return len(expected) == len(given) and all(
        len(want) == len(have) and all(map(same_cell, want, have)) for want, have in zip(expected, given, strict=True)
    )


def same_cell(expected: JSON, given: JSON) -> bool:
    """Numbers within 1e-6 (a number written as text counts), text exactly, nothing only as nothing."""
    if expected is None or given is None:
        return expected is given
    if isinstance(expected, int | float):
        number = _number(given) if isinstance(given, str) else given
        return isinstance(number, int | float) and math.isclose(number, expected, rel_tol=1e-6, abs_tol=1e-6)
    return str(given) == str(expected)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# ------------------------------------------------------------------------------------------------- rows told as text


def told_rows(expected: Sequence[Sequence[JSON]], answer: str) -> bool:
    """Whether the text of a final answer tells the expected rows, by the benchmark's rule.

    Rows are what stands in brackets, as many and in the same order; cells are parted by commas. Without brackets the whole text is the
    only row. Numbers within 1e-6, `Decimal(…)` around them and words behind them aside; text exactly, but for one pair of quotes.
    Two deviations: a quoted number counts (officially only by its comment), and no text at all is no answer, also where no row is expected.
    """
    if not answer.strip():
        return False
    rows = _bracketed(_DECIMAL.sub(r"\2", answer))
    if rows is None:
        return False
    if not rows:
        return not expected or (len(expected) == 1 and _told(expected[0], _DECIMAL.sub(r"\2", answer)))
    return len(rows) == len(expected) and all(_told(want, row) for want, row in zip(expected, rows, strict=True))


def _bracketed(text: str) -> list[str] | None:
    """What stands in round brackets, None where a closing one has no opening one or the last opening one is not closed."""
    found: list[str] = []
    start: int | None = None
    for at, char in enumerate(text):
        if char == "(":
            start = at + 1
        elif char == ")":
            if start is None:
                return None
            found.append(text[start:at])
            start = None
    return found if start is None else None


def _told(expected: Sequence[JSON], row: str) -> bool:
    cells = [cell.strip() for cell in row.split(",") if cell.strip()]
    return len(cells) == len(expected) and all(map(_told_cell, expected, cells))


def _told_cell(expected: JSON, cell: str) -> bool:
    if isinstance(expected, int | float):
        bare = cell[1:] if cell[0] in "'\"" else cell
        number = _number(re.sub(r"[^0-9.-]+\Z", "", bare))
        return number is not None and math.isclose(number, expected, rel_tol=1e-6, abs_tol=1e-6)
    if not isinstance(expected, str):
        return False
    if 0 < len(cell) - len(expected) <= 2:
        if cell[0] in "'\"" and expected[:1] != cell[0]:
            cell = cell[1:]
        if cell and cell[-1] in "'\"" and expected[-1:] != cell[-1]:
            cell = cell[:-1]
    return cell == expected


# ------------------------------------------------------------------------------------------------------ state of a table


def same_state(expected: Sequence[Sequence[JSON]] | None, given: Sequence[Sequence[JSON]] | None) -> bool:
    """Whether two tables hold the same rows, in any order."""
    return expected is not None and given is not None and _bag(expected) == _bag(given)


def _bag(rows: Sequence[Sequence[JSON]]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(("n", float(v)) if isinstance(v, int | float) else ("t", v) for v in row) for row in rows)


def state_digest(rows: Sequence[Sequence[JSON]] | None, types: Sequence[str]) -> str | None:
    """The MD5 that the benchmark stores of a table; None where there is none to have.

    Of each row the first five hex digits of the MD5 of its values, joined by commas, nulls left out; these sorted, joined by commas, cut
    after 1,024 bytes as MySQL does, and of that the MD5. Values as MySQL writes them: decimals with their places, other
    numbers as short as they can be.
    """
    if not rows:
        return None
    hashes = sorted(_md5(",".join(_written(v, kind) for v, kind in zip(row, types, strict=True) if v is not None))[:5] for row in rows)
    return _md5(",".join(hashes)[:GROUP_CONCAT_BYTES])


def _written(value: JSON, kind: str) -> str:
    places = re.match(r"\s*(?:DEC|DECIMAL|NUMERIC)\s*\(\s*\d+\s*,\s*(\d+)\s*\)", kind, re.IGNORECASE)
    if isinstance(value, int | float) and places:
        return f"{value:.{int(places[1])}f}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
