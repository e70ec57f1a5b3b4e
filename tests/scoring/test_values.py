"""Plain values: their way through JSON and back, when two are equal, how one is shown, and checks that are made of them."""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.sandbox.calls import Foreign, decode, encode
from tripos.scoring.code_tests import (
    ANYTHING,
    Check,
    Step,
    decode_checks,
    encode_checks,
)
from tripos.scoring.values import matches, shown

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
HASHABLE = st.recursive(ATOMS, lambda x: st.tuples(x, x) | st.frozensets(x, max_size=3), max_leaves=6)
VALUES = st.recursive(
    HASHABLE,
    lambda x: st.lists(x, max_size=4) | st.tuples(x) | st.sets(HASHABLE, max_size=3) | st.dictionaries(HASHABLE, x, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_values_survive_the_way_through_json(value: Any) -> None:
    back = decode(json.loads(json.dumps(encode(value))))
    assert type(back) is type(value)
    assert matches(value, back)


@given(VALUES)
def test_a_value_matches_itself_exactly_and_loosely(value: Any) -> None:
    copy = decode(encode(value))
    assert matches(value, copy)
    assert matches(value, copy, exact=False)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=9), x, max_size=2)
    )
)
def test_what_was_not_encoded_is_a_value_error_or_a_value(encoded: Any) -> None:
    with contextlib.suppress(ValueError):
        decode(encoded)


@pytest.mark.parametrize(
    ("expected", "got", "options", "equal"),
    [
        (1, True, {}, False),
        (1, 1.0, {}, False),
        (1, 1.0, {"exact": False}, True),
        ([1], (1,), {}, False),
        ([1], (1,), {"exact": False}, True),
        ({1}, {True}, {}, False),
        ({1}, {1.0}, {"exact": False}, True),
        ({1: "a"}, {True: "a"}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}, True),
        ({"a": 1}, {"a": 1, "b": 2}, {}, False),
        (b"a", "a", {}, False),
        (math.nan, math.nan, {}, True),
        (math.inf, -math.inf, {"tolerance": 1.0}, False),
        (0.0, -0.0, {}, True),
        (1.0, 1.0 + 1e-9, {}, False),
        (1.0, 1.0 + 1e-9, {"tolerance": 1e-6}, True),
        (1e9, 1e9 + 1, {"tolerance": 1e-6}, True),
        ([[1.0, (2.0,)]], [[1.0, (2.0 + 1e-9,)]], {"tolerance": 1e-6}, True),
        (1.0, 10**400, {"tolerance": 1e-6, "exact": False}, False),
        (None, 0, {}, False),
        (None, False, {"exact": False}, False),
        ("1", 1, {"exact": False}, False),
        (5, Foreign("int", "5"), {}, False),
        ({1, 2}, frozenset({1, 2}), {}, False),
    ],
)
def test_matches(expected: Any, got: Any, options: dict[str, Any], equal: bool) -> None:
    assert matches(expected, got, **options) is equal


def test_shown_is_short_and_has_no_addresses() -> None:
    assert shown("x" * 10_000) == "'" + "x" * 139 + " … " + "x" * 54 + "'"
    assert shown(Foreign("f", "<function f at 0x7f00deadbeef>")) == "<function f>"
    assert shown(10**9999) == "a number too long to show"


CHECKS = st.builds(
    Check,
    call=st.text(min_size=1),
    args=st.lists(VALUES, max_size=2),
    kwargs=st.dictionaries(st.text(), VALUES, max_size=2),
    expected=VALUES | st.just(ANYTHING),
    raises=st.none() | st.text(min_size=1),
    steps=st.lists(st.builds(Step, call=st.text(), args=st.lists(VALUES, max_size=2), expected=VALUES | st.just(ANYTHING)), max_size=2),
    args_after=st.none() | st.lists(VALUES, max_size=2),
    tolerance=st.sampled_from([0.0, 1e-6]),
    exact=st.booleans(),
)


@settings(max_examples=30)
@given(st.lists(CHECKS, max_size=2))
def test_checks_survive_the_way_through_json(checks: list[Check]) -> None:
    encoded = json.loads(json.dumps(encode_checks(checks)))
    assert encode_checks(decode_checks(encoded)) == encoded
    assert [check.expected is ANYTHING for check in decode_checks(encoded)] == [check.expected is ANYTHING for check in checks]


@pytest.mark.parametrize("value", [object(), {"a": [len]}, Counter("a"), Foreign("a", "b")])
def test_a_check_takes_only_plain_values(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a plain value"):
        encode_checks([Check("f", [value])])
    with pytest.raises(ValueError, match="is not a plain value"):
        encode_checks([Check("f", expected=value)])
