"""Where rows come from: a path the user names, the directory `TRIPOS_DATA_DIR`, or the hub (its cache when offline).

Rows are never executed, unpickled or trusted; code of a hub repository is never run. A source reads row by row, so memory
grows by some 150 bytes a kept row only: two hashes, by which duplicates are found.
"""

from __future__ import annotations

import gc
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tripos.benchmarks.hub import OnHub, away
from tripos.benchmarks.local_files import Located, Row, digest_of, locate, read, shelved
from tripos.core.errors import DatasetError
from tripos.core.records import Sample

ToSample = Callable[[Row], Sample | None]
_STREAM_BYTES = 1 << 30  # a larger download is streamed; a smaller one is kept in the hub's cache, where it serves offline
_RELEASE_SECONDS = 0.2


def huggingface(
    repo: str,
    *,
    key: str,
    to_sample: ToSample,
    split: str,
    config: str | None = None,
    data: Path | None = None,
    revision: str | None = None,
    columns: tuple[str, ...] = (),
    keep: Callable[[Row], bool] | None = None,
    gated: bool = False,
    streamed: bool = False,
) -> HubSource:
    """A data set of the hub, or the same rows from local files.

    Args:
        repo: hub name, "owner/name".
        key: the benchmark's key; its directory below `TRIPOS_DATA_DIR`.
        to_sample: one row to its sample; None leaves the row out on purpose. Record ids must come from the row.
        data: a local file or directory (layouts: `local_files.locate`), read instead of anything else.
        revision: commit, tag or branch of the hub repository.
        columns: names that every row must have.
        keep: rows for which it is false are left out before `to_sample`.
        gated: the hub asks to accept terms first.
        streamed: never keep the whole in the hub's cache: the set is large, and runs read its beginning only.

    Raises (while iterating, never silently fewer rows):
        DatasetError: rows cannot be had, a column is missing, a row cannot be read, two different rows share an id, or no
            row is usable.
    """
    return HubSource(repo, key, to_sample, split, config, data, revision, columns, keep, gated, streamed)


@dataclass
class HubSource:
    """Re-iterable; see `huggingface`. After a whole iteration the fingerprint knows how many rows were read and kept."""

    repo: str
    key: str
    to_sample: ToSample
    split: str
    config: str | None
    data: Path | None
    revision: str | None
    columns: tuple[str, ...]
    keep: Callable[[Row], bool] | None
    gated: bool
    streamed: bool = False
    endless: bool = field(default=False, init=False)
    _counts: dict[str, int | None] = field(default_factory=lambda: {"rows": None, "kept": None, "duplicates": None}, init=False)
    _hub: Any = field(default=None, init=False, repr=False)

    def __iter__(self) -> Iterator[Sample]:
        rows = kept = duplicates = 0
        seen: dict[int, int] = {}
        for where, row in self._rows():
            rows += 1
            sample = self._sample(where, row)
            if sample is None:
                continue
            content = _hash(msgspec.json.encode(sample))
            before = seen.setdefault(_hash(sample.record_id.encode()), content)
            if before != content:
                raise DatasetError(f"{where}: record id {sample.record_id!r} stands for two different rows of {self._name()}")
            if len(seen) == kept:
                duplicates += 1
                continue
            kept += 1
            yield sample
        if not kept:
            why = f"all {rows} rows were left out" if rows else "there are no rows"
            raise DatasetError(f"{self._name()}: no usable row in split {self.split!r}: {why}")
        self._counts = {"rows": rows, "kept": kept, "duplicates": duplicates}

    def fingerprint(self) -> dict[str, str | int | None]:
        """{"source", "revision", "digest", "rows", "kept", "duplicates"}; counts are None before a whole iteration."""
        root = self._root()
        if root is not None:
            files = self._files(root)
            return {"source": ", ".join(map(str, files)), "revision": None, "digest": digest_of(files), **self._counts}
        name = "/".join(filter(None, (self.repo, self.config, self.split)))
        hub = self._load()
        return {"source": f"hf:{name}", "revision": hub.commit, "digest": hub.fingerprint, **self._counts}

    def _name(self) -> str:
        root = self._root()
        return f"{self.repo} ({root})" if root is not None else self.repo

    def _root(self) -> Path | None:
        if self.data is not None:
            return self.data.expanduser()
        return shelved(self.key)

    def _files(self, root: Path) -> tuple[Path, ...]:
        return locate(root, self.split, self.config, named=self.data is not None)

    def _rows(self) -> Iterator[Located]:
        root = self._root()
        if root is not None:
            for path in self._files(root):
                yield from read(path)
            return
        hub = self._load()
        place = f"{self.repo}/{self.split}"
        with self._on_hub().explained():
            for number, row in enumerate(_released(hub.rows) if hub.is_streamed else hub.rows, 1):
                yield f"{place}: row {number}", row

    def _sample(self, where: str, row: Row) -> Sample | None:
        missing = [name for name in self.columns if name not in row]
        if missing:
            raise DatasetError(f"{where}: column {', '.join(map(repr, missing))} is missing; the row has: {', '.join(map(repr, row))}")
        try:
            return None if self.keep is not None and not self.keep(row) else self.to_sample(row)
        except (DatasetError, ValueError, TypeError, LookupError, AttributeError) as error:
            said = str(error) if isinstance(error, DatasetError) else f"{type(error).__name__}: {error}"
            raise DatasetError(f"{where}: this row cannot be used: {said}") from error

    def _load(self) -> _Hub:
        if self._hub is None:
            with self._on_hub().explained():
                self._hub = _load(self)
        hub: _Hub = self._hub
        return hub

    def _on_hub(self) -> OnHub:
        locally = f"give the rows with `data = …` / --data, or put them below TRIPOS_DATA_DIR/{self.key}/ (e.g. {self.split}.jsonl)"
        return OnHub(self.repo, locally, self.gated)


def text(row: Row, name: str) -> str:
    """A column that must hold text.

    Raises:
        ValueError: it is blank, or no text at all: nobody can be asked that.
    """
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} holds no text but {value!r}"[:200])
    return value.strip()


@dataclass(frozen=True)
class _Hub:
    """An opened data set of the hub: `rows` can be iterated again and again."""

    rows: Any
    commit: str | None
    fingerprint: str | None
    is_streamed: bool = False


def _load(source: HubSource) -> _Hub:
    import datasets

    away()
    datasets.disable_progress_bars()
    builder = datasets.load_dataset_builder(source.repo, source.config, revision=source.revision)
    commit = getattr(builder, "hash", None)
    wanted = source.revision or ""
    if commit and re.fullmatch(r"[0-9a-f]{7,40}", wanted) and not commit.startswith(wanted):  # an offline cache has what it has
        raise DatasetError(f"{source.repo}: revision {wanted} was asked for, the local cache holds {commit}")
    is_large = source.streamed or (builder.info.download_size or 0) > _STREAM_BYTES
    if is_large and not Path(builder.cache_dir).is_dir():
        return _Hub(builder.as_streaming_dataset(split=source.split), commit, None, is_streamed=True)
    builder.download_and_prepare()
    rows = builder.as_dataset(split=source.split)
    return _Hub(rows, commit, getattr(rows, "_fingerprint", None))


def _released(stream: Any) -> Iterator[Row]:
    """A stream's rows; when they end or are left, Arrow's workers get the time to let go of the last buffers.

    They do so a moment after handing them over, and need Python's lock for it: one that asks for the lock while the interpreter
    ends aborts the process, whatever the run has done (apache/arrow#45214; seen in a fifth of the runs of a short stream).
    """
    try:
        yield from stream
    finally:
        gc.collect()
        time.sleep(_RELEASE_SECONDS)


def _hash(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
