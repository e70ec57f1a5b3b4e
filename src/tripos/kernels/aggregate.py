"""From attempts to cases to a summary: was it correct, how often, and what is missing.

A result is filed under (tier, case, attempt), three fields of its record; nothing is read out of a name. A record is the dictionary
that an evaluation returns; here only `tier`, `case_name`, `attempt`, `outcome`, `error`, `phase`, `speedup` and `wall_seconds` are
looked at.

Two ways of counting stand side by side. `pass_rate` and `overall_success` count as the published runner does: successes over the
attempts planned, and any success. `pass_at_k` is the estimate without bias (Chen et al. 2021) over the attempts that were judged: one
that our machinery lost, or that was never made, says nothing about the kernel and is shown instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tripos.core.errors import ConfigError
from tripos.kernels.case import Case, tier_order
from tripos.kernels.outcome import OURS, OUTCOMES, status_of

Record = Mapping[str, Any]
Row = dict[str, Any]
Key = tuple[str, str]


def filed(records: Iterable[Record], cases: Sequence[Case], pass_n: int) -> dict[Key, dict[int, Record]]:
    """Records by case and attempt; every case is there, if only with no attempt.

    Raises:
        ConfigError: a result twice, of a case that was not chosen, of an attempt outside 1..pass_n, or with an unknown outcome.
    """
    if pass_n < 1:
        raise ConfigError(f"--pass-n {pass_n}: at least one attempt a case is needed")
    found: dict[Key, dict[int, Record]] = {case.key: {} for case in cases}
    if len(found) < len(cases):
        twice = next(case for case, times in Counter(case.label for case in cases).items() if times > 1)
        raise ConfigError(f"case {twice} was chosen twice")
    for record in records:
        tier, name, attempt = record["tier"], record["case_name"], record["attempt"]
        if (tier, name) not in found:
            raise ConfigError(f"there is a result for {tier}/{name}, which is not among the {len(found)} chosen cases")
        if isinstance(attempt, bool) or not isinstance(attempt, int) or not 1 <= attempt <= pass_n:
            raise ConfigError(f"{tier}/{name}: attempt {attempt!r} is not one of 1 to {pass_n}")
        if attempt in found[tier, name]:
            raise ConfigError(f"{tier}/{name}: there are two results for attempt {attempt}")
        status_of(record["outcome"])
        found[tier, name][attempt] = record
    return found


def case_rows(
    records: Iterable[Record], cases: Sequence[Case], pass_n: int, *, backend: str, environment_error: str | None = None
) -> list[Row]:
    """One row a case, in the order of `cases`; errors as `filed`.

    Args:
        environment_error: why nothing could run; it becomes the reason of every case that has no attempt, so that a backend that is
            down fails its cases instead of leaving the denominator.
    """
    by_case = filed(records, cases, pass_n)
    return [_case_row(case, by_case[case.key], pass_n, backend, environment_error) for case in cases]


def _case_row(case: Case, attempts: Mapping[int, Record], pass_n: int, backend: str, environment_error: str | None) -> Row:
    rows = [_attempt_row(attempts[number], f"{backend}_{case.tier}_{case.case_name}_attempt{number}") for number in sorted(attempts)]
    successes = sum(row["success"] for row in rows)
    judged = sum(row["outcome"] not in OURS for row in rows)
    reason = None
    if not successes:
        reasons = (row["failure_reason"] for row in rows if row["failure_reason"])
        reason = next(reasons, environment_error or "no attempt was evaluated")
    return {
        "tier": case.tier,
        "case_name": case.case_name,
        "pass_n": pass_n,
        "attempts": rows,
        "success_count": successes,
        "pass_rate": successes / pass_n,
        "overall_success": successes > 0,
        "failure_reason": reason,
        "judged_attempts": judged,
        "missing_attempts": [number for number in range(1, pass_n + 1) if number not in attempts],
        "pass_at_k": {str(k): _chance(judged, successes, k) for k in range(1, pass_n + 1)},
    }


def _attempt_row(record: Record, task_id: str) -> Row:
    success = status_of(record["outcome"]) == "pass"
    return {
        "attempt_id": record["attempt"],
        "success": success,
        "task_id": task_id,
        "failure_reason": None if success else str(record.get("error") or f"{record['outcome']}: {OUTCOMES[record['outcome']]}"),
        "outcome": record["outcome"],
        "phase": record.get("phase"),
        "speedup": record.get("speedup"),
        "wall_seconds": record.get("wall_seconds"),
    }


def _chance(judged: int, successes: int, k: int) -> float | None:
    from tripos.results.passk import pass_at_k_items

    return float(pass_at_k_items([judged], [successes], k)[0]) if judged >= k else None


def summarise(rows: Sequence[Row], wall_seconds: float, skipped: Sequence[Case] = (), environment_error: str | None = None) -> Row:
    """The summary of one backend over its case rows. Rates of nothing are None."""
    tiers = {tier: [row for row in rows if row["tier"] == tier] for tier in sorted({row["tier"] for row in rows}, key=tier_order)}
    counts = _counts(rows)
    return {
        "total_cases": counts["total_cases"],
        "passed_cases": counts["passed_cases"],
        "failed_cases": counts["total_cases"] - counts["passed_cases"],
        "case_pass_rate": counts["case_pass_rate"],
        "total_attempts": counts["total_attempts"],
        "successful_attempts": counts["successful_attempts"],
        "attempt_pass_rate": counts["attempt_pass_rate"],
        "total_wall_time": wall_seconds,
        "tier_stats": {tier: _counts(of_tier) for tier, of_tier in tiers.items()},
        "skipped_cases": [case.row() for case in skipped],
        "environment_error": environment_error,
        **counts_beyond(rows),
    }


def counts_beyond(rows: Sequence[Row]) -> Row:
    """What a summary says beyond the published runner's: judged and missing attempts, outcomes, pass@k with its interval over cases."""
    outcomes = Counter(attempt["outcome"] for row in rows for attempt in row["attempts"])
    return {
        "judged_attempts": sum(row["judged_attempts"] for row in rows),
        "missing_attempts": sum(len(row["missing_attempts"]) for row in rows),
        "attempt_outcomes": {name: outcomes[name] for name in OUTCOMES if outcomes[name]},
        "pass_at_k": pass_at_k(rows),
    }


def pass_at_k(rows: Sequence[Row]) -> dict[str, Row | None]:
    """For every k up to the attempts planned: mean, 95 % interval, and how many cases had at least k judged attempts (`n_missing` had
    not). None where no case had."""
    from tripos.results.intervals import mean_interval

    most = max((row["pass_n"] for row in rows), default=0)
    found: dict[str, Row | None] = {}
    for k in range(1, most + 1):
        known = mean_interval([row["pass_at_k"].get(str(k)) for row in rows], bounded=True)
        if known is None:
            found[str(k)] = None
            continue
        counts = {"n_cases": known.n_items, "n_missing": known.n_missing}
        found[str(k)] = {"mean": known.mean, "lower": known.lower, "upper": known.upper, **counts}
    return found


def _counts(rows: Sequence[Row]) -> Row:
    cases, passed = len(rows), sum(row["overall_success"] for row in rows)
    attempts, successes = sum(row["pass_n"] for row in rows), sum(row["success_count"] for row in rows)
    return {
        "total_cases": cases,
        "passed_cases": passed,
        "total_attempts": attempts,
        "successful_attempts": successes,
        "case_pass_rate": passed / cases if cases else None,
        "attempt_pass_rate": successes / attempts if attempts else None,
    }
