"""The real sandbox. Where it is missing these tests fail, and say how it is installed: they must not be skipped."""

from __future__ import annotations

import pytest

from tripos.sandbox.bubblewrap import Bubblewrap


@pytest.fixture(scope="session")
def sandbox() -> Bubblewrap:
    reason = Bubblewrap().missing()
    if reason is not None:
        pytest.fail(reason)
    return Bubblewrap()
