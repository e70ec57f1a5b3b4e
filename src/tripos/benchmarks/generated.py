"""Samples made from a seed: unlimited, fresh, the same for the same seed on every machine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tripos.core.errors import ConfigError
from tripos.core.records import Sample

Make = Callable[[random.Random, int], Sample]

_ID = re.compile(r"v(?P<version>\d{1,9})-(?P<seed>-?[0-9a-f]{1,40})-(?P<index>\d{5,12})")


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
        return Sample(**{**fields, "record_id": f"{self.key}-v{self.version}-{self.seed:x}-{index:05d}"})

    def fingerprint(self) -> dict[str, str | int | None]:
        """The generator is the data set."""
        return {"source": f"generated:{self.key}", "revision": f"v{self.version}", "seed": self.seed}

    def only(self, record_ids: Iterable[str]) -> Chosen:
        """The samples of these ids, made again one by one.

        Raises:
            ConfigError: an id that this generator does not give with this seed.
        """
        return Chosen(self, tuple(sorted({self._index(record_id) for record_id in record_ids})))

    def _index(self, record_id: str) -> int:
        named = f"{self.key}-v{self.version}-{self.seed:x}-"
        parts = _ID.fullmatch(record_id.removeprefix(f"{self.key}-"))
        if parts is None or not record_id.startswith(f"{self.key}-"):
            raise ConfigError(f"{self.key}: no record has the id {record_id!r}; the ids of this seed are {named}00000, {named}00001, …")
        if int(parts["version"]) != self.version:
            made = f"version {parts['version']} of the generator"
            raise ConfigError(f"{self.key}: record {record_id!r} was made by {made}; this is version {self.version}")
        if int(parts["seed"], 16) != self.seed:
            raise ConfigError(f"{self.key}: record {record_id!r} is of seed {int(parts['seed'], 16)}; give --seed {int(parts['seed'], 16)}")
        return int(parts["index"])


@dataclass(frozen=True)
class Chosen:
    """Some samples of a generated source, by their indices."""

    source: Generated
    indices: tuple[int, ...]
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        return map(self.source.sample, self.indices)

    def fingerprint(self) -> dict[str, str | int | None]:
        """That of the source."""
        return self.source.fingerprint()
