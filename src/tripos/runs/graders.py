"""Gradings that wait for a judge or a sandbox, beside the workers and bounded in number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tripos.core.errors import BudgetExhausted
from tripos.runs.stopping import Control


class Graders:
    """Gradings under way, at most `limit`; the first error that is ours to raise ends the run."""

    def __init__(self, control: Control, limit: int) -> None:
        self.control = control
        self._places = asyncio.Semaphore(limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    async def add(self, grading: Awaitable[None]) -> None:
        self._raise()
        await self._places.acquire()
        task = asyncio.create_task(self._grade(grading))
        self._tasks.add(task)
        self.control.tasks.add(task)
        task.add_done_callback(self._done)

    async def wait(self) -> None:
        while self._tasks:
            await wait_for_all(list(self._tasks))
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    async def _grade(self, grading: Awaitable[None]) -> None:
        try:
            await grading
        except BudgetExhausted:
            self.control.stop("budget")
        finally:
            self._places.release()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.control.tasks.discard(task)
        if not task.cancelled() and self._error is None:
            self._error = task.exception()


async def wait_for_all(tasks: list[asyncio.Task[Any]]) -> None:
    """Waits for all; a dropped task is fine (the person asked for it), the first real error is raised."""
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    errors = [t.exception() for t in done if not t.cancelled()]  # all are looked at, else asyncio complains of the others
    error = next((e for e in errors if e is not None), None)
    if error is not None:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        raise error
    if pending:  # a cancelled task also ends the wait
        await asyncio.gather(*pending, return_exceptions=True)
