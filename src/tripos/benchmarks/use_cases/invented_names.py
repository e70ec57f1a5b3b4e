"""Names that nobody has: people, companies, addresses, codes and phrasings, drawn from syllables by a private rng."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_ONSETS = ("b", "br", "d", "dr", "f", "g", "h", "k", "kl", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w", "z")
_VOWELS = ("a", "e", "i", "o", "u")
_CODAS = ("", "l", "m", "n", "r", "s", "ld", "nd", "rk", "rn", "th")
_FIRST_ENDINGS = ("a", "e", "en", "is", "o", "ia", "ek", "ine")
_LAST_ENDINGS = ("sen", "ova", "wick", "holt", "mark", "ander", "etti", "by", "ane", "ros")
_TRADES = ("Logistics", "Foods", "Optics", "Paper", "Textiles", "Instruments", "Shipping", "Ceramics", "Energy", "Partners")
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")


def syllable(rng: random.Random) -> str:
    """An open syllable, lower case."""
    return rng.choice(_ONSETS) + rng.choice(_VOWELS)


def stem(rng: random.Random) -> str:
    """An invented word of two syllables, lower case."""
    return syllable(rng) + syllable(rng) + rng.choice(_CODAS)


@dataclass(frozen=True)
class Person:
    """Somebody invented, with the address that shows where they work."""

    first: str
    last: str
    domain: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def address(self) -> str:
        """first.last@domain, lower case."""
        return f"{self.first}.{self.last}@{self.domain}".lower()


@dataclass(frozen=True)
class Company:
    """An invented company and its mail domain (`.example` is reserved by RFC 2606)."""

    name: str
    domain: str


class Inventor:
    """Draws names from `rng` and never the same one twice, so that two people of one story cannot be confused."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._used: set[str] = set()

    def _fresh(self, ending: tuple[str, ...]) -> str:
        while True:
            made = (syllable(self.rng) + self.rng.choice(_ONSETS) + self.rng.choice(ending)).capitalize()
            if made[:4] not in self._used:
                self._used.add(made[:4])
                return made

    def company(self) -> Company:
        """A company of an invented name."""
        while True:
            made = stem(self.rng)
            if made[:4] not in self._used:
                self._used.add(made[:4])
                return Company(f"{made.capitalize()} {self.rng.choice(_TRADES)}", f"{made}.example")

    def person(self, domain: str) -> Person:
        """A person of that domain; first and last name differ from all others in their first four letters."""
        return Person(self._fresh(_FIRST_ENDINGS), self._fresh(_LAST_ENDINGS), domain)

    def place(self) -> str:
        """A town."""
        return self._fresh(("ford", "stad", "minster", "bridge", "au"))

    def code(self) -> str:
        """A reference code such as `KQ-48213`."""
        return f"{self.rng.choice(_LETTERS)}{self.rng.choice(_LETTERS)}-{self.rng.randrange(10_000, 100_000)}"


def spin(rng: random.Random, text: str) -> str:
    """One phrasing of `text`: every `{this|that}` is decided by the rng, inner ones first."""
    while found := _ALTERNATIVES.search(text):
        text = text[: found.start()] + rng.choice(found[1].split("|")) + text[found.end() :]
    return text
