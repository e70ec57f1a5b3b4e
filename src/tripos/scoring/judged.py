"""Scorers in which a judge decides against a reference: yes or no, three grades, or only where an exact match fails.

What they share: an empty answer is refused and wrong, and no judge is asked; an answer cut at max_tokens that is not
correct is `truncated`; a row without a reference is invalid, not wrong; the judge's reply is turned into a verdict by
`reread` alone, so that a stored reply gives the same verdict as a fresh one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tripos.core.errors import ConfigError, ScorerError
from tripos.core.identity import canonical
from tripos.core.records import JSON, JudgeAudit, Outcome, Sample, Verdict
from tripos.scoring.exact import typed_match
from tripos.scoring.judge import Brief, Exhibit, Judge, blank, brief
from tripos.scoring.scorer import Answer, Instruments, Rows, scorer
from tripos.scoring.verdicts import CORRECTNESS, GRADE, Form

QUESTION_LIMIT = 100_000
"""Characters of a question that a judge is shown (about 25,000 tokens of English)."""

EQUIVALENCE = """You are an examiner. Decide whether a response answers a question correctly, by comparing it with the reference answer.

- The reference is right: do not solve the question yourself and do not argue against the reference.
- Look at the final answer that the response commits to, not at its reasoning. It is correct if it means the same as the reference:
  another wording, language, order, format, unit or precision is no fault as long as nothing that the question asks for is lost or changed.
- It is not correct if any part that the question asks for is missing, contradicts the reference or is hedged; if the response
  lists several candidates without choosing one; if it repeats the question, declines, or gives no final answer."""

THREE_GRADES = """You are an examiner. Grade a response to a factual question against the reference answer with one of three grades.

- CORRECT: it contains all that the reference says, as far as the question asks for it, and contradicts none of it. Case,
  punctuation, wording, order and unsure phrasing do not matter; further details are no fault unless they contradict the reference.
  What the question makes plain need not be repeated. A number must be right to the last significant figure of the reference;
  an evident misspelling of a name is no fault.
- INCORRECT: something in it contradicts the reference, even if it is hedged, even if the right answer stands beside it.
- NOT_ATTEMPTED: what the question asks for is not given in full, and nothing contradicts the reference: it declines, says that it
  does not know, asks back, or stays too vague.

The reference is right: do not answer the question yourself."""


@scorer("judged_correct")
@dataclass(frozen=True)
class JudgedCorrect:
    """A judge says whether the response means the same as the reference; value 1 or 0.

    Args:
        task: what the judge is told; the form of the reply is added to it.
    """

    task: str = EQUIVALENCE

    name: ClassVar[str] = "judged_correct"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge decides every answer that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Asks the judge once (and once more when its reply cannot be read)."""
        settled = unanswerable(sample) or unanswered(answer)
        if settled is not None:
            return settled
        put = against_reference(self.task, sample, answer, CORRECTNESS)
        audits = await replies(judge_of(instruments, self.name), put, CORRECTNESS)
        return completed(self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason), put.details)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        said = CORRECTNESS.read(audits)
        if said is None:
            return None
        verdict = Verdict(value=float(said.correct), is_correct=said.correct, details=msgspec.to_builtins(said), audits=tuple(audits))
        return cut_short(verdict, finish_reason)


@scorer("three_way_grade")
@dataclass(frozen=True)
class ThreeWayGrade:
    """A judge says CORRECT, INCORRECT or NOT_ATTEMPTED; metrics `correct` and `attempted`, 1 or 0, and see `aggregate`.

    Args:
        task: what the judge is told; the form of the reply is added to it.
    """

    task: str = THREE_GRADES

    name: ClassVar[str] = "three_way_grade"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge grades every answer that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Asks the judge once (and once more when its reply cannot be read)."""
        settled = unanswerable(sample) or unanswered(answer, correct=0.0, attempted=0.0)
        if settled is not None:
            return settled
        put = against_reference(self.task, sample, answer, GRADE)
        audits = await replies(judge_of(instruments, self.name), put, GRADE)
        return completed(self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason), put.details)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        grade = GRADE.read(audits)
        if grade is None:
            return None
        correct = grade == "CORRECT"
        metrics: dict[str, float | None] = {"correct": float(correct), "attempted": float(grade != "NOT_ATTEMPTED")}
        verdict = Verdict(value=float(correct), is_correct=correct, metrics=metrics, details={"grade": grade}, audits=tuple(audits))
        return cut_short(verdict, finish_reason)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """SimpleQA's figures over the metrics of all graded answers (arXiv:2411.04368, section 4).

        Args:
            rows: outcome and metrics of one answer each; answers without `correct` and `attempted` were not graded and are left out.

        Returns:
            `correct` and `attempted` as shares of all answers, `correct_given_attempted` = correct / attempted, and
            `f_score`, the harmonic mean of correct and correct_given_attempted. None where a figure has no denominator.
        """
        graded = [(c, a) for _, row in rows if (c := row.get("correct")) is not None and (a := row.get("attempted")) is not None]
        if not graded:
            return {"correct": None, "attempted": None, "correct_given_attempted": None, "f_score": None}
        correct = sum(c for c, _ in graded) / len(graded)
        attempted = sum(a for _, a in graded) / len(graded)
        given_attempted = correct / attempted if attempted else None
        f_score = 2 * correct / (1 + attempted)  # the harmonic mean of the two, also where nothing was attempted
        return {"correct": correct, "attempted": attempted, "correct_given_attempted": given_attempted, "f_score": f_score}


@scorer("typed_then_judge")
@dataclass(frozen=True)
class TypedThenJudge:
    """The typed exact match first, a judge only where it fails; metric `official_match` is the match alone, always.

    Args:
        task: what the judge is told; the form of the reply is added to it.
        judge: "fallback", or "never": the match alone decides and no judge is needed.
    """

    task: str = EQUIVALENCE
    judge: str = "fallback"

    name: ClassVar[str] = "typed_then_judge"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.judge not in {"fallback", "never"}:
            raise ConfigError(f"judge = {self.judge!r}: an exact match with a judge knows 'fallback' and 'never'")

    @property
    def needs(self) -> frozenset[str]:
        """A judge, unless it was switched off."""
        return frozenset({"judge"}) if self.judge == "fallback" else frozenset()

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Compares, and asks the judge about the whole response where the comparison fails."""
        settled = unanswerable(sample) or unanswered(answer, official_match=0.0)
        if settled is not None:
            return settled
        candidate = answer.extraction.answer
        read: dict[str, JSON] = {"candidate": candidate, "how": answer.extraction.how}
        matched = candidate is not None and typed_match(as_text(sample.reference), as_text(candidate))
        if matched or self.judge == "never":
            details = {"stage": "match", **read}
            verdict = Verdict(value=float(matched), is_correct=matched, metrics={"official_match": float(matched)}, details=details)
            return cut_short(verdict, answer.completion.finish_reason)
        put = against_reference(self.task, sample, answer, CORRECTNESS)
        audits = await replies(judge_of(instruments, self.name), put, CORRECTNESS)
        reread = self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason)
        return completed(reread, {**read, **put.details})

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read; a judge was asked, so the match had failed."""
        said = CORRECTNESS.read(audits)
        if said is None:
            return None
        details = {"stage": "judge", **msgspec.to_builtins(said)}
        metrics: dict[str, float | None] = {"official_match": 0.0}
        verdict = Verdict(value=float(said.correct), is_correct=said.correct, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)


# ------------------------------------------------------------------------------------------- shared by judge-based scorers


def against_reference(task: str, sample: Sample, answer: Answer, form: Form[Any]) -> Brief:
    """The judge's prompt with question, reference and the visible response as exhibits."""
    exhibits = (
        Exhibit("QUESTION", sample.question, QUESTION_LIMIT),
        Exhibit("REFERENCE", as_text(sample.reference)),
        Exhibit("RESPONSE", answer.text),
    )
    return brief(task, exhibits, form.instruction, salt=sample.record_id)


async def replies(judge: Judge, put: Brief, form: Form[Any]) -> tuple[JudgeAudit, ...]:
    """What the judge said until its verdict could be read.

    Raises:
        JudgeError: it could not be asked, or no reply could be read; carries the audits.
    """
    _, audits = await judge.rule(put.prompt, form.parse, reminder=form.reminder)
    return audits


def as_text(value: JSON) -> str:
    """A reference as text: strings as they are, anything else as canonical JSON."""
    return value if isinstance(value, str) else canonical(value).decode()


def unanswerable(sample: Sample) -> Verdict | None:
    """The verdict on a row without a reference, None for a row that has one."""
    if sample.reference is None or blank(as_text(sample.reference)):
        return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": "the row has no reference answer"})
    return None


def unanswered(answer: Answer, **metrics: float | None) -> Verdict | None:
    """The verdict on an answer in which nothing can be seen, None where there is something to grade."""
    if not blank(answer.text):
        return None
    why: dict[str, JSON] = {"why": "empty answer"}
    verdict = Verdict(value=0.0, is_correct=False, outcome=Outcome.REFUSED, metrics=dict(metrics), details=why)
    return cut_short(verdict, answer.completion.finish_reason)


def cut_short(verdict: Verdict, finish_reason: str | None) -> Verdict:
    """The verdict, as `truncated` where the answer was cut at max_tokens and is not correct."""
    if finish_reason == "length" and verdict.is_correct is False:
        return msgspec.structs.replace(verdict, outcome=Outcome.TRUNCATED)
    return verdict


def completed(verdict: Verdict | None, details: Mapping[str, JSON]) -> Verdict:
    """The verdict that `reread` built from fresh replies, with what only `score` knows added to its details."""
    if verdict is None:
        raise ScorerError("a judge's reply that was read once could not be read again: the parser is not a function of the reply")
    return msgspec.structs.replace(verdict, details={**verdict.details, **details})


def judge_of(instruments: Instruments, name: str) -> Judge:
    """The judge of the run.

    Raises:
        ScorerError: the run has none.
    """
    if instruments.judge is None:
        raise ScorerError(f"the scorer {name!r} needs a judge and this run has none: set [judge].model or --judge-model")
    return instruments.judge
