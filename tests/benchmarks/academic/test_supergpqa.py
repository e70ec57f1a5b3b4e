"""SuperGPQA: ids from uuid, empty options in place, groups from subfield up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.supergpqa import supergpqa, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError

ROW = {
    "uuid": "u-1",
    "question": "Which is the hardest?",
    "options": ["chalk", "", "diamond", "talc"],
    "answer": "diamond",
    "answer_letter": "C",
    "discipline": "Science",
    "field": "Geology",
    "subfield": "Mineralogy",
    "difficulty": "easy",
    "is_calculation": False,
}


@pytest.mark.parametrize("judge", [None, "never", "fallback", "always"])
async def test_calibration(judge: str | None) -> None:
    await assert_calibrated(supergpqa.build(Options(judge=judge)))


def test_an_empty_option_moves_no_letter() -> None:
    sample = to_sample(ROW)
    assert (sample.record_id, sample.reference, sample.choices) == ("u-1", "C", ("chalk", "", "diamond", "talc"))
    assert "A. chalk\nC. diamond\nD. talc" in str(supergpqa.build().prompt(sample))


@pytest.mark.parametrize(
    ("changes", "subject"), [({}, "Mineralogy"), ({"subfield": ""}, "Geology"), ({"subfield": None, "field": ""}, "Science")]
)
def test_the_subject_is_the_narrowest_group_there_is(changes: dict[str, Any], subject: str) -> None:
    assert to_sample({**ROW, **changes}).subject == subject


def test_groups_are_reported_at_every_height() -> None:
    assert to_sample(ROW).dimensions == {
        "discipline": "Science",
        "field": "Geology",
        "subfield": "Mineralogy",
        "difficulty": "easy",
        "is_calculation": "no",
    }


@pytest.mark.parametrize("letter", ["E", "B", "", "CC"])
def test_a_letter_without_an_option_is_an_error(letter: str) -> None:
    with pytest.raises(ValueError, match="names none of 4 options"):
        to_sample({**ROW, "answer_letter": letter})


def test_the_letter_decides_where_the_answers_text_says_otherwise() -> None:
    sample = to_sample({**ROW, "answer": "talc"})
    assert (sample.reference, sample.metadata) == ("C", {"answer_disagrees": "talc"})
    assert to_sample(ROW).metadata == {}


def test_options_without_effect_are_refused() -> None:
    for options in (Options(shots=5), Options(subset="hard"), Options(judge="sometimes")):
        with pytest.raises(ConfigError):
            supergpqa.build(options)


def test_the_real_rows_load_and_no_prompt_answers_itself() -> None:
    benchmark = supergpqa.build(Options(data=Path(shared("supergpqa"))))
    samples = list(benchmark.samples)
    assert len({sample.record_id for sample in samples}) == len(samples) == benchmark.samples.fingerprint()["rows"] == 100
    assert not any(sample.metadata for sample in samples)
    for sample in samples:
        prompt = str(benchmark.prompt(sample))
        assert benchmark.transform(sample, prompt).answer is None
        assert benchmark.transform(sample, f"Reasons.\n\nAnswer: {sample.reference}").answer == sample.reference
