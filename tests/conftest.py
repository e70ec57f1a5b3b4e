"""tests/ is on the path (for `shared_data`); property tests draw the same examples every time; one engine and one sandbox serve all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from container_engine import container_engine, image, session_image
from tripos.sandbox.bubblewrap import Bubblewrap

__all__ = ["container_engine", "image", "session_image"]

# How long it takes to draw an example says how busy the machine is, and nothing of the test.
settings.register_profile("tripos", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tripos")


@pytest.fixture(scope="session")
def sandbox() -> Bubblewrap:
    """Where the programs of answers run."""
    reason = Bubblewrap().missing()
    if reason is not None:
        pytest.fail(reason)
    return Bubblewrap()
