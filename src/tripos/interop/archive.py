"""Members of a zip archive that somebody else made. Nothing is unpacked to disk and nothing is trusted: sizes are bounded by what
really comes out, names by what a log can hold.

zstd members (compression type 93, which `zipfile` learns only in Python 3.14) are read here.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from tripos.core.errors import ConfigError

LARGEST_MEMBER_BYTES = 1 << 30
_FREE_BYTES = 64 << 20  # below this no ratio is suspicious
_LARGEST_RATIO = 1000
_ZSTD = (93, 20)
_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class Archive:
    """Read-only view of a zip archive; use it as a context manager.

    Raises:
        ConfigError: the file is no zip archive, is cut off, or holds a member whose name leaves the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Archive:
        try:
            self._file = self.path.open("rb")
            self._zip = zipfile.ZipFile(self._file)
        except OSError as error:
            raise ConfigError(f"cannot read {self.path}: {error.strerror}") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            self._close()
            raise ConfigError(f"{self.path}: not a zip archive, or cut off before its end ({error})") from error
        for name in self._zip.namelist():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts or "\\" in name or "\0" in name:
                self._close()
                raise ConfigError(f"{self.path}: member {name!r} leaves the archive; this is no log")
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def names(self) -> list[str]:
        """Names of the members, each once."""
        return list(dict.fromkeys(self._zip.namelist()))

    def read(self, name: str) -> bytes:
        """One member (the last of that name, as it is the newest).

        Raises:
            ConfigError: it is missing, damaged, encrypted, compressed in an unknown way or far too large.
        """
        with self._damage(name):
            info = self._zip.getinfo(name)
            if info.flag_bits & 1:
                raise ConfigError(f"{self.path}: member {name!r} is encrypted")
            self._bound(info, info.file_size)
            if info.compress_type in _ZSTD:
                return self._read_zstd(info)
            with self._zip.open(info) as member:
                return member.read()
        raise AssertionError("unreachable")

    def _bound(self, info: zipfile.ZipInfo, size: int) -> None:
        """Refuses a bomb: by what the directory claims, and again by what comes out."""
        ratio = size / max(info.compress_size, 1)
        if size > LARGEST_MEMBER_BYTES or (size > _FREE_BYTES and ratio > _LARGEST_RATIO):
            raise ConfigError(
                f"{self.path}: member {info.filename!r} unpacks to {size} bytes or more from {info.compress_size}: a zip bomb"
            )

    def _read_zstd(self, info: zipfile.ZipInfo) -> bytes:
        assert self._file is not None
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER.size)
        signature, *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        if signature != b"PK\x03\x04":
            raise zipfile.BadZipFile("no local header where the directory says")
        self._file.seek(name_length + extra_length, io.SEEK_CUR)
        packed = self._file.read(info.compress_size)
        found = bytearray()
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed, read_across_frames=True)
        while chunk := stream.read(_CHUNK):
            found += chunk
            self._bound(info, len(found))
        if len(found) != info.file_size or zlib.crc32(found) != info.CRC:
            raise zipfile.BadZipFile("length or checksum is wrong")
        return bytes(found)

    @contextmanager
    def _damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise ConfigError(f"{self.path}: there is no member {name!r}") from error
        except (zipfile.BadZipFile, zlib.error, zstandard.ZstdError, EOFError, struct.error, OSError) as error:
            raise ConfigError(f"{self.path}: member {name!r} is damaged ({error})") from error
        except NotImplementedError as error:
            raise ConfigError(f"{self.path}: member {name!r}: {error}") from error
