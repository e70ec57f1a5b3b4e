"""Reports against a checklist: a judge says of every item whether the report has it.

`Sample.reference` is the list of items. Beside it a report may be judged by further *aspects* that are the same for every
sample: a fixed list of yes-or-no items, or a count of faults that is turned into a mark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.core.records import JSON, JudgeAudit, Outcome, Sample, Verdict
from tripos.scoring.judge import Exhibit, brief
from tripos.scoring.judged import QUESTION_LIMIT, completed, cut_short, judge_of, unanswered
from tripos.scoring.numbered import per_item
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.together import Call, all_of
from tripos.scoring.verdicts import Form

REPORT_LIMIT = 120_000
"""Characters of a report that a judge is shown (about 30,000 tokens of English)."""

COVERAGE = "coverage"
_FAULTS = re.compile(r"[\s*_`#>]*faults[\s*_`]*:[\s*_`]*(\d{1,4})[\s*_`.]*", re.IGNORECASE)
_MARKS = ((0, 1.0), (2, 0.9), (4, 0.8), (6, 0.7), (8, 0.6), (10, 0.5), (12, 0.4), (14, 0.3), (17, 0.2))
_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way of looking at a report.

    Attributes:
        task: what the judge is told.
        items: yes-or-no statements about every report; empty: the judge counts faults.
    """

    name: str
    task: str
    items: tuple[str, ...] = ()


def mark_for(faults: int) -> float:
    """The mark for a number of faults, 1 down to 0.1: LiveResearchBench's scale (arXiv:2510.14240), divided by 100."""
    return next((mark for most, mark in _MARKS if faults <= most), _LEAST)


def read_faults(reply: str) -> int | None:
    """The number on the line `faults: N` that ends the reply; None where another line does, since earlier ones may be quotations."""
    last = reply.replace("：", ":").rstrip().rpartition("\n")[2]
    found = _FAULTS.fullmatch(last[:200])
    return int(found[1]) if found else None


FAULTS: Form[int] = Form(
    name="faults",
    instruction=(
        "List the faults, each on a line of its own beginning with `- ` and in at most twenty words; write none where there is none. "
        "Then end your reply with one line that has their number:\nfaults: <number>"
    ),
    reminder="Your last reply had no readable number. Reply again; the last line is `faults: ` and a whole number, 0 for none.",
    parse=read_faults,
    examples=(("- The revenue is 3 in one place and 5 in another.\nfaults: 1", 1), ("faults: 0", 0)),
)


@scorer("checklist")
@dataclass(frozen=True)
class Checklist:
    """value = metric `coverage` = the share of the items that the report has; correct from `pass_share` on.

    Each aspect is a further judge call and a further metric 0..1 of its name: the share of its items, or `mark_for` its faults.

    Args:
        task: what the judge is told of the items; the form of the reply is added to it.
        aspects: further aspects; a judge that fails in one leaves the sample unscored.
    """

    task: str
    aspects: tuple[Aspect, ...] = ()
    pass_share: float = 0.5

    name: ClassVar[str] = "checklist"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge reads every report that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """One call for the checklist, one for each aspect.

        Raises:
            JudgeError: one of them has no complete verdict; carries the audits of all.
        """
        items = _items(sample.reference)
        if items is None:
            why = "the reference is not a list of checklist items"
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": why})
        settled = unanswered(answer, **dict.fromkeys((COVERAGE, *(a.name for a in self.aspects)), 0.0))
        if settled is not None:
            return settled
        calls = [self._call(one, sample, answer) for one in (Aspect(COVERAGE, self.task, items), *self.aspects)]
        audits = await all_of(judge_of(instruments, self.name), calls)
        verdict = self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason)
        return completed(verdict, calls[0].put.details)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if one of them cannot be read."""
        items = _items(reference)
        if items is None:
            return None
        said: dict[str, Any] = {one.name: _form(one).read(audits, one.name) for one in (Aspect(COVERAGE, self.task, items), *self.aspects)}
        if any(value is None for value in said.values()):
            return None
        metrics: dict[str, float | None] = {name: _share(value) for name, value in said.items()}
        covered = said[COVERAGE]
        value = _share(covered)
        details: dict[str, JSON] = {
            "missing": [text for text, has in zip(items, covered, strict=True) if not has],
            "items": len(items),
            "faults": {one.name: said[one.name] for one in self.aspects if not one.items},
            "not_met": {one.name: _not_met(said[one.name]) for one in self.aspects if one.items},
        }
        verdict = Verdict(value=value, is_correct=value >= self.pass_share, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)

    def _call(self, aspect: Aspect, sample: Sample, answer: Answer) -> Call:
        listed = "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(aspect.items, 1))
        exhibits = [Exhibit("QUESTION", sample.question, QUESTION_LIMIT)]
        exhibits += [Exhibit("CHECKLIST", listed, QUESTION_LIMIT)] if listed else []
        exhibits += [Exhibit("REPORT", answer.text, REPORT_LIMIT)]
        form = _form(aspect)
        return Call(aspect.name, brief(aspect.task, exhibits, form.instruction, salt=f"{sample.record_id}/{aspect.name}"), form)


def _form(aspect: Aspect) -> Form[Any]:
    return per_item("item", len(aspect.items), "yes-no") if aspect.items else FAULTS


def _share(said: tuple[float, ...] | int) -> float:
    return mark_for(said) if isinstance(said, int) else sum(said) / len(said)


def _not_met(said: tuple[float, ...]) -> list[int]:
    return [number for number, met in enumerate(said, 1) if not met]


def _items(reference: JSON) -> tuple[str, ...] | None:
    if not isinstance(reference, (list, tuple)) or not reference or not all(isinstance(one, str) and one.strip() for one in reference):
        return None
    return tuple(reference)
