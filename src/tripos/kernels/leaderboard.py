"""Many teams on one list, and which neighbours on it cannot be told apart.

Ranked by normalised total over the union of all cases in the files given: a case that a team did not try counts as 0, so leaving out
the hard ones gains nothing. Each team is compared with the one above it case by case (the cases are the unit): where that difference
may be chance, the flag says so. The p-values of all neighbours are one family (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.kernels.aggregate import Row
from tripos.kernels.case import name_order, tier_order
from tripos.kernels.payload import SCHEMA_VERSION, strict, write_json
from tripos.kernels.performance_summary import credited_of, fast_p_curve, geometric_mean_speedup, totals
from tripos.kernels.scoring import tier_weight
from tripos.kernels.team_result import CaseKey, TeamResult

Board = dict[str, Any]
SAME_TOTAL = 1e-9
NOT_TRIED = "not_tried"


def leaderboard(results: Sequence[TeamResult], *, backend: str | None = None, level: float = 0.95) -> Board:
    """The list as plain JSON.

    Args:
        backend: only cases run on this one; None means all, each (backend, case) counting by itself.
        level: of intervals and of "indistinguishable".

    Raises:
        ConfigError: no team, or none that ran on `backend`.
    """
    if backend is not None:
        present = {b for result in results for b in result.backends}
        if backend not in present:
            raise ConfigError(unknown("backend of these results", backend, present))
    rows = {r.team: {k: v for k, v in r.rows.items() if backend in (None, k[0])} for r in results}
    taking_part = [result for result in results if rows[result.team]]
    if not taking_part:
        raise ConfigError("there is no result to rank")
    cases = sorted({key for team in rows.values() for key in team}, key=_case_order)
    full = {r.team: [rows[r.team].get(key) or _not_tried(key) for key in cases] for r in taking_part}
    entries = [_entry(result, full[result.team]) for result in taking_part]
    entries.sort(key=lambda e: (-e["_exact"], e["team_name"]))
    _rank(entries)
    _compare_neighbours(entries, full, level)
    board: Board = strict(
        {
            "generated_at": datetime.now().astimezone().isoformat(),
            "schema_version": SCHEMA_VERSION,
            "total_teams": len(entries),
            "total_cases": len(cases),
            "level": level,
            "notices": _notices(taking_part, cases, full),
            "ranking": [{name: value for name, value in entry.items() if not name.startswith("_")} for entry in entries],
        }
    )
    return board


def write_leaderboard(board: Board, path: Path) -> None:
    """Writes it as `.json`, `.md` or `.html`, at once.

    Raises:
        ConfigError: another suffix, or the file cannot be written.
    """
    from tripos.kernels.leaderboard_page import markdown, page
    from tripos.results.artifacts import write_atomically

    suffix = path.suffix.lower()
    if suffix == ".json":
        write_json(path, board)
        return
    if suffix not in (".md", ".html"):
        raise ConfigError(f"{path}: a leaderboard is written as .json, .md or .html")
    text = page(board) if suffix == ".html" else markdown(board)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _entry(result: TeamResult, rows: Sequence[Row]) -> Row:
    passed = [row for row in rows if row["status"] == "pass"]
    speedups = [row["speedup"] for row in passed if row["speedup"] is not None]
    tiers = sorted({row["tier"] for row in rows}, key=tier_order)
    by_tier = {tier: [row for row in rows if row["tier"] == tier] for tier in tiers}
    tried = sum(row["outcome"] != NOT_TRIED for row in rows)
    partial = [] if tried == len(rows) else [f"tried {tried} of {len(rows)} cases; the others count as 0"]
    return {
        "rank": 0,
        "team_name": result.team,
        "total_weighted_score": round(math.fsum(row["weighted_score"] or 0.0 for row in rows), 2),
        "passed": len(passed),
        "total": len(rows),
        "avg_speedup": round(math.fsum(speedups) / len(speedups), 4) if speedups else None,
        "backend": ", ".join(result.backends),
        "cases_by_tier": {tier: [_shown(row) for row in of_tier] for tier, of_tier in by_tier.items()},
        **totals(rows),
        "geometric_mean_speedup": geometric_mean_speedup(rows),
        "fast_1": (fast_p_curve(rows)["1"] or {}).get("mean"),
        "tiers": {tier: _tier(of_tier) for tier, of_tier in by_tier.items()},
        "tried": tried,
        "suspicious_cases": [row["case"] for row in rows if row["suspicion"]],
        "simulated": result.simulated,
        "notices": [*partial, *result.notices],
        "files": result.origins,
        "_exact": _exact_total(rows),
    }


def _tier(rows: Sequence[Row]) -> Row:
    geometric = geometric_mean_speedup(rows)
    return {
        "passed": sum(row["status"] == "pass" for row in rows),
        "total": len(rows),
        "normalised_total": totals(rows)["normalised_total"],
        "geometric_mean_speedup": geometric and geometric["mean"],
    }


def _shown(row: Row) -> Row:
    kept = ("case", "case_name", "status", "speedup", "weighted_score", "outcome", "noisy", "verdict", "backend", "error")
    return {**{name: row[name] for name in kept if name != "error" or row["error"]}, "credited_speedup": credited_of(row)}


def _not_tried(key: CaseKey) -> Row:
    return {
        "case": f"{key[1]}/{key[2]}", "backend": key[0], "tier": key[1], "case_name": key[2], "status": "error", "outcome": NOT_TRIED,
        "noisy": False, "speedup": None, "verdict": None, "score": 0.0, "weighted_score": 0.0, "suspicion": None, "case_hash": None,
        "error": "not in the team's results",
    }  # fmt: skip


def _exact_total(rows: Sequence[Row]) -> float:
    return math.fsum(tier_weight(row["tier"]) * (row["score"] or 0.0) for row in rows) / math.fsum(tier_weight(r["tier"]) for r in rows)


def _rank(entries: Sequence[Row]) -> None:
    """Equal totals share a rank, and the next rank counts all before it: 1, 2, 2, 4."""
    for place, entry in enumerate(entries):
        above = entries[place - 1] if place else None
        entry["rank"] = above["rank"] if above is not None and above["_exact"] - entry["_exact"] <= SAME_TOTAL else place + 1


def _compare_neighbours(entries: Sequence[Row], full: dict[str, list[Row]], level: float) -> None:
    """Adds `against_above` and `indistinguishable_from_above` (both None for the first)."""
    from tripos.results.corrections import adjust
    from tripos.results.paired import paired

    found = [paired(_points(full[above["team_name"]]), _points(full[entry["team_name"]]), level=level) for above, entry in _pairs(entries)]
    adjusted = adjust([None if pair is None else pair.p_value for pair in found], "holm")
    entries[0].update(against_above=None, indistinguishable_from_above=None)
    for (above, entry), pair, p_value in zip(_pairs(entries), found, adjusted, strict=True):
        entry["indistinguishable_from_above"] = p_value is None or p_value > 1 - level
        entry["against_above"] = pair and {
            "team_name": above["team_name"],
            "delta": pair.delta,
            "lower": pair.lower,
            "upper": pair.upper,
            "p_value": pair.p_value,
            "adjusted_p_value": p_value,
            "method": pair.method,
            "n_pairs": pair.n_pairs,
            "n_missing": pair.n_missing,
            "better_cases": pair.wins,
            "worse_cases": pair.losses,
            "equal_cases": pair.ties,
        }


def _pairs(entries: Sequence[Row]) -> list[tuple[Row, Row]]:
    return list(pairwise(entries))


def _points(rows: Sequence[Row]) -> list[float | None]:
    """Weighted points a case, scaled so that their mean is the normalised total; None where we failed to judge or time."""
    scale = len(rows) / math.fsum(tier_weight(row["tier"]) for row in rows)
    return [None if row["score"] is None else row["score"] * tier_weight(row["tier"]) * scale for row in rows]


def _case_order(key: CaseKey) -> tuple[Any, ...]:
    return tier_order(key[1]), name_order(key[2]), key[0]


def _notices(results: Sequence[TeamResult], cases: Sequence[CaseKey], full: dict[str, list[Row]]) -> list[str]:
    """What makes rows of one list less than comparable."""
    said = []
    if any(result.simulated for result in results):
        said.append(f"SIMULATED, made by the simulated engine: {', '.join(r.team for r in results if r.simulated)}")
    if len({backend for backend, _, _ in cases}) > 1 and len({tuple(result.backends) for result in results}) > 1:
        said.append("the teams ran on different backends; choose one to compare like with like")
    machines = {machine for result in results for machine in result.machines}
    if len(machines) > 1:
        said.append(f"measured on different hardware: {'; '.join(sorted(machines))}")
    plans = [settings for result in results for settings in result.settings]
    differing = sorted({name[:40] for plan in plans for name in plan if len({repr(other.get(name)) for other in plans}) > 1})
    if differing:
        said.append(f"measured with different tolerances or measuring plans: {', '.join(differing)}")
    changed = [cases[n] for n in range(len(cases)) if len({rows[n]["case_hash"] for rows in full.values()} - {None}) > 1]
    if changed:
        said.append(f"{len(changed)} cases had another text for some teams, e.g. {changed[0][1]}/{changed[0][2]}")
    return said
