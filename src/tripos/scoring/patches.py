"""Patches: unified diffs found in an answer, read strictly, and applied to files in memory as `git apply` does.

A hunk applies where all its lines stand in the file, nearest to where it says; there is no fuzz. Official harnesses are
given the patch as it was found and have their own, more patient ways of applying it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_DIFF = re.compile(r"^(?:diff --git \S|--- \S[^\n]*\n\+\+\+ \S)", re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NAMED = re.compile(r"^(?:---|\+\+\+) (?:[ab]/)?([^\t\n]+)", re.MULTILINE)
_TAG = re.compile(r"<(patch|diff)>")
_FENCE = re.compile(r"^( *)(`{3,}+|~{3,}+)[^`\n]*+$")
_HEADERS = ("diff --git ", "index ", "old mode ", "new mode ", "new file mode ", "deleted file mode ", "similarity index ")


class PatchError(ValueError):
    """A patch that cannot be read, or does not fit the files; says where."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines with their ends: `old` are replaced by `new`, near line `start` (0-based, in the file as patched so far)."""

    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    at_beginning: bool
    at_end: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """What becomes of one file. `old` None: it is new; `new` None: it is deleted; different: it is renamed."""

    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...]


@transform("unified_diff")
@dataclass(frozen=True)
class UnifiedDiff:
    """The patch of an answer: see `find_patch`."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        patch, how = find_patch(text)
        return Extraction(answer=patch, how=how)


def find_patch(text: str) -> tuple[str | None, str]:
    """The patch and how it was found: in <patch> tags, else in fences, else bare (then prose behind the last hunk is cut).

    Of several blocks a later one replaces every earlier one that touches one of its files, so that a draft does not count and
    files may come in blocks of their own.
    """
    for blocks, how in ((_tagged(text), "patch tags"), (_fenced(text), "fence")):
        kept: list[tuple[set[str], str]] = []
        for block in blocks:
            names = files_of(block)
            kept = [(others, earlier) for others, earlier in kept if not others & names] + [(names, block)]
        if kept:
            return "".join(block for _, block in kept), f"{how} ({len(kept)})"
    found = _DIFF.search(text)
    if found is None:
        return None, "no unified diff"
    body = _cut(text[found.start() :])
    return _ended(body, to_the_end=text.endswith(body)), "bare diff"


def files_of(patch: str) -> set[str]:
    """Names of the files that a patch touches, as far as its headers tell."""
    return {name.strip() for name in _NAMED.findall(patch)} - {"/dev/null"}


def _tagged(text: str) -> list[str]:
    bodies: list[str] = []
    opened = _TAG.search(text)
    while opened is not None:
        end = text.find(f"</{opened[1]}>", opened.end())
        if end >= 0 and _DIFF.search(body := text[opened.end() : end]):
            bodies.append(_ended(body))
        if end < 0:
            break
        opened = _TAG.search(text, end)
    return bodies


def _fenced(text: str) -> list[str]:
    """Bodies of fences that hold a diff. A fence ends at its own indentation: ` ``` ` inside a diff is a line of context."""
    bodies: list[tuple[str, bool]] = []
    opened: re.Match[str] | None = None
    body: list[str] = []
    for line in [*text.split("\n"), None]:
        if opened is None:
            opened, body = (_FENCE.match(line) if line is not None else None), []
        elif line is None or line.rstrip() == opened[1] + opened[2]:
            bodies.append(("\n".join(each.removeprefix(opened[1]) for each in body), line is None))
            opened = None
        else:
            body.append(line)
    return [_ended(body, to_the_end=cut_off) for body, cut_off in bodies if _DIFF.search(body)]


def _ended(patch: str, *, to_the_end: bool = False) -> str:
    """The diff without blank lines behind it, but for the blank context that its last hunk counts.

    Args:
        to_the_end: it ends where the answer ends, which was stripped of blanks.
    """
    found = _DIFF.search(patch)
    body = patch[found.start() if found else 0 :]
    kept = body.rstrip("\n")
    missing = _missing(kept.split("\n"))
    return kept + "\n" + " \n" * (missing if to_the_end or missing <= len(body) - len(kept) else 0)


def _missing(lines: Sequence[str]) -> int:
    """How many lines of context the last hunk lacks, by its own count."""
    last = max((at for at, line in enumerate(lines) if _HUNK.match(line)), default=None)
    hunk = _HUNK.match(lines[last]) if last is not None else None
    if last is None or hunk is None:
        return 0
    marks = [line[:1] or " " for line in lines[last + 1 :]]
    old, new = int(hunk[2] or 1) - sum(mark in " -" for mark in marks), int(hunk[4] or 1) - sum(mark in " +" for mark in marks)
    return old if old == new and 0 < old <= 3 else 0


def _cut(text: str) -> str:
    """A bare diff without the prose behind it."""
    lines = text.split("\n")
    end, at = 0, 0
    while at < len(lines):
        hunk = _HUNK.match(lines[at])
        at += 1
        if hunk is None:
            if lines[at - 1].startswith(("--- ", "+++ ", "rename ", *_HEADERS)):
                end = at
            elif lines[at - 1].strip():
                break
            continue
        old, new = int(hunk[2] or 1), int(hunk[4] or 1)
        while at < len(lines) and (old > 0 or new > 0) and lines[at][:1] in ("", " ", "-", "+", "\\"):
            mark = lines[at][:1] or " "
            old, new, at = old - (mark in " -"), new - (mark in " +"), at + 1
        at += at < len(lines) and lines[at].startswith("\\")
        end = at
    return "\n".join(lines[:end])


def parse(patch: str) -> tuple[FileChange, ...]:
    """The changes of a patch, in order.

    Raises:
        PatchError: it is not a well-formed unified diff of text files; names the line.
    """
    lines = patch.splitlines(keepends=True) if "\r" not in patch else re.findall(r"[^\n]*\n|[^\n]+", patch)
    changes: list[FileChange] = []
    at = 0
    while at < len(lines):
        if lines[at].startswith(("diff --git ", "--- ")):
            change, at = _change(lines, at)
            changes.append(change)
        elif lines[at].startswith("@@") or lines[at][:1] in "+-":
            raise PatchError(f"line {at + 1} of the patch belongs to no file: {lines[at].strip()[:80]!r}")
        else:
            at += 1
    if not changes:
        raise PatchError("the patch changes no file")
    return tuple(changes)


def _change(lines: Sequence[str], at: int) -> tuple[FileChange, int]:
    header = re.match(r"diff --git a/(.+) b/(.+)$", lines[at].rstrip("\n"))
    old, new = (header[1], header[2]) if header else (None, None)
    at += lines[at].startswith("diff --git ")
    is_known = header is not None
    while at < len(lines) and not lines[at].startswith(("@@", "--- ", "diff --git ")):
        line = lines[at].rstrip("\n")
        if line.startswith(("GIT binary patch", "Binary files ")):
            raise PatchError(f"line {at + 1} of the patch: binary changes cannot be read")
        if line.startswith(("new file mode", "deleted file mode")):
            old, new = (None, new) if line.startswith("new") else (old, None)
        elif line.startswith(("rename from ", "rename to ")):
            old, new = (line[12:], new) if line.startswith("rename from") else (old, line[10:])
        at += 1
    if at < len(lines) and lines[at].startswith("--- "):
        if at + 1 >= len(lines) or not lines[at + 1].startswith("+++ "):
            raise PatchError(f"line {at + 1} of the patch: '---' without '+++' behind it")
        old, new = _name(lines[at]), _name(lines[at + 1])
        is_known, at = True, at + 2
    if not is_known or (old is None and new is None):
        raise PatchError(f"line {at + 1} of the patch: no file is named")
    hunks = []
    while at < len(lines) and lines[at].startswith("@@"):
        hunk, at = _hunk(lines, at)
        hunks.append(hunk)
    return FileChange(old, new, tuple(hunks)), at


def _name(line: str) -> str | None:
    name = line[4:].split("\t", maxsplit=1)[0].rstrip("\r\n").strip('"')
    return None if name == "/dev/null" else re.sub(r"^[ab]/", "", name)


def _hunk(lines: Sequence[str], at: int) -> tuple[Hunk, int]:
    found = _HUNK.match(lines[at])
    if found is None:
        raise PatchError(f"line {at + 1} of the patch: not a hunk header: {lines[at].strip()[:80]!r}")
    left = {"-": int(found[2] or 1), "+": int(found[4] or 1)}
    old: list[str] = []
    new: list[str] = []
    first, trailing = at + 1, 0
    at += 1
    while at < len(lines) and (left["-"] > 0 or left["+"] > 0):
        mark, body = (" ", lines[at]) if lines[at] == "\n" else (lines[at][0], lines[at][1:])
        if mark == "\\":
            at += 1
            continue
        if mark not in " -+":
            break
        ended = at + 1 < len(lines) and lines[at + 1].startswith("\\")
        content = body.removesuffix("\n") + ("" if ended else "\n")
        for side, kept in (("-", old), ("+", new)):
            if mark in (" ", side):
                kept.append(content)
                left[side] -= 1
        trailing = trailing + 1 if mark == " " else 0
        at += 1
    if left["-"] or left["+"]:
        raise PatchError(f"line {first} of the patch: the hunk has not as many lines as it says ({found[0]})")
    at += at < len(lines) and lines[at].startswith("\\")
    begins = int(found[1]) <= 1
    return Hunk(max(0, int(found[3]) - 1), tuple(old), tuple(new), begins, trailing == 0), at


def apply(files: Mapping[str, str], patch: str) -> dict[str, str]:
    """The files after the patch; names are relative, contents text.

    Raises:
        PatchError: it cannot be read or does not fit.
    """
    after = dict(files)
    for change in parse(patch):
        if change.old is None and change.new in after:
            raise PatchError(f"{change.new} is there already")
        if change.old is not None and change.old not in after:
            raise PatchError(f"there is no {change.old}")
        image = _Image(after.pop(change.old) if change.old is not None else "")
        for number, hunk in enumerate(change.hunks, 1):
            image.change(hunk, f"hunk {number} of {change.new or change.old}")
        if change.new is not None:
            after[change.new] = "".join(image.lines)
        elif image.lines:
            raise PatchError(f"{change.old} is to be deleted, but the patch leaves lines of it")
    return after


class _Image:
    """A file's lines while hunks are applied; lines of an earlier hunk are never matched again."""

    def __init__(self, content: str) -> None:
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", content)
        self.touched = [False] * len(self.lines)

    def change(self, hunk: Hunk, what: str) -> None:
        for at in self._places(hunk):
            end = at + len(hunk.old)
            if tuple(self.lines[at:end]) == hunk.old and not any(self.touched[at:end]):
                self.lines[at:end] = hunk.new
                self.touched[at:end] = [True] * len(hunk.new)
                return
        raise PatchError(f"{what} does not fit the file")

    def _places(self, hunk: Hunk) -> Iterator[int]:
        """Where the hunk may stand: where it says, then ever farther away, a later line before an earlier one."""
        last = len(self.lines) - len(hunk.old)
        if hunk.at_beginning or hunk.at_end:
            at = 0 if hunk.at_beginning else last
            if at >= 0 and not (hunk.at_beginning and hunk.at_end and last != 0):
                yield at
            return
        for distance in range(len(self.lines) + 1):
            for at in (hunk.start + distance, hunk.start - distance)[: 2 if distance else 1]:
                if 0 <= at <= last:
                    yield at
