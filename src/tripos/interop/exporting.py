"""Results out: what an exporter gets, and the registry of exporters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tripos.core.errors import ConfigError
from tripos.core.records import JSON
from tripos.core.registry import Registry

Key = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A run to be written.

    Attributes:
        name: what the file or run is called in messages.
        records: the lines of its results file.
        summary: its summary; None where there is none.
        asked: (prompt, reference) of each record, variant and attempt, where the store has them.
    """

    name: str
    records: list[dict[str, Any]]
    summary: dict[str, Any] | None = None
    asked: dict[Key, tuple[str, JSON]] = field(default_factory=dict)

    @property
    def benchmark(self) -> str:
        """Benchmark of the records."""
        return str(self.records[0].get("benchmark") or "benchmark")

    @property
    def model(self) -> str:
        """Model of the records."""
        return str(self.records[0].get("model") or "model")


@dataclass(frozen=True)
class Exporter:
    """A way out. `write` returns the files that it made; `title` is for people."""

    title: str
    write: Callable[[Exported, Path], list[Path]]


exporters: Registry[Exporter] = Registry("export format", package="tripos.interop", group="tripos.exporters")


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears when it is complete, or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a directory; name a file with -o")
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place with -o") from error
    finally:
        with suppress(OSError):  # it was never made, or has its name by now
            temporary.unlink()
