"""WildChat: which conversations are kept, and that both orders are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripted_judge import assert_calibrated
from shared_data import shared
from tripos.benchmarks.benchmark import Options
from tripos.benchmarks.conversation.wildchat import to_sample, wildchat
from tripos.core.errors import DatasetError


def row(**changes: Any) -> dict[str, Any]:
    turns = [
        {"role": "user", "content": "  Hello\nthere ", "toxic": False, "redacted": False},
        {"role": "assistant", "content": "Hi.", "toxic": False, "redacted": False},
    ]
    plain = {"conversation_hash": "abc", "conversation": turns, "turn": 1, "language": "English", "toxic": False, "redacted": False}
    return {**plain, **changes}


def with_turn(place: int, **changes: Any) -> dict[str, Any]:
    turns = row()["conversation"]
    turns[place] = {**turns[place], **changes}
    return row(conversation=turns)


async def test_calibration() -> None:
    await assert_calibrated(wildchat.build())


def test_the_sample_rows() -> None:
    """Eight invented rows: four English exchanges; a blank message, a second turn, Chinese and French are left out."""
    samples = list(wildchat.build(Options(data=shared("wildchat"))).samples)
    assert len({s.record_id for s in samples}) == len(samples) == 4
    assert all(s.subject == "conversation" and s.reference for s in samples)


def test_the_message_is_put_as_it_came() -> None:
    sample = to_sample(row())
    assert sample is not None
    assert wildchat.build().prompt(sample) == "  Hello\nthere "
    assert (sample.reference, sample.subject) == ("Hi.", "conversation")
    assert sample.record_id.startswith("abc-")


@pytest.mark.parametrize(
    "left_out",
    [
        row(language="French"),
        row(turn=2),
        row(toxic=True),
        row(redacted=True),
        row(conversation=[]),
        row(conversation=None),
        row(conversation=list(reversed(row()["conversation"]))),
        row(conversation=row()["conversation"] * 2),
        with_turn(0, content=" \n"),
        with_turn(0, content=None),
        with_turn(1, content=""),
        with_turn(0, toxic=True),
        with_turn(1, redacted=True),
    ],
)
def test_what_is_left_out(left_out: dict[str, Any]) -> None:
    assert to_sample(left_out) is None


def test_a_shared_hash_with_another_reply_is_another_sample_and_a_repeat_is_the_same() -> None:
    first, repeat, other = to_sample(row()), to_sample(row(turn_identifier=9)), to_sample(with_turn(1, content="Good day."))
    assert first == repeat
    assert first and other
    assert first.record_id != other.record_id


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "?", "reply": "!"}\n')
    with pytest.raises(DatasetError, match="conversation_hash"):
        list(wildchat.build(Options(data=tmp_path)).samples)


def test_a_set_without_a_usable_row_is_an_error(tmp_path: Path) -> None:
    import json

    (tmp_path / "train.jsonl").write_text(json.dumps(row(language="French")) + "\n")
    with pytest.raises(DatasetError, match="no usable row"):
        list(wildchat.build(Options(data=tmp_path)).samples)
