"""One registry class for everything that is looked up by name.

A thing registers itself with a decorator in the file that defines it. Files are found in two ways, both lazy: a
built-in package is searched by file name (`mmlu-pro` lives in a file `mmlu_pro.py`), an installed plug-in declares an
entry point in the registry's group: a thing under its name, or a module that registers several when it is imported. There
is no list of names to keep up to date.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from tripos.core.errors import ConfigError, unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one kind.

    Args:
        kind: the field's word for it, used in messages ("benchmark").
        package: dotted package whose modules register themselves when imported.
        group: entry-point group of plug-ins, e.g. `tripos.benchmarks`.
    """

    def __init__(self, kind: str, *, package: str, group: str) -> None:
        self.kind, self.package, self.group = kind, package, group
        self._things: dict[str, T] = {}
        self._log: list[str] = []  # names as they were registered
        self._complete = False

    def register(self, name: str, thing: T) -> None:
        """Adds `thing`; the same name twice is an error unless it is the same definition imported again."""
        present = self._things.get(name)
        if present is not None and _origin(present) != _origin(thing):
            raise ConfigError(f"{self.kind} {name!r} is registered twice: {_origin(present)} and {_origin(thing)}")
        self._things[name] = thing
        self._log.append(name)

    def decorate(self, name: str, wrap: Callable[[Callable[..., object]], T]) -> Callable[[Callable[..., object]], T]:
        """A decorator that registers `wrap(function)` under `name`."""

        def decorator(function: Callable[..., object]) -> T:
            thing = wrap(function)
            self.register(name, thing)
            return thing

        return decorator

    def get(self, name: str) -> T:
        """The thing of that name.

        Raises:
            ConfigError: no such name; the message has the nearest one.
        """
        if name not in self._things and not self._complete:
            self._import_file_named(name)
        if name not in self._things and not self._complete:
            self._import_point_named(name)
        if name not in self._things:
            self._import_all()
        if name not in self._things:
            raise ConfigError(unknown(self.kind, name, self._things))
        return self._things[name]

    def import_file(self, path: Path) -> str:
        """Imports a user's own Python file and returns the name it registered (the last, if several).

        Raises:
            ConfigError: the file is not there, cannot be imported, or registers nothing.
        """
        import importlib.util

        name = f"tripos_file_{path.stem}"  # never the name of a module that others import: a user may well have a random.py
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ConfigError(f"{path}: there is no such Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        before = len(self._log)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ConfigError(f"{path} could not be imported: {type(error).__name__}: {error}") from error
        if len(self._log) == before:
            raise ConfigError(f"{path} registers no {self.kind}")
        return self._log[-1]

    def names(self) -> list[str]:
        """All names, built-in and plugged in, sorted."""
        self._import_all()
        return sorted(self._things)

    def items(self) -> list[tuple[str, T]]:
        """All (name, thing) pairs, sorted by name."""
        return [(name, self._things[name]) for name in self.names()]

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def _import_file_named(self, name: str) -> None:
        stem = name.replace("-", "_").replace(".", "_")
        for module in self._modules():
            if module.rpartition(".")[2] == stem:
                importlib.import_module(module)
                return

    def _import_point_named(self, name: str) -> None:
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group, name=name):
            self._load(point)

    def _load(self, point: EntryPoint) -> None:
        try:
            loaded = point.load()
        except Exception as error:
            raise ConfigError(f"plug-in {point.name!r} ({point.value}) could not be loaded: {error}") from error
        if not isinstance(loaded, ModuleType):  # a module has registered its things while it was imported
            self.register(point.name, loaded)

    def _import_all(self) -> None:
        if self._complete:
            return
        with _uncollected():
            for module in self._modules():
                importlib.import_module(module)
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group):
            self._load(point)
        self._complete = True

    def _modules(self) -> Iterator[str]:
        root = importlib.import_module(self.package)
        yield from _walk(list(root.__path__), self.package)


def _walk(paths: list[str], package: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(paths):
        name = f"{package}.{found.name}"
        if found.ispkg:
            yield from _walk([str(Path(p) / found.name) for p in paths], name)
        else:
            yield name


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: importing makes much that stays and little that goes (a tenth of `tripos list`)."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _origin(thing: object) -> str:
    made_by = getattr(thing, "function", thing)
    return f"{getattr(made_by, '__module__', '?')}.{getattr(made_by, '__qualname__', repr(made_by))}"
