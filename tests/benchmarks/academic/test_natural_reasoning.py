"""NaturalReasoning: rows without a reference, length groups, how much is read, two stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.natural_reasoning import natural_reasoning, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError

ROW: dict[str, Any] = {"question": "What is 6 times 7?", "reference_answer": "42", "responses": []}


def write(folder: Path, n: int, **more: Any) -> Path:
    path = folder / "train.jsonl"
    path.write_text(
        "".join(json.dumps({**ROW, "question": f"What is {i} plus 1?", "reference_answer": str(i + 1), **more}) + "\n" for i in range(n))
    )
    return path


async def test_calibration() -> None:
    await assert_calibrated(natural_reasoning.build())


def test_every_row_with_a_reference_is_a_sample() -> None:
    samples = list(natural_reasoning.build(Options(data=shared("natural-reasoning"))).samples)
    rows = [json.loads(line) for line in shared("natural-reasoning/train.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(samples) == len({s.record_id for s in samples}) == sum(bool(r["reference_answer"]) for r in rows) == 5
    assert {s.subject for s in samples} == {"one word", "short", "long"}
    for sample in samples:
        prompt = str(natural_reasoning.build().prompt(sample))
        assert prompt.startswith(sample.question)
        assert "FINAL ANSWER:" in prompt


def test_the_id_is_the_content() -> None:
    first, again, other = to_sample(ROW), to_sample({**ROW, "responses": [1]}), to_sample({**ROW, "reference_answer": "forty-two"})
    assert first and again and other
    assert first.record_id == again.record_id != other.record_id


@pytest.mark.parametrize(
    ("reference", "subject"), [("42", "one word"), ("It falls by 6%.", "short"), ("a " * 10, "short"), ("a " * 11, "long")]
)
def test_groups_by_length(reference: str, subject: str) -> None:
    sample = to_sample({**ROW, "reference_answer": reference})
    assert sample is not None
    assert sample.subject == subject


def test_reading_stops_after_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, 9)
    few = natural_reasoning.build(Options(data=path, settings={"first": 4})).samples
    every = natural_reasoning.build(Options(data=path, settings={"first": 0})).samples
    assert [s.record_id for s in few] == [s.record_id for s in every][:4] == [s.record_id for s in few]
    assert len(list(every)) == 9
    assert (few.fingerprint()["first"], every.fingerprint()["first"]) == (4, None)


def test_only_short_references(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "question": "Why?", "reference_answer": "Because of many things."}) + "\n")
    samples = list(natural_reasoning.build(Options(data=path, settings={"longest_reference": 2})).samples)
    assert [s.reference for s in samples] == ["42"]


def test_options_without_effect_or_sense_are_refused() -> None:
    for options, said in (
        (Options(subset="x"), "no subset"),
        (Options(shots=2), "no shots"),
        (Options(judge="sometimes"), "judge"),
        (Options(settings={"first": -1}), "0 or more"),
        (Options(settings={"first": "all"}), "must be of type int"),
        (Options(settings={"frist": 1}), "first"),
    ):
        with pytest.raises(ConfigError, match=said):
            natural_reasoning.build(options)


def test_without_a_judge_the_match_decides() -> None:
    assert natural_reasoning.build(Options(judge="never")).scorer.needs == frozenset()
    assert natural_reasoning.build().scorer.needs == {"judge"}


def test_the_columns_of_another_loader_are_an_error_not_an_empty_set(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"question": "?", "answer": "!"}\n')
    with pytest.raises(DatasetError, match="reference_answer"):
        list(natural_reasoning.build(Options(data=tmp_path)).samples)
