"""What a sample costs: ours against a bare pooled client that asks the same questions of the same server in the same session.

    python benchmarks/perf/bench.py [--n 5000] [--repeats 3] [--json FILE]

CPU time is that of whole processes (user + system, children included), taken at two sizes; the difference over the
difference in samples is the marginal cost, which start-up does not touch. Runs are interleaved, medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
QUIZ = HERE / "mcq_benchmark.py"


def questions(path: Path, n: int) -> Path:
    """About 600 characters each, as long as a usual multiple-choice question."""
    filler = "Consider the options carefully and name the one letter that fits the description best. " * 6
    with path.open("w") as file:
        for i in range(n):
            row = {
                "id": f"q{i:06d}",
                "prompt": f"{filler}QID-{i}\nA) one B) two C) three D) four\nReply with ANSWER: X",
                "answer": "ABCD"[i % 4],
            }
            file.write(json.dumps(row) + "\n")
    return path


@contextmanager
def server(latency_ms: float):  # type: ignore[no-untyped-def]
    """A fresh fake server; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "fake_server.py"), "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1"
    finally:
        process.kill()
        process.wait()


def measured(command: list[str], cwd: Path) -> dict[str, float]:
    """Wall, CPU and peak memory of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:6]} failed: {process.stderr.read().decode()[-500:]}")  # type: ignore[union-attr]
    return {"wall": time.perf_counter() - began, "cpu": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024}


def ours(data: Path, url: str, workers: int) -> list[str]:
    """Our command: event store and JSONL on."""
    what = ["run", "-b", str(QUIZ), "--data", str(data), "-m", "fake", "--base-url", url, "-w", str(workers), "--max-tokens", "16"]
    return [sys.executable, "-m", "tripos", *what, "-o", "out.jsonl", "--store", "t.db", "--fresh"]


def bare(client: str, data: Path, url: str, workers: int) -> list[str]:
    """The floor: ask, parse, score, one JSONL line."""
    return [sys.executable, str(HERE / "bare_client.py"), client, str(data), url, str(workers)]


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median of each figure."""
    return {name: statistics.median(r[name] for r in runs) for name in runs[0]}


def compare(tools: dict[str, Any], sizes: dict[int, Path], url: str, workers: int, repeats: int) -> dict[str, dict[int, dict[str, float]]]:
    """All tools at all sizes, interleaved."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {t: {n: [] for n in sizes} for t in tools}
    for _ in range(repeats):
        for n, data in sizes.items():
            for name, command in tools.items():
                with tempfile.TemporaryDirectory() as scratch:
                    run = measured(command(data, url, workers), Path(scratch))
                    store = Path(scratch) / "t.db"
                    run["store_bytes_a_trial"] = store.stat().st_size / n if store.exists() else 0.0
                    found[name][n].append(run)
    return {t: {n: median(runs) for n, runs in by_size.items()} for t, by_size in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    tools = {"tripos": ours, "bare pyreqwest": lambda *x: bare("pyreqwest", *x), "bare aiohttp": lambda *x: bare("aiohttp", *x)}
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        sizes = {n: questions(Path(scratch) / f"{n}.jsonl", n) for n in (1, 1000, a.n)}
        with server(0) as url:
            table = compare(tools, sizes, url, 64, a.repeats)
        print("0 ms server, 64 in flight")
        for name, by_size in table.items():
            cpu = (by_size[a.n]["cpu"] - by_size[1000]["cpu"]) / (a.n - 1000) * 1000
            rss = [round(by_size[n]["rss_mb"]) for n in sizes]
            one, disk = by_size[1]["wall"], by_size[a.n]["store_bytes_a_trial"]
            report[name] = {"cpu_ms_a_sample": cpu, "rss_mb": rss, "one_sample_seconds": one, "store_bytes_a_trial": disk}
            print(f"  {name:15} {cpu:.3f} ms CPU a sample; {one:.2f} s for one; RSS {rss} MB at {list(sizes)}; store {disk:.0f} B a trial")
        with server(50) as url:
            table = compare(tools, {a.n: sizes[a.n]}, url, 256, a.repeats)
        print("50 ms server, 256 in flight (ideal 5120/s), start-up included")
        for name, by_size in table.items():
            rate = a.n / by_size[a.n]["wall"]
            report[name]["samples_a_second_50ms"] = rate
            print(f"  {name:15} {rate:.0f} samples/s")
        for flag in ("--help", "list"):
            runs = [measured([sys.executable, "-m", "tripos", flag], Path(scratch)) for _ in range(5)]
            report[f"tripos {flag}"] = median(runs)["wall"]
            print(f"tripos {flag}: {median(runs)['wall']:.3f} s")
    if a.json:
        a.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
