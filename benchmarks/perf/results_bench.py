"""What reading results costs: aggregate, paired comparison and timeline over a store of 2 models x N samples.

    python benchmarks/perf/results_bench.py [--n 500000] [--store FILE] [--json FILE]

The store is filled by direct inserts into the derived tables (the read side looks at nothing else), with real events for
one record, so that its timeline can be shown. Each figure comes from a process of its own: wall, CPU and peak memory with
the interpreter and numpy included; "call" is the time inside, from opening the store to the rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tripos.core.records import Completion, Extraction, Outcome, Verdict
from tripos.store.database import Database
from tripos.store.events import RunStarted, Scored, TrialPlanned, answered
from tripos.store.writer import Writer

MODELS = ("alpha", "beta")
OVERLAY = "0123456789ab"
SHOWN = "shown"

CALLS = {
    "aggregate by model": 'r.aggregate(group_by=["model_id"], metric_id="accuracy")',
    "aggregate by model, slice, dimension": 'r.aggregate(group_by=["model_id", "slice_id", "difficulty"], metric_id="accuracy")',
    "aggregate by outcome": 'r.aggregate(group_by=["model_id", "outcome"], metric_id="accuracy")',
    "aggregate by outcome and four more": (
        'r.aggregate(group_by=["model_id", "outcome", "subject", "slice_id", "difficulty"], metric_id="score")'
    ),
    "aggregate by item": 'r.aggregate(group_by=["item_id"], metric_id="score")',
    "paired_compare by slice": 'r.paired_compare(metric_id="accuracy", group_by="slice_id", p_value_correction="holm")',
    "paired_compare of a graded score": 'r.paired_compare(metric_id="score", group_by="benchmark_id")',
    "view_timeline": f"r.view_timeline('{hashlib.sha256(f'{MODELS[0]}/{SHOWN}'.encode()).hexdigest()[:32]}')",
}

CHILD = """
import json, resource, sys, time
import numpy
from tripos.results.benchmark_result import BenchmarkResult
began = time.perf_counter()
r = BenchmarkResult.open(sys.argv[1], benchmark="bench")
found = {call}
took = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"call_seconds": took, "cpu_seconds": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024}}))
"""


def fill(path: Path, n: int) -> None:
    """A store with one run a model: 4 slices, 3 difficulties, one attempt, 1 % never answered, graded scores."""
    record_events(path)
    database = Database(str(path))
    database.execute("PRAGMA synchronous=OFF")
    rng = random.Random(7)
    with database.transaction():
        for number, model in enumerate(MODELS):
            run_id = database.execute("SELECT run_id FROM run WHERE model = ?", (model,))[0][0]
            database.execute("UPDATE run SET planned = ? WHERE run_id = ?", (n, run_id))
            names = [hashlib.sha256(f"{number}/{i}".encode()).hexdigest() for i in range(1, n)]
            _insert(database, "trial", _trials(run_id, names))
            skill = 0.60 + 0.02 * number
            names.sort()
            kinds = [rng.random() for _ in names]
            _insert(database, "candidate", _candidates(names, kinds))
            _insert(database, "verdict", _verdicts(names, kinds, skill, rng))
    database.close()


def record_events(path: Path) -> None:
    """One record a model through the writer: what a timeline is made of."""
    writer = Writer(Database(str(path)))
    for model in MODELS:
        start = RunStarted(
            run_key=model, suite="", benchmark="bench", category="perf", model=model, engine="simulated", backend="direct", overlay=OVERLAY,
            simulated=True, planned=1, config={"params": {"temperature": 0.0, "max_tokens": 64}}, dataset={}, provenance={},
        )  # fmt: skip
        identity = hashlib.sha256(f"{model}/{SHOWN}".encode()).hexdigest()
        planned = TrialPlanned(
            record_id=SHOWN, candidate_id=identity[:32], trial_hash=identity, slice_id="s0", dimensions={"difficulty": "d0"}, reference="A",
            reference_hash="0" * 16, prompt='[{"role": "user", "content": "Which?"}]',
        )  # fmt: skip
        said = answered(planned.candidate_id, Completion(text="A", latency_seconds=0.2, started_at=time.time()), writer.stow, {})
        verdict = Verdict(value=1.0, is_correct=True, outcome=Outcome.SCORED)
        scored = Scored(
            candidate_id=planned.candidate_id, overlay=OVERLAY, reference_hash="0" * 16, extraction=Extraction(answer="A", how="letter"),
            verdict=verdict, started_at=time.time(),
        )  # fmt: skip
        writer.write(f"{model}-run", [start, planned, said, scored])
    writer.close()


def _insert(database: Database, table: str, rows: Iterator[dict[str, Any]]) -> None:
    """Rows in batches; the columns are those of the first."""
    batch: list[tuple[Any, ...]] = []
    sql = ""
    for row in rows:
        sql = sql or f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        batch.append(tuple(row.values()))
        if len(batch) == 20_000:
            database.execute_many(sql, batch)
            batch.clear()
    if batch:
        database.execute_many(sql, batch)


def _trials(run_id: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for i, name in enumerate(names):
        yield {
            "run_id": run_id, "record_id": f"record-{i:07d}", "prompt_variant_id": "default", "attempt": 0, "candidate_id": name[:32],
            "trial_hash": name, "subject": f"subject {i % 13}", "slice_id": f"s{i % 4}", "dimensions": f'{{"difficulty":"d{i % 3}"}}',
            "reference_hash": "0" * 16, "position": 0,
        }  # fmt: skip


def _candidates(names: list[str], kinds: list[float]) -> Iterator[dict[str, Any]]:
    for name, kind in zip(names, kinds, strict=True):
        status = "failed" if kind < 0.01 else "answered"
        yield {"candidate_id": name[:32], "status": status, "latency_seconds": kind, "retries": 0, "simulated": 1, "position": 0}


def _verdicts(names: list[str], kinds: list[float], skill: float, rng: random.Random) -> Iterator[dict[str, Any]]:
    for name, kind in zip(names, kinds, strict=True):
        if kind >= 0.01:
            right = rng.random() < skill
            yield {
                "candidate_id": name[:32], "overlay": OVERLAY, "outcome": "scored", "answer": "A",
                "value": 1.0 if right else round(kind, 2), "is_correct": int(right), "reference_hash": "0" * 16, "at": 0.0, "position": 0,
            }  # fmt: skip


def measured(call: str, store: Path) -> dict[str, float]:
    """One call in a process of its own."""
    done = subprocess.run([sys.executable, "-c", CHILD.format(call=call), str(store)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500_000)
    parser.add_argument("--store", type=Path, help="Keep the store here and use it again.")
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report: dict[str, Any] = {}
        for n in (10_000, a.n):
            store = a.store.with_suffix(f".{n}.db") if a.store else Path(scratch) / f"{n}.db"
            if not store.exists():
                began = time.perf_counter()
                fill(store, n)
                print(f"filled {store.name} in {time.perf_counter() - began:.1f} s, {store.stat().st_size / 1e6:.0f} MB")
            print(f"{len(MODELS)} models x {n} samples")
            for name, call in CALLS.items():
                found = measured(call, store)
                report[f"{name}, {2 * n}"] = found
                took, cpu, rss = found["call_seconds"], found["cpu_seconds"], found["rss_mb"]
                print(f"  {name:38} {took:7.3f} s, {cpu:6.2f} s CPU of the process, {rss:5.0f} MB peak")
    if a.json:
        a.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
