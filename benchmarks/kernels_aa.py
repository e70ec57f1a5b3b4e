"""Does the speedup of a thing over itself come out as 1? Every case of ours is submitted as its own solution, again and again.

    python benchmarks/kernels_aa.py --repeats 10 --busy --out aa.json

Counts how many of the 95 % intervals hold 1.0, how wide they are, how often a result is `noisy`, and which cases are off in the same
direction again and again. Every repeat has a box of its own. `--busy` keeps a process of ours in an endless loop beside the
measurement: it shares the machine, so at least one other core is taken. Then the cost of an evaluation that computes next to
nothing: what every case pays on top of its own work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tripos.kernels.case import Case, discover, own_cases
from tripos.kernels.contract import as_solution
from tripos.kernels.evaluate import Conditions, Evaluator
from tripos.kernels.isolation.box import Timing

BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
NOTHING = """
import torch
from torch import nn

class Model(nn.Module):
    def forward(self, x):
        return x + 1.0

def get_inputs(size="cpu"):
    return [torch.randn(16)]

def get_init_inputs():
    return []
"""


def main() -> None:
    options = _options()
    discovery = discover(own_cases(), tiers=options.tiers or None, cases=options.cases or None)
    beside = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(options.busy)]
    try:
        print(f"{len(discovery.cases)} cases, {options.repeats} repeats, {options.threads} threads, {options.busy} busy loops, ", end="")
        print(f"load {os.getloadavg()[0]:.1f} of {len(os.sched_getaffinity(0))} cores")
        found = asyncio.run(_measure(list(discovery.cases), options))
    finally:
        for process in beside:
            process.kill()
    print(f"load at the end {os.getloadavg()[0]:.1f}")
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The speedup of every case over itself.")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=Timing().budget_seconds, help="seconds of measurement a case")
    parser.add_argument("--busy", type=int, nargs="?", const=1, default=0, help="how many endless loops run beside")
    parser.add_argument("--tiers", nargs="*")
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


async def _measure(cases: list[Case], options: argparse.Namespace) -> dict[str, Any]:
    conditions = Conditions(timing=Timing(budget_seconds=options.budget), threads=options.threads)
    records: dict[str, list[dict[str, Any]]] = {case.label: [] for case in cases}
    for repeat in range(options.repeats):
        async with Evaluator.open(conditions) as evaluator:  # a new box: what all evaluations in one have in common would not be seen
            for case in cases:
                source = case.file_path.read_text(encoding="utf-8")
                named = {"tier": case.tier, "case_name": case.case_name, "attempt": repeat + 1}
                records[case.label].append(await evaluator.evaluate(source, as_solution(source), **named))
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        cheap = await _cheap(evaluator)
    for label, found in records.items():
        print(_line(label, found))
    everything = [record for found in records.values() for record in found]
    print(_line("all", everything))
    print(_line("all that are not noisy", [record for record in everything if not record.get("noisy")]))
    biased = [label for label, found in records.items() if _is_off(found)]
    print(f"always off in one direction (t test over the repeats, 5 %): {len(biased)} of {len(records)} cases {' '.join(biased)}")
    print(f"an evaluation of next to nothing: {1000 * _middle(cheap):.0f} ms (of {len(cheap)}: at most {1000 * max(cheap):.0f})")
    kept = ("outcome", "speedup", "speedup_low", "speedup_high", "pairs", "calls_per_window", "baseline_ms", "wall_seconds", "error")
    return {"cases": {label: [{key: each.get(key) for key in kept} for each in found] for label, found in records.items()}, "cheap": cheap}


async def _cheap(evaluator: Evaluator, times: int = 21) -> list[float]:
    """Wall seconds of each, after the first."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        record = await evaluator.evaluate(NOTHING, as_solution(NOTHING), tier="t1", case_name="nothing")
        assert record["outcome"] == "ok", record
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _line(label: str, records: list[dict[str, Any]]) -> str:
    timed = [record for record in records if record.get("speedup_low") is not None]
    refused = sorted({f"{record['outcome']}: {record['error']}" for record in records if record["outcome"] not in ("ok", "noisy")})
    if not timed:
        return f"{label:34} {'; '.join(refused) or 'nothing timed'}"
    covered = sum(record["speedup_low"] <= 1.0 <= record["speedup_high"] for record in timed)
    width = _middle([record["speedup_high"] - record["speedup_low"] for record in timed])
    noisy = sum(record["outcome"] == "noisy" for record in timed)
    return (
        f"{label:34} holds 1.0: {covered:3}/{len(timed):3} = {covered / len(timed):6.1%}   "
        f"speedup {_middle([record['speedup'] for record in timed]):.3f}   width {width:.3f}   noisy {noisy:3}   "
        f"{_middle([record['baseline_ms'] for record in timed]):7.3f} ms   {_middle([record['wall_seconds'] for record in timed]):.1f} s"
        f"{'   ' + '; '.join(refused) if refused else ''}"
    )


def _is_off(records: list[dict[str, Any]]) -> bool:
    """Whether the speedups of the repeats differ from 1 together, though each of their intervals may hold it; by chance, one in twenty."""
    from scipy.stats import ttest_1samp

    logs = [math.log(record["speedup"]) for record in records if record.get("speedup")]
    return len(logs) > 2 and bool(ttest_1samp(logs, 0.0).pvalue < 0.05)


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
