"""Open answers by a judge, with the words that answer and reference share beside it; or by these words alone."""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.exact_then_judge import plainly_equal
from tripos.scoring.judge import Exhibit, brief
from tripos.scoring.judged import (
    EQUIVALENCE,
    QUESTION_LIMIT,
    as_text,
    completed,
    cut_short,
    judge_of,
    replies,
    unanswerable,
    unanswered,
)
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.verdicts import CORRECTNESS

JUDGE_USES = ("always", "never")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_IDLE = frozenset({"a", "an", "the"})


def words(text: str) -> list[str]:
    """Lower-case words without ASCII punctuation and English articles."""
    return [word for word in unicodedata.normalize("NFKC", text).lower().translate(_PUNCTUATION).split() if word not in _IDLE]


def token_f1(reference: str, answer: str) -> float:
    """Harmonic mean of the shares of the answer's and of the reference's words that the other has, repeats counted, 0..1.

    The overlap of extractive question answering (Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1); 0 where either has no
    word.
    """
    wanted, given = Counter(words(reference)), Counter(words(answer))
    if not wanted or not given:
        return 0.0
    return 2 * (wanted & given).total() / (wanted.total() + given.total())


@scorer("judged_with_overlap")
@dataclass(frozen=True)
class JudgedWithOverlap:
    """A judge says whether the response means the same as the reference; value 1 or 0, and `token_f1` among the details.

    With judge = "never" the value is `token_f1` of the extracted answer, which knows no order of words, no sign and no bracket;
    correct is only what `plainly_equal` calls the same.

    Args:
        task: what the judge is told; the form of the reply is added to it.
        judge: "always" or "never".
        context: the name in `Sample.metadata` of a text that the judge is shown beside the question; None: none.
    """

    task: str = EQUIVALENCE
    judge: str = "always"
    context: str | None = None

    name: ClassVar[str] = "judged_with_overlap"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.judge not in JUDGE_USES:
            raise ConfigError(unknown("judge", self.judge, JUDGE_USES))

    @property
    def needs(self) -> frozenset[str]:
        """A judge, unless it was switched off."""
        return frozenset() if self.judge == "never" else frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Asks the judge once (and once more when its reply cannot be read)."""
        settled = unanswerable(sample) or unanswered(answer)
        if settled is not None:
            return settled
        candidate, finish_reason = answer.extraction.answer, answer.completion.finish_reason
        overlap = token_f1(as_text(sample.reference), as_text(candidate)) if candidate is not None else 0.0
        if self.judge == "never":
            equal = candidate is not None and plainly_equal(as_text(sample.reference), as_text(candidate))
            value = 1.0 if equal else overlap
            verdict = Verdict(value=value, is_correct=equal, details={"stage": "overlap", "candidate": candidate, "token_f1": overlap})
            return cut_short(verdict, finish_reason)
        context = sample.metadata.get(self.context) if self.context else None
        exhibits = [Exhibit("CONTEXT", as_text(context), QUESTION_LIMIT)] if context else []
        exhibits += [Exhibit("QUESTION", sample.question, QUESTION_LIMIT), Exhibit("REFERENCE", as_text(sample.reference))]
        put = brief(self.task, [*exhibits, Exhibit("RESPONSE", answer.text)], CORRECTNESS.instruction, salt=sample.record_id)
        audits = await replies(judge_of(instruments, self.name), put, CORRECTNESS)
        verdict_read = self.reread(sample.reference, audits, finish_reason=finish_reason)
        return completed(verdict_read, {"token_f1": overlap, **put.details})

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        said = CORRECTNESS.read(audits)
        if said is None:
            return None
        details = {"stage": "judge", **msgspec.to_builtins(said)}
        verdict = Verdict(value=float(said.correct), is_correct=said.correct, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)
