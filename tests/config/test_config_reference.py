"""The reference is made from the schema, so that it cannot fall behind."""

from __future__ import annotations

import pytest

from tripos.config.reference import description, reference_markdown
from tripos.config.schema import BENCHMARKS, SECTIONS, Section
from tripos.core.records import GenerationParams
from tripos.runs.spec import ModelSpec, RunSpec, Trackers


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.header)
def test_every_section_and_key_has_a_sentence_and_a_row(section: Section) -> None:
    page = reference_markdown()
    assert f"### `{section.header}`" in page and section.about.endswith(".")
    for key, f in section.fields.items():
        sentence = description(f.type)
        assert len(sentence) > 10 and sentence.endswith("."), key
        assert f"| `{key}` |" in page and sentence.replace("|", "\\|") in page


def test_rows_say_type_default_and_bounds() -> None:
    page = reference_markdown()
    assert '| `max_workers` | int ≥ 1 or "auto" | `4` |' in page
    assert "| `name` | str | required |" in page
    assert "| `engine` | str | not set |" in page
    assert "| `tools` | list[str] | `[]` |" in page


def test_every_row_has_four_cells() -> None:
    rows = [line for line in reference_markdown().splitlines() if line.startswith("|")]
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


def test_every_accepted_key_has_a_place_in_the_run_specification() -> None:
    """A key without a field behind it would be accepted and ignored."""
    homes = {*ModelSpec.__dataclass_fields__, *RunSpec.__dataclass_fields__, *Trackers.__dataclass_fields__}
    homes |= {*GenerationParams.__struct_fields__, "description"}
    for section in SECTIONS:
        for key in section.fields:
            setting = section.setting(key)
            judged = setting.removeprefix("judge_")
            assert setting in homes or (setting != judged and judged in {*homes, "model"}), setting
    assert BENCHMARKS.setting("name") == "benchmark"
