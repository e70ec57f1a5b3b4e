"""DeepResearchBench under the key `deepresearch`; `liveresearch` is the same benchmark. See `deep_research_bench.py`."""

from __future__ import annotations

from tripos.benchmarks.agentic.deep_research_bench import DEVIATES, OFFICIAL, REPOSITORY, deep_research_bench
from tripos.benchmarks.benchmark import Benchmark, Options, benchmark


@benchmark(
    "deepresearch",
    category="agentic",
    summary="Same benchmark as liveresearch",
    size="100",
    licence="Apache-2.0",
    source=REPOSITORY,
    settings=("reference",),
    official=OFFICIAL,
    deviates=DEVIATES,
    also_needs="tools that search the web (backend `agent`), for the published setting",
    calibrated="0.1.0",
)
def deepresearch(options: Options) -> Benchmark:
    """Reports marked criterion by criterion against reference reports."""
    return deep_research_bench("deepresearch", options)
