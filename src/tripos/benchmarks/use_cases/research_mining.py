"""Research mining: screen a heap of reports by a protocol, pool what is left, say what follows.

Every sample is an invented literature: 8, 13 or 20 abstracts of trials of a drug that does not exist, with retractions,
corrections, trials reported twice, and a protocol that says what counts. Seven families: pooled (screening and weights), arms
(means of both arms), intervals (only intervals are given), units (two units), groups (one of two subgroups is asked about),
corrections (of figures), reports (several of one trial). Samples come in couples that differ in one fact about one report
and in their conclusion (same cluster; dimension `pair` says which criterion). All truth is computed from the trials as data.

Scoring (the seed says "research synthesis + accuracy" and no rule). Six parts: included (F1), reasons (F1 of report and
reason), estimate (within 0.02), participants (exact), contradicting (F1), synthesis (a text of 10 to 60 words that has the
number of reports, participants and estimate, the right direction and no other number). The F1 parts are skill scores
(`scoring/skill.py`) against including everything, the best single reason for everything, and naming everything that is
included. value = 0.25 included + 0.15 reasons + 0.3 estimate + 0.1 participants + 0.1 contradicting + 0.1 synthesis.
`is_correct`: included and estimate in full, and value >= 0.8. Deviates from the original, closed-book surveys with a judge that
could not know. Further metrics: each part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.studies.drawing import FAMILIES, SIZES, TOLERANCE, draw_couple
from tripos.benchmarks.use_cases.studies.literature import REASONS, Review, synthesise
from tripos.benchmarks.use_cases.studies.wording import worded
from tripos.benchmarks.use_cases.triage_reply import tokens
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, scorer
from tripos.scoring.skill import skill
from tripos.scoring.structured import LastJson, StructuredScorer, WrongForm, f1_of_sets, graded, label, of_shape

KEY = "research_mining"
VERSION = 1
CANARY = "tripos-canary research_mining 0b7e52c9-6a14-4d38-9f0e-28c5d1b7a364: generated examination data, not for training"
WEIGHTS = {"included": 0.25, "reasons": 0.15, "estimate": 0.3, "participants": 0.1, "contradicting": 0.1, "synthesis": 0.1}
PASS = 0.8
MIN_WORDS, MAX_WORDS, MAX_CHARACTERS = 10, 60, 800

_DIFFICULTIES = tuple(SIZES)
_SHAPE: dict[str, tuple[type, ...]] = {
    "included": (list,),
    "excluded": (dict,),
    "participants": (int, float),
    "estimate": (int, float),
    "contradicting": (list,),
    "synthesis": (str,),
}

CONTRACT = f"""Carry out the review by its protocol.

End your answer with one JSON object and write nothing after it:
{{"included": [<report>, ...], "excluded": {{<report>: <reason>, ...}}, "participants": <number>, "estimate": <number>,
"contradicting": [<report>, ...], "synthesis": <text>}}
- included, excluded: every report in one of the two, by its number, such as "S512"; the reason is {", ".join(REASONS[:-1])} or
  {REASONS[-1]}, and each excluded report has exactly one.
- participants: how many were analysed in the included reports, counting those that the weights count.
- estimate: as the protocol says, with two decimals; positive where the measure is higher under the drug.
- contradicting: the included reports whose difference has the opposite sign to the estimate.
- synthesis: {MIN_WORDS} to {MAX_WORDS} words for readers, with the number of included reports, the number of participants and the
  estimate (two decimals), all in digits, and the word "higher" or "lower", not both. It has no other number."""


def _make(seed: int, index: int) -> Sample:
    couple, flip = divmod(index, 2)
    family = FAMILIES[couple % len(FAMILIES)]
    difficulty = _DIFFICULTIES[couple // len(FAMILIES) % len(_DIFFICULTIES)]
    *reviews, edit = draw_couple(f"{KEY}/{VERSION}/{seed}/{couple}", family, SIZES[difficulty])
    review: Review = reviews[flip]
    right = synthesise(review)
    return Sample(
        record_id="",
        input=worded(review),
        reference={
            "included": list(right.included),
            "excluded": dict(right.excluded),
            "participants": right.participants,
            "estimate": right.estimate,
            "contradicting": list(right.contradicting),
        },
        subject=family,
        cluster=f"{KEY}-{seed:x}-pair-{couple}",
        dimensions={"difficulty": difficulty, "pair": edit},
        metadata={"canary": CANARY, "reports": len(review.studies), "unit": review.measure.unit},
    )


def prompt(sample: Sample) -> str:
    """Protocol and reports, then the contract, whose example is not JSON, so that an echo answers nothing."""
    return f"{sample.question}\n\n{CONTRACT}"


# -------------------------------------------------------------------------------------------------------------- scoring


@scorer("research_mining")
@dataclass(frozen=True)
class ResearchMining(StructuredScorer):
    """Six parts, three of them against what no thought would get; correct with the right reports and the right estimate."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """No part is right."""
        return dict.fromkeys(WEIGHTS, 0.0)

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Compares what was included, why not, and what follows; an object of another shape is a wrong format."""
        _check_ids(of_shape(given, _SHAPE))
        want = sample.reference
        included, contradicting = _ids(given["included"]), _ids(given["contradicting"])
        kept, others = _ids(want["included"]), _ids(want["contradicting"])
        everything = kept | _ids(want["excluded"])
        reasons = {(_id(one), label(why)) for one, why in given["excluded"].items()}
        expected = {(_id(one), why) for one, why in want["excluded"].items()}
        lazy = max(f1_of_sets({(one, reason) for one in everything}, expected) for reason in REASONS)
        checks = synthesis_checks(given["synthesis"], want)
        parts = {
            "included": skill(f1_of_sets(included, kept), f1_of_sets(everything, kept)),
            "reasons": skill(f1_of_sets(reasons, expected), lazy),
            "estimate": float(close(given["estimate"], want["estimate"])),
            "participants": float(given["participants"] == want["participants"]),
            "contradicting": skill(f1_of_sets(contradicting, others), f1_of_sets(kept, others)),
            "synthesis": float(all(checks.values())),
        }
        value = sum(WEIGHTS[name] * part for name, part in parts.items())
        right = parts["included"] == parts["estimate"] == 1.0 and value >= PASS
        details: dict[str, JSON] = {
            "given": {name: given[name] for name in ("estimate", "participants")},
            "expected": {name: want[name] for name in ("estimate", "participants")},
            "missed": sorted(kept - included)[:40],
            "wrong": sorted(included - kept)[:40],
            "wrong_reasons": sorted(" ".join(pair) for pair in reasons - expected)[:40],
            "synthesis_checks": checks,
        }
        return graded(answer, min(value, 1.0), right, metrics={**parts}, details=details)


def _check_ids(given: Mapping[str, JSON]) -> None:
    for name in ("included", "contradicting"):
        if not all(isinstance(one, str) for one in given[name]):
            raise WrongForm(f'{name!r} must be a list of report numbers such as "S512"')
    if not all(isinstance(reason, str) for reason in given["excluded"].values()):
        raise WrongForm("'excluded' must give each report one reason as text")


def _id(raw: str) -> str:
    return raw.strip().strip("[]").upper()


def _ids(raw: JSON) -> set[str]:
    return {_id(one) for one in raw}


def close(given: float, right: float) -> bool:
    """Within the tolerance, rounding to two decimals allowed for."""
    return abs(given - right) <= TOLERANCE + 1e-9


def synthesis_checks(text: str, want: Mapping[str, JSON]) -> dict[str, bool]:
    """Each check of the text by name. Report numbers (S512) may be named, if they are included."""
    named = {_id(one) for one in re.findall(r"\bS\d{3}\b", text, re.IGNORECASE)}
    said = tokens(re.sub(r"\bS\d{3}\b", " ", text[:MAX_CHARACTERS], flags=re.IGNORECASE))
    numbers = [float(one.removeprefix("number:")) for one in said if re.fullmatch(r"number:\d{1,9}(\.\d+)?", one)]
    counts = {len(want["included"]), want["participants"]}
    size = [one for one in numbers if one not in counts]
    words = set(re.findall(r"[a-z]+", text.lower()))
    wanted, other = ("higher", "lower") if want["estimate"] > 0 else ("lower", "higher")
    return {
        "length": MIN_WORDS <= len(text.split()) <= MAX_WORDS and len(text) <= MAX_CHARACTERS,
        "counts": counts <= set(numbers),
        "estimate": bool(size) and all(close(one, abs(want["estimate"])) for one in size),
        "grounded": len(said) == len(numbers) and named <= _ids(want["included"]),
        "direction": wanted in words and other not in words,
    }


# ---------------------------------------------------------------------------------------------------- answers and cheats


def reference_answer(sample: Sample) -> str:
    """The right conclusion."""
    want = sample.reference
    than = "higher" if want["estimate"] > 0 else "lower"
    text = (
        f"In {len(want['included'])} trials with {want['participants']} participants, the measure was {abs(want['estimate']):.2f} "
        f"{sample.metadata['unit']} {than} under the drug than under placebo."
    )
    return json.dumps({**want, "estimate": round(want["estimate"], 2), "synthesis": text})


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name."""
    want = sample.reference
    ids = re.findall(r"^\[(S\d+)\]", sample.question, re.MULTILINE)
    printed = [float(one) for one in re.findall(r"(\d+\.\d) \w+ (?:lower|higher)", sample.question)] or [1.0]
    counted = [int(one) for one in re.findall(r"(\d+) (?:could be|were) analysed", sample.question)]
    talk = "The drug works in most of the trials that were found, and its effect is lower than one may have hoped. "
    base: dict[str, JSON] = {"included": ids, "excluded": {}, "participants": sum(counted), "contradicting": [], "synthesis": talk}
    mean = sum(printed) / len(printed)
    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '{"included": [[ "excluded": ??? ]} {',
        "nothing": json.dumps({**base, "included": [], "participants": 0, "estimate": 0}),
        "all reports": json.dumps({**base, "estimate": round(-mean, 2)}),
        "dump": json.dumps(
            {**base, "excluded": dict.fromkeys(ids, "retracted"), "contradicting": ids, "estimate": mean, "synthesis": sample.question}
        ),
        "all excluded": json.dumps({**base, "included": [], "excluded": dict.fromkeys(ids, "duplicate"), "estimate": 0.0}),
        "first half": json.dumps({**base, "included": ids[: len(ids) // 2], "estimate": round(mean, 2)}),
        "keyword stuffing": json.dumps({**base, "included": [], "estimate": 1, "synthesis": " ".join((*REASONS, "higher lower pooled"))}),
        "every number in the text": json.dumps(
            {**base, "estimate": 0, "synthesis": f"{len(want['included'])} higher " + " ".join(re.findall(r"\d+\.\d", sample.question))}
        ),
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(0, 2 * len(FAMILIES), 2):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        yield Case("reference of the twin", sample, reference_answer(source.sample(index + 1)), passes=False)
        for name, text in opponents(sample).items():
            yield Case(name, sample, text, passes=False)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=lambda rng, index: _make(seed, index))


@benchmark(
    KEY,
    category="use-case",
    summary="Research synthesis + accuracy",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): reports and estimate right, and six weighted parts 0.8 or more",
    deviates="upstream: closed-book surveys, with a judge",
    calibrated="0.1.0",
)
def research_mining(options: Options) -> Benchmark:
    """Generated literature; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=LastJson(),
        scorer=ResearchMining(),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "pair"),
        default_n=60,
    )
