"""What a team achieved, read from the documents of its kernel runs.

A document may come from anybody: names are checked, and every score is computed here from status, speedup and steadiness. A score that
the file claims is never taken over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError
from tripos.kernels.aggregate import Row
from tripos.kernels.outcome import OURS, OUTCOMES, status_of
from tripos.kernels.payload import Payload, read_payload
from tripos.kernels.scoring import case_score, credited_speedup, tier_weight
from tripos.kernels.settings import DEFAULT_TEAM, team_name
from tripos.kernels.submission import NAME
from tripos.kernels.targets import ALL

CaseKey = tuple[str, str, str]
"""Backend, tier, case."""
_CLAIM = 0.05  # points: files round scores to two decimals and speedups to four
_CONDITIONS = ("rule", "input_sets", "threads", "budget_seconds", "precision", "compile")
"""What in a document's config decides what counts as correct and how well a time is known."""
_LONGEST_ERROR = 2_000
_MOST_SPEEDUP = 1e9
"""Beyond this, or below one part in it, no clock tells two times apart: such a speedup was not measured."""


@dataclass(slots=True)
class TeamResult:
    """One team's rows by (backend, tier, case): every case that was planned, whether solved or not."""

    team: str
    origins: list[str]
    rows: dict[CaseKey, Row] = field(default_factory=dict)
    unmatched: int = 0
    notices: list[str] = field(default_factory=list)
    settings: list[Mapping[str, Any]] = field(default_factory=list)
    machines: set[str] = field(default_factory=set)
    simulated: bool = False

    @property
    def backends(self) -> list[str]:
        return sorted({backend for backend, _, _ in self.rows})


def read_results(paths: list[Path]) -> list[TeamResult]:
    """One result a team, in order of first appearance; files of one team that hold different cases are joined.

    Raises:
        ConfigError: no file, an unreadable one, one without times, a bad name in one, or a case of one team in two files.
    """
    if not paths:
        raise ConfigError("there is no result to rank; give files written by --output in mode performance or full")
    found: dict[str, TeamResult] = {}
    for path in paths:
        result = result_of(read_payload(path), str(path))
        before = found.setdefault(result.team, result)
        if before is not result:
            _join(before, result)
    return list(found.values())


def result_of(payload: Payload, origin: str) -> TeamResult:
    """A team's result from one document; `origin` names it in messages.

    Raises:
        ConfigError: the document has no performance results, or a name or row in it is not what a kernel run writes.
    """
    config = payload["config"]
    if not isinstance(payload.get("performance_results"), list):
        raise ConfigError(f"{origin} holds no performance results; run with --mode performance or full")
    try:
        team = team_name(str(config.get("team_name") or DEFAULT_TEAM))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error
    result = TeamResult(team, [origin], simulated=bool(config.get("simulated")))
    asked = {name: config[name] for name in _CONDITIONS if name in config}
    result.settings.append(asked | {k: v for k, v in _table(payload.get("performance_config")).items() if k != "timeout"})
    result.machines |= set(_machines(payload))
    planned = {_key(row, config, origin): _table(row) for row in payload["results"]}
    differing = 0
    for row in payload["performance_results"]:
        if _table(row).get("outcome", "") is None:  # ours for a solution that belongs to no case
            result.unmatched += 1
            continue
        key = _key(row, config, origin)
        if planned and key not in planned:
            result.unmatched += 1
            continue
        if key in result.rows:
            raise ConfigError(f"{origin}: case {'/'.join(key[1:])} is there twice")
        result.rows[key] = _scored(_table(row), key)
        differing += _claims_more(row, result.rows[key])
    for key, row in planned.items():
        result.rows.setdefault(key, _untimed(row, key))
    if not result.rows:
        raise ConfigError(f"{origin} holds no case")
    if differing:
        result.notices.append(f"{differing} scores were claimed otherwise in the file than their speedup is worth; computed anew")
    if result.unmatched:
        result.notices.append(f"files that cannot be used or belong to no case: {result.unmatched}")
    return result


def _join(first: TeamResult, second: TeamResult) -> None:
    twice = next((key for key in second.rows if key in first.rows), None)
    if twice is not None:
        where = f"{', '.join(first.origins)} and {second.origins[0]}"
        raise ConfigError(f"team {first.team!r} has two results for {'/'.join(twice[1:])} on {twice[0]}: {where}; give one of them")
    first.origins += second.origins
    first.rows.update(second.rows)
    first.unmatched += second.unmatched
    first.notices += second.notices
    first.settings += second.settings
    first.machines |= second.machines
    first.simulated |= second.simulated


def _key(row: Any, config: Mapping[str, Any], origin: str) -> CaseKey:
    """Raises ConfigError unless all three parts are names that a kernel run writes."""
    parts = _table(row).get("backend") or config.get("backend") or "unknown", _table(row).get("tier"), _table(row).get("case_name")
    if not all(isinstance(part, str) and NAME.fullmatch(part) for part in parts):
        raise ConfigError(f"{origin}: {'/'.join(map(str, parts))[:200]!r} is the name of no case")
    backend, tier, name = map(str, parts)
    return backend, tier, name


def _scored(row: Row, key: CaseKey) -> Row:
    outcome, status = _word(row.get("outcome")), row.get("status")
    if outcome in OUTCOMES:
        status = status_of(outcome)
    elif status not in ("pass", "fail", "error"):
        status = "error"
    noisy = status == "pass" and (outcome == "noisy" or bool(row.get("noisy")) or row.get("measurement_stable") is False)
    speedup = _speedup(row) if status == "pass" else None
    score = None if outcome in OURS else case_score(speedup, noisy=noisy) if status == "pass" else 0.0
    return {
        "case": f"{key[1]}/{key[2]}",
        "backend": key[0],
        "tier": key[1],
        "case_name": key[2],
        "status": status,
        "outcome": outcome if outcome in OUTCOMES else "noisy" if noisy else status,
        "noisy": noisy,
        "speedup": speedup,
        "verdict": _verdict(row, speedup, noisy),
        "score": score,
        "weighted_score": None if score is None else round(score * tier_weight(key[1]), 2),
        "suspicion": _word(row.get("suspicion")),
        "case_hash": _word(row.get("case_hash")),
        "error": None if status == "pass" else str(row.get("error") or "")[:_LONGEST_ERROR] or None,
    }


def _speedup(row: Row) -> float | None:
    """As measured; None for what no measurement gives."""
    found = credited_speedup(_number(row.get("speedup")), noisy=False)
    return found if found is not None and 1 / _MOST_SPEEDUP <= found <= _MOST_SPEEDUP else None


def _verdict(row: Row, speedup: float | None, noisy: bool) -> str | None:
    """As in a performance row; where a file has no interval, the speedup alone says nothing beyond doubt."""
    low, high = _number(row.get("speedup_low")), _number(row.get("speedup_high"))
    if speedup is None:
        return None
    if not noisy and low is not None and speedup >= low > 1:
        return "faster"
    return "slower" if not noisy and high is not None and speedup <= high < 1 else "undecided"


def _untimed(row: Row, key: CaseKey) -> Row:
    """A planned case without a performance row: worth 0, but not measured where it was correct."""
    solved = bool(row.get("overall_success"))
    reason = "correct, but not timed" if solved else row.get("failure_reason") or "no correct solution"
    found = _scored({"status": "pass" if solved else "error", "error": reason}, key)
    return found if solved else {**found, "outcome": "not_generated"}


def _claims_more(row: Mapping[str, Any], scored: Row) -> bool:
    claimed = _number(row.get("weighted_score"))
    return claimed is not None and not abs(claimed - (scored["weighted_score"] or 0.0)) <= _CLAIM


def _machines(payload: Payload) -> Iterator[str]:
    parts = [payload, *(_table(part) for part in _table(payload.get("backend_results")).values())]
    for part in parts:
        if part is payload and payload["config"].get("backend") == ALL:
            continue
        system = _table(_table(part.get("environment")).get("system"))
        listed = system.get("gpu_devices")
        cards = [str(card.get("name")) for card in (listed if isinstance(listed, list) else ()) if isinstance(card, dict)]
        name = ", ".join(sorted(set(cards))) or system.get("cpu_model") or system.get("cpu")
        if name:
            yield str(name)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _word(value: Any) -> str | None:
    return value[:_LONGEST_ERROR] if isinstance(value, str) else None
