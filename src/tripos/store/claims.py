"""Who works on what: so that several processes on one store never pay for a candidate twice.

A process claims the candidates of a chunk before it asks. Its claim is one row with everything it has in hand, rewritten
with each chunk and renewed while the process lives; the others leave those candidates alone and look again later. A
claim that was not renewed in time is void, and at once where its process can be seen to be gone (same machine), so that
a killed run goes on without waiting.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tripos.store.database import Database

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0


class Claims:
    """The claim of one stream. Not thread-safe: the writer's thread alone uses it."""

    def __init__(self, database: Database, stream_id: str) -> None:
        self._database, self._stream_id = database, stream_id
        self._renewed: float | None = None  # monotonic; None while nothing is claimed

    def take(self, holding: Iterable[str], wanted: Iterable[str]) -> set[str]:
        """Claims `wanted` beside what is still in hand; returns those that no other living process has."""
        with self._database.transaction():
            now = self._database.clock()
            taken = of_others(self._database, self._stream_id, now)
            granted = {name for name in wanted if name not in taken}
            row = (self._stream_id, _owner(), now + LEASE_SECONDS, " ".join({*holding, *granted}))
            self._database.execute(
                "INSERT INTO claim (stream_id, owner, until, candidates) VALUES (?,?,?,?) ON CONFLICT (stream_id) DO UPDATE SET "
                "until = excluded.until, candidates = excluded.candidates",
                row,
            )
        self._renewed = time.monotonic()
        return granted

    def renew_in_time(self) -> None:
        """Prolongs the lease when it is time to."""
        if self._renewed is not None and time.monotonic() - self._renewed > RENEW_SECONDS:
            with self._database.transaction():
                until = self._database.clock() + LEASE_SECONDS
                self._database.execute("UPDATE claim SET until = ? WHERE stream_id = ?", (until, self._stream_id))
            self._renewed = time.monotonic()

    def release(self) -> None:
        """Gives everything back."""
        if self._renewed is not None:
            with self._database.transaction():
                self._database.execute("DELETE FROM claim WHERE stream_id = ?", (self._stream_id,))
            self._renewed = None


def of_others(database: Database, stream_id: str, now: float) -> set[str]:
    """Candidates in the hands of other living processes; void claims are cleared away."""
    taken: set[str] = set()
    for other, owner, until, candidates in database.execute("SELECT stream_id, owner, until, candidates FROM claim"):
        if other == stream_id:
            continue
        if until < now or _gone(owner):
            database.execute("DELETE FROM claim WHERE stream_id = ?", (other,))
        else:
            taken.update(candidates.split())
    return taken


def living(database: Database) -> list[str]:
    """Owners ("machine pid start") of the claims that hold now."""
    now = database.clock()
    return [
        owner for owner, until in database.execute("SELECT owner, until FROM claim ORDER BY owner") if until >= now and not _gone(owner)
    ]


def _owner() -> str:
    return f"{_machine()} {os.getpid()} {_began(os.getpid())}"


@cache
def _machine() -> str:
    """Where process ids mean the same: the host, and its space of process ids (containers have their own)."""
    space = Path("/proc/self/ns/pid")
    return f"{platform.node() or 'unknown'}/{space.stat().st_ino if space.exists() else 0}".replace(" ", "-")


def _began(pid: int) -> str | None:
    """When a process began, in ticks since boot; "?" where that cannot be seen, None where there is no such process (any more)."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except (OSError, ValueError, IndexError):
        if os.name != "posix":
            return "?"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "?"


def _gone(owner: str) -> bool:
    """Whether a process of this machine has ended. Of other machines nothing is known: their lease decides."""
    machine, pid, began = owner.rsplit(" ", 2)
    if machine != _machine():
        return False
    now = _began(int(pid))
    return now is None or (now != began and "?" not in (now, began))
