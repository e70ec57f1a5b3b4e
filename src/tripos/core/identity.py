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
    """Canonical JSON of plain data, msgspec records, dataclasses and sets.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
    """
    return _encode(_plain(value))


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def short(full: str) -> str:
    """The form shown to people."""
    return full[:SHOWN]


def settings_of(component: Any) -> dict[str, Any]:
    """Identity of a scorer, transform or other component: its name, version and settings (dataclass fields)."""
    kind = type(component)
    settings = {}
    if dataclasses.is_dataclass(component):
        settings = {f.name: _plain(getattr(component, f.name)) for f in dataclasses.fields(component)}
    return {"name": getattr(component, "name", kind.__name__), "version": getattr(component, "version", "1"), "settings": settings}


def order_key(seed: int, record_id: str) -> bytes:
    """Where a sample stands in the order of a seed; depends on nothing but the two, so a larger n only adds."""
    return hashlib.blake2b(f"{seed}\0{record_id}".encode(), digest_size=8).digest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical form")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(v) for v in value), key=_encode)
    if isinstance(value, msgspec.Struct):
        return {f: _plain(getattr(value, f)) for f in value.__struct_fields__}
    if hasattr(value, "identity"):
        return _plain(value.identity())
    if dataclasses.is_dataclass(value):
        return _plain(settings_of(value))
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    raise ValueError(f"{type(value).__name__} has no canonical form")
