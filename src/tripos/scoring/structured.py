"""Structured answers: the last JSON value of a reply, its shape, its fields, and sets of findings matched one to one.

transform=LastJson()                      # the last object or list of objects, or nothing
class Mine(StructuredScorer): ...         # grades what is there; an answer of another form is wrong
why = fault(value, {"due": (str, NULL)})  # one sentence when the shape is wrong
pairs = matching(expected, found, fits)   # each finding pairs with at most one expectation
f1(len(pairs), found=7, expected=3)
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from tripos.core.records import JSON, Extraction, Outcome, Sample, Verdict
from tripos.scoring.scorer import Answer, Instruments, transform

E = TypeVar("E")
F = TypeVar("F")

NULL = type(None)
MAX_DEPTH = 64
MAX_BROKEN = 500
_CUT = frozenset({"length", "max_tokens"})

# ------------------------------------------------------------------------------------------------------- the last JSON

_OPENER = re.compile(r"""\{(?=\s*["'}])|\[(?=\s*[\[{\]])""")
_GOES_ON = re.compile(r"""\s*,\s*(?:["\[{]|\Z)""")


@transform("last_json")
@dataclass(frozen=True)
class LastJson:
    """The last JSON object, or list of objects, of the visible text: fenced or bare, with prose before or after it.

    What counts is the last thing that is written like one. If that cannot be read (cut off, a comma too many, a key
    twice, NaN, a number beyond 64 bits, deeper than `MAX_DEPTH`), there is no answer: an earlier draft and the parts of a
    broken value are never taken in its place. Flat brackets in prose (`[1]`, `{name}`) and flat lists of plain values are
    not answers. Line breaks inside strings are let through, since they can be read in one way only. Never raises.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        value, how = last_json(text)
        return Extraction(answer=value, how=how)


def last_json(text: str) -> tuple[JSON, str]:
    """The value and how it was found; `(None, why)` if there is none."""
    end = _end_of_last(text)
    if end == 0:
        return None, "no JSON object or list of objects"
    if _GOES_ON.match(text, end) or _OPENER.search(text, end) or text.rstrip().endswith(("{", "[")):
        return None, "the last JSON value is not finished"
    at = broken = reached = 0
    while broken < MAX_BROKEN and (opener := _OPENER.search(text, at, end)):
        start = opener.start()
        try:
            value, stop = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            at, broken, reached = start + 1, broken + 1, max(reached, _reach(error, len(text)))
            continue
        if stop == end and reached >= end:  # an earlier, broken value had taken this one in as its part
            break
        if stop == end:
            return _checked(value, text[:start])
        at = stop
    return None, "the last JSON value cannot be parsed"


def _reach(error: Exception, length: int) -> int:
    """How far a broken value was read before it broke; a string that is not closed takes in all the rest."""
    if not isinstance(error, json.JSONDecodeError):
        return 0
    return length if error.msg.startswith("Unterminated string") else error.pos


def _checked(value: JSON, before: str) -> tuple[JSON, str]:
    head = before.rstrip()
    inside = head.endswith(("[", "{")) or (head.endswith(":") and head[:-1].rstrip().endswith('"'))
    if inside or (head.endswith(",") and head[:-1].rstrip().endswith(("}", "]"))):
        return None, "the last JSON value is not finished"
    if not _shallow(value):
        return None, f"the last JSON value is nested deeper than {MAX_DEPTH}"
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None, "the last JSON value has half a surrogate pair"
    return value, "last JSON value"


def _end_of_last(text: str) -> int:
    """Just behind the last closing bracket that is not a flat group of prose; 0 if there is none."""
    end = len(text)
    while True:
        end = max(text.rfind("}", 0, end), text.rfind("]", 0, end)) + 1
        start = max(text.rfind("{", 0, end), text.rfind("[", 0, end))
        if end == 0 or start < 0:
            return end
        inner = text[start + 1 : end - 1]
        flat = "}" not in inner and "]" not in inner and inner.strip() != ""
        prose = text[start] == "[" if text[end - 1] == "]" else text[start] == "{" and '"' not in inner and "'" not in inner
        if not (flat and prose):
            return end
        end = start


def _shallow(value: JSON) -> bool:
    level: list[JSON] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level if isinstance(node, (dict, list)) for child in (node.values() if isinstance(node, dict) else node)]
        if not level:
            return True
    return False


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice")
    return made


def _whole(digits: str) -> int:
    number = int(digits)
    if abs(number) >= 2**63:
        raise ValueError("beyond 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _refuse(word: str) -> JSON:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_float=_finite, parse_constant=_refuse, strict=False)

# ------------------------------------------------------------------------------------------------------ shape and fields


def fault(value: JSON, shape: Mapping[str, tuple[type, ...]]) -> str | None:
    """Why `value` is not an object with these fields and types, in one sentence; None if it is. Further keys are ignored."""
    if not isinstance(value, dict):
        return f"an object with {', '.join(shape)} was asked for, not {_kind(value)}"
    for name, types in shape.items():
        if name not in value:
            return f"{name!r} is missing"
        given = value[name]
        if not isinstance(given, types) or (isinstance(given, bool) and bool not in types):
            return f"{name!r} must be {' or '.join(_KINDS[t] for t in types)}, not {_kind(given)}"
    return None


_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_KINDS[NULL] = "null"


def _kind(value: JSON) -> str:
    return _KINDS.get(type(value), type(value).__name__)


class WrongForm(Exception):
    """An answer is not of the form that was asked for; the message is one sentence that says why."""


def of_shape(value: JSON, shape: Mapping[str, tuple[type, ...]]) -> dict[str, JSON]:
    """The value, an object with these fields and types.

    Raises:
        WrongForm: it is not, see `fault`.
    """
    why = fault(value, shape)
    if why is not None:
        raise WrongForm(why)
    found: dict[str, JSON] = value
    return found


def label(value: str) -> str:
    """A label as it is compared: letter case, white space and markdown around it do not matter."""
    return value.strip().strip("*_`\"'.").strip().casefold()


def moment(value: str) -> datetime | None:
    """An ISO date or date and time without zone (`2026-03-14T16:30`, blank for T, `Z` allowed); None if it is not one."""
    try:
        read = datetime.fromisoformat(value.strip().removesuffix("Z"))
    except ValueError:
        return None
    return read if read.tzinfo is None else None


# ---------------------------------------------------------------------------------------------------------------- sets


def matching(expected: Sequence[E], found: Sequence[F], fits: Callable[[E, F], bool]) -> list[tuple[int, int]]:
    """A largest one-to-one pairing of expectations with findings that fit, as sorted index pairs.

    Augmenting paths (Berge 1957), so that an unlucky order of the findings costs nothing.
    """
    edges = [[j for j, one in enumerate(found) if fits(want, one)] for want in expected]
    partner: dict[int, int] = {}  # finding -> expectation
    for root in range(len(expected)):
        _augment(root, edges, partner)
    return sorted((i, j) for j, i in partner.items())


def _augment(root: int, edges: list[list[int]], partner: dict[int, int]) -> None:
    came_from: dict[int, int] = {}  # finding -> expectation it was reached from
    queue = deque([root])
    while queue:
        i = queue.popleft()
        for j in edges[i]:
            if j in came_from:
                continue
            came_from[j] = i
            if j in partner:
                queue.append(partner[j])
                continue
            held = {i: j for j, i in partner.items()}
            free: int | None = j
            while free is not None:
                owner = came_from[free]
                partner[free], free = owner, held.get(owner)
            return


def f1(hits: int, *, found: int, expected: int) -> float:
    """Harmonic mean of precision and recall, 2·hits / (found + expected); 1 when nothing was expected and nothing found."""
    return 2 * hits / (found + expected) if found + expected else 1.0


def f1_of_sets(found: AbstractSet[object], expected: AbstractSet[object]) -> float:
    """`f1` where a finding is right if it is one of the expected."""
    return f1(len(found & expected), found=len(found), expected=len(expected))


# ------------------------------------------------------------------------------------------------------------- verdicts


def cut_short(answer: Answer) -> bool:
    """Whether the answer ended at the token limit."""
    return (answer.completion.finish_reason or "").lower() in _CUT


def unreadable(answer: Answer, why: str, metrics: Mapping[str, float | None] | None = None) -> Verdict:
    """Wrong, because there is no answer in the form that was asked for: cut off, empty, or of another form.

    Args:
        metrics: what figures of merit it gets, 0 as a rule. A figure that is left out would be a mean over readable answers alone.
    """
    outcome = Outcome.WRONG_FORMAT if answer.text.strip() else Outcome.REFUSED
    outcome = Outcome.TRUNCATED if cut_short(answer) else outcome
    return Verdict(value=0.0, is_correct=False, outcome=outcome, metrics=dict(metrics or {}), details={"why": why})


def graded(answer: Answer, value: float, is_correct: bool, *, metrics: dict[str, float | None], details: dict[str, JSON]) -> Verdict:
    """A read answer's verdict; an answer that was cut off and is not correct says so."""
    outcome = Outcome.TRUNCATED if cut_short(answer) and not is_correct else Outcome.SCORED
    return Verdict(value=value, is_correct=is_correct, outcome=outcome, metrics=metrics, details=details)


class StructuredScorer(ABC):
    """A scorer of answers in JSON, by rules alone. An answer that is not there, or not of the form that was asked for, is wrong."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict of `grade`; of an answer that it cannot read, one with the figures of `nothing`."""
        given = answer.extraction.answer
        try:
            if given is None:
                raise WrongForm(answer.extraction.how)
            return self.grade(sample, answer, given)
        except WrongForm as error:
            return unreadable(answer, str(error), self.nothing(sample.reference))

    @abstractmethod
    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """The figures of merit of an answer in which nothing can be read, where `want` is the reference."""

    @abstractmethod
    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """The verdict on a JSON value.

        Raises:
            WrongForm: it is not of the form that was asked for.
        """
