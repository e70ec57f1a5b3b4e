"""One box for all of a test process: it takes two seconds to start."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tripos.kernels.isolation.box import Box, WorkerLimits
from tripos.sandbox.bubblewrap import Bubblewrap

LIMITS = WorkerLimits(memory_bytes=2 << 30, disk_bytes=256 << 20)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def box() -> AsyncIterator[Box]:
    pytest.importorskip("torch")
    if missing := Bubblewrap().missing():
        pytest.skip(missing)
    async with Box.start(LIMITS, {"TRITON_INTERPRET": "1"}) as box:
        yield box
