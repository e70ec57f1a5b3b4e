"""Which samples of a benchmark a run takes.

The choice depends on the seed and each sample's stable id alone: the samples of n = 10 are among those of n = 50, on any
machine, whatever the order of the rows. Choosing reads the whole set once before anything is asked, so a broken row,
a duplicate id or an empty set is found before the first token is paid. Only ids are held, not samples.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tripos.benchmarks.benchmark import Benchmark
from tripos.core.errors import ConfigError, DatasetError, unknown
from tripos.core.identity import order_key
from tripos.core.records import Sample
from tripos.runs.spec import RunSpec

_TRAIN_SHARE = 51  # of 256: one fifth


@dataclass(frozen=True)
class Selection:
    """The samples of a run. `ids` is None when every sample of the source is taken."""

    benchmark: Benchmark
    total: int
    ids: frozenset[str] | None
    partition: str

    def __iter__(self) -> Iterator[Sample]:
        source = iter(self.benchmark.samples)
        if self.benchmark.samples.endless:
            yield from islice(source, self.total)
            return
        for sample in source:
            if self.ids is None:
                if in_partition(sample.record_id, self.partition):
                    yield sample
            elif sample.record_id in self.ids:
                yield sample


def select(benchmark: Benchmark, spec: RunSpec) -> Selection:
    """Chooses.

    Raises:
        DatasetError: there is no sample, or none is left.
        ConfigError: a record id is asked for that does not exist.
    """
    source = benchmark.samples
    if source.endless:
        return _of_endless(benchmark, spec)
    every = (s.record_id for s in source)
    names = (i for i in every if in_partition(i, spec.partition))
    if spec.max_samples is None and not spec.record_ids:
        total = sum(1 for _ in names)
        if total:
            return Selection(benchmark, total, None, spec.partition)
    wanted = list(names)
    if not wanted:
        raise DatasetError(
            f"{spec.benchmark}: no sample is left" + (f" in the partition {spec.partition!r}" if spec.partition != "all" else "")
        )
    if spec.record_ids:
        present, asked = set(wanted), set(spec.record_ids)
        missing = [i for i in spec.record_ids if i not in present]
        if missing:
            raise ConfigError(f"{spec.benchmark}: {unknown('record id', missing[0], wanted[:100_000])}")
        wanted = [i for i in wanted if i in asked]
    if spec.max_samples is not None and spec.max_samples < len(wanted):
        wanted = heapq.nsmallest(spec.max_samples, wanted, key=lambda i: order_key(spec.seed, i))
    elif not spec.record_ids:
        return Selection(benchmark, len(wanted), None, spec.partition)
    return Selection(benchmark, len(wanted), frozenset(wanted), spec.partition)


def _of_endless(benchmark: Benchmark, spec: RunSpec) -> Selection:
    if spec.partition != "all":
        raise ConfigError(f"{spec.benchmark} is generated: it has no partition {spec.partition!r}; use another --seed instead")
    if spec.record_ids:
        raise ConfigError(f"{spec.benchmark} is generated: choose samples by --seed and -n, not by record id")
    total = spec.max_samples or benchmark.default_n
    if not total:
        raise ConfigError(f"{spec.benchmark} is generated without end: say how many samples with -n")
    return Selection(benchmark, total, None, "all")


def in_partition(record_id: str, partition: str) -> bool:
    """Whether a record belongs to our own cut: about one fifth `train`, the rest `test`, by the hash of its id."""
    if partition == "all":
        return True
    return (order_key(0, f"partition/{record_id}")[0] < _TRAIN_SHARE) == (partition == "train")
