"""Which samples of a benchmark a run takes.

The choice depends on the seed and each sample's stable id alone: the samples of n = 10 are among those of n = 50, on any
machine, whatever the order of the rows. Choosing reads the whole set once before anything is asked, so a broken row,
a duplicate id or an empty set is found before the first token is paid. Only ids are held, not samples.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice

from tripos.benchmarks.benchmark import Benchmark, Source
from tripos.benchmarks.generated import Generated
from tripos.core.errors import ConfigError, DatasetError, unknown
from tripos.core.identity import order_key
from tripos.core.records import Sample
from tripos.runs.spec import RunSpec

_TRAIN_SHARE = 51  # of 256: one fifth
_SEARCHED = 100_000  # ids among which the nearest is looked for: looking at more takes seconds


@dataclass(frozen=True)
class Selection:
    """The samples of a run. `ids` are those of a source that ends; None for the first `total` of an endless one.

    With `shuffled` (a seed) they come in the random order of that seed, held in memory: a run that may stop early needs it. Clusters
    are what is shuffled then: the samples of one follow each other, so that a run stops on whole ones.
    """

    benchmark: Benchmark
    total: int
    ids: frozenset[str] | None
    shuffled: int | None = None

    def __iter__(self) -> Iterator[Sample]:
        source = iter(self.benchmark.samples)
        endless = self.benchmark.samples.endless
        chosen = islice(source, self.total) if endless else (s for s in source if self.ids is None or s.record_id in self.ids)
        if self.shuffled is None:
            yield from chosen
            return
        seed = self.shuffled
        yield from sorted(chosen, key=lambda sample: (order_key(seed, _unit(sample)), order_key(seed, sample.record_id)))

    def cluster_sizes(self) -> list[int] | None:
        """How many samples each cluster has, in the order in which they come when shuffled; None where no two share a source."""
        sizes = [sum(1 for _ in samples) for _, samples in groupby(self, key=_unit)]
        return sizes if len(sizes) < self.total else None


def _unit(sample: Sample) -> str:
    """What stands for a sample where clusters are shuffled: its own id where it is alone."""
    return sample.record_id if sample.cluster is None else f"cluster/{sample.cluster}"


def select(benchmark: Benchmark, spec: RunSpec) -> Selection:
    """Chooses.

    Raises:
        DatasetError: there is no sample, none is left, or two share an id.
        ConfigError: a record id is asked for that does not exist.
    """
    source, shuffled = benchmark.samples, spec.seed if spec.until is not None else None
    if spec.max_samples is not None and spec.max_samples < 1:
        raise ConfigError(f"{spec.benchmark}: max_samples = {spec.max_samples}: at least one sample must be asked for")
    if source.endless:
        if spec.partition != "all":
            raise ConfigError(f"{spec.benchmark} is generated: it has no partition {spec.partition!r}; use another --seed instead")
        if not spec.record_ids:
            return replace(_of_endless(benchmark, spec), shuffled=shuffled)
        source = _named(source, spec)
        benchmark = replace(benchmark, samples=source)
    every = [s.record_id for s in source]
    _check(every, spec)
    wanted = every if spec.partition == "all" else [i for i in every if in_partition(i, spec.partition)]
    if spec.record_ids:
        wanted = _asked_for(every, wanted, spec)
    if not wanted:
        raise DatasetError(f"{spec.benchmark}: no sample is left in the partition {spec.partition!r}")
    if spec.max_samples is not None and spec.max_samples < len(wanted):
        wanted = heapq.nsmallest(spec.max_samples, wanted, key=lambda i: order_key(spec.seed, i))
    return Selection(benchmark, len(wanted), frozenset(wanted), shuffled)


def _check(every: list[str], spec: RunSpec) -> None:
    if not every:
        raise DatasetError(f"{spec.benchmark}: the set holds no sample")
    if len(set(every)) < len(every):
        twice = next(i for i, n in Counter(every).items() if n > 1)
        raise DatasetError(f"{spec.benchmark}: record id {twice!r} stands for more than one sample")


def _asked_for(every: list[str], wanted: list[str], spec: RunSpec) -> list[str]:
    asked = set(spec.record_ids)
    found = [i for i in wanted if i in asked]
    for missing in sorted(asked - set(found)):
        if missing in set(every):
            raise ConfigError(f"{spec.benchmark}: record {missing!r} is not in the partition {spec.partition!r}")
        raise ConfigError(f"{spec.benchmark}: {unknown('record id', missing, every[:_SEARCHED])}")
    return found


def _named(source: Source, spec: RunSpec) -> Source:
    """The records that a run of a generated benchmark names."""
    if not isinstance(source, Generated):
        raise ConfigError(f"{spec.benchmark} has samples without end: choose them by --seed and -n, not by record id")
    return source.only(spec.record_ids)


def _of_endless(benchmark: Benchmark, spec: RunSpec) -> Selection:
    total = spec.max_samples or benchmark.default_n
    if not total:
        raise ConfigError(f"{spec.benchmark} is generated without end: say how many samples with -n")
    return Selection(benchmark, total, None)


def in_partition(record_id: str, partition: str) -> bool:
    """Whether a record belongs to our own cut: about one fifth `train`, the rest `test`, by the hash of its id."""
    if partition == "all":
        return True
    return (order_key(0, f"partition/{record_id}")[0] < _TRAIN_SHARE) == (partition == "train")
