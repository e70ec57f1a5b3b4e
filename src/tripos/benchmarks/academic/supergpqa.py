"""SuperGPQA: graduate-level multiple choice in 285 disciplines (Du et al. 2025, https://arxiv.org/abs/2502.14739).

Source: hub `m-a-p/SuperGPQA`, split train, 26,529 rows, ODC-BY, not gated. Columns: uuid, question, options (4 to 10 texts),
answer (text), answer_letter, discipline, field, subfield, difficulty (easy, middle, hard), is_calculation.

Scoring: the letter that the answer settles on equals `answer_letter`. The official script searches "Answer: X" forms in the
last line, then in the whole response, then option texts, and counts a miss as wrong.

Deviations: the seed's rule has a judge read every letter; here the deterministic `ChoiceLetter` reads it and a judge, if the
run has one, is asked only where no single letter was found. `judge = "always"` is the seed's rule to the letter. The prompt asks
for reasoning first, as the official zero-shot prompt does, not for a letter only. Empty options keep their position, so that
`answer_letter` stays right. No five-shot variant: its examples are not among the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tripos.benchmarks.academic.multiple_choice import choice_cases, choice_scorer
from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.sources import huggingface, text
from tripos.core.records import Sample
from tripos.scoring.choice import ChoiceLetter, letters, multiple_choice_prompt

_COLUMNS = ("uuid", "question", "options", "answer", "answer_letter", "discipline", "field", "subfield", "difficulty")


@benchmark(
    "supergpqa",
    category="reasoning",
    summary="SuperGPQA multiple-choice",
    size="26,529",
    licence="ODC-BY",
    source="m-a-p/SuperGPQA",
    official="the letter that the answer states; a miss is wrong",
    deviates="a judge, if any, reads unclear answers only (the seed: all, as with judge=always); no five-shot variant",
    calibrated="0.1.0",
)
def supergpqa(options: Options) -> Benchmark:
    """Subject is the subfield (else field, else discipline); also reported by field, discipline and difficulty."""
    refuse("supergpqa", options, "shots", "subset")
    return Benchmark(
        samples=huggingface(
            "m-a-p/SuperGPQA",
            key="supergpqa",
            split=options.split or "train",
            data=options.data,
            columns=_COLUMNS,
            to_sample=to_sample,
        ),
        prompt=multiple_choice_prompt,
        transform=ChoiceLetter(),
        scorer=choice_scorer(options),
        perfect=lambda sample: f"Answer: {sample.reference}",
        per_subject=("discipline", "field", "subfield", "difficulty"),
        calibration=calibration,
    )


def to_sample(row: dict[str, Any]) -> Sample:
    """One row. The id is `uuid`.

    Raises:
        ValueError: `answer_letter` names no option.
    """
    choices = tuple(str(text or "").strip() for text in row["options"])
    letter = str(row["answer_letter"]).strip().upper()
    if letter not in tuple(letters(len(choices))) or not choices[ord(letter) - ord("A")]:
        raise ValueError(f"answer_letter {letter!r} names none of {len(choices)} options")
    answer = str(row["answer"] or "").strip()
    dimensions = {name: str(row[name]) for name in ("discipline", "field", "subfield", "difficulty") if row[name]}
    if row.get("is_calculation") is not None:
        dimensions["is_calculation"] = "yes" if row["is_calculation"] else "no"
    return Sample(
        record_id=str(row["uuid"]),
        input=text(row, "question"),
        reference=letter,
        choices=choices,
        subject=row["subfield"] or row["field"] or row["discipline"] or None,
        dimensions=dimensions,
        # the official script goes by the letter; a row whose text says otherwise can be found by this
        metadata={} if answer == choices[ord(letter) - ord("A")] else {"answer_disagrees": answer},
    )


def calibration() -> Iterable[Case]:
    """Two questions of our own in the true columns, one with an empty option."""
    places = {"discipline": "Science", "field": "Physics", "subfield": "Optics", "difficulty": "easy", "is_calculation": False}
    rows = [
        {
            "uuid": "calibration-1",
            "question": "Through which of these does light travel slowest?",
            "options": ["Vacuum", "Air", "Water", "Diamond"],
            "answer": "Diamond",
            "answer_letter": "D",
            **places,
        },
        {
            "uuid": "calibration-2",
            "question": "What bends light at the surface of a lens?",
            "options": ["Diffraction of the rim", "", "Refraction", "Scattering by dust", "Polarisation of the glass"],
            "answer": "Refraction",
            "answer_letter": "C",
            **places,
        },
    ]
    return choice_cases(map(to_sample, rows))
