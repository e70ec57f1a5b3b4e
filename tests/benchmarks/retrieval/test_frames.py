"""FRAMES: rows, links, reasoning types, closed book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.benchmark import Options
from tripos.benchmarks.retrieval.frames import TYPES, frames, page_links, to_sample
from tripos.core.errors import DatasetError

ROW: dict[str, Any] = {
    "Unnamed: 0": 7,
    "Prompt": "Which is older?",
    "Answer": "The first",
    "reasoning_types": "Temporal reasoning | Multiple constraints",
    "wiki_links": "['https://en.wikipedia.org/wiki/Paris,_Texas', 'https://en.wikipedia.org/wiki/B']",
}


async def test_calibration() -> None:
    await assert_calibrated(frames.build())


def test_every_real_row_is_a_sample() -> None:
    samples = list(frames.build(Options(data=shared("frames/test.jsonl"))).samples)
    rows = shared("frames/test.jsonl").read_text(encoding="utf-8").count("\n")
    assert len({s.record_id for s in samples}) == len(samples) == rows >= 60
    assert all(s.reference and s.subject and len(s.dimensions) == 5 for s in samples)
    links = [link for s in samples for link in s.metadata["links"]]
    assert len(links) > 100
    assert all(link.startswith("http") and not set("[]'\"") & set(link[-1]) for link in links)
    for name in TYPES:
        assert {s.dimensions[name.lower()] for s in samples} == {"yes", "no"}


def test_the_hubs_tsv_gives_the_same_samples() -> None:
    """The file of rows in the hub's own format against the same rows as JSON lines."""
    from_tsv = {s.record_id: s for s in frames.build(Options(data=shared("frames/test_head20.tsv"))).samples}
    from_json = {s.record_id: s for s in frames.build(Options(data=shared("frames/test.jsonl"))).samples}
    common = from_tsv.keys() & from_json.keys()
    assert len(from_tsv) == 20
    assert len(common) >= 8
    assert all(from_tsv[i] == from_json[i] for i in common)


def test_a_row() -> None:
    sample = to_sample(ROW)
    assert sample is not None
    assert sample.record_id.startswith("frames-7-")
    assert sample.subject == "Multiple constraints | Temporal reasoning"
    assert [name for name, there in sample.dimensions.items() if there == "yes"] == ["multiple constraints", "temporal reasoning"]
    assert sample.metadata["links"] == ["https://en.wikipedia.org/wiki/Paris,_Texas", "https://en.wikipedia.org/wiki/B"]


def test_the_order_of_types_makes_no_other_group() -> None:
    swapped, plain = to_sample({**ROW, "reasoning_types": "Multiple constraints|Temporal reasoning"}), to_sample(ROW)
    assert swapped and plain
    assert swapped.subject == plain.subject


def test_the_book_is_closed_unless_the_variant_opens_it() -> None:
    benchmark, sample = frames.build(), to_sample(ROW)
    assert sample is not None
    assert "wikipedia" not in str(benchmark.prompt(sample)).lower()
    assert "https://en.wikipedia.org/wiki/Paris,_Texas" in str(benchmark.variants["page-links"](sample))


@pytest.mark.parametrize("index", [None, "", "7", 7.0])
def test_ids_without_or_with_an_odd_index(index: Any) -> None:
    sample = to_sample({**ROW, "Unnamed: 0": index})
    assert sample is not None
    assert sample.record_id.split("-")[1:-1] == (["7"] if index else [])


@pytest.mark.parametrize("literal", ["", "['a'", "3", "__import__('os')", None, "[" * 5_000])
def test_links_that_cannot_be_read_are_none_and_never_executed(literal: Any) -> None:
    assert page_links(literal) == []


@pytest.mark.parametrize("blank", [{"Prompt": " "}, {"Answer": None}])
def test_a_blank_question_or_answer_is_left_out(blank: dict[str, Any]) -> None:
    assert to_sample({**ROW, **blank}) is None


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"question": "?", "true_answer": "!"}\n')
    with pytest.raises(DatasetError, match="Prompt"):
        list(frames.build(Options(data=tmp_path)).samples)
