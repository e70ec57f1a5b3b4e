"""TOML for tests: a writer for plain values, and strategies that draw valid values for every key of the schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from tripos.config.schema import BENCHMARKS, MODELS, SECTIONS, Section
from tripos.config.suite import load_suite
from tripos.runs.spec import SuiteSpec

TABLES = tuple(s for s in SECTIONS if s not in (MODELS, BENCHMARKS))
LEAST = '[[models]]\nname = "m"\n[[benchmarks]]\nname = "b"\n'
_WRONG: dict[frozenset[type[inspect.Type]], list[Any]] = {
    frozenset({inspect.StrType}): [1, 1.5, True, ["a"], {"a": 1}, "a\0b"],
    frozenset({inspect.IntType}): ["4", 4.5, 4.0, True, [4], 2**64],
    frozenset({inspect.FloatType}): ["0.5", True, [0.5], float("nan"), float("inf")],
    frozenset({inspect.BoolType}): ["false", 0, 1, "yes"],
    frozenset({inspect.ListType}): ["a,b", [1], ["a", 2], {"a": 1}],
    frozenset({inspect.DictType}): ["a", 1, [1]],
    frozenset({inspect.LiteralType}): ["no such word", 1, True, ["a"]],
    frozenset({inspect.IntType, inspect.LiteralType}): ["4", "automatic", 4.5, True, [4]],
}


def load(folder: Path, text: str, **more: Any) -> SuiteSpec:
    """Writes a suite file and loads it."""
    file = folder / "suite.toml"
    file.write_text(text, encoding="utf-8")
    return load_suite(file, **more)


def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(v) for v in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def block(section: Section, values: Mapping[str, Any]) -> str:
    """A table or an entry as TOML."""
    return "\n".join([section.header, *(f"{key} = {written(value)}" for key, value in values.items())]) + "\n"


def valid(kind: Any) -> st.SearchStrategy[Any]:
    """Values that a key of this type accepts."""
    return _drawn(inspect.type_info(kind))


def wrong(kind: Any) -> list[Any]:
    """Values that a key of this type must refuse; among them the text of a valid one."""
    info = _bare(inspect.type_info(kind))
    kinds = [_bare(t) for t in info.types] if isinstance(info, inspect.UnionType) else [info]
    return _WRONG[frozenset(type(k) for k in kinds) - {inspect.NoneType}]


def texts(least: int = 0) -> st.SearchStrategy[str]:
    """Any text that TOML can hold and a setting may be."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=least, max_size=12)


def entries(section: Section, **fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Valid tables of a section: any subset of its keys, with the required ones."""
    kinds = {key: st.just(fixed[key]) if key in fixed else valid(f.type) for key, f in section.fields.items()}
    needed = {key: kinds[key] for key, f in section.fields.items() if f.required}
    return st.fixed_dictionaries(needed, optional={key: kind for key, kind in kinds.items() if key not in needed})


@st.composite
def suites(draw: st.DrawFn) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Valid suites: (tables by header, models, benchmarks)."""
    tables = {s.header: draw(entries(s)) for s in TABLES if draw(st.booleans())}
    models = draw(st.lists(entries(MODELS), min_size=1, max_size=3))
    return tables, models, draw(st.lists(entries(BENCHMARKS), min_size=1, max_size=3))


def suite_text(tables: Mapping[str, Mapping[str, Any]], models: list[dict[str, Any]], benchmarks: list[dict[str, Any]]) -> str:
    """A drawn suite as a file."""
    headed = {s.header: s for s in SECTIONS}
    blocks = [block(headed[header], table) for header, table in tables.items()]
    return "".join(blocks + [block(MODELS, m) for m in models] + [block(BENCHMARKS, b) for b in benchmarks])


def _bare(kind: inspect.Type) -> inspect.Type:
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _drawn(kind: inspect.Type) -> st.SearchStrategy[Any]:
    kind = _bare(kind)
    match kind:
        case inspect.UnionType():
            return st.one_of([_drawn(t) for t in kind.types if not isinstance(t, inspect.NoneType)])
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.StrType():
            return texts(kind.min_length or 0)
        case inspect.IntType():
            return st.integers(kind.ge if kind.ge is not None else -(2**63), 2**63 - 1)
        case inspect.FloatType():
            low = kind.ge if kind.ge is not None else kind.gt
            numbers = st.floats(low, exclude_min=kind.gt is not None, allow_nan=False, allow_infinity=False)
            return st.one_of(numbers, st.integers(1, 10**6))
        case inspect.BoolType():
            return st.booleans()
        case inspect.ListType():
            return st.lists(_drawn(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(texts(1), st.one_of(texts(), st.integers(-9, 9), st.booleans()), max_size=3)
    raise AssertionError(f"no strategy for {kind}")
