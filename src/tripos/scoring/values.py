"""Plain Python values as they come out of a sandbox: whether two are equal, and how to show one on a line."""

from __future__ import annotations

import cmath
import math
import re
from typing import Any

from tripos.sandbox.calls import Foreign


def matches(expected: Any, got: Any, tolerance: float = 0.0, exact: bool = True) -> bool:
    """Whether two plain values are equal, type by type (`exact`) or as `==` has it; NaN equals NaN.

    Floats within `tolerance`, relative or absolute, whichever allows more, are equal.
    """
    if isinstance(got, Foreign) or (exact and type(expected) is not type(got)):
        return False
    if isinstance(expected, int | float) and isinstance(got, int | float):
        if not isinstance(expected, float) and not isinstance(got, float):
            return expected == got
        return expected == got or (_is_nan(expected) and _is_nan(got)) or _close(expected, got, tolerance)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(matches(e, g, tolerance, exact) for e, g in zip(expected, got, strict=True))
    if isinstance(expected, dict) and isinstance(got, dict):
        keyed = {_key(key, exact): value for key, value in got.items()}
        same = len(expected) == len(got) == len(keyed)
        return same and all(_key(k, exact) in keyed and matches(v, keyed[_key(k, exact)], tolerance, exact) for k, v in expected.items())
    if isinstance(expected, set | frozenset) and isinstance(got, set | frozenset):
        return len(expected) == len(got) and {_key(e, exact) for e in expected} == {_key(g, exact) for g in got}
    return bool(expected == got) or (_is_nan(expected) and _is_nan(got))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | complex) and cmath.isnan(value)


def _close(expected: float, got: float, tolerance: float) -> bool:
    try:
        return tolerance > 0 and math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer beyond any float
        return False


def _key(value: Any, exact: bool) -> Any:
    """A hashable stand-in that tells 1 from True and 1.0 when `exact`."""
    if isinstance(value, tuple):
        return ("tuple", *(_key(item, exact) for item in value))
    if isinstance(value, frozenset):
        return ("frozenset", frozenset(_key(item, exact) for item in value))
    if _is_nan(value):
        return "nan"
    return (type(value).__name__, value) if exact else value


def shown(value: Any, width: int = 200) -> str:
    """The repr of a plain value, shortened in the middle."""
    try:
        text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    except ValueError:  # integers of more digits than Python writes
        text = "a number too long to show"
    return text if len(text) <= width else f"{text[: width - 60]} … {text[-55:]}"


def kind(value: Any) -> str:
    """Name of the class of a value, also of one that could not be brought out of the sandbox."""
    return value.kind if isinstance(value, Foreign) else type(value).__name__
