"""Tables, and the list of migrations that leads to them.

`stream`, `event` and `blob` are the truth. `claim` says who works on what just now. The other tables are projections:
derived from events by `projection.apply`, written in the same transaction, rebuilt from events at any time. SQL is
written in the subset that SQLite and PostgreSQL share; the few words that differ are filled in by `Dialect`.
"""

from __future__ import annotations

from typing import NamedTuple


class Dialect(NamedTuple):
    """The words in which the two databases differ."""

    name: str
    position: str
    key: str
    bytes: str
    real: str
    without_rowid: str


SQLITE = Dialect("sqlite", "INTEGER", "TEXT", "BLOB", "REAL", " WITHOUT ROWID")
POSTGRESQL = Dialect("postgresql", "BIGINT", 'TEXT COLLATE "C"', "BYTEA", "DOUBLE PRECISION", "")

PROJECTIONS = {
    "run": "run_id",
    "trial": "run_id, record_id, prompt_variant_id, attempt",
    "candidate": "candidate_id",
    "verdict": "candidate_id, overlay",
    "metric": "candidate_id, overlay, metric_id",
    "measure": "candidate_id, position",
}
"""The derived tables, each with its key."""

TAKEN = frozenset(
    ("score", "accuracy", "latency_seconds", "ttft_seconds", "cost_usd", "energy_joules", "prompt_tokens", "completion_tokens")
)
"""What is a metric of every verdict or answer, under names that a scorer's further metrics therefore cannot have."""


def metric_name(name: str) -> str:
    """What a scorer's further metric is called: `metrics.accuracy` where its own name is taken, as in tables of results."""
    return f"metrics.{name}" if name in TAKEN else name


_FIRST = """
CREATE TABLE stream (                 -- one a process that wrote
    number INTEGER PRIMARY KEY, stream_id {key} NOT NULL UNIQUE
);
CREATE TABLE event (
    position {position} PRIMARY KEY,  -- number of the stream * 2^32 + place in it
    run_id {key} NOT NULL,
    kind TEXT NOT NULL,
    candidate_id {key},                -- of failures only: the other tables point to the rest
    at {real} NOT NULL,               -- Unix seconds
    body {bytes} NOT NULL,            -- JSON
    digest {bytes} NOT NULL           -- SHA-256 over the previous digest of the stream and this event
);
CREATE INDEX event_failed ON event (candidate_id) WHERE candidate_id IS NOT NULL;
CREATE INDEX event_of_run ON event (run_id) WHERE kind IN ('run_started', 'run_ended');
CREATE TABLE blob (digest {key} PRIMARY KEY, data {bytes} NOT NULL){without_rowid};
CREATE TABLE claim (                  -- one a process that is asking just now
    stream_id {key} PRIMARY KEY, owner TEXT NOT NULL, until {real} NOT NULL, candidates TEXT NOT NULL
);
CREATE TABLE run (
    run_id {key} PRIMARY KEY, run_key TEXT NOT NULL, suite TEXT, benchmark TEXT NOT NULL, category TEXT, model TEXT NOT NULL,
    engine TEXT, backend TEXT, overlay {key} NOT NULL, planned INTEGER, status TEXT NOT NULL, simulated INTEGER NOT NULL,
    started_at {real} NOT NULL, ended_at {real}, config TEXT NOT NULL, dataset TEXT NOT NULL, provenance TEXT NOT NULL
);
CREATE INDEX run_of_key ON run (run_key, started_at);
CREATE TABLE trial (
    run_id {key} NOT NULL, record_id {key} NOT NULL, prompt_variant_id {key} NOT NULL, attempt INTEGER NOT NULL,
    candidate_id {key} NOT NULL, trial_hash TEXT NOT NULL, subject TEXT, slice_id TEXT NOT NULL, cluster TEXT,
    dimensions TEXT, reference_hash TEXT NOT NULL, position BIGINT NOT NULL,
    PRIMARY KEY (run_id, record_id, prompt_variant_id, attempt)
){without_rowid};
CREATE TABLE candidate (
    candidate_id {key} PRIMARY KEY, status TEXT NOT NULL, finish_reason TEXT, prompt_tokens INTEGER, completion_tokens INTEGER,
    cost_usd {real}, latency_seconds {real}, ttft_seconds {real}, energy_joules {real}, started_at {real}, retries INTEGER NOT NULL,
    error_kind TEXT, error TEXT, simulated INTEGER NOT NULL, position BIGINT NOT NULL
){without_rowid};
CREATE TABLE verdict (
    candidate_id {key} NOT NULL, overlay {key} NOT NULL, outcome TEXT NOT NULL, answer TEXT, value {real}, is_correct INTEGER,
    reference_hash TEXT NOT NULL, judge_cost_usd {real}, at {real} NOT NULL, position BIGINT NOT NULL,
    PRIMARY KEY (candidate_id, overlay)
){without_rowid};
CREATE TABLE metric (                 -- metrics beside the primary one, which is verdict.value
    candidate_id {key} NOT NULL, overlay {key} NOT NULL, metric_id {key} NOT NULL, value {real},
    PRIMARY KEY (candidate_id, overlay, metric_id)
){without_rowid};
CREATE VIEW score AS
    SELECT candidate_id, overlay, 'score' AS metric_id, value FROM verdict UNION ALL
    SELECT candidate_id, overlay, 'accuracy', CAST(is_correct AS {real}) FROM verdict UNION ALL
    SELECT candidate_id, overlay, metric_id, value FROM metric;
"""

_SECOND = """
CREATE TABLE measure (                -- what telemetry says of an answer in the same stream
    candidate_id {key} NOT NULL, position BIGINT NOT NULL,
    energy_joules {real}, power_watts {real}, gpu_utilization_pct {real},
    PRIMARY KEY (candidate_id, position)
){without_rowid};
CREATE INDEX event_measured ON event (run_id) WHERE kind = 'measured';
"""

MIGRATIONS = (_FIRST, _SECOND)
"""Version n of the schema is what the first n scripts make. Scripts are only ever added."""

VERSION = len(MIGRATIONS)


def statements(script: str, dialect: Dialect) -> list[str]:
    """The single statements of a migration, in the words of a dialect."""
    without_comments = "\n".join(line.partition("--")[0] for line in script.splitlines())
    return [s.strip() for s in without_comments.format(**dialect._asdict()).split(";") if s.strip()]
