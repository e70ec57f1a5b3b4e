"""A judge against a reference that also reads how sure the response says it is, and how far such figures can be trusted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import msgspec

from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.judged import EQUIVALENCE, against_reference, completed, cut_short, judge_of, replies, unanswerable, unanswered
from tripos.scoring.scorer import Answer, Instruments, Rows, scorer
from tripos.scoring.verdicts import Correctness, Form, read_correctness

BIN_SIZE = 100
"""Answers a bin of `calibration_error`, as HLE has it."""

_LINE = re.compile(r"^[^\w\n]*confidence[^\w\n:：]*[:：][ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_PERCENT = re.compile(r"(100(?:\.0{1,9})?|\d{1,2}(?:\.\d{1,9})?)\s*%?")
_NONE = frozenset({"none", "n/a", "na", "not stated", "not given"})


class SureOf(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with the stated confidence.

    Attributes:
        correctness: yes or no, and the judge's words.
        confidence: 0..1; 1 where the response states none (`stated` False); None where the judge's line cannot be read.
    """

    correctness: Correctness
    confidence: float | None
    stated: bool | None


def read_sure_of(reply: str) -> SureOf | None:
    """The verdict as `read_correctness` reads it, with the last `confidence:` line."""
    correctness = read_correctness(reply)
    if correctness is None:
        return None
    lines = _LINE.findall(reply)
    said = lines[-1].strip().strip("*`\"'<>. ").lower() if lines else ""
    if said in _NONE:
        return SureOf(correctness=correctness, confidence=1.0, stated=False)
    percent = _PERCENT.fullmatch(said)
    if percent is None:
        return SureOf(correctness=correctness, confidence=None, stated=None)
    return SureOf(correctness=correctness, confidence=float(percent[1]) / 100, stated=True)


SURE_OF: Form[SureOf] = Form(
    name="correctness and confidence",
    instruction=(
        "Reply in exactly this format, four fields, each beginning on a line of its own, and nothing after the last:\n"
        "extracted_final_answer: <the final answer that the response commits to, or None>\n"
        "reasoning: <in one or two sentences, whether it means the same as the reference>\n"
        "confidence: <how sure the response says it is of its answer, in percent from 0 to 100; None if it does not say>\n"
        "correct: <yes or no>"
    ),
    reminder="Your last reply had no readable verdict. Reply again in that format; the last line is `correct: yes` or `correct: no`.",
    parse=read_sure_of,
    examples=(
        (
            "extracted_final_answer: 42\nreasoning: The same number.\nconfidence: 85%\ncorrect: yes",
            SureOf(
                correctness=Correctness(correct=True, extracted_final_answer="42", reasoning="The same number."),
                confidence=0.85,
                stated=True,
            ),
        ),
        (
            "extracted_final_answer: None\nreasoning: It declines.\nconfidence: None\ncorrect: no",
            SureOf(
                correctness=Correctness(correct=False, extracted_final_answer="None", reasoning="It declines."),
                confidence=1.0,
                stated=False,
            ),
        ),
    ),
)


def calibration_error(pairs: Sequence[tuple[float, float]], *, bin_size: int = BIN_SIZE, last_bin: bool = True) -> float | None:
    """Root mean square calibration error (Hendrycks et al. 2019, arXiv:1812.04606, with equally filled bins), 0..1.

    Pairs are put in order of confidence (ties stay as they come) and cut into bins of `bin_size`, the last of which takes what
    is left over; fewer than two bins' worth is one bin. The error is sqrt(Σ n_bin/n · (mean confidence - accuracy)²).

    Args:
        pairs: confidence 0..1 and correctness 0..1 of an answer each.
        last_bin: False leaves the last and surest bin out of the sum, as the published code of HLE does.

    Returns:
        None without pairs, or without a bin to look at.
    """
    ordered = sorted(pairs, key=lambda pair: pair[0])
    count = max(1, len(ordered) // bin_size)
    edges = [*(i * bin_size for i in range(count)), len(ordered)]
    bins = [ordered[a:b] for a, b in pairwise(edges)]
    looked_at = [one for one in (bins if last_bin else bins[:-1]) if one]
    if not looked_at:
        return None
    squares = (len(one) * (_mean([c for c, _ in one]) - _mean([r for _, r in one])) ** 2 for one in looked_at)
    return float((sum(squares) / len(ordered)) ** 0.5)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@scorer("judged_with_confidence")
@dataclass(frozen=True)
class JudgedWithConfidence:
    """A judge says whether the response means the same as the reference and how sure it says it is; value 1 or 0.

    Metrics: `correct`, 1 or 0; `confidence`, 0..1, 1 where none is stated; `confidence_stated`, 1 or 0; and see `aggregate`.

    Args:
        task: what the judge is told; the form of the reply is added to it.
    """

    task: str = EQUIVALENCE

    name: ClassVar[str] = "judged_with_confidence"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge decides every answer that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Asks the judge once (and once more when its reply cannot be read)."""
        settled = unanswerable(sample) or unanswered(answer, correct=0.0, confidence=None, confidence_stated=0.0)
        if settled is not None:
            return settled
        put = against_reference(self.task, sample, answer, SURE_OF)
        audits = await replies(judge_of(instruments, self.name), put, SURE_OF)
        return completed(self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason), put.details)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        said = SURE_OF.read(audits)
        if said is None:
            return None
        correct = said.correctness.correct
        metrics: dict[str, float | None] = {
            "correct": float(correct),
            "confidence": said.confidence,
            "confidence_stated": None if said.stated is None else float(said.stated),
        }
        details = {**msgspec.to_builtins(said.correctness), "confidence": said.confidence if said.stated else None}
        verdict = Verdict(value=float(correct), is_correct=correct, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """How far the stated confidence can be trusted, over all answers that a judge graded.

        Args:
            rows: outcome and metrics of one answer each; without `correct` and `confidence` they are left out (empty answers,
                which state nothing, among them).

        Returns:
            `calibration_error` over all bins; `calibration_error_as_published` without the surest bin (None below 200 answers);
            `mean_confidence`; `confidence_stated` as a share. None where there is nothing to count.
        """
        graded = [row for _, row in rows if row.get("confidence") is not None and row.get("correct") is not None]
        pairs = [(row["confidence"] or 0.0, row["correct"] or 0.0) for row in graded]
        return {
            "calibration_error": calibration_error(pairs),
            "calibration_error_as_published": calibration_error(pairs, last_bin=False),
            "mean_confidence": _mean([c for c, _ in pairs]) if pairs else None,
            "confidence_stated": _mean([row.get("confidence_stated") or 0.0 for row in graded]) if graded else None,
        }
