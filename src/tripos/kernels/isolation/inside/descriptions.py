"""What a worker says about its values: JSON in which a tensor is its address, shape, strides and dtype.

A description comes from an untrusted place: `parse` makes one that can be relied on, or refuses it. *Carried* is a description
in which the tensors themselves stand in place of their descriptions, read out of the worker's memory (see `held`).
"""

from __future__ import annotations

import math
from typing import Any

import torch

MOST_DEPTH = 24
MOST_BYTES = 4 << 30  # of one tensor
MOST_DIMENSIONS = 64
SEQUENCES = ("list", "tuple")
NUMBERS = {"float": "float32", "int": "int64", "bool": "int64"}


class Unsound(ValueError):
    """No value can be described so."""


def parse(said: Any, depth: int = 0) -> dict[str, Any]:
    """A description with exactly the fields that its type has.

    Raises:
        Unsound: it is none; one sentence.
    """
    if not isinstance(said, dict) or not isinstance(said.get("type"), str) or depth > MOST_DEPTH:
        raise Unsound(f"a description that is none: {str(said)[:200]}")
    kind = said["type"][:200]
    if kind == "Tensor":
        return _parse_tensor(said)
    if kind in SEQUENCES or kind == "dict":
        items, keys = said.get("items"), said.get("keys")
        if not isinstance(items, list) or (kind == "dict" and not _names(keys, len(items))):
            raise Unsound(f"a {kind} that is none: {str(said)[:200]}")
        parsed = {"type": kind, "items": [parse(each, depth + 1) for each in items]}
        return parsed | {"keys": keys} if kind == "dict" else parsed
    if kind == "float":
        try:
            return {"type": kind, "value": repr(float(said["value"]))}
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Unsound(f"a number that is none: {str(said)[:200]}") from None
    value = said.get("value")
    if not isinstance(value, bool | int | str | None):
        raise Unsound(f"a value that is none: {str(said)[:200]}")
    return {"type": kind, "value": value} if "value" in said else {"type": kind}


def parse_state(said: Any) -> dict[str, dict[str, Any]]:
    """Parameters and buffers by name. Raises Unsound."""
    if not isinstance(said, dict):
        raise Unsound("parameters that are none")
    return {name: parse(each) for name, each in said.items()}


def _parse_tensor(said: dict[str, Any]) -> dict[str, Any]:
    dtype: Any = said.get("dtype")
    shape: Any = said.get("shape")
    strides: Any = said.get("strides")
    address: Any = said.get("address")
    known = isinstance(dtype, str) and isinstance(getattr(torch, dtype, None), torch.dtype)
    listed = isinstance(shape, list) and isinstance(strides, list) and len(shape) == len(strides) <= MOST_DIMENSIONS
    if not known or not listed or not all(type(each) is int and 0 <= each < 1 << 63 for each in [*shape, *strides, address]):
        raise Unsound(f"a tensor that cannot be: {str(said)[:200]}")
    strides = [
        stride if length > 1 else 0 for length, stride in zip(shape, strides, strict=True)
    ]  # else they say nothing, vast as they are
    parsed = {"type": "Tensor", "dtype": dtype, "shape": shape, "strides": strides, "address": address}
    size = max(span(parsed), math.prod(shape)) * dtype_of(parsed).itemsize
    if size > MOST_BYTES:
        raise Unsound(f"a tensor of {size} bytes; the most is {MOST_BYTES}")
    return parsed


def _names(keys: Any, count: int) -> bool:
    return isinstance(keys, list) and len(keys) == count and all(isinstance(key, str) for key in keys)


def dtype_of(tensor: dict[str, Any]) -> torch.dtype:
    """Of a parsed description."""
    dtype: torch.dtype = getattr(torch, tensor["dtype"])
    return dtype


def span(tensor: dict[str, Any]) -> int:
    """Elements from the first to the last in memory."""
    shape, strides = tensor["shape"], tensor["strides"]
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if all(shape) else 0


def offset(position: int, tensor: dict[str, Any]) -> int:
    """Where the element at a flat (row-major) position lies, in elements from the first."""
    found = 0
    for size, stride in zip(reversed(tensor["shape"]), reversed(tensor["strides"]), strict=True):
        found += position % size * stride
        position //= size
    return found


def described_tensors(described: dict[str, Any]) -> list[dict[str, Any]]:
    """The tensor descriptions in a description, in order."""
    if described["type"] == "Tensor":
        return [described]
    return [leaf for each in described.get("items", []) for leaf in described_tensors(each)]


def tensors(carried: Any) -> list[torch.Tensor]:
    """The tensors of a carried value, in order."""
    if isinstance(carried, torch.Tensor):
        return [carried]
    return [leaf for each in carried.get("items", []) for leaf in tensors(each)]


def leaves(carried: Any) -> list[Any]:
    """The tensors and numbers of a carried value, in order."""
    if isinstance(carried, torch.Tensor):
        return [carried]
    if carried["type"] in NUMBERS:
        return [float(carried["value"]) if carried["type"] == "float" else carried.get("value")]
    return [leaf for each in carried.get("items", []) for leaf in leaves(each)]


def unjudged(carried: Any) -> str | None:
    """The type of a part that is neither compared nor looked into, such as a set; None where there is none."""
    if isinstance(carried, torch.Tensor) or "value" in carried:
        return None
    if "items" not in carried:
        return str(carried["type"])
    return next((kind for each in carried["items"] if (kind := unjudged(each))), None)


def shown(described: dict[str, Any]) -> list[dict[str, Any]]:
    """How the same leaves of a described value are laid out in a timed window: a number as a tensor of one element."""
    if described["type"] == "Tensor":
        return [described]
    if described["type"] in NUMBERS:
        return [{"type": "Tensor", "dtype": NUMBERS[described["type"]], "shape": [], "strides": [], "address": 0}]
    return [leaf for each in described.get("items", []) for leaf in shown(each)]


def likeness(carried: Any) -> dict[str, Any]:
    """A carried value with descriptions for its tensors, without addresses."""
    if isinstance(carried, torch.Tensor):
        return {"type": "Tensor", "shape": list(carried.shape), "strides": list(carried.stride()), "dtype": _short(carried.dtype)}
    return {**carried, "items": [likeness(each) for each in carried["items"]]} if "items" in carried else dict(carried)


def difference(expected: Any, got: dict[str, Any], path: str = "output") -> str | None:
    """A sentence where a described value differs from a carried one in structure, shape, dtype or plain value.

    A list is as good as a tuple.
    """
    kind, other = "Tensor" if isinstance(expected, torch.Tensor) else expected["type"], got["type"]
    if kind != other and not (kind in SEQUENCES and other in SEQUENCES):
        return f"{path} is of type {other}, expected {kind}"
    if isinstance(expected, torch.Tensor):
        if got["shape"] != list(expected.shape):
            return f"{path} has shape {tuple(got['shape'])}, expected {tuple(expected.shape)}"
        wanted = _short(expected.dtype)
        return None if got["dtype"] == wanted else f"{path} is a tensor of {got['dtype']}, expected {wanted}"
    if "items" in expected:
        theirs, mine = expected["items"], got["items"]
        if len(theirs) != len(mine):
            return f"{path} has {len(mine)} parts where {len(theirs)} are expected"
        if expected.get("keys") != got.get("keys"):
            return f"{path} has the keys {got.get('keys')} where {expected.get('keys')} are expected"
        found = (difference(a, b, f"{path}[{index}]") for index, (a, b) in enumerate(zip(theirs, mine, strict=True)))
        return next((each for each in found if each), None)
    if kind != "float" and expected.get("value") != got.get("value"):
        return f"{path} is {got.get('value')!r} where {expected.get('value')!r} is expected"
    return None


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
