"""DeepResearchBench under the key `liveresearch`; `deepresearch` is the same benchmark. See `deep_research_bench.py`."""

from __future__ import annotations

from tripos.benchmarks.agentic.deep_research_bench import DEVIATES, OFFICIAL, REPOSITORY, deep_research_bench
from tripos.benchmarks.benchmark import Benchmark, Options, benchmark


@benchmark(
    "liveresearch",
    category="agentic",
    summary="Deep research report generation",
    size="100",
    licence="Apache-2.0",
    source=REPOSITORY,
    settings=("reference",),
    official=OFFICIAL,
    deviates=DEVIATES,
    also_needs="tools that search the web (backend `agent`), for the published setting",
    calibrated="0.1.0",
)
def liveresearch(options: Options) -> Benchmark:
    """Reports marked criterion by criterion against reference reports."""
    return deep_research_bench("liveresearch", options)
