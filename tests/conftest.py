"""tests/ is on the path (for `shared_data`); property tests draw the same examples every time; one container engine serves all tests."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from container_engine import container_engine, image, session_image

__all__ = ["container_engine", "image", "session_image"]

settings.register_profile("tripos", derandomize=True, deadline=None)
settings.load_profile("tripos")
