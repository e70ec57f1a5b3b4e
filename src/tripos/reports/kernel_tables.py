"""Payloads and leaderboards of kernels as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tripos.kernels.assess import UNUSABLE
from tripos.kernels.leaderboard_page import ranks, said_of_teams
from tripos.reports.tables import print_table, say, warn

if TYPE_CHECKING:
    from tripos.kernels.payload import Payload

_REASON = 300  # characters of a reason in a table


def print_payload(payload: Payload) -> None:
    """What `evaluate` and `run` found, a row a case, and the sums below."""
    config, summary = payload["config"], payload["summary"]
    say("")
    say(f"{config['team_name']} on {config['backend']}", style="bold")
    if config.get("simulated"):
        warn("SIMULATED: no model was asked")
    if summary["environment_error"]:
        warn(f"nothing could run: {summary['environment_error']}")
    if not summary["total_cases"]:
        warn(_nothing_left(summary["skipped_cases"]))
    columns, rows = _rows(payload)
    print_table("Cases", columns, rows)
    passed, total, skipped = summary["passed_cases"], summary["total_cases"], len(summary["skipped_cases"])
    attempts = f"{summary['successful_attempts']}/{summary['total_attempts']} attempts"
    say(f"passed {passed} of {total} cases, {attempts}, {skipped} skipped, {summary['total_wall_time']:.1f} s")
    performance = payload.get("performance_summary")
    if performance:
        mean = performance.get("geometric_mean_speedup") or {}
        span = f" [{mean['lower']:.3f}, {mean['upper']:.3f}]" if mean.get("lower") is not None else ""
        speed = f"geometric mean speedup {mean['mean']:.3f}{span}" if mean.get("mean") is not None else "no speedup measured"
        total = performance["normalised_total"]
        score = "–" if total is None else f"{total:.2f}"
        say(f"score {score} of 100 ({performance['total_weighted_score']:g} weighted points), {speed}")
        sure = ", ".join(f"{performance[f'{verdict}_cases']} {verdict}" for verdict in ("faster", "slower", "undecided"))
        noisy = performance["outcomes"].get("noisy", 0)
        said = f" ({noisy} noisy: at most 1 in the mean, whatever was measured)" if noisy else ""
        say(f"beyond doubt against the reference: {sure}{said}")


def _nothing_left(skipped: list[dict[str, Any]]) -> str:
    named = "; ".join(f"{case['tier']}/{case['case_name']}: {case['skip_reason']}" for case in skipped[:3])
    return f"every case was skipped ({named}{'; …' if len(skipped) > 3 else ''}), so there is no score"


def _rows(payload: Payload) -> tuple[list[str], list[list[Any]]]:
    rows = payload.get("performance_results")
    if rows is None:
        plain = [
            [r["tier"], r["case_name"], f"{r['success_count']}/{r['pass_n']}", _short(r["failure_reason"])] for r in payload["results"]
        ]
        plain += [[r["tier"], r["case_name"], None, _short(r["error"])] for r in payload.get(UNUSABLE, ())]
        return ["Tier", "Case", "Passed", "Why not"], plain
    shown = [
        [
            r["tier"],
            r["case_name"],
            r["outcome"],
            r["baseline_ms"],
            r["solution_ms"],
            r["speedup"],
            _interval(r),
            r["score"],
            _short(r["error"]),
        ]
        for r in rows
    ]
    return ["Tier", "Case", "Outcome", "Baseline ms", "Kernel ms", "Speedup", "95 %", "Score", "Why not"], shown


def _short(reason: str | None) -> str:
    """As much of a reason as a table bears; the payload has all of it."""
    return reason if reason is not None and len(reason) <= _REASON else f"{reason[:_REASON]}…" if reason else ""


def _interval(row: dict[str, Any]) -> str:
    return f"{row['speedup_low']:.3f} to {row['speedup_high']:.3f}" if row.get("speedup_low") is not None else ""


def print_board(board: dict[str, Any]) -> None:
    """The ranks of all teams, and what should be known of them."""
    for notice in board["notices"]:
        warn(notice)
    columns, rows = ranks(board)
    print_table("Leaderboard", columns, rows, right=(0, *range(2, len(columns) - 1)))
    for notice in said_of_teams(board):
        say(f"! {notice}", style="yellow")
