"""Every registered benchmark calls references right, opponents wrong, and leaves nothing unscored."""

from __future__ import annotations

import pytest

from tripos.benchmarks.benchmark import benchmarks
from tripos.runs.calibration import calibrate

OPPONENTS = {"empty", "refusal", "echo"}


@pytest.mark.parametrize("key", benchmarks.names())
async def test_calibration_holds(key: str) -> None:
    cases = await calibrate(benchmarks.get(key).build())
    wrong = [c for c in cases if not c.ok]
    assert not wrong
    assert sum(c.name == "reference" for c in cases) >= 1
    names = {c.name.partition(":")[0].partition(" ")[0] for c in cases}
    assert names >= OPPONENTS, f"{key} lacks {OPPONENTS - names}"
    assert all(c.got != "unscored" for c in cases)
    assert any("dump" in c.name for c in cases), f"{key} has no dump-everything case"


def test_every_entry_says_what_it_is() -> None:
    for key, entry in benchmarks.items():
        assert entry.key == key
        assert entry.summary and entry.category and entry.licence and entry.size, key
        assert entry.function.__doc__ or __import__(entry.function.__module__, fromlist=["x"]).__doc__, key
