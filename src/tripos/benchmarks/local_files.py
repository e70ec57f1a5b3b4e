"""Rows of a data set from local files: which files hold a split, and how each format is read, row by row."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tripos.core.errors import DatasetError

Row = dict[str, Any]
Located = tuple[str, Row]  # where a row stands ("path:line"), the row

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_NOT_ROWS = {"state.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"}  # of `save_to_disk`
_SPLITS = {"train", "test", "validation", "valid", "val", "dev"}
_MOST_FILES = 10_000


class _Part(NamedTuple):
    """Files that belong together: one file, or the shards of one."""

    folders: tuple[str, ...]
    name: str
    extension: str
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return "/".join([*self.folders, self.name + self.extension]) + (f" ({len(self.files)} shards)" if len(self.files) > 1 else "")


def shelved(key: str) -> Path | None:
    """The directory of a benchmark below `TRIPOS_DATA_DIR`; None where there is none.

    Raises:
        DatasetError: `TRIPOS_DATA_DIR` names no directory.
    """
    shelf = os.environ.get("TRIPOS_DATA_DIR")
    if not shelf:
        return None
    root = Path(shelf).expanduser()
    if not root.is_dir():
        raise DatasetError(f"TRIPOS_DATA_DIR = {shelf!r} is no directory; it must hold one directory a benchmark, such as {key}/")
    return root / key if (root / key).is_dir() else None


def checkout(
    key: str, data: Path | None, places: Sequence[str], fits: Callable[[Path], bool], *, holds: str, advice: str, what: str = "the tasks"
) -> Path:
    """The directory of a benchmark's files in a copy of the repository that they come from.

    Args:
        data: the copy; None looks for one below `TRIPOS_DATA_DIR`.
        places: where in it the directory may be, the likeliest first.
        fits: whether a directory is the one.
        holds: what a copy holds, and `advice`, how to get one, for the error.

    Raises:
        DatasetError: there is no copy, or nothing of the kind in it.
    """
    root = data or shelved(key)
    if root is None:
        raise DatasetError(f"{key}: {what} are not here; {advice}")
    folder = next(filter(fits, (root.expanduser() / place for place in places)), None)
    if folder is None:
        raise DatasetError(f"{key}: {root} holds no {holds}; {advice}")
    return folder


def locate(root: Path, split: str, config: str | None, *, named: bool) -> tuple[Path, ...]:
    """The files below `root` that hold `split` of `config`.

    Understood: `{split}.jsonl`, shards, `{config}/{split}.…`, `{config}_{split}.…`, `{config}.…`, `{split}/anything`, the hub's
    `data/` and `save_to_disk` layouts, and one single file of another name if `named`.

    Args:
        root: a file (taken as it is) or a directory.
        named: the user gave this very path for this very benchmark, so a single file needs no telling name.

    Raises:
        DatasetError: nothing fits, or more than one thing does; lists what is there.
    """
    if root.is_file():
        if root.suffix.lower() not in READERS:
            raise DatasetError(f"{root}: a data file must end in {', '.join(READERS)}")
        return (root,)
    if not root.is_dir():
        raise DatasetError(f"{root} does not exist; `data` must name a file or a directory")
    parts = _parts(root)
    for fits in _rules(split, config):
        found = _preferred([part for part in parts if fits(part)])
        if len(found) == 1:
            return found[0].files
        if found:
            raise DatasetError(f"{root}: more than one file could be split {split!r}: {_listed(found)}; name one with --data")
    if named and len(parts) == 1 and not _is_another_split(parts[0], split) and not _is_another_config(parts[0], split, config):
        return parts[0].files
    what = f"split {split!r}" + (f" of configuration {config!r}" if config else "")
    raise DatasetError(
        f"{root} holds no {what}; expected e.g. {split}.jsonl or {split}.parquet; found: {_listed(parts) or 'no data files'}"
    )


def _rules(split: str, config: str | None) -> list[Callable[[_Part], bool]]:
    at_split: list[Callable[[_Part], bool]] = [
        lambda part: part.name == split,
        lambda part: bool(part.folders) and part.folders[-1] == split,
        lambda part: split in part.folders,
    ]
    if config is None:
        return at_split
    joined = {f"{config}_{split}", f"{config}-{split}"}
    return [
        lambda part: config in part.folders and part.name == split,
        lambda part: config in part.folders and split in part.folders,
        lambda part: part.name in joined,
        lambda part: part.name == config,
        lambda part: config in part.folders and not _is_another_split(part, split),
        *at_split,
    ]


def _preferred(found: list[_Part]) -> list[_Part]:
    """Of the same rows in several formats the first format; of several depths the shallowest; `metadata` before attachments."""
    if len(found) > 1 and any(part.name == "metadata" for part in found):
        found = [part for part in found if part.name == "metadata"]
    depth = min((len(part.folders) for part in found), default=0)
    found = [part for part in found if len(part.folders) == depth]
    if len({(part.folders, part.name) for part in found}) == 1:
        found = sorted(found, key=lambda part: list(READERS).index(part.extension))[:1]
    return found


def _is_another_split(part: _Part, split: str) -> bool:
    words = {*part.folders, part.name, *re.split(r"[_-]", part.name)}
    return split not in words and bool(words & _SPLITS)


def _is_another_config(part: _Part, split: str, config: str | None) -> bool:
    return config is not None and part.name.endswith((f"_{split}", f"-{split}"))  # `{config}_{split}` would have been found


def _parts(root: Path) -> list[_Part]:
    groups: dict[tuple[tuple[str, ...], str, str], list[Path]] = {}
    for count, path in enumerate(sorted(root.rglob("*"))):
        if count > _MOST_FILES:
            raise DatasetError(f"{root} holds more than {_MOST_FILES} files; name the data set's own directory")
        below = path.relative_to(root)
        if path.suffix.lower() in READERS and path.name not in _NOT_ROWS and not any(p.startswith(".") for p in below.parts):
            key = (tuple(below.parts[:-1]), _SHARD.sub("", path.stem), path.suffix.lower())
            groups.setdefault(key, []).append(path)
    return [_Part(folders, name, extension, tuple(files)) for (folders, name, extension), files in groups.items()]


def _listed(parts: list[_Part]) -> str:
    names = sorted(map(str, parts))
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")


def read(path: Path) -> Iterator[Located]:
    """The rows of one file with the place each stands at. JSON arrays are read whole, everything else row by row.

    Raises:
        DatasetError: a row cannot be read; names file and line (or row).
    """
    return READERS[path.suffix.lower()](path)


def digest_of(files: tuple[Path, ...]) -> str:
    """SHA-256 over the bytes of the files, in order; for one file the same as `sha256sum` prints."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def _json_lines(path: Path) -> Iterator[Located]:
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DatasetError(f"{where}: not a JSON row: {error}") from error
            yield where, _object(row, where)


def _json(path: Path) -> Iterator[Located]:
    with path.open("rb") as file:
        is_array = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    if not is_array:
        yield from _json_lines(path)
        return
    try:
        rows = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a JSON array of rows: {error}") from error
    for number, row in enumerate(rows, 1):
        yield f"{path}: row {number}", _object(row, f"{path}: row {number}")


def _object(row: Any, where: str) -> Row:
    if not isinstance(row, dict):
        raise DatasetError(f"{where}: a row must be a JSON object, this is a {type(row).__name__}")
    return row


def _separated(path: Path) -> Iterator[Located]:
    import csv

    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        try:
            header = next(reader, [])
            for cells in reader:
                where = f"{path}:{reader.line_num}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise DatasetError(f"{where}: {len(cells)} cells under {len(header)} column names")
                yield where, dict(zip(header, cells, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}:{reader.line_num}: not a readable row: {error}") from error


def _parquet(path: Path) -> Iterator[Located]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", row
    except pyarrow.ArrowException as error:
        raise DatasetError(f"{path}: not readable after row {number}: {error}") from error


def _arrow(path: Path) -> Iterator[Located]:
    import pyarrow

    number = 0
    try:
        with pyarrow.memory_map(str(path)) as mapped:
            is_file = mapped.read(6) == b"ARROW1"
            mapped.seek(0)
            if is_file:
                reader = pyarrow.ipc.open_file(mapped)
                batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
            else:
                batches = iter(pyarrow.ipc.open_stream(mapped))
            for batch in batches:
                for start in range(0, batch.num_rows, 256):
                    for row in batch.slice(start, 256).to_pylist():
                        number += 1
                        yield f"{path}: row {number}", row
    except pyarrow.ArrowException as error:
        raise DatasetError(f"{path}: not readable after row {number}: {error}") from error


READERS: dict[str, Callable[[Path], Iterator[Located]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _separated,
    ".tsv": _separated,
}
