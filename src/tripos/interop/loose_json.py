"""JSON as other tools write it: with NaN, very large, perhaps cut off. Every error names the file."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tripos.core.errors import ConfigError

T = TypeVar("T")

LARGEST_DOCUMENT_BYTES = 2 << 30
"""One JSON document is read as a whole; JSON Lines and archives are not, so they may be larger."""

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_HEX = rb"[0-9a-fA-F]{2}"
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]" + _HEX + rb"\\u[dD][c-fC-F]" + _HEX + rb"|(u[dD][89a-fA-F]" + _HEX + rb")|.)", re.DOTALL)


def decode(data: bytes, kind: type[T], where: str) -> T:
    """Decodes a document. NaN and infinities, which are not JSON, become null (not measured); half a surrogate pair, as an answer
    cut within an emoji leaves it, becomes U+FFFD.

    Raises:
        ConfigError: it is not JSON, is cut off, or of another shape; `where` is named.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: not of the expected shape ({error})") from error
    except msgspec.DecodeError as error:
        clean = _tidy(data)
        if clean != data:
            return decode(clean, kind, where)
        cut = "; the file is cut off" if "truncated" in str(error) else ""
        raise ConfigError(f"{where}: not JSON ({error}){cut}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: nested too deeply to be a log") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: not UTF-8 text ({error.reason} at byte {error.start})") from error


def _tidy(data: bytes) -> bytes:
    clean = data.removeprefix(b"\xef\xbb\xbf")
    if b"NaN" in clean or b"Infinity" in clean:
        clean = _TOKENS.sub(lambda m: m.group() if m.group().startswith(b'"') else b"null", clean)
    if b"\\ud" in clean or b"\\uD" in clean:
        clean = _ESCAPES.sub(lambda m: rb"\ufffd" if m.group(1) else m.group(), clean)
    return clean


def read_document(path: Path, kind: type[T]) -> T:
    """Reads and decodes a file.

    Raises:
        ConfigError: it cannot be read, is larger than `LARGEST_DOCUMENT_BYTES`, or is no such JSON.
    """
    return decode(read_bytes(path), kind, str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of bounded size."""
    try:
        size = path.stat().st_size
        if size > LARGEST_DOCUMENT_BYTES:
            raise ConfigError(f"{path}: {size / 1e9:.1f} GB in one JSON document is more than this reader takes (2 GiB); split the log")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, one at a time; blank lines are skipped.

    Raises:
        ConfigError: a line is no JSON object; names the line.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield decode(text, dict, f"{path}, line {number}")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def content_of(*paths: Path) -> str:
    """SHA-256 over the contents of files, whatever they are called and wherever they lie."""
    hashed = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                hashed.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return hashed.hexdigest()


def number(value: Any) -> float | None:
    """A number as it is; anything else (a boolean too: it is a judgement, see `truth`) is None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    """A whole number, None for anything else."""
    found = number(value)
    return int(value) if found is not None and math.isfinite(found) and found.is_integer() else None


def positive(value: Any) -> float | None:
    """A number above zero: for what cannot be zero when it was measured."""
    found = number(value)
    return found if found is not None and found > 0 else None
