"""Whether a value fits a key, and the words for it when it does not."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from msgspec import inspect

from tripos.core.errors import nearest

_LONGEST = 60
_SECRET_WORDS = frozenset({"api_key", "apikey", "api-key", "authorization", "password", "secret"})
_INT64 = range(-(2**63), 2**63)
_WORDS: dict[type[inspect.Type], tuple[str, str]] = {  # short for tables, long for sentences
    inspect.StrType: ("str", "a string"),
    inspect.IntType: ("int", "an integer"),
    inspect.FloatType: ("float", "a number"),
    inspect.BoolType: ("bool", "true or false"),
    inspect.DictType: ("table", "a table"),
    inspect.ListType: ("list[str]", "a list of strings"),
    inspect.VarTupleType: ("list[str]", "a list of strings"),
}


def fit(value: object, wanted: Any, *, secret: bool = False) -> Any:
    """`value` as the key's type. Nothing is guessed: only an integer where a number is wanted is converted.

    Args:
        secret: keep the value itself out of the message.

    Raises:
        ValueError: the value does not fit; the message completes the sentence "`key` ...".
    """
    why = _unsuitable(value) or _betrayal(value)
    if why:
        raise ValueError(why)
    try:
        return msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as error:
        got = f"a value of type {type(value).__name__}" if secret else show(value) + _hint(value, wanted)
        raise ValueError(f"must be {describe(wanted)}, got {got}") from error


def describe(wanted: Any, *, short: bool = False) -> str:
    """A type in words: `an integer of at least 1 or "auto"`, or `int ≥ 1 or "auto"` for a table's cell."""
    kinds = _alternatives(wanted)
    if len(kinds) == 1 and isinstance(kinds[0], inspect.LiteralType):
        return ("" if short else "one of ") + ", ".join(show(v) for v in kinds[0].values)
    return " or ".join(_words(kind, short) for kind in kinds)


def show(value: object) -> str:
    """A value as TOML writes it, cut short."""
    if isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = _printed(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def show_key(key: str) -> str:
    """A key as it is named in a message."""
    plain = key.isprintable() and len(key) <= _LONGEST
    return f"`{key}`" if plain and key else show(key)


def choices(wanted: Any) -> list[str]:
    """The words that a key accepts, where it accepts only certain words."""
    return [str(v) for kind in _alternatives(wanted) if isinstance(kind, inspect.LiteralType) for v in kind.values]


def _alternatives(wanted: Any) -> list[inspect.Type]:
    kind = _bare(inspect.type_info(wanted))
    options = [_bare(t) for t in kind.types] if isinstance(kind, inspect.UnionType) else [kind]
    return [t for t in options if not isinstance(t, inspect.NoneType)]


def _bare(kind: inspect.Type) -> inspect.Type:
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _words(kind: inspect.Type, short: bool) -> str:
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(show(v) for v in kind.values)
    word = _WORDS[type(kind)][0 if short else 1]
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        if kind.ge is not None:
            word += f" ≥ {kind.ge:g}" if short else f" of at least {kind.ge:g}"
        if kind.gt is not None:
            word += f" > {kind.gt:g}" if short else f" greater than {kind.gt:g}"
    if isinstance(kind, inspect.StrType) and kind.min_length and not short:
        word = "a non-empty string"
    return word


def _hint(value: object, wanted: Any) -> str:
    if not isinstance(value, str):
        return ""
    guess = nearest(value, choices(wanted))
    if guess:
        return f"; did you mean {show(guess)}?"
    if any(isinstance(kind, inspect.ListType) for kind in _alternatives(wanted)):
        return f"; write {show([part.strip() for part in value.split(',')])}"
    return "; leave out the quotation marks" if _unquoted(value, wanted) else ""


def _unquoted(value: str, wanted: Any) -> bool:
    """Whether the text between the quotation marks would have been a value of the key."""
    try:
        msgspec.convert(json.loads(value.strip().lower()), wanted, strict=True)
    except (ValueError, RecursionError):
        return False
    return True


def _unsuitable(value: object) -> str | None:
    """Values that TOML can write but no key can use, at any depth."""
    if isinstance(value, dict):
        return next((w for pair in value.items() for part in pair if (w := _unsuitable(part))), None)
    if isinstance(value, list | tuple):
        return next((w for item in value if (w := _unsuitable(item))), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be finite, got {value}"
    if isinstance(value, int) and value not in _INT64:
        return "must fit into 64 bits"
    if isinstance(value, str) and "\0" in value:
        return "must not contain a NUL character"
    if value is not None and not isinstance(value, str | bool | int | float):
        return f"must not be a date or time, got {show(value)}"
    return None


def _betrayal(value: object) -> str | None:
    """Keys must not stand in engine settings, which are written into every summary."""
    if not isinstance(value, dict):
        return None
    for key in value:
        if key.lower() in _SECRET_WORDS:
            return f"must not hold {show_key(key)}: put it into an environment variable and name that in `api_key_env`"
    return next((why for inner in value.values() if (why := _betrayal(inner))), None)


def _printed(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(v) for v in value[:_LONGEST]) + "]"
    return str(value) if not isinstance(value, int) or value in _INT64 else "an integer beyond 64 bits"
