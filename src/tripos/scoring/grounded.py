"""Answers with evidence: a typed answer compared exactly, and the places that it is cited from.

transform=LastJson(), scorer=GroundedAnswer(evidence="citations")

The candidate's answer is an object {"answer": …, "<evidence>": [ids]}; `Sample.reference` is

    {"type": "number" | "date" | "name" | "names" | "none", "value": …, "evidence": [[id, …], …],
     "harmless": [id, …], "aliases": {name: [other spellings]}, "units": ["EUR", …]}

where each entry of `evidence` is one place that has to be cited, by any of its ids, and `harmless` ids (a superseded
statement, say) count neither for nor against.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, scorer
from tripos.scoring.structured import NULL, StructuredScorer, WrongForm, f1, graded, label, matching, moment, of_shape

CITED_ENOUGH = 0.5
ANSWER_SHARE = 0.6
MAX_NUMBER_CHARACTERS = 60
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,6})?")
_NOTHING = frozenset({"", "null", "none", "n/a"})


@scorer("grounded_answer")
@dataclass(frozen=True)
class GroundedAnswer(StructuredScorer):
    """Answer and evidence. value = 0 when the answer is wrong or nothing is cited rightly, else 0.6 + 0.4 * F1 of the evidence;
    correct when the answer is right and that F1 is at least `CITED_ENOUGH`.

    Args:
        evidence: the field that holds the ids.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    evidence: str = "evidence"

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """See `nothing_found`."""
        return nothing_found(want)

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Compares answer and evidence; an object without the two fields is a wrong format."""
        of_shape(given, {"answer": (str, int, float, list, NULL), self.evidence: (list,)})
        if not all(isinstance(one, str) for one in given[self.evidence]):
            raise WrongForm(f"{self.evidence!r} must be a list of ids")
        want = sample.reference
        right = answers(want, given["answer"])
        hits, found = evidence_hits(want, given[self.evidence])
        score = f1(hits, found=found, expected=len(want["evidence"]))
        value = ANSWER_SHARE + (1 - ANSWER_SHARE) * score if right and score > 0 else 0.0
        metrics = {
            "answer": float(right),
            "evidence_f1": score,
            "evidence_precision": hits / found if found else None,
            "evidence_recall": hits / len(want["evidence"]) if want["evidence"] else None,
        }
        details: dict[str, JSON] = {"given": _brief(given["answer"]), "expected": want["value"], "evidence": given[self.evidence][:50]}
        return graded(answer, value, right and score >= CITED_ENOUGH, metrics=metrics, details=details)


def nothing_found(want: Mapping[str, JSON]) -> dict[str, float | None]:
    """The figures of an answer without answer and evidence."""
    return {"answer": 0.0, "evidence_f1": 0.0, "evidence_precision": None, "evidence_recall": 0.0 if want["evidence"] else None}


def answers(want: Mapping[str, JSON], given: JSON) -> bool:
    """Whether `given` is the expected answer of that type; never raises.

    number: equal, with or without thousands separators and one of the `units`; date: the same ISO day; name: the same
    text or an alias of it, letter case and white space aside; names: the same set; none: null or the words for it.
    """
    kind, value = want["type"], want["value"]
    if kind == "none":
        return given is None or (isinstance(given, str) and label(given) in _NOTHING)
    if given is None:
        return False
    if kind == "number":
        read = _number(given, want.get("units", ()))
        return read is not None and abs(read - value) < 1e-9
    if kind == "date":
        day = moment(given) if isinstance(given, str) else None
        return day is not None and day.date().isoformat() == value
    aliases: Mapping[str, Sequence[str]] = want.get("aliases", {})
    if kind == "name":
        return isinstance(given, str) and _name(given) in _spellings(value, aliases)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        return False
    names = sorted({_name(one) for one in given})
    return len(names) == len(value) == len(matching(value, names, lambda one, name: name in _spellings(one, aliases)))


def evidence_hits(want: Mapping[str, JSON], given: Sequence[str]) -> tuple[int, int]:
    """(places cited rightly, ids given that are not harmless); an id given twice counts once."""
    harmless = {_id(one) for one in want.get("harmless", ())}
    ids = [one for one in dict.fromkeys(_id(raw) for raw in given) if one not in harmless]
    places = [{_id(one) for one in place} for place in want["evidence"]]
    return len(matching(places, ids, lambda place, one: one in place)), len(ids)


def _id(raw: str) -> str:
    return raw.strip().strip("[](){}.").strip().casefold()


def _name(raw: str) -> str:
    return " ".join(label(unicodedata.normalize("NFKC", raw)).split())


def _spellings(value: str, aliases: Mapping[str, Sequence[str]]) -> set[str]:
    return {_name(one) for one in (value, *aliases.get(value, ()))}


def _number(given: JSON, units: Sequence[str]) -> float | None:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, str):
        return None
    text = given.strip().rstrip(".").strip()
    if len(text) > MAX_NUMBER_CHARACTERS:
        return None
    for unit in units:
        text = re.sub(rf"\A{re.escape(unit)}\s*|\s*{re.escape(unit)}\Z", "", text, count=1, flags=re.IGNORECASE)
    return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


def _brief(given: JSON) -> JSON:
    return given[:200] if isinstance(given, str | list) else given
