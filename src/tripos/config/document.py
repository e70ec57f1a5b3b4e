"""Reads a suite file strictly: what is not in the schema, or of another type, is a `ConfigError` that says where."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.config.checking import fit, show, show_key
from tripos.config.schema import BENCHMARKS, EXTERNAL, MODELS, SECTIONS, Section
from tripos.core.errors import ConfigError, nearest

_TABLES = {s.header.strip("[]"): s for s in SECTIONS}
_PARENT, _CHILD = EXTERNAL.header.strip("[]").split(".")
_TOP = [*(name for name in _TABLES if "." not in name), _PARENT]
_MOST = 20  # problems reported at once


@dataclass(frozen=True, kw_only=True)
class Document:
    """A suite file, checked but not yet expanded.

    Attributes:
        tables: a struct for every single table, defaults filled in, by header.
    """

    tables: Mapping[str, Any]
    models: tuple[Any, ...]
    benchmarks: tuple[Any, ...]


def read_document(path: Path) -> Document:
    """Reads and checks a file.

    Raises:
        ConfigError: unreadable, not TOML, or not according to the schema; one line a problem, all problems at once.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return parse_document(content, str(path))
    except RecursionError as error:
        raise ConfigError(f"{path}: tables or lists are nested too deeply") from error


def parse_document(content: bytes, file: str) -> Document:
    """As `read_document`, for bytes already read; `file` names them in messages."""
    raw = _toml(content, file)
    problems: list[str] = []
    single = {name: s for name, s in _TABLES.items() if s not in (MODELS, BENCHMARKS)}
    external = _external(raw, problems)
    problems += [_unknown_section(name, value) for name, value in raw.items() if name not in _TOP]
    tables = {
        section.header: _table(section, section.header, external if section is EXTERNAL else raw.get(name, {}), problems)
        for name, section in single.items()
    }
    models = _entries(MODELS, raw, problems)
    benchmarks = _entries(BENCHMARKS, raw, problems)
    if problems:
        more = [f"{file}: and {len(problems) - _MOST} further problems"] if len(problems) > _MOST else []
        raise ConfigError("\n".join([f"{file}: {problem}" for problem in problems[:_MOST]] + more))
    return Document(tables=tables, models=models, benchmarks=benchmarks)


def _toml(content: bytes, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}: not UTF-8 text (line {line}, byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError(f"{file}: not valid TOML: a number is too long") from error


def _external(raw: Mapping[str, Any], problems: list[str]) -> Any:
    parent = raw.get(_PARENT, {})
    if not isinstance(parent, dict):
        problems.append(f"`{_PARENT}` must be written as the table {EXTERNAL.header}, got {show(parent)}")
        return {}
    for key in parent:
        if key != _CHILD:
            problems.append(f"[{_PARENT}]: unknown key {show_key(key)}; {_elsewhere(key) or f'the only table here is {EXTERNAL.header}'}")
    return parent.get(_CHILD, {})


def _entries(section: Section, raw: Mapping[str, Any], problems: list[str]) -> tuple[Any, ...]:
    name = section.header.strip("[]")
    entries = raw.get(name, [])
    if isinstance(entries, dict):
        problems.append(f"[{name}] must be written with two brackets, {section.header}, one block an entry")
        return ()
    if not isinstance(entries, list):
        problems.append(f"`{name}` must be written as {section.header} blocks, got {show(entries)}")
        return ()
    if not entries:
        problems.append(f'at least one {section.header} entry is needed: write {section.header} and under it name = "…"')
    return tuple(_table(section, _label(section, i, entry), entry, problems) for i, entry in enumerate(entries, 1))


def _label(section: Section, position: int, entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{section.header} #{position}" + (f" ({show(name)[1:-1]})" if isinstance(name, str) and name else "")


def _table(section: Section, where: str, raw: object, problems: list[str]) -> msgspec.Struct | None:
    """The table as its struct; None once a problem was noted."""
    if not isinstance(raw, dict):
        bracketed = isinstance(raw, list) and all(isinstance(entry, dict) for entry in raw)
        got = "two brackets" if bracketed else show(raw)
        problems.append(f"{where} must be a table, got {got}")
        return None
    before, fields, values = len(problems), section.fields, {}
    for key, value in raw.items():
        if key not in fields:
            problems.append(f"{where}: unknown key {show_key(key)}; {_advice(key, section)}")
            continue
        try:
            values[key] = fit(value, fields[key].type, secret=key == "api_key")
        except ValueError as error:
            problems.append(f"{where}: {show_key(key)} {error}")
    problems += [f"{where}: {show_key(f.name)} is missing" for f in fields.values() if f.required and f.name not in raw]
    return section.keys(**values) if len(problems) == before else None


def _advice(key: str, section: Section) -> str:
    """Where an unknown key belongs, or what it may have been meant to be."""
    if key == "api_key" and "api_key_env" in section.fields:
        return "name an environment variable that holds the key in `api_key_env`"
    return _elsewhere(key) or _near_key(key, section) or f"known keys: {', '.join(section.fields)}"


def _elsewhere(key: str) -> str:
    homes = [s.header for s in SECTIONS if key in s.fields]
    return f"it belongs in {_either(homes)}" if homes else ""


def _unknown_section(name: str, value: object) -> str:
    if not isinstance(value, dict | list) or not _of_tables(value):
        where = _elsewhere(name) or _near_key(name)
        return f"{show_key(name)} stands outside every section; {where or 'known sections: ' + _headers()}"
    guess = nearest(name, _TOP)
    header = EXTERNAL.header if guess == _PARENT else _TABLES[guess].header if guess else ""
    return f"unknown section {show_key(name)}; " + (f"did you mean {header}?" if header else f"known sections: {_headers()}")


def _of_tables(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, dict) or any(isinstance(entry, dict) for entry in value)


def _near_key(name: str, section: Section | None = None) -> str:
    guess = nearest(name, {key for s in SECTIONS for key in s.fields})
    if guess is None:
        return ""
    if section and guess in section.fields:
        return f"did you mean `{guess}`?"
    return f"did you mean `{guess}`, which belongs in {_either(s.header for s in SECTIONS if guess in s.fields)}?"


def _headers() -> str:
    return ", ".join(s.header for s in SECTIONS)


def _either(headers: Iterable[str]) -> str:
    *rest, last = headers
    return f"{', '.join(rest)} or {last}" if rest else last
