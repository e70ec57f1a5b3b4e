"""tests/ is on the path (for `shared_data`); property tests draw the same examples every time."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("tripos", derandomize=True, deadline=None)
settings.load_profile("tripos")
