"""The store and the flat rows that several tests of the read side look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from made_results import Flat, Made, write_run
from tripos.results.benchmark_result import BenchmarkResult


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two models, two slices, four records each; the treatment is better on the hard ones."""
    path = tmp_path / "tripos.db"
    for model, hard in (("base", 0.0), ("treat", 1.0)):
        easy = [Made(f"e{i}", 1.0, slice_id="easy", dimensions={"source": "web"}, metrics={"partial": 0.5}) for i in range(4)]
        tough = [Made(f"h{i}", hard, slice_id="hard", subject="maths", metrics={"partial": hard / 2}) for i in range(4)]
        write_run(path, model, [*easy, *tough], params={"temperature": 0.7 if model == "treat" else 0.0, "max_tokens": 64})
    return path


@pytest.fixture
def flat() -> BenchmarkResult:
    return BenchmarkResult(projection_repo=Flat(), trial_hashes=["t1", "t2", "t3", "t4"], benchmark_id="bench")
