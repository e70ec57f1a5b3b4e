"""What the text of a case says about itself, read without running it, and the same case as its own solution."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass, field
from typing import Any

from tripos.core.errors import ConfigError

_TOLERANCE = {"rtol", "atol", "off_by_one"}


@dataclass(frozen=True)
class Contract:
    """Extensions of the case contract that a case uses.

    Attributes:
        sizes: names of the sizes that `get_inputs(size=…)` knows; empty where it knows none.
        tolerance: what its `TOLERANCE` overrides: rtol, atol, off_by_one.
        nonfinite: NaN and infinities in the outputs are part of the problem.
        summary: first line of the docstring.
    """

    sizes: tuple[str, ...] = ()
    tolerance: dict[str, float] = field(default_factory=dict)
    nonfinite: bool = False
    summary: str = ""


def read_contract(source: str, name: str = "case") -> Contract:
    """Reads the literals of a case. A case that does not parse has no extensions: running it will say what is wrong with it.

    Raises:
        ConfigError: TOLERANCE is not a literal of known keys and numbers.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Contract()
    literals: dict[str, Any] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id in ("SIZES", "TOLERANCE", "NONFINITE") and value is not None:
            literals[target.id] = value
    return Contract(
        sizes=_keys(literals.get("SIZES")),
        tolerance=_tolerance(literals.get("TOLERANCE"), name),
        nonfinite=isinstance(value := literals.get("NONFINITE"), ast.Constant) and value.value is True,
        summary=(ast.get_docstring(tree) or "").partition("\n")[0],
    )


def as_solution(source: str) -> str:
    """The case as its own solution: `Model` is called `ModelNew`, the input functions stay (they are not looked at).

    Tokens are renamed, not text: a comment or a string keeps its words. Source that has no tokens (a bracket or string left open, bad
    indentation) stays as it is.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source
    if any(token.type == tokenize.ERRORTOKEN for token in tokens):
        return source
    pieces = []
    for token in tokens:
        name = "ModelNew" if token.type == tokenize.NAME and token.string == "Model" else token.string
        pieces.append((token.type, name, token.start, token.end, token.line))
    renamed = [(kind, text) for kind, text, *_ in pieces]
    try:
        return _in_place(source, pieces)
    except IndexError:
        return tokenize.untokenize(renamed)


def _in_place(source: str, pieces: list[tuple[int, str, tuple[int, int], tuple[int, int], str]]) -> str:
    lines = source.splitlines(keepends=True)
    for kind, text, (row, column), (_, end), _ in reversed(pieces):
        if kind == tokenize.NAME and text == "ModelNew" and lines[row - 1][column:end] == "Model":
            lines[row - 1] = lines[row - 1][:column] + text + lines[row - 1][end:]
    return "".join(lines)


def extract_solution(text: str) -> str | None:
    """The code of an answer that defines ModelNew: the last fenced block that does, else the last fenced block of Python, else the
    whole text where it is only code. None when there is no code."""
    from tripos.scoring.code_tests import extract_code, fences

    defining = [body for _, body in fences(text) if re.search(r"^\s*(?:class\s+ModelNew\b|ModelNew\s*=)", body, re.MULTILINE)]
    return defining[-1] if defining else extract_code(text)


def _keys(node: ast.expr | None) -> tuple[str, ...]:
    if not isinstance(node, ast.Dict):
        return ()
    return tuple(key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _tolerance(node: ast.expr | None, name: str) -> dict[str, float]:
    if node is None:
        return {}
    try:
        given = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        given = None
    if not isinstance(given, dict) or not given.keys() <= _TOLERANCE or not all(isinstance(v, int | float) for v in given.values()):
        raise ConfigError(f"{name}: TOLERANCE must be a literal dict of {', '.join(sorted(_TOLERANCE))} to numbers")
    for key, value in given.items():
        most = 1 if key == "off_by_one" else sys.float_info.max
        if not 0 <= value <= most:
            said = "a share of the elements, 0 to 1" if key == "off_by_one" else "a finite number of 0 or more"
            raise ConfigError(f"{name}: TOLERANCE: {key} must be {said}, not {str(value)[:40]}")
    return {key: float(value) for key, value in given.items()}
