"""The last fenced block with a label."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.records import Sample
from tripos.scoring.fenced import LastBlock, blocks, fenced

SAMPLE = Sample(record_id="1", input="?")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```sql\nA\n```\n```sql\nB\n```", "B\n"),
        ("```SQL\nA\n```\n```text\nB\n```", "A\n"),
        ("```\nA\n```", "A\n"),
        ("```\nB\n```\n```sql\nA\n```\n```\nC\n```", "A\n"),
        ("```sql\nA", "A"),
        ("~~~sql\nA\n~~~", "A\n"),
        ("```sql\n \n```", None),
        ("SELECT 1", None),
        ("", None),
    ],
)
def test_the_last_block(text: str, found: str | None) -> None:
    assert LastBlock(("sql",))(SAMPLE, text).answer == found


@given(st.lists(st.sampled_from(["```", "~~~", "sql", "\n", "A", " "])).map("".join))
def test_it_never_raises(text: str) -> None:
    assert all(body.strip() for _, body in blocks(text))


@pytest.mark.parametrize("filler", ["```\n", "```sql\n", "`", "~~~ \n"])
def test_it_takes_linear_time(filler: str) -> None:
    began = time.thread_time()
    blocks(filler * (100_000 // len(filler)))
    assert time.thread_time() - began < 3


def test_what_is_written_is_read_back() -> None:
    assert blocks("Here it is.\n" + fenced("x = 1\n")) == [("python", "x = 1\n")]
