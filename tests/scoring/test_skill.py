"""Skill: nothing for the naive answer, 1 for the right one, in between in proportion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.scoring.skill import skill

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "naive", "expected"), [(0.5, 0.5, 0), (1, 0.5, 1), (0.75, 0.5, 0.5), (0.2, 0.5, 0), (1, 1, 1), (0.99, 1, 0)]
)
def test_known_values(score: float, naive: float, expected: float) -> None:
    assert skill(score, naive) == pytest.approx(expected)


@given(SHARES, SHARES, SHARES)
def test_it_stays_in_bounds_and_grows_with_the_score(score: float, better: float, naive: float) -> None:
    low, high = sorted((score, better))
    assert 0 <= skill(low, naive) <= skill(high, naive) <= 1
