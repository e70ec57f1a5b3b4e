"""Submissions: somebody's kernels for the cases, as `{tier}/{case}.py` or `{team}/{tier}/{case}.py`, in a directory or an archive.

A team's `meta.json` may name the team; other files than Python's are not looked at. Nothing is imported or run here. What cannot be
used is kept with its reason, so that it becomes a row instead of being passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from tripos.core.errors import ConfigError, nearest, unknown
from tripos.kernels.aggregate import Key, Row
from tripos.kernels.archive import archive_members, directory_members, is_archive
from tripos.kernels.case import TIER, Case
from tripos.kernels.performance import unmatched_row
from tripos.kernels.settings import DEFAULT_TEAM, team_name

META = "meta.json"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
"""What a tier or case may be called."""
_LONGEST_META = 1 << 16


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a submission that is no solution. `place` is its path within; tier and case where they can be told."""

    place: str
    reason: str
    tier: str | None = None
    case_name: str | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """One kernel: the text of a file that defines `ModelNew`. `place` says where it stood."""

    tier: str
    case_name: str
    source: str
    place: str


@dataclass(slots=True)
class Submission:
    """One team's solutions by (tier, case), and what could not be used."""

    team: str
    origin: Path
    solutions: dict[Key, Solution] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A submission laid beside the cases: what to evaluate, which cases have nothing, and rows for what belongs to no case."""

    pairs: tuple[tuple[Case, Solution], ...]
    absent: tuple[Case, ...]
    rows: tuple[Row, ...]


def read_submissions(path: Path, team: str | None = None) -> tuple[list[Submission], list[Problem]]:
    """All submissions in a directory or archive, by team, and what belongs to none (a hostile archive in a directory, a bad team name).

    Args:
        path: a submission, a directory of teams, an archive of either, or a directory of archives.
        team: the team's name where `path` is one submission; otherwise from `meta.json`, or else the directory's name.

    Raises:
        ConfigError: nothing is there, the archive is hostile or damaged, `team` is no name, or there is no solution in it at all.
    """
    if team is not None:
        team_name(team)
    if path.is_dir():
        found, problems = _of_directory(path, team)
    elif path.is_file():
        if not is_archive(path):
            raise ConfigError(f"{path} is neither a directory nor an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst)")
        found, problems = _sorted_by_team(path, archive_members(path), team)
    else:
        raise ConfigError(f"{path}: there is no such directory or archive of submissions")
    if not found:
        why = f" ({problems[0].place}: {problems[0].reason})" if problems else ""
        raise ConfigError(f"{path} holds no submission{why}; one is a directory with files {{tier}}/{{case}}.py")
    return found, problems


def read_submission(path: Path, team: str | None = None) -> Submission:
    """The one submission in a directory or archive; errors as `read_submissions`, and ConfigError if there are several."""
    found, problems = read_submissions(path, team)
    if len(found) > 1:
        raise ConfigError(f"{path} holds {len(found)} teams ({', '.join(s.team for s in found[:5])}); give the directory of one")
    found[0].problems += problems
    return found[0]


def match(submission: Submission, cases: Sequence[Case], known: Iterable[Case] = ()) -> Match:
    """Pairs solutions with the chosen cases.

    Args:
        cases: those that were chosen.
        known: all cases of the directory, skipped ones too: a solution for one of them that was not chosen is no mistake and is left
            out in silence, while one for a case that does not exist becomes a row.
    """
    chosen = {case.key: case for case in cases}
    everything = {case.key: case for case in known} | chosen
    rows = [
        unmatched_row(problem.tier or "unknown", problem.case_name or problem.place, f"{problem.place} {problem.reason}")
        for problem in submission.problems
    ]
    for key in submission.solutions:
        if key not in everything:
            rows.append(unmatched_row(*key, _no_such_case(key, everything)))
    pairs = tuple((case, submission.solutions[key]) for key, case in chosen.items() if key in submission.solutions)
    return Match(pairs, tuple(case for key, case in chosen.items() if key not in submission.solutions), tuple(rows))


def _no_such_case(key: Key, known: dict[Key, Case]) -> str:
    tiers = {tier for tier, _ in known}
    if key[0] not in tiers:
        return unknown("tier", key[0], tiers)
    elsewhere = sorted(tier for tier, name in known if name == key[1])
    if elsewhere:
        return f"tier {key[0]} has no case {key[1]!r}, but {elsewhere[0]} has"
    guess = nearest(key[1], [name for tier, name in known if tier == key[0]])
    return f"tier {key[0]} has no case {key[1]!r}" + (f"; did you mean {guess!r}?" if guess else "")


def _of_directory(path: Path, team: str | None) -> tuple[list[Submission], list[Problem]]:
    found, problems = _sorted_by_team(path, directory_members(path, _wanted), team)
    for file in sorted(file for file in path.iterdir() if is_archive(file) and file.is_file()):
        try:
            more, unusable = _sorted_by_team(file, archive_members(file), None)
        except ConfigError as error:
            problems.append(Problem(file.name, str(error)))
            continue
        problems += unusable
        for submission in more:
            if any(submission.team == other.team for other in found):
                problems.append(Problem(file.name, f"is another submission of team {submission.team!r}; only the first counts"))
            else:
                found.append(submission)
    return found, problems


def _wanted(name: str) -> bool:
    return name == META or (name.endswith(".py") and name != "__init__.py" and not name.startswith("."))


def _matters(place: PurePosixPath, content: bytes | str) -> bool:
    """Whether a member may be a solution or says why it is none: nothing hidden, no cache, no text beside the code."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in place.parts)
    return not hidden and (_wanted(place.name) or isinstance(content, str))


def _sorted_by_team(
    origin: Path, members: Iterable[tuple[PurePosixPath, bytes | str]], team: str | None
) -> tuple[list[Submission], list[Problem]]:
    listed = [(place, content) for place, content in members if _matters(place, content)]
    folders = {place.parts[0] for place, _ in listed if len(place.parts) == 3 and not TIER.fullmatch(place.parts[0])}
    gathered: dict[str | None, Submission] = {}
    problems: list[Problem] = []
    for place, content in listed:
        head = place.parts[0]
        folder = head if head in folders and len(place.parts) > 1 else None
        if len(place.parts) == 1 and place.name != META and folders:
            reason = content if isinstance(content, str) else "stands outside of every team's directory"
            problems.append(Problem(str(place), reason))
            continue
        submission = gathered.setdefault(folder, Submission("", origin))
        inner = PurePosixPath(*place.parts[1:]) if folder is not None else place
        _add(submission, inner, place, content)
    return _named(origin, gathered, team, problems)


def _add(submission: Submission, inner: PurePosixPath, place: PurePosixPath, content: bytes | str) -> None:
    """Files one member under its tier and case, or with its reason."""
    if isinstance(content, bytes) and inner.parts == (META,):
        _read_meta(submission, content)
        return
    if len(inner.parts) == 2 and inner.name == META:
        return
    is_case = len(inner.parts) == 2 and (inner.suffix == ".py" or TIER.fullmatch(inner.parts[0]) is not None)  # no team's directory
    tier, name = (inner.parts[0], inner.stem) if is_case else (None, None)
    if isinstance(content, str):
        submission.problems.append(Problem(str(place), content, tier, name))
    elif tier is None or name is None:
        submission.problems.append(Problem(str(place), "is not at {tier}/{case}.py", None, inner.stem))
    elif not (NAME.fullmatch(tier) and NAME.fullmatch(name)):
        submission.problems.append(Problem(str(place), "has a name that no case has"))
    else:
        try:
            submission.solutions[tier, name] = Solution(tier, name, content.decode("utf-8-sig"), str(place))
        except UnicodeDecodeError as error:
            submission.problems.append(Problem(str(place), f"is not UTF-8 at byte {error.start}", tier, name))


def _read_meta(submission: Submission, content: bytes) -> None:
    try:
        meta = msgspec.json.decode(content[: _LONGEST_META + 1])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        submission.problems.append(Problem(META, f"is no JSON ({error})"))
        return
    if not isinstance(meta, dict):
        submission.problems.append(Problem(META, "is no JSON object"))
        return
    submission.meta = meta


def _named(
    origin: Path, gathered: dict[str | None, Submission], team: str | None, problems: list[Problem]
) -> tuple[list[Submission], list[Problem]]:
    """Gives every submission its team; those without one, or with a name already taken, become problems."""
    found: dict[str, Submission] = {}
    for folder, submission in gathered.items():
        if not submission.solutions and not any(p.tier for p in submission.problems):
            problems += submission.problems
            continue
        declared = team if team is not None and len(gathered) == 1 else submission.meta.get("team_name", folder)
        try:
            submission.team = team_name(str(declared)) if declared is not None else _name_of(origin)
        except ConfigError as error:
            problems.append(Problem(folder or origin.name, str(error)))
            continue
        if submission.team in found:
            problems.append(Problem(folder or origin.name, f"is another submission of team {submission.team!r}; only the first counts"))
            continue
        found[submission.team] = submission
    if team is not None and len(found) > 1:
        raise ConfigError(f"{origin} holds {len(found)} teams ({', '.join(list(found)[:5])}); --team-name {team} can name only one")
    return list(found.values()), problems


def _name_of(origin: Path) -> str:
    """A team's name from that of its directory or archive, which its owner was free to choose."""
    name = origin.resolve().name
    stem = name.split(".tar", 1)[0].removesuffix(".zip") if is_archive(origin) else name
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:100] or DEFAULT_TEAM
