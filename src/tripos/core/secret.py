"""Keys that must never reach a file, a log, an argv or a page."""

from __future__ import annotations

from urllib.parse import urlsplit


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


def without_password(url: str) -> str:
    """A URL whose password, if it has one, is masked."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
