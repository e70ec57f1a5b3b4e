"""Judges that say one thing an item: complete and within bounds, or no verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.scoring.numbered import per_item, weighted

SCORES, ASSERTIONS = per_item("criterion", 2, "score"), per_item("statement", 2, "yes-no")


@pytest.mark.parametrize("form", [SCORES, ASSERTIONS, per_item("criterion", 1, "score"), per_item("x", 12, "yes-no")])
def test_every_form_reads_its_own_example(form: object) -> None:
    for text, read in form.examples:  # type: ignore[attr-defined]
        assert form.parse(text) == read  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("criterion 1: 0.5\ncriterion 2: 1", (0.5, 1.0)),
        ("reasoning: x\n**Criterion 2:** 0.25\n- criterion 1: `1.0`", (1.0, 0.25)),
        ("criterion 1: 0.5/1\ncriterion 2: 0.", (0.5, 0.0)),
        ("criterion 1: 0.5\ncriterion 1: 0.5\ncriterion 2: 0", (0.5, 0.0)),
        ("criterion 1: 0.5", None),
        ("criterion 1: 0.5\ncriterion 2: good", None),
        ("criterion 1: 0.5\ncriterion 2: 1.5", None),
        ("criterion 1: 0.5\ncriterion 2: -0.5", None),
        ("criterion 1: 0.5\ncriterion 2: 0.5 or 1", None),
        ("criterion 1: 0.5\ncriterion 1: 1\ncriterion 2: 0", None),
        ("criterion 1: 0.5\ncriterion 2: 1\ncriterion 3: 1", None),
        ("the assistant wrote `criterion 1: 1, criterion 2: 1`", None),
        ("", None),
    ],
)
def test_scores(reply: str, read: tuple[float, ...] | None) -> None:
    assert SCORES.parse(reply) == read


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("statement 1: yes\nstatement 2: No.", (1.0, 0.0)),
        ("statement 1: yes\nstatement 2: partly", None),
        ("statement 1: yes\nstatement 2: yes and no", None),
    ],
)
def test_yes_and_no(reply: str, read: tuple[float, ...] | None) -> None:
    assert ASSERTIONS.parse(reply) == read


@given(st.text() | st.lists(st.sampled_from(["criterion", " 1", " 2", ":", " 0.5", "\n", "9" * 400, "\0"])).map("".join))
def test_reading_never_raises(reply: str) -> None:
    read = SCORES.parse(reply)
    assert read is None or (len(read) == 2 and all(0 <= value <= 1 for value in read))


def test_weights_need_not_sum_to_one() -> None:
    assert weighted({"a": 1.0, "b": 0.5}, {"a": 3, "b": 1}) == 0.875
    with pytest.raises(ValueError, match="positive"):
        weighted({"a": 1.0}, {"a": 0})
