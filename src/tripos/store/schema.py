"""Tables, and the list of migrations that leads to them.

`event` and `blob` are the truth. The other tables are projections: derived from events by `events.project`, written in
the same transaction, rebuilt from events at any time. SQL is written in the subset that SQLite and PostgreSQL share; the
few words that differ are filled in by `Dialect`.
"""

from __future__ import annotations

from typing import NamedTuple


class Dialect(NamedTuple):
    """The words in which the two databases differ."""

    name: str
    position: str
    bytes: str
    real: str
    without_rowid: str


SQLITE = Dialect("sqlite", "INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB", "REAL", " WITHOUT ROWID")
POSTGRESQL = Dialect("postgresql", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA", "DOUBLE PRECISION", "")

PROJECTIONS = ("run", "trial", "candidate", "verdict", "score")

_FIRST = """
CREATE TABLE event (
    position {position},
    stream_id TEXT NOT NULL,          -- one stream a process that wrote
    seq INTEGER NOT NULL,             -- 0, 1, 2, ... within the stream
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT,                       -- first 16 hex of the candidate, for timelines
    at {real} NOT NULL,               -- Unix seconds
    body {bytes} NOT NULL,            -- JSON
    digest {bytes} NOT NULL,          -- SHA-256 over the previous digest of the stream and this event
    UNIQUE (stream_id, seq)
);
CREATE INDEX event_about ON event (about);
CREATE TABLE blob (digest TEXT PRIMARY KEY, data {bytes} NOT NULL){without_rowid};
CREATE TABLE run (
    run_id TEXT PRIMARY KEY, run_key TEXT NOT NULL, suite TEXT, benchmark TEXT NOT NULL, category TEXT, model TEXT NOT NULL,
    engine TEXT, backend TEXT, overlay TEXT NOT NULL, planned INTEGER, status TEXT NOT NULL, simulated INTEGER NOT NULL,
    started_at {real} NOT NULL, ended_at {real}, config TEXT NOT NULL, dataset TEXT NOT NULL, provenance TEXT NOT NULL
);
CREATE INDEX run_of_key ON run (run_key, started_at);
CREATE TABLE trial (
    run_id TEXT NOT NULL, record_id TEXT NOT NULL, prompt_variant_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    candidate_id TEXT NOT NULL, trial_hash TEXT NOT NULL, subject TEXT, slice_id TEXT NOT NULL, cluster TEXT,
    dimensions TEXT, reference_hash TEXT NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run_id, record_id, prompt_variant_id, attempt)
){without_rowid};
CREATE TABLE candidate (
    candidate_id TEXT PRIMARY KEY, status TEXT NOT NULL, finish_reason TEXT, prompt_tokens INTEGER, completion_tokens INTEGER,
    cost_usd {real}, latency_seconds {real}, ttft_seconds {real}, energy_joules {real}, started_at {real}, retries INTEGER NOT NULL,
    error_kind TEXT, error TEXT, simulated INTEGER NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL
){without_rowid};
CREATE TABLE verdict (
    candidate_id TEXT NOT NULL, overlay TEXT NOT NULL, outcome TEXT NOT NULL, answer TEXT, value {real}, is_correct INTEGER,
    reference_hash TEXT NOT NULL, judge_cost_usd {real}, at {real} NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (candidate_id, overlay)
){without_rowid};
CREATE TABLE score (
    candidate_id TEXT NOT NULL, overlay TEXT NOT NULL, metric_id TEXT NOT NULL, value {real},
    PRIMARY KEY (candidate_id, overlay, metric_id)
){without_rowid};
"""

MIGRATIONS = (_FIRST,)
"""Version n of the schema is what the first n scripts make. Scripts are only ever added."""

VERSION = len(MIGRATIONS)


def statements(script: str, dialect: Dialect) -> list[str]:
    """The single statements of a migration, in the words of a dialect."""
    without_comments = "\n".join(line.partition("--")[0] for line in script.splitlines())
    return [s.strip() for s in without_comments.format(**dialect._asdict()).split(";") if s.strip()]
