"""DeepResearchBench under the key `liveresearch`; `deepresearch` is the same benchmark. See `deep_research_bench.py`."""

from __future__ import annotations

from tripos.benchmarks.agentic.deep_research_bench import REPOSITORY, deep_research_bench
from tripos.benchmarks.benchmark import Benchmark, Options, benchmark


@benchmark(
    "liveresearch",
    category="agentic",
    summary="Deep research report generation",
    size="100",
    licence="Apache-2.0",
    source=REPOSITORY,
    settings=("reference",),
)
def liveresearch(options: Options) -> Benchmark:
    """Reports marked criterion by criterion against reference reports."""
    return deep_research_bench("liveresearch", options)
