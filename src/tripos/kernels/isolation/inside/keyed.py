"""Chance that nobody can continue who has seen some of it.

The seeds of timed inputs can be worked out from the inputs, and a Mersenne Twister from enough of its numbers: whoever had that would
know the next inputs before the clock runs.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any


class Keyed(random.Random):
    """The generator whose numbers are a keyed hash (BLAKE2b) of how many there were; the same key gives the same numbers."""

    def __init__(self, key: int) -> None:
        self._key, self._drawn = key.to_bytes(16, "big"), 0
        super().__init__()

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        found = b""
        while len(found) < size:
            found += hashlib.blake2b(self._drawn.to_bytes(8, "big"), key=self._key).digest()
            self._drawn += 1
        return int.from_bytes(found[:size], "big") >> (8 * size - k)

    def random(self) -> float:
        return self.getrandbits(53) * 2.0**-53

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """There is the key, and nothing else."""
