"""SimpleQA: rows, prompt, three grades."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.simpleqa import simpleqa, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import DatasetError

ROW: dict[str, Any] = {
    "problem": "In which year?",
    "answer": "1748",
    "metadata": "{'topic': 'History', 'answer_type': 'Date', 'urls': ['u']}",
}


async def test_calibration() -> None:
    await assert_calibrated(simpleqa.build())


def test_every_real_row_is_a_sample() -> None:
    samples = list(simpleqa.build(Options(data=shared("simpleqa"))).samples)
    rows = shared("simpleqa/test.jsonl").read_text(encoding="utf-8").count("\n")
    assert len({s.record_id for s in samples}) == len(samples) == rows >= 100
    assert all(s.question and s.reference and s.subject and s.metadata["urls"] for s in samples)
    topics = Counter(s.subject for s in samples)
    assert len(topics) == 10
    assert {s.dimensions["answer_type"] for s in samples} == {"Date", "Person", "Number", "Place", "Other"}


def test_a_row() -> None:
    sample = to_sample(ROW)
    assert sample is not None
    assert (sample.input, sample.reference, sample.subject, sample.dimensions) == (
        "In which year?",
        "1748",
        "History",
        {"answer_type": "Date"},
    )
    assert simpleqa.build().prompt(sample) == "In which year?"


def test_ids_come_from_the_content() -> None:
    first, again, other = to_sample(ROW), to_sample(dict(ROW)), to_sample({**ROW, "problem": "In which month?"})
    assert first and again and other
    assert first.record_id == again.record_id != other.record_id


@pytest.mark.parametrize("metadata", ["", "{'topic': ", "[1]", "__import__('os')", None, "(" * 5_000])
def test_labels_that_cannot_be_read_are_missing_and_never_executed(metadata: str | None) -> None:
    sample = to_sample({**ROW, "metadata": metadata})
    assert sample is not None
    assert (sample.subject, sample.dimensions) == (None, {})


@pytest.mark.parametrize("blank", [{"problem": " "}, {"answer": None}])
def test_a_blank_question_or_answer_is_left_out(blank: dict[str, Any]) -> None:
    assert to_sample({**ROW, **blank}) is None


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"question": "?", "answer": "!"}\n')
    with pytest.raises(DatasetError, match="problem"):
        list(simpleqa.build(Options(data=tmp_path)).samples)
