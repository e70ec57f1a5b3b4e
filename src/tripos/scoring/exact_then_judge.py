r"""Open answers: a strict comparison that can only say yes, and a judge for everything it does not settle.

`plainly_equal` calls two answers equal where nobody could disagree: the same text up to white space, a full stop at the
end, math delimiters or a box around the whole and the case of the first letter of a longer text; or the same rational
number. It never drops a sign, a bracket, a unit or any other punctuation ("6+5i" is not "6-5i", "12" is not "(1,2)"), so a
"no" means nothing but *ask*.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import msgspec

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.judged import (
    EQUIVALENCE,
    against_reference,
    as_text,
    completed,
    cut_short,
    judge_of,
    replies,
    unanswerable,
    unanswered,
)
from tripos.scoring.math import LONGEST_ANSWER, boxes
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.verdicts import CORRECTNESS

JUDGE_USES = ("never", "fallback", "always")

_NUMBER = re.compile(r"([-+−]?)((?:\d{1,3}(?:,\d{3}){1,12}|\d{1,40})(?:\.\d{1,40})?)(?:/([1-9]\d{0,39}))?")
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_CASE_MATTERS = 3  # characters: up to here an upper-case letter may be another unit, element or symbol


def plainly_equal(reference: str, candidate: str) -> bool:
    """Whether the two are the same beyond dispute (see the module); texts beyond `LONGEST_ANSWER` characters never are."""
    if max(len(reference), len(candidate)) > LONGEST_ANSWER:
        return False
    wanted, given = _plain(reference), _plain(candidate)
    if not wanted or not given:
        return False
    number = _rational(wanted)
    return wanted == given or (number is not None and number == _rational(given))


def _plain(text: str) -> str:
    text = _tidy(unicodedata.normalize("NFC", text))
    for left, right in _DELIMITERS:
        inner = text.removeprefix(left).removesuffix(right)
        if len(text) >= len(left) + len(right) and text == f"{left}{inner}{right}" and left not in inner and right not in inner:
            text = _tidy(inner)
    boxed = boxes(text)
    if len(boxed) == 1 and (boxed[0].start, boxed[0].end) == (0, len(text)):
        text = _tidy(boxed[0].content)
    return text[0].lower() + text[1:] if len(text) > _CASE_MATTERS else text


def _tidy(text: str) -> str:
    return " ".join(text.split()).removesuffix(".").rstrip()


def _rational(text: str) -> Fraction | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    value = Fraction(match[2].replace(",", "")) / int(match[3] or 1)
    return -value if match[1] in ("-", "−") else value


@scorer("exact_then_judge")
@dataclass(frozen=True)
class ExactThenJudge:
    """Correct where `plainly_equal` says so of the extracted answer; else a judge compares the response with the reference.

    Metric `exact_match` is the strict comparison alone (only where the judge is not asked about everything).

    Args:
        task: what the judge is told; the form of the reply is added to it.
        judge: "fallback"; "always" asks about every answer that is not empty; "never" leaves the comparison to decide.
    """

    task: str = EQUIVALENCE
    judge: str = "fallback"

    name: ClassVar[str] = "exact_then_judge"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.judge not in JUDGE_USES:
            raise ConfigError(unknown("judge", self.judge, JUDGE_USES))

    @property
    def needs(self) -> frozenset[str]:
        """A judge, unless it was switched off."""
        return frozenset() if self.judge == "never" else frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Compares, and asks the judge about the whole response where that settles nothing."""
        settled = unanswerable(sample) or unanswered(answer, **({} if self.judge == "always" else {"exact_match": 0.0}))
        if settled is not None:
            return settled
        candidate, finish_reason = answer.extraction.answer, answer.completion.finish_reason
        read: dict[str, JSON] = {"how": answer.extraction.how}
        if self.judge != "always":
            equal = candidate is not None and plainly_equal(as_text(sample.reference), as_text(candidate))
            if equal or self.judge == "never":
                details = {"stage": "exact", **read}
                verdict = Verdict(value=float(equal), is_correct=equal, metrics={"exact_match": float(equal)}, details=details)
                return cut_short(verdict, finish_reason)
        put = against_reference(self.task, sample, answer, CORRECTNESS)
        audits = await replies(judge_of(instruments, self.name), put, CORRECTNESS)
        return completed(self.reread(sample.reference, audits, finish_reason=finish_reason), {**read, **put.details})

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        said = CORRECTNESS.read(audits)
        if said is None:
            return None
        metrics: dict[str, float | None] = {} if self.judge == "always" else {"exact_match": 0.0}
        details = {"stage": "judge", **msgspec.to_builtins(said)}
        verdict = Verdict(value=float(said.correct), is_correct=said.correct, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)
