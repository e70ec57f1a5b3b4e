"""Short answers compared by rule: where the final answer stands, and whether it is the expected one.

`typed_match` is GAIA's official matcher (`question_scorer` of the leaderboard at huggingface.co/spaces/gaia-benchmark/
leaderboard, `scorer.py`), in our own words: the reference decides whether numbers, lists or strings are compared.
Two quirks of the original are not followed, because they call wrong answers right:

* there an unreadable number becomes infinity, so that a reference such as "inf" equals any word; here "inf", "infinity"
  and "nan" are strings like any other, and an unreadable number equals nothing;
* there a reference of punctuation only ("?") equals any other punctuation; here such texts are compared as they stand.
"""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_MARKER = re.compile(r"final\s{1,8}answer[ \t*_`]{0,8}[:：]", re.IGNORECASE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNITS = str.maketrans("", "", "$%,")


@transform("final_answer")
@dataclass(frozen=True)
class FinalAnswer:
    """The line after the last `FINAL ANSWER:`; without a marker the whole text is the answer, as it is for the official scorer.

    Case does not matter, markdown emphasis around marker and answer is removed, and the answer may stand on the next
    line that is not blank. A marker with nothing behind it is no answer.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        markers = list(_MARKER.finditer(text))
        if not markers:
            return Extraction(answer=text.strip() or None, how="no marker: whole text")
        for line in text[markers[-1].end() :].splitlines():
            answer = line.strip().strip("*`").strip()
            if answer:
                return Extraction(answer=answer, how="after the last FINAL ANSWER marker")
        return Extraction(how="nothing after the last FINAL ANSWER marker")


def typed_match(reference: str, prediction: str) -> bool:
    """Whether the prediction is the reference by GAIA's rule (see the module).

    A finite number: `$`, `%` and `,` are dropped from the prediction and both are compared as floats. A text with `,` or
    `;`: both are split there, the lengths must agree, each element is compared as a number or as a string with its
    punctuation. Any other text: compared in lower case without white space and punctuation.
    """
    expected = _number(reference)
    if expected is not None:
        return _number(prediction.translate(_UNITS)) == expected
    if re.search("[,;]", reference):
        wanted, given = re.split("[,;]", reference), re.split("[,;]", prediction)
        return len(wanted) == len(given) and all(_same_element(w, g) for w, g in zip(wanted, given, strict=True))
    bare = normalised(reference)
    return bare == normalised(prediction) if bare else reference.strip() == prediction.strip()


def normalised(text: str, *, keep_punctuation: bool = False) -> str:
    """Lower case, without white space and, unless kept, without ASCII punctuation."""
    joined = "".join(text.split()).lower()
    return joined if keep_punctuation else joined.translate(_PUNCTUATION)


def _same_element(wanted: str, given: str) -> bool:
    expected = _number(wanted)
    if expected is not None:
        return _number(given.translate(_UNITS)) == expected
    return normalised(wanted, keep_punctuation=True) == normalised(given, keep_punctuation=True)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
