"""Samples made from a seed: unlimited, fresh, the same for the same seed on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tripos.core.records import Sample

Make = Callable[[random.Random, int], Sample]


@dataclass(frozen=True)
class Generated:
    """An endless source. Sample `index` of a seed depends on key, version, seed and index alone.

    Args:
        key: the benchmark's key.
        version: raise it when the generator changes, so that old and new samples are never mixed.
        make: `(rng, index) -> Sample`; use the private rng only. Its record_id is replaced by `{key}-v{version}-{seed:x}-{index}`.
    """

    key: str
    version: int
    seed: int
    make: Make
    endless: bool = True

    def __iter__(self) -> Iterator[Sample]:
        index = 0
        while True:
            yield self.sample(index)
            index += 1

    def sample(self, index: int) -> Sample:
        """One sample by its index."""
        rng = random.Random(f"{self.key}/{self.version}/{self.seed}/{index}")
        made = self.make(rng, index)
        fields = {name: getattr(made, name) for name in made.__struct_fields__}
        return Sample(**{**fields, "record_id": f"{self.key}-v{self.version}-{self.seed & 0xFFFFFFFF:x}-{index:05d}"})

    def fingerprint(self) -> dict[str, str | int | None]:
        """The generator is the data set."""
        return {"source": f"generated:{self.key}", "revision": f"v{self.version}", "seed": self.seed}
