"""Identity by content: canonical JSON, hashed with SHA-256.

Two things are the same when their canonical JSON is: keys sorted, no white space, no NaN, defaults included. The full
digest (64 hex) is stored; people see the first 12.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Any

import msgspec

SHOWN = 12
_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(value: Any) -> bytes:
    """Canonical JSON of plain data, msgspec records, dataclasses and sets. 1 and 1.0 are the same number, 1 and true are not.

    Raises:
        ValueError: the value holds what JSON cannot say (NaN, an infinity, half a surrogate pair), or something whose content
            cannot be seen (a lambda, an open file): two different ones would share an identity.
    """
    return _encode(_plain(value))


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def short(full: str) -> str:
    """The form shown to people."""
    return full[:SHOWN]


def settings_of(component: Any) -> dict[str, Any]:
    """Identity of a scorer, transform or other component: its name, version and settings (fields, or else attributes)."""
    if dataclasses.is_dataclass(component):
        names = [f.name for f in dataclasses.fields(component)]
    else:
        names = sorted(getattr(component, "__dict__", ()))
    settings = {name: _plain(getattr(component, name)) for name in names}
    called = getattr(component, "name", None) or getattr(component, "__qualname__", type(component).__name__)
    return {"name": called, "version": getattr(component, "version", "1"), "settings": settings}


def order_key(seed: int, record_id: str) -> bytes:
    """Where a sample stands in the order of a seed; depends on nothing but the two, so a larger n only adds."""
    return hashlib.blake2b(f"{seed}\0{record_id}".encode(), digest_size=8).digest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration: its value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical form")
        return int(value) if value.is_integer() and abs(value) < 2**53 else float(value)
    if isinstance(value, dict):
        return _table(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(v) for v in value), key=_encode)
    if isinstance(value, msgspec.Struct):
        return {f: _plain(getattr(value, f)) for f in value.__struct_fields__}
    if isinstance(value, type) or not hasattr(value, "identity"):
        return _of_object(value)
    return _plain(value.identity())


def _table(value: dict[Any, Any]) -> dict[str, Any]:
    table = {str(k): _plain(v) for k, v in value.items()}
    if len(table) != len(value):
        raise ValueError(f"two keys of a table are the same as text: {', '.join(map(repr, value))}")
    return table


def _of_object(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(settings_of(value))
    name = getattr(value, "__qualname__", "<")
    if callable(value) and "<" not in name:  # <lambda> and <locals> may stand for several functions
        return f"{value.__module__}.{name}"
    raise ValueError(f"{type(value).__name__} has no canonical form")
