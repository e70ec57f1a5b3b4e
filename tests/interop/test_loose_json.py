"""JSON as Python and other careless writers make it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.interop.loose_json import decode, number, positive, whole

TEXT = st.text(alphabet=st.characters(exclude_categories=()))  # half surrogate pairs too
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | TEXT
    | st.sampled_from(["NaN", "-Infinity", '"NaN', "\\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def tidy(value: Any) -> Any:
    """What must come out: no NaN, no infinity, no half surrogate pair."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [tidy(v) for v in value]
    return {tidy(k): tidy(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(VALUES)
def test_what_python_writes_is_read(value: Any) -> None:
    written = json.dumps({"v": value}).encode()
    expected = tidy(json.loads(written))
    assert decode(written, dict, "f") == expected


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert decode(b"\xef\xbb\xbf{}", dict, "f") == {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"a": [1, 2', "log.json: not JSON .*cut off"),
        (b"", "log.json: not JSON"),
        (b"[1]", "log.json: not of the expected shape"),
        (b'{"a": "\xff"}', "log.json: not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "log.json: "),
        (b"{'a': 1}", "log.json: not JSON"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_file(data: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        decode(data, dict, "log.json")


def test_numbers_are_numbers_only() -> None:
    assert [number(v) for v in (1, 0.5, True, "1", None)] == [1.0, 0.5, None, None, None]
    assert [whole(v) for v in (3, 3.0, 3.5, math.inf, True, None)] == [3, 3, None, None, None, None]
    assert [positive(v) for v in (2, 0, 0.0, -1.0, None)] == [2.0, None, None, None, None]
