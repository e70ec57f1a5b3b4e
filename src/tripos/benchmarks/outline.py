"""What every benchmark says of itself in its decorator, read from the files without importing them.

Importing forty benchmarks takes most of a second; a list of their names must not. Where a decorator cannot be read that way, or
another package has plugged in benchmarks, they are imported as ever: the outlines are always those of the registry.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from tripos.benchmarks.benchmark import benchmarks

_ROOT = Path(__file__).parents[1]  # of the package `tripos`
_DECORATED = re.compile(r"^@benchmark\((.*?)\)\ndef ", re.DOTALL | re.MULTILINE)
_CONSTANT = r"""^{}\s*(?::[^=\n]*)?=\s*((?:"[^"\n]*"|'[^'\n]*'))\s*$"""


class Outline(NamedTuple):
    """One line of `tripos list`."""

    key: str
    category: str
    summary: str


def outlines() -> list[Outline]:
    """Of all benchmarks, by key."""
    points = entry_points(group=benchmarks.group)
    own = [_ROOT.joinpath(*point.module.split(".")[1:]).with_suffix(".py") for point in points if point.module.startswith("tripos.")]
    files = [*sorted(_ROOT.joinpath("benchmarks").rglob("*.py")), *own]
    try:
        if len(own) < len(points):
            raise ValueError("another package's benchmarks")
        return sorted({outline.key: outline for path in files for outline in _read(path.read_text(encoding="utf-8"))}.values())
    except (ValueError, OSError):
        return [Outline(key, entry.category, entry.summary) for key, entry in benchmarks.items()]


def _read(text: str) -> Iterator[Outline]:
    """The outlines in the text of a module.

    Raises:
        ValueError: a decorator that is more than plain text and the module's own constants.
    """
    if "\n@benchmark(" not in text:
        return
    decorators = list(_DECORATED.finditer(text))
    if len(decorators) != text.count("\n@benchmark("):
        raise ValueError("a decorator in another form")
    for found in decorators:
        call = ast.parse(f"benchmark({found[1]})", mode="eval").body
        if not isinstance(call, ast.Call) or len(call.args) != 1:
            raise ValueError("a decorator in another form")
        given = {"key": call.args[0], **{word.arg: word.value for word in call.keywords if word.arg}}
        if not given.keys() >= set(Outline._fields):
            raise ValueError("category or summary stand elsewhere")
        yield Outline(*(_text(given[name], text) for name in Outline._fields))


def _text(node: ast.expr, text: str) -> str:
    if isinstance(node, ast.Name):
        constant = re.search(_CONSTANT.format(re.escape(node.id)), text, re.MULTILINE)
        if constant is None:
            raise ValueError(f"{node.id} is no constant")
        node = ast.parse(constant[1], mode="eval").body
    value = ast.literal_eval(node)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
