"""GPQA: the right answer is not always A, and its place depends on the record alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.academic.gpqa import gpqa, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError


def row(record_id: str = "rec1", **changes: Any) -> dict[str, Any]:
    plain = {
        "Record ID": record_id,
        "Question": "Which planet is the largest?",
        "Correct Answer": "Jupiter\n",
        "Incorrect Answer 1": "Saturn",
        "Incorrect Answer 2": " Neptune",
        "Incorrect Answer 3": "Uranus",
        "High-level domain": "Physics",
        "Subdomain": "Astrophysics",
    }
    return {**plain, **changes}


@pytest.mark.parametrize("judge", [None, "never", "always"])
async def test_calibration(judge: str | None) -> None:
    await assert_calibrated(gpqa.build(Options(judge=judge)))


def test_the_right_answer_is_spread_over_the_letters() -> None:
    places = Counter(sample.reference for n in range(400) if (sample := to_sample(row(f"rec{n}"))))
    assert set(places) == set("ABCD")
    assert all(60 <= count <= 140 for count in places.values())  # 100 expected, 4.6 standard deviations


def test_the_order_depends_on_the_record_alone() -> None:
    sample, reordered = to_sample(row()), to_sample(row(**{"Incorrect Answer 1": "Uranus", "Incorrect Answer 3": "Saturn"}))
    assert sample == reordered
    assert sample is not None
    assert sample.choices["ABCD".index(sample.reference)] == "Jupiter"
    assert set(sample.choices) == {"Jupiter", "Saturn", "Neptune", "Uranus"}  # stripped


def test_empty_and_repeated_wrong_answers_are_left_out() -> None:
    sample = to_sample(row(**{"Incorrect Answer 1": "", "Incorrect Answer 3": "Neptune"}))
    assert sample is not None
    assert sorted(sample.choices) == ["Jupiter", "Neptune"]


def test_a_row_whose_right_answer_is_also_wrong_is_left_out() -> None:
    assert to_sample(row(**{"Incorrect Answer 2": "Jupiter"})) is None


def test_groups() -> None:
    sample = to_sample(row())
    assert sample is not None
    assert (sample.subject, sample.dimensions) == ("Astrophysics", {"domain": "Physics"})


@pytest.mark.parametrize("subset", [None, "diamond", "gpqa_diamond"])
def test_the_sample_rows_load(subset: str | None) -> None:
    samples = list(gpqa.build(Options(data=shared("gpqa"), subset=subset)).samples)
    assert len(samples) == 6
    assert len({sample.reference for sample in samples}) > 1


def test_another_subset_is_not_served_from_the_diamond_file() -> None:
    with pytest.raises(DatasetError, match="gpqa_main"):
        list(gpqa.build(Options(data=shared("gpqa"), subset="main")).samples)


def test_unknown_subsets_and_shots_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'diamond'"):
        gpqa.build(Options(subset="diamonds"))
    with pytest.raises(ConfigError, match="gpqa has no shots"):
        gpqa.build(Options(shots=5))
