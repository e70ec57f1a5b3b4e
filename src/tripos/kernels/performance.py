"""From measured attempts to one row a case, the best correct attempt, and what it scores.

Best of n is the fastest that was measured, not the first that was correct; `attempts_timed` says of how many, because the best of many
looks better than it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tripos.kernels.aggregate import Record, Row, filed
from tripos.kernels.case import Case
from tripos.kernels.outcome import OURS, OUTCOMES, status_of
from tripos.kernels.scoring import case_score, credited_speedup, tier_weight

_PASSED_ON = (
    "mismatch", "baselines", "compile_error", "pairs", "suspicion", "speedup_low", "speedup_high", "phase", "wall_seconds", "containment",
    "input_seed", "timing_seed", "case_hash", "solution_hash", "remarks",
)  # fmt: skip
"""Fields of an evaluation that stand in its row as they are."""


def performance_rows(
    records: Iterable[Record],
    cases: Sequence[Case],
    pass_n: int = 1,
    *,
    absent: tuple[str, str] = ("not_generated", "there is no solution for this case"),
) -> list[Row]:
    """One row a chosen case, in their order.

    Args:
        absent: outcome and reason of a case without any attempt; pass `infrastructure_failed` and the reason when nothing could run.

    Errors as `aggregate.filed`.
    """
    by_case = filed(records, cases, pass_n)
    rows = []
    for case in cases:
        attempts = [by_case[case.key][number] for number in sorted(by_case[case.key])]
        best = best_attempt(attempts) or {"attempt": None, "outcome": absent[0], "error": absent[1]}
        timed = sum(_is_timed(record) for record in attempts)
        rows.append({**performance_row({**best, "tier": case.tier, "case_name": case.case_name}), "attempts_timed": timed})
    return rows


def best_attempt(attempts: Sequence[Record]) -> Record | None:
    """The attempt to report: correct before wrong, then fastest (noise counts at most as 1), then steady before noisy, then earliest.

    Of wrong ones, that which came furthest: a wrong answer before none, any of the model's endings before one of ours.
    """
    return min(attempts, key=_order, default=None)


def _order(record: Record) -> tuple[Any, ...]:
    status = status_of(record["outcome"])
    speedup = credited_speedup(record.get("speedup"), noisy=is_noisy(record)) if status == "pass" else None
    rank = {"pass": 0, "fail": 1, "error": 2}[status] + (record["outcome"] in OURS)
    return rank, -(speedup or 0.0), is_noisy(record), record["attempt"]


def is_noisy(record: Record) -> bool:
    """Whether a record says that its time is not known well enough."""
    return record["outcome"] == "noisy" or bool(record.get("noisy"))


def _is_timed(record: Record) -> bool:
    return status_of(record["outcome"]) == "pass" and credited_speedup(record.get("speedup"), noisy=False) is not None


def performance_row(record: Record) -> Row:
    """The row of one evaluation: the published runner's keys first, then ours. What was not measured is None; a wrong kernel scores 0,
    one that we failed to judge scores None."""
    outcome, tier = record["outcome"], str(record["tier"])
    status, noisy = status_of(outcome), is_noisy(record)
    speedup = credited_speedup(record.get("speedup"), noisy=False) if status == "pass" else None
    score = None if outcome in OURS else case_score(speedup, noisy=noisy) if status == "pass" else 0.0
    timed = speedup is not None
    return {
        "case": f"{tier}/{record['case_name']}",
        "tier": tier,
        "case_name": record["case_name"],
        "status": status,
        "correctness": None if outcome in OURS else status == "pass",
        "max_abs_diff": finite(record.get("max_abs_diff")),
        "max_rel_diff": finite(record.get("max_rel_diff")),
        "correctness_detail": record.get("correctness_detail"),
        "baseline_ms": _rounded(record.get("baseline_ms")) if timed else None,
        "solution_ms": _rounded(record.get("solution_ms")) if timed else None,
        "speedup": _rounded(speedup),
        "score": None if score is None else round(score, 2),
        "weighted_score": None if score is None else round(score * tier_weight(tier), 2),
        "measurement_stable": not noisy if timed else None,
        "timing_method": record.get("timing_method"),
        "baseline_detail": record.get("baseline_detail"),
        "solution_detail": record.get("solution_detail"),
        "error": None if status == "pass" else str(record.get("error") or OUTCOMES[outcome]),
        "traceback": record.get("traceback"),
        "outcome": outcome,
        "attempt": record.get("attempt"),
        "noisy": noisy if timed else None,
        "verdict": _verdict(record) if timed else None,
        **{name: record.get(name) for name in _PASSED_ON},
    }


def unmatched_row(tier: str, case_name: str, reason: str) -> Row:
    """The row of a solution that belongs to no case: an error worth nothing, outside every denominator of ours (`outcome` is None)."""
    row = performance_row({"tier": tier, "case_name": case_name, "outcome": "static_reject", "error": reason})
    return {**row, "correctness": False, "outcome": None, "attempts_timed": 0}


def finite(value: float | None) -> float | None:
    """None for what JSON has no word for."""
    return None if value is None or not math.isfinite(value) else float(value)


def _verdict(record: Record) -> str:
    """`faster` and `slower` only where the interval of the speedup leaves out 1."""
    low, high = record.get("speedup_low"), record.get("speedup_high")
    if not is_noisy(record) and low is not None and low > 1:
        return "faster"
    if not is_noisy(record) and high is not None and high < 1:
        return "slower"
    return "undecided"


def _rounded(value: float | None) -> float | None:
    """Four decimals, or four digits of what is smaller, so that nothing measured becomes 0."""
    known = finite(value)
    if known is None:
        return None
    return round(known, 4) if abs(known) >= 0.1 else float(f"{known:.4g}")
