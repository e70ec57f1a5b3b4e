"""MMLU-Pro: harder MMLU with up to ten options (Wang et al. 2024, https://arxiv.org/abs/2406.01574).

Source: hub `TIGER-Lab/MMLU-Pro`, split test (12,032 rows), validation (70 rows, five a category, with `cot_content`), MIT. Columns:
question_id, question, options (3 to 10 texts), answer (letter), answer_index, cot_content, category (14 values), src.

Scoring: the letter that the answer settles on equals `answer`. Official: "answer is (X)", else "Answer: X", else the last capital
letter A to J that stands alone, else a letter drawn at random.

Deviations: no random guess, and no last stand-alone capital (it takes the article "A" and the variables of formulas for answers): an
answer without a letter counts as wrong, or goes to a judge if the run has one. 0-shot with reasoning is the default; `shots` (1
to 5) puts that many worked validation rows of the same category before the question, in the words of the official prompt, and reads
nothing after a further "Question:". In replayed official 5-shot outputs of two models (140 answers) 137 letters and 138 verdicts agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tripos.benchmarks.academic.multiple_choice import choice_cases, choice_scorer
from tripos.benchmarks.benchmark import Benchmark, Case, Options, Prompt, benchmark, refuse
from tripos.benchmarks.sources import HubSource, huggingface, text
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Sample
from tripos.scoring.choice import ChoiceLetter, letters, multiple_choice_prompt

MOST_SHOTS = 5
_COLUMNS = ("question_id", "question", "options", "answer", "answer_index", "cot_content", "category", "src")
_NOT_AVAILABLE = "N/A"  # fillers that upstream removes itself when it renders a question


@benchmark(
    "mmlu-pro",
    category="reasoning",
    summary="MMLU-Pro multiple-choice",
    size="12,032",
    licence="MIT",
    source="TIGER-Lab/MMLU-Pro",
    official="the letter that the answer states; accuracy, also by category",
    deviates="0-shot by default (there 5); no random guess, no lone capital; a judge, if any, reads unclear answers",
    calibrated="0.1.0",
)
def mmlu_pro(options: Options) -> Benchmark:
    """Subject is the category; also reported by source."""
    refuse("mmlu-pro", options, "subset")
    if not 0 <= options.shots <= MOST_SHOTS:
        raise ConfigError(f"mmlu-pro has 0 to {MOST_SHOTS} shots, not {options.shots}")
    prompt: Prompt = FewShot(options.shots, _rows(options, "validation")) if options.shots else multiple_choice_prompt
    return Benchmark(
        samples=_rows(options, options.split or "test"),
        prompt=prompt,
        transform=ChoiceLetter(stop="\nQuestion:" if options.shots else None),
        scorer=choice_scorer(options),
        perfect=lambda sample: f"Answer: {sample.reference}",
        per_subject=("source",),
        calibration=calibration,
    )


def _rows(options: Options, split: str) -> HubSource:
    data = options.data
    if data is not None and data.is_file() and split == "validation":
        data = data.parent  # examples stand beside the questions
    return huggingface("TIGER-Lab/MMLU-Pro", key="mmlu-pro", split=split, data=data, columns=_COLUMNS, to_sample=to_sample)


def to_sample(row: dict[str, Any]) -> Sample:
    """One row; the id is `question_id`.

    Raises:
        ValueError: `answer` names no option or disagrees with `answer_index`.
    """
    offered = [str(text or "").strip() for text in row["options"]]
    letter = str(row["answer"]).strip().upper()
    # fillers stand at the end, so that leaving them out moves no letter; anywhere else they keep their (empty) place
    choices = tuple("" if text == _NOT_AVAILABLE else text for text in offered)
    while choices and not choices[-1]:
        choices = choices[:-1]
    if letter not in tuple(letters(len(choices))) or not choices[ord(letter) - ord("A")]:
        raise ValueError(f"answer {letter!r} names none of {len(choices)} options")
    if row["answer_index"] is not None and int(row["answer_index"]) != ord(letter) - ord("A"):
        raise ValueError(f"answer {letter!r} and answer_index {row['answer_index']} disagree")
    return Sample(
        record_id=str(row["question_id"]),
        input=text(row, "question"),
        reference=letter,
        choices=choices,
        subject=row["category"] or None,
        dimensions={"source": str(row["src"])} if row["src"] else {},
        metadata={"reasoning": row["cot_content"]} if row["cot_content"] else {},
    )


@dataclass(frozen=True)
class FewShot:
    """The official few-shot prompt: `shots` worked examples of the question's category, then the question."""

    shots: int
    examples: HubSource
    _by_category: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, sample: Sample) -> str:
        """Renders one question.

        Raises:
            DatasetError: the validation rows cannot be had or hold too few examples of the category.
        """
        if not self._by_category:
            for example in self.examples:
                self._by_category.setdefault(str(example.subject), []).append(_worked(example))
        worked = self._by_category.get(str(sample.subject), [])[: self.shots]
        if len(worked) < self.shots:
            raise DatasetError(
                f"mmlu-pro: {self.shots} shots asked for, the validation rows have {len(worked)} of category {sample.subject!r}"
            )
        head = (
            f"The following are multiple choice questions (with answers) about {sample.subject}. Think step by step and then finish "
            'your answer with "the answer is (X)" where X is the correct letter choice.'
        )
        return "\n\n".join([head, *worked, f"{_question(sample)}\nAnswer: Let's think step by step."])


def _question(sample: Sample) -> str:
    lettered = zip(letters(len(sample.choices)), sample.choices, strict=True)
    return "\n".join([f"Question:\n{sample.question}", "Options:", *(f"{letter}. {text}" for letter, text in lettered if text)])


def _worked(example: Sample) -> str:
    reasoning = str(example.metadata.get("reasoning", "")).strip().removeprefix("A:").strip()
    return f"{_question(example)}\nAnswer: {reasoning or f'The answer is ({example.reference}).'}"


def calibration() -> Iterable[Case]:
    """Two questions of our own in the true columns, with three and with ten options."""
    ten = ["Iron", "Neon", "Gold", "Lead", "Zinc", "Silver", "Copper", "Nickel", "Cobalt", "Platinum"]
    common = {"cot_content": "", "category": "chemistry", "src": "calibration"}
    rows = [
        {
            "question_id": -1,
            "question": "Which element is a noble gas?",
            "options": ten,
            "answer": "B",
            "answer_index": 1,
            **common,
        },
        {
            "question_id": -2,
            "question": "How does the volume of an ideal gas change when its pressure doubles at constant temperature?",
            "options": ["It halves", "It doubles", "It stays the same"],
            "answer": "A",
            "answer_index": 0,
            **common,
        },
    ]
    return choice_cases(map(to_sample, rows))
