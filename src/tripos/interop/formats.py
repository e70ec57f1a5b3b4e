"""Which tool wrote this? Formats register themselves in their own files; `read_log` asks each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.registry import Registry
from tripos.interop.imported import ImportedLog, ImportedTrial

_HEAD_BYTES = 1 << 16


class Peek:
    """What can be seen of a path without reading it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_dir = path.is_dir()

    @property
    def suffix(self) -> str:
        """`.json`, `.jsonl`, …; empty for a directory."""
        return "" if self.is_dir else self.path.suffix.lower()

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        if self.is_dir:
            return b""
        with self.path.open("rb") as file:
            return file.read(_HEAD_BYTES)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every object key that occurs in the head, at any depth: a cheap sign, not a proof."""
        return frozenset(k.decode("utf-8", "replace") for k in re.findall(rb'"([^"\\]{1,80})"\s*:', self.head))

    @cached_property
    def first_line(self) -> dict[str, Any]:
        """The first line as an object; empty if it is none."""
        with self.path.open("rb") as file:
            text = file.readline(64 << 20)
        try:
            found = msgspec.json.decode(text.replace(b"NaN", b"null"))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Attributes:
        title: what a person calls it, with the files it is read from.
        recognises: whether a path is a log of this format, as far as a peek tells; a file that only belongs to a log is none.
        read: the logs at that path, one a benchmark and model.
    """

    title: str
    recognises: Callable[[Peek], bool]
    read: Callable[[Path], list[ImportedLog]]


formats: Registry[Format] = Registry("log format", package="tripos.interop", group="tripos.formats")


@dataclass(frozen=True)
class Found:
    """A log that was found and not read yet."""

    path: Path
    format: Format

    def read(self) -> list[ImportedLog]:
        """Reads it.

        Raises:
            ConfigError: it is damaged or keeps no samples.
        """
        with _shape(self.path):
            return [replace(log, trials=_guarded(log)) for log in self.format.read(self.path)]


@contextmanager
def _shape(path: Path) -> Iterator[None]:
    """Readers take the documented shape for granted; a log of another shape is a person's problem, not a traceback."""
    try:
        yield
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{path}: not of the shape that this tool writes ({type(error).__name__}: {error})") from error


def _guarded(log: ImportedLog) -> Callable[[], Iterator[ImportedTrial]]:
    def trials() -> Iterator[ImportedTrial]:
        with _shape(log.path):
            yield from log.trials()

    return trials


def find_logs(path: Path, name: str = "auto") -> list[Found]:
    """The logs at a path: a file, a run's directory, or a directory with several.

    Raises:
        ConfigError: there is nothing there, nothing that a known tool wrote, or no such format.
    """
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or directory")
    chosen = formats.get(name) if name != "auto" else None
    found = list(_below(path, chosen))
    if not found and chosen is not None and not path.is_dir():
        found = [Found(path, chosen)]  # the person knows better; the reader will say what is wrong
    if not found:
        raise ConfigError(f"{path}: {_unknown(path)}")
    return found


def read_log(path: Path, name: str = "auto") -> list[ImportedLog]:
    """The logs at a path, one a benchmark and model.

    Raises:
        ConfigError: as `find_logs`, or one of them cannot be read.
    """
    return [log for found in find_logs(path, name) for log in found.read()]


def _below(path: Path, chosen: Format | None) -> Iterator[Found]:
    """What is recognised: the path itself, else what lies below it, in the order of names; links to directories are not followed."""
    known = _recognised(path, chosen)
    if known is not None:
        yield Found(path, known)
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            if not entry.name.startswith(".") and not (entry.is_symlink() and entry.is_dir()):
                yield from _below(entry, chosen)


def _recognised(path: Path, chosen: Format | None) -> Format | None:
    among = [chosen] if chosen is not None else [f for _, f in formats.items()]
    try:
        peek = Peek(path)
        return next((f for f in among if f.recognises(peek)), None)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def _unknown(path: Path) -> str:
    if path.suffix == ".jsonl" and "trial_hash" in Peek(path).first_line:
        return "this is a results file of Tripos itself; compare and report read it as it is"
    known = "; ".join(f"{name} ({f.title})" for name, f in formats.items())
    return f"{'no log below it' if path.is_dir() else 'not a log'} that a known tool wrote; known formats: {known}"
