"""GPQA: "Google-proof" graduate multiple choice in biology, chemistry and physics (Rein et al. 2023, https://arxiv.org/abs/2311.12022).

Source: hub `Idavidrein/gpqa`, gated, CC-BY-4.0; configurations gpqa_diamond (198 rows), gpqa_main (448), gpqa_extended (546), each
with the split train. Columns used: Question, Correct Answer, Incorrect Answer 1 to 3, High-level domain, Subdomain, Record ID. Its
authors ask not to publish questions in plain text: keep records of runs private.

Scoring: the chosen letter is the letter of the correct answer. simple-evals permutes the options of each question with a seeded
generator and counts an answer without "Answer: X" as wrong.

Deviations: the order of the options is a function of the Record ID alone, so that it is the same for every model, seed and sample
size (with upstream's column order the right answer would always be A). Options are stripped; an option that is empty or repeats
another one is left out, and so is a row whose correct answer also stands among the wrong ones. The letter is read as in
`scoring.choice`, with a judge where no single letter is found, if the run has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tripos.benchmarks.academic.multiple_choice import choice_cases, choice_scorer
from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Sample
from tripos.scoring.choice import ChoiceLetter, letters, multiple_choice_prompt

SUBSETS = ("diamond", "main", "extended")
_WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


@benchmark(
    "gpqa",
    category="reasoning",
    summary="GPQA graduate-level multiple-choice",
    size="198 (diamond), 448 (main), 546 (extended)",
    licence="CC-BY-4.0",
    gated=True,
    source="Idavidrein/gpqa",
    official="the letter of the right answer; an answer without a letter is wrong (simple-evals)",
    deviates="options in an order by Record ID, repeated ones left out; a judge, if any, reads unclear answers",
    calibrated="0.1.0",
)
def gpqa(options: Options) -> Benchmark:
    """`subset` is diamond (default), main or extended. Subject is the subdomain; also reported by domain."""
    refuse("gpqa", options, "shots")
    subset = (options.subset or "diamond").removeprefix("gpqa_")
    if subset not in SUBSETS:
        raise ConfigError(unknown("subset of gpqa", subset, SUBSETS))
    return Benchmark(
        samples=huggingface(
            "Idavidrein/gpqa",
            key="gpqa",
            config=f"gpqa_{subset}",
            split=options.split or "train",
            data=options.data,
            columns=("Question", "Correct Answer", *_WRONG, "High-level domain", "Subdomain", "Record ID"),
            to_sample=to_sample,
            gated=True,
        ),
        prompt=multiple_choice_prompt,
        transform=ChoiceLetter(),
        scorer=choice_scorer(options),
        perfect=lambda sample: f"Answer: {sample.reference}",
        per_subject=("domain",),
        calibration=calibration,
    )


def to_sample(row: dict[str, Any]) -> Sample | None:
    """One row; the id is `Record ID`. None where the correct answer is also offered as a wrong one."""
    record_id = str(row["Record ID"]).strip()
    correct = str(row["Correct Answer"] or "").strip()
    wrong = list(dict.fromkeys(text for text in (str(row[name] or "").strip() for name in _WRONG) if text))
    if not record_id or not correct or not wrong:
        raise ValueError("Record ID, Correct Answer or every Incorrect Answer is empty")
    if correct in wrong:
        return None
    choices = tuple(sorted([correct, *wrong], key=lambda text: hashlib.sha256(f"{record_id}\0{text}".encode()).digest()))
    domain = row["High-level domain"]
    return Sample(
        record_id=record_id,
        input=text(row, "Question"),
        reference=letters(len(choices))[choices.index(correct)],
        choices=choices,
        subject=row["Subdomain"] or domain or None,
        dimensions={"domain": str(domain)} if domain else {},
    )


def calibration() -> Iterable[Case]:
    """Three questions of our own in the true columns."""
    own = [
        ("cal-1", "Which gas do plants take up in photosynthesis?", "Carbon dioxide", ("Oxygen", "Nitrogen", "Methane"), "Biology"),
        ("cal-2", "What is the charge of an alpha particle, in units of e?", "+2", ("+1", "0", "-1"), "Physics"),
        (
            "cal-3",
            "Which bond is the shortest?",
            "The triple bond of N2",
            ("The bond of F2", "The bond of O2", "The bond of Cl2"),
            "Chemistry",
        ),
    ]
    for record_id, question, correct, wrong, domain in own:
        row = {"Record ID": record_id, "Question": question, "Correct Answer": correct, "High-level domain": domain, "Subdomain": ""}
        sample = to_sample({**row, **dict(zip(_WRONG, wrong, strict=True))})
        assert sample is not None
        yield from choice_cases([sample])
