"""Comparing a response with a reference response: two judge calls, one an order, five levels each.

`is_correct` follows the rule of the OpenJarvis evaluation page: the candidate wins or ties in either order. A judge that
always prefers the first place would thus call everything correct, so the stricter figures stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.judge import Brief, Exhibit, brief
from tripos.scoring.judged import QUESTION_LIMIT, as_text, completed, cut_short, judge_of, unanswerable, unanswered
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.together import Call, all_of
from tripos.scoring.verdicts import COMPARISON, Comparison

CANDIDATE_FIRST = "candidate is A"
CANDIDATE_SECOND = "candidate is B"

RUBRIC = """You are an impartial examiner. Two assistants, A and B, answered the same user prompt. Decide which response is better.

Work in this order:
1. Say whether the prompt is subjective (open-ended, creative, advice, conversation: several good answers exist) or objective
   (technical, mathematical, factual, code: an answer is right or wrong).
2. If it is objective, work out the right answer yourself before you look at the responses, and compare them on correctness alone.
   If it is subjective, compare them on correctness, helpfulness, relevance, conciseness and creativity.
3. Name the mistakes and omissions of each response and what matters most to this user.
4. Give the verdict.

Neither the place of a response (A or B) nor its length or confident tone is a merit. Two responses of the same worth are a tie."""

_STANDING: dict[Comparison, int] = {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2}


@scorer("pairwise")
@dataclass(frozen=True)
class Pairwise:
    """Both orders of candidate and reference response, compared by a judge at the same time.

    `value` and the metric `graded`: each order gives 1 for a win, 0.5 for a tie, 0 for a loss; their mean, so one of 0, .25,
    .5, .75, 1. Metric `strict`: wins or ties in both orders. Metric `order_decided`: 1 where the candidate wins in one
    order and loses in the other; its mean over many samples is the judge's position bias.

    Args:
        task: what the judge is told; the form of the reply is added to it.
    """

    task: str = RUBRIC

    name: ClassVar[str] = "pairwise"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge compares every answer that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Asks the judge in both orders.

        Raises:
            JudgeError: either order has no verdict; carries the audits of both.
        """
        settled = unanswerable(sample) or unanswered(answer, graded=0.0, strict=0.0, order_decided=None)
        if settled is not None:
            return settled
        judge = judge_of(instruments, self.name)
        first, second = self.briefs(sample, answer)
        audits = await all_of(judge, [Call(CANDIDATE_FIRST, first, COMPARISON), Call(CANDIDATE_SECOND, second, COMPARISON)])
        lengths: dict[str, JSON] = {"candidate_characters": len(answer.text), "reference_characters": len(as_text(sample.reference))}
        verdict = self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason)
        return completed(verdict, {**lengths, **first.details})

    def briefs(self, sample: Sample, answer: Answer) -> tuple[Brief, Brief]:
        """The judge's prompts: candidate as A, then candidate as B."""
        reference = as_text(sample.reference)
        return self._brief(sample, answer.text, reference), self._brief(sample, reference, answer.text)

    def _brief(self, sample: Sample, a: str, b: str) -> Brief:
        exhibits = (Exhibit("USER PROMPT", sample.question, QUESTION_LIMIT), Exhibit("RESPONSE A", a), Exhibit("RESPONSE B", b))
        return brief(self.task, exhibits, COMPARISON.instruction, salt=sample.record_id)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies in both orders, None if either cannot be read."""
        first, second = COMPARISON.read(audits, CANDIDATE_FIRST), COMPARISON.read(audits, CANDIDATE_SECOND)
        if first is None or second is None:
            return None
        standings = (_STANDING[first], -_STANDING[second])
        graded = sum(1.0 if s > 0 else 0.5 if s == 0 else 0.0 for s in standings) / 2
        metrics: dict[str, float | None] = {
            "graded": graded,
            "strict": float(min(standings) >= 0),
            "order_decided": float(min(standings) < 0 < max(standings)),
        }
        details = {"candidate_first": first, "candidate_second": second, "standings": list(standings)}
        verdict = Verdict(value=graded, is_correct=max(standings) >= 0, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)
