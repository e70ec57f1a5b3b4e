"""Invented names, so that no task can be recalled from training data."""

from __future__ import annotations

from random import Random

_HEADS = ("b", "br", "d", "dr", "f", "g", "gl", "h", "k", "kr", "l", "m", "n", "p", "pl", "qu", "r", "s", "sk", "t", "tr", "v", "w", "z")
_HEARTS = ("a", "e", "i", "o", "u", "ai", "oa", "ee")
_TAILS = ("", "", "l", "n", "r", "k", "m", "sh", "th", "nd", "x")


def invented(rng: Random, syllables: int = 2) -> str:
    """A pronounceable lower-case word that means nothing."""
    return "".join(rng.choice(_HEADS) + rng.choice(_HEARTS) + rng.choice(_TAILS) for _ in range(syllables))


def function_name(rng: Random) -> str:
    """An identifier of two invented words, e.g. `plaimo_tresk`."""
    return f"{invented(rng)}_{invented(rng)}"


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th … (of small numbers)."""
    return f"{n}{({1: 'st', 2: 'nd', 3: 'rd'}).get(n, 'th')}"


def phrase(rng: Random, longest: int = 8) -> str:
    """Up to `longest` words of letters and digits, mixed case, single spaces; some words occur twice, some only differ in case."""
    words: list[str] = []
    for _ in range(rng.randint(1, longest)):
        kind = rng.random()
        if words and kind < 0.2:
            word = rng.choice(words)
            words.append(word.swapcase() if rng.random() < 0.4 else word)
        elif kind < 0.35:
            words.append(str(rng.randint(0, 120)))
        else:
            word = invented(rng, rng.choice((1, 1, 2, 2, 3)))
            shape = rng.random()
            words.append(word.capitalize() if shape < 0.25 else word.upper() if shape < 0.35 else word)
    return " ".join(words)
