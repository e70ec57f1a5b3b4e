"""Keys that must never reach a file, a log, an argv or a page."""

from __future__ import annotations

import re
from typing import NoReturn, Self

_PASSWORD = re.compile(r"(?<=://)([^/?#:\s]*):[^/?#\s]*@")


class Secret:
    """A key. It prints as `***`, cannot be serialised, compares equal to nothing but itself; `reveal()` is the only way in."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself; call this where the request header is made and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self


def without_password(url: str) -> str:
    """A URL whose password, if it has one, is masked. Text that is no URL comes back as it is."""
    return _PASSWORD.sub(r"\1:***@", url)
