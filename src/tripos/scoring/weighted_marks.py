"""Reports marked criterion by criterion, beside a reference report or by themselves (RACE of DeepResearchBench).

`Sample.reference` is

    {"weights": {dimension: weight}, "criteria": [{"dimension", "criterion", "explanation", "weight"}, …], "article": text or None}

A judge gives every criterion a mark from 0 to 10, and the reference report one as well where there is one. A dimension's mark
is the mean of its criteria by weight, a report's mark the mean of its dimensions by weight. With a reference report

    value = mark / (mark + mark of the reference)        0.5: as good as the reference

and the same for each dimension (Du et al. 2025, arXiv:2506.11763, section 4.1); without one, value = mark / 10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.core.records import JSON, JudgeAudit, Outcome, Sample, Verdict
from tripos.scoring.judge import Brief, Exhibit, brief
from tripos.scoring.judged import QUESTION_LIMIT, completed, cut_short, judge_of, replies, unanswered
from tripos.scoring.numbered import weighted
from tripos.scoring.scorer import Answer, Instruments, Rows, means, scorer
from tripos.scoring.verdicts import Form

REPORT_LIMIT = 120_000
"""Characters of a report that a judge is shown (about 30,000 tokens of English)."""
BEST = 10.0

TASK = """You are an examiner of research reports. Mark {reports} criterion by criterion.

- A mark is a number from 0 to 10, halves allowed: 0-2 the criterion is hardly met or missed, 2-4 poorly met, 4-6 met in part or
  only on average, 6-8 well met, 8-10 met in full or better. Use the whole scale.
- Judge each criterion for itself, by what the report really says about this task. Length, tone, praise of itself, and lists of links
  or references are no merit of their own.
- A report that does not deal with the task, repeats it, or declines, is marked 0 on every criterion.{fairness}"""
_FAIRNESS = "\n- Report A and report B are marked by the same measure; neither the place nor the order is a merit."

_MARK = r"(10(?:\.0{1,3})?|\d(?:\.\d{1,3})?)(?:\s*/\s*10)?"
_HEAD = re.compile(r"[\s*_`#>.()-]*criterion[\s*_]*#?(\d{1,3})[\s*_`)]*[:=](.*)", re.IGNORECASE)
_BOTH = re.compile(rf"A\s*[=:]?\s*{_MARK}\s*[,;|]?\s*B\s*[=:]?\s*{_MARK}\.?", re.IGNORECASE)
_ONE = re.compile(rf"(?:A\s*[=:]?\s*)?{_MARK}\.?", re.IGNORECASE)
Marks = tuple[tuple[float, ...], ...]  # one tuple a criterion: the report's mark, and the reference's where there is one


@dataclass(frozen=True, slots=True)
class Rubric:
    """The reference of a sample, read."""

    weights: Mapping[str, float]
    criteria: tuple[tuple[str, float], ...]  # dimension and weight, in order
    has_article: bool

    def of_report(self, marks: Sequence[float]) -> tuple[float, dict[str, float]]:
        """(mark of the report, mark of each dimension), 0..10."""
        dimensions = {}
        for name in self.weights:
            own = {str(i): mark for i, (mark, one) in enumerate(zip(marks, self.criteria, strict=True)) if one[0] == name}
            dimensions[name] = weighted(own, {i: self.criteria[int(i)][1] for i in own})
        return weighted(dimensions, self.weights), dimensions


@scorer("weighted_marks")
@dataclass(frozen=True)
class WeightedMarks:
    """RACE (see the module); correct from a value of 0.5 on.

    Metrics, all 0..1: `overall` (the value), one for each dimension, `report_mark` and `reference_mark` (tenths; the latter None
    without a reference report).
    """

    name: ClassVar[str] = "weighted_marks"
    version: ClassVar[str] = "1"

    @property
    def needs(self) -> frozenset[str]:
        """A judge reads every report that is not empty."""
        return frozenset({"judge"})

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """One judge call for all criteria (and one more when its reply cannot be read)."""
        rubric = read_rubric(sample.reference)
        if rubric is None:
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": "the row has no criteria"})
        zeros: dict[str, float | None] = dict.fromkeys(("overall", *rubric.weights, "report_mark"), 0.0)
        settled = unanswered(answer, **zeros, reference_mark=None)
        if settled is not None:
            return settled
        form = marks_form(len(rubric.criteria), both=rubric.has_article)
        put = self.brief(sample, answer, form)
        audits = await replies(judge_of(instruments, self.name), put, form)
        return completed(self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason), put.details)

    def brief(self, sample: Sample, answer: Answer, form: Form[Marks]) -> Brief:
        """The judge's prompt: task, criteria, the report as A, the reference report as B."""
        article = sample.reference["article"]
        listed = "\n".join(
            f"{number}. [{one['dimension']}] {one['criterion']}: {one['explanation']}"
            for number, one in enumerate(sample.reference["criteria"], 1)
        )
        exhibits = [Exhibit("TASK", sample.question, QUESTION_LIMIT), Exhibit("CRITERIA", listed, QUESTION_LIMIT)]
        exhibits += [Exhibit("REPORT A", answer.text, REPORT_LIMIT)]
        exhibits += [Exhibit("REPORT B", article, REPORT_LIMIT)] if article is not None else []
        both = article is not None
        task = TASK.format(reports="report A and report B" if both else "report A", fairness=_FAIRNESS if both else "")
        return brief(task, exhibits, form.instruction, salt=sample.record_id)

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        rubric = read_rubric(reference)
        marks = marks_form(len(rubric.criteria), both=rubric.has_article).read(audits) if rubric is not None else None
        if rubric is None or marks is None:
            return None
        own, dimensions = rubric.of_report([pair[0] for pair in marks])
        metrics: dict[str, float | None]
        if rubric.has_article:
            other, others = rubric.of_report([pair[1] for pair in marks])
            value = _share(own, other)
            metrics = {"overall": value, **{name: _share(mark, others[name]) for name, mark in dimensions.items()}}
            metrics |= {"report_mark": own / BEST, "reference_mark": other / BEST}
        else:
            value = own / BEST
            metrics = {"overall": value, **{name: mark / BEST for name, mark in dimensions.items()}}
            metrics |= {"report_mark": value, "reference_mark": None}
        details: dict[str, JSON] = {"marks": [list(pair) for pair in marks], "against": "reference" if rubric.has_article else None}
        verdict = Verdict(value=value, is_correct=value >= 0.5, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """The mean of every metric over the reports that were marked (empty reports count as 0); None where nothing was."""
        return means(rows, dict.fromkeys(name for _, row in rows for name in row))


def read_rubric(reference: JSON) -> Rubric | None:
    """The rubric in a reference; None where there are no criteria, or a dimension has no weight or no criterion."""
    if not isinstance(reference, dict) or not reference.get("criteria") or not reference.get("weights"):
        return None
    weights = {str(name): float(weight) for name, weight in reference["weights"].items()}
    criteria = tuple((str(one["dimension"]), float(one["weight"])) for one in reference["criteria"])
    sums = {name: sum(weight for dimension, weight in criteria if dimension == name) for name in weights}
    amounts = (*weights.values(), *(weight for _, weight in criteria))
    if {name for name, _ in criteria} != set(weights) or min(amounts) < 0 or min(sums.values()) <= 0 or sum(weights.values()) <= 0:
        return None
    return Rubric(weights, criteria, reference.get("article") is not None)


def marks_form(count: int, *, both: bool) -> Form[Marks]:
    """A form of `count` lines `criterion N: A = 7, B = 6` (or with A alone)."""
    shape, good = ("A = <mark>, B = <mark>", "A = 7, B = 6.5") if both else ("A = <mark>", "A = 7")
    of_each = "each report" if both else "the report"
    marks = (7.0, 6.5) if both else (7.0,)
    return Form(
        name=f"marks-{count}-{'both' if both else 'one'}",
        instruction=(
            f"First say in one short sentence for each dimension where {of_each} is strong or weak. Then end your reply with exactly "
            f"{count} lines, one for each criterion in its order, and nothing after the last:\n"
            f"criterion 1: {shape}\n…\ncriterion {count}: {shape}"
        ),
        reminder=f"Your last reply could not be read. Reply again and end it with {count} lines, each like `criterion 1: {good}`.",
        parse=lambda reply: _read_marks(reply, count, _BOTH if both else _ONE),
        examples=(("Both are clear.\n" + "\n".join(f"criterion {i}: {good}" for i in range(1, count + 1)), (marks,) * count),),
    )


def _read_marks(reply: str, count: int, shape: re.Pattern[str]) -> Marks | None:
    """The marks in order; None where a criterion is missing, unreadable, or marked twice with different marks."""
    said: dict[int, tuple[float, ...]] = {}
    for line in reply.replace("：", ":").splitlines():
        head = _HEAD.fullmatch(line[:300])
        if head is None:
            continue
        found = shape.fullmatch(re.sub(r"[*_`|]", " ", head[2]).strip())
        if found is None or not 1 <= int(head[1]) <= count:
            return None
        marks = tuple(float(mark) for mark in found.groups())
        if said.setdefault(int(head[1]), marks) != marks:
            return None
    return tuple(said[number] for number in range(1, count + 1)) if len(said) == count else None


def _share(own: float, other: float) -> float:
    return own / (own + other) if own + other > 0 else 0.0


def as_reference(weights: Mapping[str, float], criteria: Sequence[Mapping[str, Any]], article: str | None) -> dict[str, JSON]:
    """What `Sample.reference` must hold, from a task's own fields."""
    names = ("dimension", "criterion", "explanation", "weight")
    return {"weights": dict(weights), "criteria": [{name: one[name] for name in names} for one in criteria], "article": article}
