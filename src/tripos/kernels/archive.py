"""Files in a directory or archive that somebody else made, read into memory and never unpacked.

Nothing of it is trusted: the number of files, the bytes that come out and the names are bounded before they are used; links, devices
and names that climb refuse the whole archive, because no honest packer makes them.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tripos.core.errors import ConfigError

MOST_FILES = 5_000
MOST_BYTES = 64 << 20
LARGEST_FILE_BYTES = 4 << 20
MOST_NAME = 400
DEEPEST = 8  # {team}/{tier}/{case}.py and more, so that what lies too deep is seen and said
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")

Member = tuple[PurePosixPath, bytes]
_CHUNK = 1 << 20
_LZMA_MEMORY = 256 << 20
_ZSTD_WINDOW = 1 << 27
_XZ, _ZSTD, _GZIP, _BZIP2 = b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"BZh"
_COMPRESSED = (_XZ, _ZSTD, _GZIP, _BZIP2)
_ZIPPED = (b"PK\3\4", b"PK\5\6")  # a first member, or none


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive we read."""
    return path.name.lower().endswith(SUFFIXES)


def directory_members(root: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[PurePosixPath, bytes | str]]:
    """(name, content) of the files below a directory whose name is wanted, sorted; instead of the content a sentence where the file is a
    link, no plain file, too large or cannot be read; last the directories that cannot be read, each with its sentence. Hidden
    directories, caches, and what lies deeper than eight levels are left out.

    Raises:
        ConfigError: there are too many of them, or `root` itself cannot be read.
    """
    count = 0
    closed: list[OSError] = []
    for place, folders, names in os.walk(root, onerror=closed.append):
        relative = PurePosixPath(Path(place).relative_to(root).as_posix())
        depth = len(relative.parts)
        linked = [name for name in folders if _is_link(Path(place, name))]
        folders[:] = sorted(
            name for name in folders if depth + 1 < DEEPEST and not name.startswith(".") and name != "__pycache__" and name not in linked
        )
        for name in sorted(linked):
            if not name.startswith("."):
                yield relative / name, "is a link; only plain directories are followed"
        for name in sorted(names):
            if wanted(name):
                count += 1
                if count > MOST_FILES:
                    raise ConfigError(f"{root} holds more than {MOST_FILES} files; is this a directory of submissions?")
                yield relative / name, _plain_file(Path(place, name))
    yield from (_closed_directory(root, error) for error in closed)


def archive_members(path: Path) -> list[Member]:
    """(name, content) of every plain file of a zip or tar archive (gzip, bzip2, xz, zstd), sorted by name.

    Raises:
        ConfigError: unreadable, damaged, encrypted, too large, or hostile: an absolute name or one with `..`, a link or device, a name
            twice, more than 5,000 files, 64 MiB in all or 4 MiB in one, however small it was packed.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise ConfigError(f"{path} is larger than {MOST_BYTES >> 20} MiB")
            members = list(_zip_members(path, file) if _is_zip(file) else _tar_members(path, file))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        raise ConfigError(f"{path} is damaged or no archive ({error})") from error
    return sorted(members, key=lambda member: member[0])


def safe_name(path: Path, name: str, seen: set[PurePosixPath]) -> PurePosixPath:
    """The place of a member within the archive, added to `seen`.

    Raises:
        ConfigError: the name leaves the archive, is no name at all, or was there before.
    """
    place = PurePosixPath(name)
    climbs = place.is_absolute() or ".." in place.parts or "\\" in name or (len(name) > 1 and name[1] == ":")
    if climbs or not place.parts or len(name) > MOST_NAME or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise ConfigError(f"{path}: member {name[:MOST_NAME]!r} has a name that no submission has; nothing of the archive was read")
    if place in seen:
        raise ConfigError(f"{path}: member {name!r} is there twice; which one counts cannot be told")
    seen.add(place)
    if len(seen) > MOST_FILES:
        raise ConfigError(f"{path} holds more than {MOST_FILES} files")
    return place


def _is_zip(file: IO[bytes]) -> bool:
    """Whether it is a zip and no tar that holds one: the directory of a zip is looked for at the end, where a tar's last file lies."""
    head = file.read(tarfile.BLOCKSIZE)
    return zipfile.is_zipfile(file) and (head.startswith(_ZIPPED) or not (head.startswith(_COMPRESSED) or _is_tar_header(head)))


def _is_tar_header(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _zip_members(path: Path, file: IO[bytes]) -> Iterator[Member]:
    seen: set[PurePosixPath] = set()
    left = MOST_BYTES
    with zipfile.ZipFile(file) as archive:
        chosen = []
        for info in archive.infolist():
            if info.is_dir() and info.filename.strip("/"):
                safe_name(path, info.filename, set())
                continue
            place = safe_name(path, info.filename, seen)
            kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
            if kind not in (0, stat.S_IFREG):
                raise ConfigError(f"{path}: member {info.filename!r} is a link or device")
            if info.flag_bits & 1:
                raise ConfigError(f"{path}: member {info.filename!r} is encrypted")
            _check_size(path, info.filename, info.file_size)
            chosen.append((place, info))
        for place, info in chosen:
            with archive.open(info) as member:
                content = member.read(LARGEST_FILE_BYTES + 1)
            _check_size(path, info.filename, len(content))
            left -= len(content)
            if left < 0:
                raise ConfigError(_too_much(path))
            yield place, content


def _tar_members(path: Path, file: IO[bytes]) -> Iterator[Member]:
    """The whole archive is unpacked to memory first, up to the limit: tarfile itself reads headers of any length."""
    seen: set[PurePosixPath] = set()
    unpacked = _unpacked(path, file)
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        count = 0
        for info in archive:
            count += 1
            if count > 2 * MOST_FILES:
                raise ConfigError(f"{path} holds more than {MOST_FILES} files")
            if info.isdir():
                if PurePosixPath(info.name).parts:  # "./" is the archive itself
                    safe_name(path, info.name, set())
                continue
            place = safe_name(path, info.name, seen)
            if not info.isreg() or info.issparse():
                raise ConfigError(f"{path}: member {info.name!r} is a link, a device or another thing that is no plain file")
            _check_size(path, info.name, info.size)
            member = archive.extractfile(info)
            content = member.read() if member is not None else b""
            if len(content) != info.size:
                raise ConfigError(f"{path}: member {info.name!r} is cut off")
            yield place, content
        rest = unpacked[archive.offset :]
        if not rest or rest.strip(b"\0"):  # tarfile takes a broken header for the end
            raise ConfigError(f"{path} is damaged or cut off after {len(seen)} files")


def _unpacked(path: Path, file: IO[bytes]) -> bytes:
    """The tar archive within its compression.

    Raises:
        ConfigError: more comes out than the limit.
    """
    file.seek(0)
    head = file.read(6)
    file.seek(0)
    if head.startswith(_XZ):
        return _unpacked_xz(path, file)
    if head.startswith(_ZSTD):
        return _unpacked_zstd(path, file)
    if head.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as stream:
            return _bounded(path, stream.read(MOST_BYTES + 1))
    if head.startswith(_BZIP2):
        with bz2.BZ2File(file) as stream:
            return _bounded(path, stream.read(MOST_BYTES + 1))
    return _bounded(path, file.read(MOST_BYTES + 1))


def _unpacked_xz(path: Path, file: IO[bytes]) -> bytes:
    """By hand, because `lzma.open` takes no limit on the memory of its dictionary."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)
    out = bytearray()
    while not decoder.eof:
        packed = file.read(_CHUNK) if decoder.needs_input else b""
        if decoder.needs_input and not packed:
            raise EOFError("it ends in the middle")
        out += decoder.decompress(packed, max_length=MOST_BYTES + 1 - len(out))
        _bounded(path, out)
    return bytes(out)


def _unpacked_zstd(path: Path, file: IO[bytes]) -> bytes:
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(file, read_across_frames=True) as stream:
            return _bounded(path, stream.read(MOST_BYTES + 1))
    except zstandard.ZstdError as error:
        raise ConfigError(f"{path} is damaged or no archive ({error})") from error


def _bounded(path: Path, content: bytes | bytearray) -> bytes:
    if len(content) > MOST_BYTES:
        raise ConfigError(_too_much(path))
    return bytes(content)


def _check_size(path: Path, name: str, size: int) -> None:
    if size > LARGEST_FILE_BYTES:
        raise ConfigError(f"{path}: member {name!r} is larger than {LARGEST_FILE_BYTES >> 20} MiB, which no kernel is")


def _too_much(path: Path) -> str:
    return f"{path} unpacks to more than {MOST_BYTES >> 20} MiB"


def _closed_directory(root: Path, error: OSError) -> tuple[PurePosixPath, str]:
    """The name of a directory that could not be listed, and why.

    Raises:
        ConfigError: it is `root` itself.
    """
    place = Path(error.filename or root)
    if place == root:
        raise ConfigError(f"cannot read {root}: {error.strerror}")
    return PurePosixPath(place.relative_to(root).as_posix()), f"cannot be read: {error.strerror}"


def _is_link(path: Path) -> bool:
    """False also where the directory does not let it be looked at."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _plain_file(path: Path) -> bytes | str:
    """The content, or why not. Opened without following a link and without waiting for a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return "is a link; only plain files are read" if _is_link(path) else f"cannot be read: {error.strerror}"
    with os.fdopen(handle, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            return "is no plain file"
        if seen.st_size > LARGEST_FILE_BYTES:
            return f"is larger than {LARGEST_FILE_BYTES >> 20} MiB, which no kernel is"
        try:
            return file.read(LARGEST_FILE_BYTES)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
