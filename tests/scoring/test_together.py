"""Several judge calls of one verdict: all audits are kept, also when some of the calls fail."""

from __future__ import annotations

import pytest

from scripted_judge import honest, replying
from tripos.core.errors import JudgeError
from tripos.core.records import GenerationParams
from tripos.scoring.judge import Exhibit, Judge, brief
from tripos.scoring.together import Call, all_of
from tripos.scoring.verdicts import CORRECTNESS, GRADE

CALLS = [
    Call("first", brief("Decide.", [Exhibit("RESPONSE", "a")], CORRECTNESS.instruction), CORRECTNESS),
    Call("second", brief("Grade.", [Exhibit("RESPONSE", "b")], GRADE.instruction), GRADE),
]


async def test_audits_come_in_the_order_of_the_calls_with_their_labels() -> None:
    judge = honest(lambda seen: "correct: yes" if seen["RESPONSE"] == "a" else "grade: CORRECT")
    assert [audit.label for audit in await all_of(judge, CALLS)] == ["first", "second"]


async def test_what_was_said_in_one_call_is_kept_when_the_other_fails() -> None:
    judge = honest(lambda seen: "correct: yes" if seen["RESPONSE"] == "a" else "no idea")
    with pytest.raises(JudgeError, match="no verdict could be read in 2 replies") as failed:
        await all_of(judge, CALLS)
    assert [(audit.label, audit.reply) for audit in failed.value.audits] == [
        ("first", "correct: yes"),
        ("second", "no idea"),
        ("second", "no idea"),
    ]


async def test_an_error_of_ours_is_not_taken_for_a_silent_judge() -> None:
    async def broken(messages: object, params: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await all_of(Judge(ask=broken, model="broken", params=GenerationParams()), CALLS)  # type: ignore[arg-type]


async def test_no_calls_no_audits() -> None:
    assert await all_of(replying(), []) == ()
