"""Two labels, one of which is to be detected: read from a line of its own, counted over the set.

transform=LabelLine(labels=("anomaly", "normal"), also=(("anomaly", ("anomalous", "abnormal")),))
scorer=Detection(positive="anomaly", negative="normal")
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Outcome, Sample, Verdict
from tripos.scoring.judge import seen
from tripos.scoring.judged import cut_short, unanswerable, unanswered
from tripos.scoring.scorer import Answer, Instruments, Rows, scorer, transform

_OTHERS = ("verdict", "answer", "classification", "prediction")
_NAMED = re.compile(rf"[^\w\n]*(?:(?:the|final|my)\s+)*(label|{'|'.join(_OTHERS)})\s*[\"'*_`]*\s*[:=：](.*)", re.IGNORECASE)
_REMARK = re.compile(r"\(([^()]*)\)[\s.]*\Z")
_SIGN = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")  # ✅ and its kin
_LONGEST = 300  # characters of a line that can be a verdict


@transform("label_line")
@dataclass(frozen=True)
class LabelLine:
    """The last verdict of the text: a line `Label: X`, which may be part of a JSON object.

    Where there is no such line, one that names a verdict, answer, classification or prediction instead, or a last line that is
    nothing but X. X must be one label and nothing else, so that "not X", "X or Y" and talk about labels are none; a last verdict
    that cannot be read is no answer, since earlier ones were drafts. Letter case, markdown, quotes, brackets around it, a full
    stop and a remark in parentheses that names no other label do not matter. Never raises.

    Args:
        labels: the labels, lower case.
        also: further words for a label.
    """

    labels: tuple[str, ...]
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        lines = [line for line in text.splitlines() if line.strip("` \t\r")]
        said = dict(map(_said, lines))
        for value in (said.get("label"), said.get("other")):
            if value is not None:
                found = self._label(value)
                return Extraction(answer=found, how="label line" if found else f"a label line that says {value[:60]!r}")
        found = self._label(lines[-1]) if lines else None
        return Extraction(answer=found, how="last line" if found else "no label line")

    def _label(self, said: str) -> str | None:
        said = _SIGN.sub("", seen(said)).casefold()
        words = {**{label: label for label in self.labels}, **{one: label for label, more in self.also for one in more}}
        remark = _REMARK.search(said)
        if remark is not None and remark.start() and not any(word in remark[1] for word in words):
            said = said[: remark.start()]
        return words.get(said.strip("*_`\"'.,<>[]() \t\r"))


def _said(line: str) -> tuple[str, str]:
    """("label" or "other", what the line says it is); ("", "") where it is not such a line."""
    line = line.strip()
    if len(line) > _LONGEST:
        return "", ""
    if line.startswith("{") and line.endswith("}"):
        line = line[1:-1]  # a JSON object with this key alone, else its other keys make the value unreadable
    named = _NAMED.fullmatch(line)
    return ("label" if named[1].lower() == "label" else "other", named[2]) if named else ("", "")


@scorer("detection")
@dataclass(frozen=True)
class Detection:
    """Right where the extracted label is the reference; value 1 or 0. Figures over the set: `aggregate`.

    Metrics of a sample: `positive`, 1 where the reference is the positive label; `detected`, 1 where the answer is; `answered`,
    1 where there is a label. Without a label the answer is wrong: `detected` is then the opposite of `positive`.

    Args:
        positive, negative: the two labels.
    """

    positive: str
    negative: str

    name: ClassVar[str] = "detection"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """Compares; an answer without a label is a wrong format."""
        if sample.reference not in (self.positive, self.negative):
            why = f"the reference {sample.reference!r} is no label"
            return unanswerable(sample) or Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": why})
        is_positive = sample.reference == self.positive
        wrong: dict[str, float | None] = {"positive": float(is_positive), "detected": float(not is_positive), "answered": 0.0}
        given, finish_reason = answer.extraction.answer, answer.completion.finish_reason
        settled = unanswered(answer, **wrong)
        if settled is not None:
            return settled
        details = {"expected": sample.reference, "given": given, "how": answer.extraction.how}
        if given not in (self.positive, self.negative):
            verdict = Verdict(value=0.0, is_correct=False, outcome=Outcome.WRONG_FORMAT, metrics=wrong, details=details)
            return cut_short(verdict, finish_reason)
        right = given == sample.reference
        metrics: dict[str, float | None] = {
            "positive": float(is_positive),
            "detected": float(given == self.positive),
            "answered": 1.0,
        }
        return cut_short(Verdict(value=float(right), is_correct=right, metrics=metrics, details=details), finish_reason)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """The figures of `detection_figures`, with `answered`, the share of answers that had a label."""
        graded = [row for _, row in rows if row.get("positive") is not None and row.get("detected") is not None]
        pairs = [(row["positive"] == 1.0, row["detected"] == 1.0) for row in graded]
        answered = sum(row.get("answered") or 0.0 for row in graded) / len(graded) if graded else None
        return {**detection_figures(pairs), "answered": answered}


def detection_figures(pairs: Sequence[tuple[bool, bool]]) -> dict[str, float | None]:
    """The usual figures of (is positive, was detected) pairs; None where one has no denominator.

    Returns:
        `precision` = TP/(TP+FP); `recall` = TP/(TP+FN); `f1` = 2TP/(2TP+FP+FN), the harmonic mean of the two, None where
        neither is there; `specificity` = TN/(TN+FP); `balanced_accuracy`, the mean of recall and specificity; `mcc`, the
        correlation of the two columns (Matthews 1975, doi 10.1016/0005-2795(75)90109-9), 0 where everything got one label
        while both occur, None where only one occurs; `base_rate`, the share of positives; and the four counts.
    """
    tp = sum(truth and said for truth, said in pairs)
    fp = sum(said and not truth for truth, said in pairs)
    fn = sum(truth and not said for truth, said in pairs)
    tn = len(pairs) - tp - fp - fn
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    spread = math.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    both = recall is not None and specificity is not None
    return {
        "precision": _ratio(tp, tp + fp),
        "recall": recall,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "specificity": specificity,
        "balanced_accuracy": (recall + specificity) / 2 if recall is not None and specificity is not None else None,
        "mcc": ((tp * tn - fp * fn) / spread if spread else 0.0) if both else None,
        "base_rate": _ratio(tp + fn, len(pairs)),
        "true_positives": float(tp),
        "false_positives": float(fp),
        "false_negatives": float(fn),
        "true_negatives": float(tn),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
