"""Several judge calls behind one verdict, made at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tripos.core.errors import JudgeError
from tripos.core.records import JudgeAudit
from tripos.scoring.judge import Brief, Judge
from tripos.scoring.verdicts import Form


class Call(NamedTuple):
    """One question to the judge; `label` tells its audits apart."""

    label: str
    put: Brief
    form: Form[Any]


async def all_of(judge: Judge, calls: Sequence[Call]) -> tuple[JudgeAudit, ...]:
    """The audits of all calls, in their order.

    Raises:
        JudgeError: at least one has no verdict; carries what was said and paid in all of them.
    """
    import asyncio  # here, so that listing the benchmarks does not pay for it

    async def ask(call: Call) -> tuple[JudgeAudit, ...]:
        _, said = await judge.rule(call.put.prompt, call.form.parse, reminder=call.form.reminder, label=call.label)
        return said

    ended = await asyncio.gather(*map(ask, calls), return_exceptions=True)
    audits: list[JudgeAudit] = []
    failures: list[str] = []
    for end in ended:
        if isinstance(end, JudgeError):
            audits.extend(end.audits)
            failures.append(str(end))
        elif isinstance(end, BaseException):
            raise end
        else:
            audits.extend(end)
    if failures:
        raise JudgeError("; ".join(dict.fromkeys(failures)), tuple(audits))
    return tuple(audits)
