"""How a judge must write its verdict, and how it is read: one `Form` each, so that the two cannot drift apart.

A parser sees the judge's own reply and nothing else. It reads the verdict where the form puts it (the last line of that
name), returns None when it is not there, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from tripos.core.records import JSON, JudgeAudit, Verdict
from tripos.scoring.judge import judged_text

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """One way of writing a verdict.

    Attributes:
        instruction: ends the judge's prompt.
        reminder: is added when a reply could not be read.
        parse: reply to verdict, None if there is none.
        examples: replies that follow the instruction, with what must be read in them.
    """

    name: str
    instruction: str
    reminder: str
    parse: Callable[[str], T | None]
    examples: tuple[tuple[str, T], ...]

    def read(self, audits: Sequence[JudgeAudit], label: str | None = None) -> T | None:
        """The verdict of stored judge replies: the first that can be read, as `Judge.rule` would have had it."""
        for audit in audits:
            reply = judged_text(audit) if audit.label == label else None
            parsed = self.parse(reply) if reply else None
            if parsed is not None:
                return parsed
        return None


class Rereadable(Protocol):
    """A scorer whose verdict can be built again from stored judge replies, without asking (`tripos reparse-judge`).

    `reread` is also what `score` itself uses after the judge has spoken, so that there is one path. It returns None
    when the replies hold no verdict that can be read.
    """

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None: ...


_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))


def _values(name: str, reply: str) -> list[str]:
    """What follows `name:` on the lines that begin with it; markdown, quotes and list numbers around the name are allowed."""
    found = []
    for line in reply.translate(_ZERO_WIDTH).splitlines():
        head, colon, value = line.replace("：", ":").partition(":")
        if colon and re.sub("[^a-z_]", "", head.lower()).strip("_") == name:
            found.append(value.strip())
    return found


def _tidy(value: str) -> str:
    return value.strip().strip("*`\"',").strip()


# ---------------------------------------------------------------------------------------------------------- correctness


class Correctness(msgspec.Struct, frozen=True, kw_only=True):
    """A yes or no, with what the judge took for the final answer and why (None where it did not say)."""

    correct: bool
    extracted_final_answer: str | None = None
    reasoning: str | None = None


_YES_NO = {"yes": True, "true": True, "no": False, "false": False}
_AT_AN_END = re.compile(r"^[^\w\n]*(TRUE|FALSE)\b|\b(TRUE|FALSE)[^\w\n]*$", re.MULTILINE)
_FIELDS = re.compile(r"extracted_final_answer|\bcorrect\W*:", re.IGNORECASE)


def read_correctness(reply: str) -> Correctness | None:
    """The last `correct:` line; if the structured format is missing altogether, the word TRUE or FALSE.

    Such a word counts when only one of the two occurs and it begins or ends a line: inside a sentence it may be a quotation.
    """
    lines = _values("correct", reply)
    if lines:
        words = re.findall(r"[a-z]+", lines[-1].lower())
        said = {_YES_NO[w] for w in words if w in _YES_NO}
        if not words or words[0] not in _YES_NO or len(said) != 1:
            return None
        return Correctness(
            correct=said.pop(),
            extracted_final_answer=_last(_values("extracted_final_answer", reply)),
            reasoning=_last(_values("reasoning", reply)),
        )
    if _FIELDS.search(reply):
        return None
    bare = reply.strip("*`\"'. \n").upper()
    text = bare if bare in {"TRUE", "FALSE"} else reply
    if len(set(re.findall(r"\b(?:TRUE|FALSE)\b", text))) != 1:
        return None
    standing = _AT_AN_END.search(text)
    return Correctness(correct="TRUE" in standing.groups()) if standing else None


def _last(values: list[str]) -> str | None:
    return _tidy(values[-1]) if values else None


CORRECTNESS = Form(
    name="correctness",
    instruction=(
        "Reply in exactly this format, three fields, each beginning on a line of its own, and nothing after the last:\n"
        "extracted_final_answer: <the final answer that the response commits to, or None>\n"
        "reasoning: <in one or two sentences, whether it means the same as the reference>\n"
        "correct: <yes or no>"
    ),
    reminder="Your last reply had no readable verdict. Reply again in that format; the last line is `correct: yes` or `correct: no`.",
    parse=read_correctness,
    examples=(
        (
            "extracted_final_answer: Paris\nreasoning: The same city.\ncorrect: yes",
            Correctness(correct=True, extracted_final_answer="Paris", reasoning="The same city."),
        ),
        (
            "extracted_final_answer: None\nreasoning: It declines.\ncorrect: no",
            Correctness(correct=False, extracted_final_answer="None", reasoning="It declines."),
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- grade

Grade = Literal["CORRECT", "INCORRECT", "NOT_ATTEMPTED"]
_GRADES: dict[str, Grade] = {
    "a": "CORRECT",
    "b": "INCORRECT",
    "c": "NOT_ATTEMPTED",
    "correct": "CORRECT",
    "incorrect": "INCORRECT",
    "not_attempted": "NOT_ATTEMPTED",
}


def read_grade(reply: str) -> Grade | None:
    """The last `grade:` line; a reply without one counts only when it is nothing but a grade or its letter A, B or C."""
    lines = _values("grade", reply)
    text = re.sub(r"[\s_-]attempted\b", "_attempted", (lines[-1] if lines else reply.translate(_ZERO_WIDTH)).lower())
    words = [word for word in (w.strip("_") for w in re.findall(r"\w+", text)) if word]
    said = {_GRADES.get(word) for word in words}
    return said.pop() if len(said) == 1 and len(words) <= 2 else None


GRADE: Form[Grade] = Form(
    name="grade",
    instruction=(
        "Reply in exactly this format, and nothing after it:\n"
        "reasoning: <one or two sentences>\n"
        "grade: <CORRECT, INCORRECT or NOT_ATTEMPTED>"
    ),
    reminder="Your last reply had no readable grade. Reply again in that format; the last line is `grade: ` and one of the three.",
    parse=read_grade,
    examples=(
        ("reasoning: The same year.\ngrade: CORRECT", "CORRECT"),
        ("reasoning: Another year.\ngrade: INCORRECT", "INCORRECT"),
        ("reasoning: It says that it does not know.\ngrade: NOT_ATTEMPTED", "NOT_ATTEMPTED"),
    ),
)

# ----------------------------------------------------------------------------------------------------------- comparison

Comparison = Literal["A>>B", "A>B", "A=B", "B>A", "B>>A"]
_TOKENS: dict[str, Comparison] = {"A>>B": "A>>B", "A>B": "A>B", "A=B": "A=B", "B>A": "B>A", "B>>A": "B>>A"}
_TOKEN = re.compile(r"\[\[\s*(A\s*>>\s*B|A\s*>\s*B|A\s*=\s*B|B\s*>\s*A|B\s*>>\s*A)\s*\]\]")


def read_comparison(reply: str) -> Comparison | None:
    """The token that ends the last line that has one; None where that line goes on or has two that differ.

    Earlier lines do not count: a judge may quote the candidate's text, and a candidate that writes tokens must neither
    choose the verdict nor make it unreadable. A line that goes on after its token is no verdict but talk about one.
    """
    for line in reversed(reply.translate(_ZERO_WIDTH).splitlines()):
        tokens = list(_TOKEN.finditer(line))
        if tokens:
            found = {_TOKENS["".join(token.group(1).split())] for token in tokens}
            return found.pop() if len(found) == 1 and not re.search(r"\w", line[tokens[-1].end() :]) else None
    return None


COMPARISON: Form[Comparison] = Form(
    name="comparison",
    instruction=(
        "End your reply with a line that holds one of these five tokens and nothing else:\n"
        "[[A>>B]] if A is much better\n"
        "[[A>B]] if A is slightly better\n"
        "[[A=B]] if they are about equally good\n"
        "[[B>A]] if B is slightly better\n"
        "[[B>>A]] if B is much better"
    ),
    reminder="Your last reply had no readable verdict. Reply again; the last line is one of the five tokens in its double brackets.",
    parse=read_comparison,
    examples=tuple((f"Both answer the question.\n[[{token}]]", token) for token in _TOKENS.values()),
)

FORMS: dict[str, Form[Correctness] | Form[Grade] | Form[Comparison]] = {f.name: f for f in (CORRECTNESS, GRADE, COMPARISON)}
"""The forms of this room by name, as audits and `explain` call them."""
