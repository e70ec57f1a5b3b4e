"""p-values adjusted over the whole family."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tripos.core.errors import ConfigError
from tripos.results.corrections import adjust

THEIRS = {"bonferroni": "bonferroni", "holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}
p_values = st.floats(0, 1)
corrections = st.sampled_from(["none", *THEIRS])


@given(st.lists(p_values, min_size=1, max_size=30), st.sampled_from(sorted(THEIRS)))
def test_agrees_with_statsmodels(family: list[float], correction: str) -> None:
    assert adjust(family, correction) == pytest.approx(multipletests(family, method=THEIRS[correction])[1], rel=1e-9, abs=1e-300)


@given(st.lists(st.none() | p_values, max_size=30), corrections)
def test_what_could_not_be_tested_is_no_member_of_the_family(family: list[float | None], correction: str) -> None:
    adjusted = adjust(family, correction)
    assert [p is None for p in adjusted] == [p is None for p in family]
    assert [p for p in adjusted if p is not None] == adjust([p for p in family if p is not None], correction)


@given(st.lists(p_values, min_size=1, max_size=30), corrections)
def test_adjusted_values_are_no_smaller_stay_in_order_and_in_the_unit(family: list[float], correction: str) -> None:
    rows = sorted(zip(family, adjust(family, correction), strict=True))
    assert all(after is not None and before * (1 - 1e-12) <= after <= 1 for before, after in rows)
    assert all((first[1] or 0) <= (second[1] or 0) for first, second in pairwise(rows))


@given(st.lists(p_values, min_size=2, max_size=20), corrections, st.randoms(use_true_random=False))
def test_order_does_not_matter(family: list[float], correction: str, shuffler: object) -> None:
    permutation = list(range(len(family)))
    shuffler.shuffle(permutation)  # type: ignore[attr-defined]
    adjusted = adjust(family, correction)
    assert adjust([family[i] for i in permutation], correction) == pytest.approx([adjusted[i] for i in permutation])


@pytest.mark.parametrize(("correction", "expected"), [("holm", [0.03, 0.06, 0.06]), ("bh", [0.03, 0.04, 0.04])])
def test_a_worked_example(correction: str, expected: list[float]) -> None:
    assert adjust([0.01, 0.03, 0.04], correction) == pytest.approx(expected)


def test_none_changes_nothing_and_an_empty_family_is_empty() -> None:
    assert adjust([0.2, None, 0.01], "none") == [0.2, None, 0.01]
    assert adjust([], "holm") == [] and adjust([None], "by") == [None]


def test_an_unknown_correction_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown p-value correction 'bonferoni'; did you mean 'bonferroni'"):
        adjust([0.1], "bonferoni")


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_p_value_outside_the_unit_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        adjust([0.5, p], "holm")
