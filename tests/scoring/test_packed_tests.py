"""Tests as LiveCodeBench packs them: read without unpickling anything."""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.scoring import packed_tests
from tripos.scoring.packed_tests import ProgramTest, looks_packed, unpack

TESTS = [{"input": "1 2\n", "output": "3", "testtype": "stdin"}, {"input": "ä\u2028\n", "output": "", "testtype": "stdin"}]


def packed(content: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(content, protocol))).decode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_of_a_string_is_read(protocol: int) -> None:
    assert unpack(packed(json.dumps(TESTS), protocol)) == [ProgramTest("1 2\n", "3"), ProgramTest("ä\u2028\n", "")]


def test_a_plain_list_is_read() -> None:
    assert unpack(json.dumps(TESTS)) == unpack(packed(json.dumps(TESTS)))


def test_a_long_string_is_read() -> None:
    rows = [{"input": "7 " * 200_000, "output": "x", "testtype": "stdin"}]
    assert unpack(packed(json.dumps(rows)))[0].input == "7 " * 200_000


class Malicious:
    def __reduce__(self) -> Any:
        return (open, ("/tmp/tripos-was-here", "w"))


@pytest.mark.parametrize("content", [Malicious(), ["a"], {"a": "b"}, b"bytes", ("x", "y"), 1, None, {1}])
def test_a_pickle_of_anything_else_is_refused_and_never_run(content: Any) -> None:
    with pytest.raises(ValueError, match="pickle"):
        unpack(packed(content))


def test_a_memo_of_four_billion_places_costs_nothing() -> None:
    text = b"[]"
    bomb = b"\x80\x04" + b"X" + len(text).to_bytes(4, "little") + text + b"r\xff\xff\xff\xff" + b"."
    assert unpack(base64.b64encode(zlib.compress(bomb)).decode()) == []


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_tests, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        unpack(packed("x" * 5000))


def test_what_is_cut_off_says_so() -> None:
    whole = base64.b64decode(packed(json.dumps(TESTS)))
    with pytest.raises(ValueError, match="cut off"):
        unpack(base64.b64encode(whole[:-9]).decode())


@pytest.mark.parametrize(
    "text", ["", "!!", "eJx", "e30=", '{"input": 1}', "[1]", '[{"input": "1"}]', '[{"input": 1, "output": "2"}]', "[" * 99_999]
)
def test_what_is_neither_form_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        unpack(text)


@given(st.lists(st.fixed_dictionaries({"input": st.text(), "output": st.text()})))
def test_packing_and_unpacking_is_the_identity(rows: list[dict[str, str]]) -> None:
    text = packed(json.dumps(rows))
    assert [(test.input, test.output) for test in unpack(text)] == [(row["input"], row["output"]) for row in rows]
    assert looks_packed(text) and looks_packed(json.dumps(rows))


@settings(max_examples=300)
@given(st.one_of(st.text(), st.binary().map(lambda b: base64.b64encode(zlib.compress(b)).decode())))
def test_no_text_does_worse_than_a_value_error(text: str) -> None:
    looks_packed(text)
    with contextlib.suppress(ValueError):
        assert isinstance(unpack(text), list)
