"""The real sandboxes with walls. Where bubblewrap is missing these tests fail, and say how it is installed: they must not be skipped.
Where no Docker engine can be had, theirs are skipped."""

from __future__ import annotations

import pytest

from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.sandbox.docker import Docker


@pytest.fixture(params=["bubblewrap", "docker"])
def sandbox(request: pytest.FixtureRequest) -> Bubblewrap | Docker:
    kind = Bubblewrap() if request.param == "bubblewrap" else Docker(image=request.getfixturevalue("image"))
    reason = kind.missing()
    if reason is not None:
        pytest.fail(reason)
    return kind
