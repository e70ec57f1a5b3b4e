"""The best correct attempt of each case, written out as a submission."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tripos.core.errors import ConfigError
from tripos.kernels.aggregate import Record, filed
from tripos.kernels.case import Case
from tripos.kernels.outcome import status_of
from tripos.kernels.payload import write_json
from tripos.kernels.performance import best_attempt
from tripos.kernels.settings import team_name
from tripos.kernels.submission import META, NAME


def extract_best(
    records: Iterable[Record],
    sources: Mapping[tuple[str, str, int], str],
    cases: Sequence[Case],
    directory: Path,
    *,
    backend: str,
    pass_n: int,
    team: str,
) -> Path:
    """Writes `{tier}/{case}.py` of the fastest measured correct attempt of every case that has one, and `meta.json`.

    Args:
        sources: the code of each (tier, case, attempt).
        directory: where the team's directory is made. One that is there already is left as it is; the new one is then called
            `{team}-2`, `{team}-3`, …; the team's own name stands in `meta.json`.

    Returns:
        The team's new directory.

    Raises:
        ConfigError: bad team or case name, a correct attempt without its code, the directory cannot be written; or as `aggregate.filed`.
    """
    team_name(team)
    chosen = [(case, best, _code(case, best, sources)) for case, best in _best_of(records, cases, pass_n)]
    try:
        home = _fresh(directory, team)
        for case, _, code in chosen:
            (home / case.tier).mkdir(exist_ok=True)
            (home / case.tier / f"{case.case_name}.py").write_text(code.encode("utf-8", "replace").decode(), encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"cannot write submissions to {directory}: {error.strerror}") from error
    meta = {
        "team_name": team,
        "backend": backend,
        "timestamp": datetime.now().astimezone().isoformat(),
        "cases_extracted": len(chosen),
        "cases": [{"case": c.label, "attempt": best["attempt"], "of": pass_n, "speedup": best.get("speedup")} for c, best, _ in chosen],
    }
    write_json(home / META, meta)
    return home


def _best_of(records: Iterable[Record], cases: Sequence[Case], pass_n: int) -> Iterator[tuple[Case, Record]]:
    """Every case that was solved, with its best attempt."""
    by_case = filed(records, cases, pass_n)
    for case in cases:
        best = best_attempt(list(by_case[case.key].values()))
        if best is not None and status_of(best["outcome"]) == "pass":
            yield case, best


def _code(case: Case, best: Record, sources: Mapping[tuple[str, str, int], str]) -> str:
    if not (NAME.fullmatch(case.tier) and NAME.fullmatch(case.case_name)):
        raise ConfigError(f"case {case.label!r} has a name that cannot become a file")
    code = sources.get((case.tier, case.case_name, best["attempt"]))
    if not code:
        raise ConfigError(f"{case.label}: attempt {best['attempt']} is the best correct one, but its code is not there")
    return code


def _fresh(directory: Path, team: str) -> Path:
    """A directory that did not exist before."""
    directory.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        home = directory / (team if number == 1 else f"{team}-{number}")
        try:
            home.mkdir()
        except FileExistsError:
            number += 1
        else:
            return home
