"""Labels are numbered in the order of their first row and sorted as a person sorts them."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tripos.results.score_table import Coder, order_of, ranks

LABELS = st.one_of(
    st.lists(st.from_regex(r"(|r|record-|rec)[0-9]{0,4}", fullmatch=True)),
    st.lists(st.from_regex(r"(|a|a2021-)[0-9]{0,3}(|b)", fullmatch=True)),
    st.lists(st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text("r1٣² \x00é", max_size=4))),
    st.lists(st.integers(10**16, 10**24).map(str)),
)


@given(LABELS)
def test_ranks_are_the_places_in_the_order_of_a_person(labels: list[object]) -> None:
    expected = sorted(range(len(labels)), key=[order_of(label) for label in labels].__getitem__)  # equal ones stay as they are
    assert np.argsort(ranks(labels), kind="stable").tolist() == expected


def test_numbers_count_before_letters_do() -> None:
    labels = ["r10", "r2", "r", "shown", "r002", "q3", "4"]
    assert [labels[i] for i in np.argsort(ranks(labels))] == ["4", "q3", "r", "r2", "r002", "r10", "shown"]


def test_the_same_list_again_has_the_same_codes_whatever_came_between() -> None:
    coder, first, second = Coder(), json.dumps(["x", None, "y"]), json.dumps(["y", "z"])
    for labels in (first, second, second, first):
        coder.add_json(labels)
    coder.add_constant("w", 2)
    coder.add_json(first)
    column = coder.column()
    assert [column.labels[c] for c in column.codes] == ["x", None, "y", "y", "z", "y", "z", "x", None, "y", "w", "w", "x", None, "y"]
