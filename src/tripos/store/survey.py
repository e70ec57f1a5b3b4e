"""What a store holds, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tripos.store.claims import living
from tripos.store.database import Database
from tripos.store.rebuild import rows_of
from tripos.store.schema import POSTGRESQL, PROJECTIONS


def survey(database: Database) -> dict[str, Any]:
    """Counts, sizes and runs of a store, as plain data."""
    trials = database.execute("SELECT count(*) FROM trial")[0][0]
    size = _bytes(database)
    blobs, blob_bytes = database.execute("SELECT count(*), coalesce(sum(length(data)), 0) FROM blob")[0]
    return {
        "store": database.name,
        "kind": database.dialect.name,
        "schema": database.version(),
        "bytes": size,
        "bytes_a_trial": round(size / trials) if trials else None,
        "streams": database.execute("SELECT count(*) FROM stream")[0][0],
        "events": database.execute("SELECT count(*) FROM event")[0][0],
        "blobs": blobs,
        "blob_bytes": int(blob_bytes),
        "rows": rows_of(database),
        "written_by": living(database),
        "runs": _runs(database),
    }


def _runs(database: Database) -> list[dict[str, Any]]:
    rows = database.execute(
        """SELECT r.run_id, r.benchmark, r.model, r.status, r.planned, r.started_at, r.ended_at, count(t.candidate_id),
        count(CASE WHEN k.status = 'answered' THEN 1 END), count(v.is_correct)
        FROM run r LEFT JOIN trial t ON t.run_id = r.run_id
        LEFT JOIN candidate k ON k.candidate_id = t.candidate_id
        LEFT JOIN verdict v ON v.candidate_id = t.candidate_id AND v.overlay = r.overlay
        GROUP BY r.run_id ORDER BY r.started_at DESC, r.run_id"""
    )
    names = ("run_id", "benchmark", "model", "status", "planned", "started_at", "ended_at", "trials", "answered", "scored")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _bytes(database: Database) -> int:
    if database.dialect is POSTGRESQL:
        tables = ("meta", "stream", "event", "blob", "claim", *PROJECTIONS)
        return sum(int(database.execute("SELECT pg_total_relation_size(to_regclass(?))", (table,))[0][0]) for table in tables)
    path = Path(database.url.removeprefix("sqlite:///"))
    return sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())
