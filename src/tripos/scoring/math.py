r"""Mathematical answers: the last box, and equality decided in two levels.

Levels "text" and "structure" are ours, need nothing and never evaluate anything: LaTeX is normalised, then numbers
(fractions, decimals, percent, degrees, mixed, with a unit or a base), points, intervals, sets and lists are compared piece
by piece with exact rationals (`math_structure`). They answer yes, no or *undecided*. Only what is undecided goes to level
"math-verify", the accepted grader of MATH, in a process of its own (`math_worker`). No judge is asked.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from tripos.core.errors import ScorerError
from tripos.core.records import JSON, Extraction, Outcome, Sample, Verdict
from tripos.scoring.judge import blank, seen
from tripos.scoring.math_structure import compare
from tripos.scoring.math_worker import CPU_SECONDS, verify
from tripos.scoring.scorer import Answer, Instruments, scorer, transform

LONGEST_ANSWER = 2000  # characters; nothing longer is an answer, and a parser would only choke on it

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"[-+]?\d[\d.,]*(?<![.,])|[A-Za-z]\b")
_JOINED = re.compile(r"(?:[\s$,;.]|\\[\])(\[,;]|\\(?:text|mbox)\s*\{\s*(?:and|or)\s*\}|\b(?:and|or)\b)*", re.IGNORECASE)
_STATEMENT = re.compile(r"\banswer\s{0,3}\**\s{0,3}(?:(?:is|are)\b|:|=)(?:\s*(?:is\b|:|=))*\s*\**", re.IGNORECASE)
_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?%?(?!\w)")
_ASIDE = re.compile(r"[,;]?\s+(?:because|since|where|as|so|which|when|that\s+is|i\.e\.)\b|\s\((?=[A-Za-z]{2})", re.IGNORECASE)
_WEAK = "weak: "  # readings that are a guess: they never rescue an answer that was cut off


class Box(NamedTuple):
    """A `\\boxed{…}` of a text: `text[start:end]` and what is in it."""

    start: int
    end: int
    content: str


def boxes(text: str) -> list[Box]:
    r"""All outermost `\boxed{…}` and `\fbox{…}` with balanced braces, in order; `\boxed 5` has the content "5"."""
    heads = list(_BOX.finditer(text))
    if not heads:
        return []
    closing, opened = {}, []
    for token in _BRACE.finditer(text):
        if token[0] == "{":
            opened.append(token.start())
        elif token[0] == "}" and opened:
            closing[opened.pop()] = token.start()
    found: list[Box] = []
    for head in heads:
        if found and head.start() < found[-1].end:
            continue
        end = closing.get(head.end())
        if end is not None:
            found.append(Box(head.start(), end + 1, text[head.end() + 1 : end].strip()))
        elif text[head.end() : head.end() + 1] != "{" and (bare := _BARE_BOX.match(text, head.end())):
            found.append(Box(head.start(), bare.end(), bare[0]))
    return found


def check_available() -> None:
    """Called before a run starts.

    Raises:
        ScorerError: math-verify is not installed. The structural levels alone would be another rule, with other scores.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise ScorerError("grading mathematical answers needs math-verify; install it with: pip install 'tripos[math]'")


@transform("boxed_answer")
@dataclass(frozen=True)
class BoxedAnswer:
    """Reads the final answer: the last box (boxes side by side are one list), else the last "answer is …" up to its reasons
    ("because", "where"), else, as a weak reading, the last formula of the last paragraph or the last number of the last line."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        if not text.strip():
            return Extraction(how="nothing to read")
        boxed = _last_boxes(text)
        if boxed:
            return Extraction(answer=boxed, how="last box")
        stated = _stated(text)
        if stated:
            return Extraction(answer=stated, how="last statement")
        paragraph = [block for block in re.split(r"\n\s*\n", text) if block.strip()][-1]
        formulas = [next(filter(None, match.groups())).strip() for match in _MATH.finditer(paragraph)]
        if formulas:
            return Extraction(answer=formulas[-1], how=f"{_WEAK}last formula", ambiguous=len(formulas) > 1)
        numbers = _NUMBER.findall(paragraph.strip().splitlines()[-1])
        if numbers:
            return Extraction(answer=numbers[-1], how=f"{_WEAK}last number", ambiguous=len(numbers) > 1)
        return Extraction(how="no box, statement, formula or number", ambiguous=True)


def _last_boxes(text: str) -> str | None:
    found = boxes(text)
    if not found:
        return None
    group = [found[-1]]
    for earlier in reversed(found[:-1]):
        if not _JOINED.fullmatch(text[earlier.end : group[0].start][:100]):
            break
        group.insert(0, earlier)
    contents = list(dict.fromkeys(box.content for box in group))
    inner = [_last_boxes(content) or content for content in contents]  # \fbox{\boxed{5}}
    return ", ".join(content for content in inner if content) or None


def _stated(text: str) -> str | None:
    found = list(_STATEMENT.finditer(text))
    if not found:
        return None
    line = text[found[-1].end() :].lstrip().partition("\n")[0]
    if line.startswith((r"\[", "$$")):  # displayed, perhaps over several lines
        line = text[found[-1].end() :].lstrip()[:LONGEST_ANSWER]
        display = _MATH.match(line)
        return next(filter(None, display.groups())).strip() if display else None
    sentence = re.split(r"\.(?:\s|$)", line)[0]
    spans = [match.span() for match in _MATH.finditer(sentence)]
    asides = (aside.start() for aside in _ASIDE.finditer(sentence) if not any(start < aside.start() < end for start, end in spans))
    sentence = sentence[: next(asides, None)].strip(" *")
    found = list(_MATH.finditer(sentence))
    if not found or re.search(r"\d", sentence[: found[0].start()]):  # the number stands before the formula, which is its unit
        return sentence or None
    return ", ".join(next(filter(None, match.groups())).strip() for match in found)


@scorer("math_equivalence")
@dataclass(frozen=True)
class MathEquivalence:
    """is_correct = the answer is mathematically equal to the reference; `details["level"]` says which level decided.

    An answer that makes math-verify run longer than `cpu_seconds` of processor time, or breaks it, is wrong: no reference
    takes that long. A worker that cannot work at all is our failure (`ScorerError`).
    """

    name: ClassVar[str] = "math_equivalence"
    version: ClassVar[str] = "2"
    cpu_seconds: int = CPU_SECONDS

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"math-verify"})

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict | Awaitable[Verdict]:
        gold, read = str(sample.reference or "").strip(), answer.extraction
        if not gold:
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"reference": sample.reference})
        if not read.found or (_is_cut(answer) and read.how.startswith(_WEAK)):
            return _verdict(answer, gold, None, None, level=None)
        said = seen(str(read.answer))
        if len(said) > LONGEST_ANSWER:
            return _verdict(answer, gold, said[:LONGEST_ANSWER], False, level="text", note=f"longer than {LONGEST_ANSWER} characters")
        level, equal = compare(gold, said)
        if equal is not None:
            return _verdict(answer, gold, said, equal, level=level)
        return self._verify(answer, gold, said)

    async def _verify(self, answer: Answer, gold: str, said: str) -> Verdict:
        check_available()
        reply = await verify(gold, said, self.cpu_seconds)
        return _verdict(answer, gold, said, reply.equal, level="math-verify", note=reply.note)


def _is_cut(answer: Answer) -> bool:
    return answer.completion.finish_reason == "length"


def _verdict(answer: Answer, gold: str, said: str | None, equal: bool | None, *, level: str | None, note: str | None = None) -> Verdict:
    outcome = Outcome.SCORED
    if not equal and _is_cut(answer):
        outcome = Outcome.TRUNCATED
    elif blank(answer.text):
        outcome = Outcome.REFUSED
    elif said is None:
        outcome = Outcome.WRONG_FORMAT
    details: dict[str, JSON] = {"level": level, "reference": gold, "candidate": said, "how": answer.extraction.how}
    if note is not None:
        details["note"] = note
    metrics: dict[str, float | None] = {"answer_found": 0.0 if said is None else 1.0}
    return Verdict(value=float(bool(equal)), is_correct=bool(equal), outcome=outcome, metrics=metrics, details=details)
