"""MMLU-Pro: lettering, few shots, and the published outputs of two models read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripted_judge import answer_of, assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.mmlu_pro import mmlu_pro, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.scorer import Instruments

ROW = {
    "question_id": 7,
    "question": "Which is a metal?",
    "options": ["neon", "iron", "N/A", "N/A"],
    "answer": "B",
    "answer_index": 1,
    "cot_content": "",
    "category": "chemistry",
    "src": "own",
}


@pytest.mark.parametrize("judge", [None, "never", "always"])
async def test_calibration(judge: str | None) -> None:
    await assert_calibrated(mmlu_pro.build(Options(judge=judge)))


def test_ids_letters_and_groups() -> None:
    sample = to_sample(ROW)
    assert (sample.record_id, sample.reference, sample.choices) == ("7", "B", ("neon", "iron"))
    assert (sample.subject, sample.dimensions) == ("chemistry", {"source": "own"})


def test_a_filler_between_options_moves_no_letter() -> None:
    sample = to_sample({**ROW, "options": ["neon", "N/A", "iron"], "answer": "C", "answer_index": 2})
    assert sample.choices == ("neon", "", "iron")


@pytest.mark.parametrize("changes", [{"answer": "C", "answer_index": 2}, {"answer_index": 0}, {"answer": "?"}])
def test_an_answer_that_is_no_option_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="answer"):
        to_sample({**ROW, **changes})


def written(root: Path, examples: int) -> Path:
    reasons = "A: Let's think step by step. Reason {}. The answer is (B)."
    worked = [{**ROW, "question_id": 100 + n, "question": f"Example {n}?", "cot_content": reasons.format(n)} for n in range(examples)]
    (root / "test.jsonl").write_text(json.dumps(ROW) + "\n")
    (root / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in worked))
    return root


@pytest.mark.parametrize("given", ["", "test.jsonl"])
def test_shots_come_from_the_validation_rows_of_the_category(tmp_path: Path, given: str) -> None:
    benchmark = mmlu_pro.build(Options(data=written(tmp_path, 5) / given, shots=2))
    (sample,) = benchmark.samples
    prompt = str(benchmark.prompt(sample))
    assert prompt.startswith("The following are multiple choice questions (with answers) about chemistry.")
    assert prompt.count("Question:\n") == 3
    assert "Question:\nExample 1?\nOptions:\nA. neon\nB. iron\nAnswer: Let's think step by step. Reason 1. The answer is (B)." in prompt
    assert prompt.endswith("Question:\nWhich is a metal?\nOptions:\nA. neon\nB. iron\nAnswer: Let's think step by step.")


def test_a_text_that_runs_on_is_read_up_to_the_next_question(tmp_path: Path) -> None:
    ran_on = "Iron conducts. The answer is (B).\n\nQuestion:\nWhich is a gas?\nThe answer is (A)."
    few = mmlu_pro.build(Options(data=written(tmp_path, 5), shots=1))
    assert few.transform(to_sample(ROW), ran_on).answer == "B"


def test_too_few_examples_and_too_many_shots_are_errors(tmp_path: Path) -> None:
    benchmark = mmlu_pro.build(Options(data=written(tmp_path, 2), shots=3))
    with pytest.raises(DatasetError, match="3 shots asked for, the validation rows have 2 of category 'chemistry'"):
        benchmark.prompt(to_sample(ROW))
    for shots in (6, -1):
        with pytest.raises(ConfigError, match="0 to 5 shots"):
            mmlu_pro.build(Options(shots=shots))


def test_missing_validation_rows_are_an_error() -> None:
    benchmark = mmlu_pro.build(Options(data=shared("mmlu-pro"), shots=5))
    with pytest.raises(DatasetError, match="no split 'validation'"):
        benchmark.prompt(to_sample(ROW))


def test_the_real_rows_load_and_no_prompt_answers_itself() -> None:
    benchmark = mmlu_pro.build(Options(data=shared("mmlu-pro")))
    samples = list(benchmark.samples)
    assert len(samples) == 70
    assert len({sample.subject for sample in samples}) == 14
    assert {len(sample.choices) for sample in samples} >= {4, 10}
    assert not any(benchmark.transform(sample, str(benchmark.prompt(sample))).answer for sample in samples)


# ------------------------------------------------------------------------------------- published outputs, read again

# question: (published letter, ours, why they differ)
DIFFERENT: dict[str, dict[str, tuple[str, str | None, str]]] = {
    "jamba15_large_5shot": {
        "4504": ("I", None, "opens with 'I. Hund's rule states …' and never names an option: the letter is not told from a word"),
        "2453": ("A", "B", "closes with 'B. A lower rate …'; the published letter is the article 'A' in it"),
    },
    "llama31_70b_instruct_5shot": {
        "10590": ("G", None, "formulas without an end; the published letter was drawn at random"),
    },
}
# model: rows, letters that agree, verdicts that agree, correct as published, correct by ours, letters found by ours
AGREEMENT = {
    "jamba15_large_5shot": (70, 68, 68, 34, 34, 69),
    "llama31_70b_instruct_5shot": (70, 69, 70, 35, 35, 69),
}


@pytest.mark.parametrize("model", AGREEMENT)
def test_published_outputs_are_read_as_published_but_for_explained_differences(model: str) -> None:
    samples = {sample.record_id: sample for sample in mmlu_pro.build(Options(data=shared("mmlu-pro"))).samples}
    rows = [json.loads(line) for line in shared(f"mmlu-pro/model_outputs_{model}.jsonl").open(encoding="utf-8")]
    letters = verdicts = published = ours = found = 0
    different = {}
    for row in rows:
        sample = samples[str(row["question_id"])]
        verdict = read_again(sample, row["model_outputs"])
        letter = verdict.details["candidate_letter"]
        letters += letter == row["pred"]
        verdicts += verdict.is_correct == (row["pred"] == sample.reference)
        published += row["pred"] == sample.reference
        ours += verdict.is_correct is True
        found += letter is not None
        if letter != row["pred"]:
            different[sample.record_id] = (row["pred"], letter)
        assert verdict.outcome is (Outcome.SCORED if letter else Outcome.WRONG_FORMAT)
    assert different == {record_id: (theirs, mine) for record_id, (theirs, mine, _) in DIFFERENT[model].items()}
    assert (len(rows), letters, verdicts, published, ours, found) == AGREEMENT[model]


def read_again(sample: Sample, text: str) -> Verdict:
    benchmark = mmlu_pro.build(Options(shots=5, judge="never"))
    verdict = benchmark.scorer.score(sample, answer_of(sample, text, benchmark.transform), Instruments())
    assert isinstance(verdict, Verdict)
    return verdict
