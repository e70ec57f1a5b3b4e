"""Where memory lies, left to chance.

All workers are forked from one process and made in the same order, so the kernel hands out the same pages and addresses again and
again: whoever has the worse ones keeps them, round after round, and comes out some per cent slower than itself, and surely so. Chance
makes of that bias what the interval over the rounds can see.
"""

from __future__ import annotations

import contextlib
import mmap
import random
from collections.abc import Iterator

PAGE = mmap.PAGESIZE
MOST_SHIFT_PAGES = 1 << 14
MOST_BALLAST_PAGES = 1 << 13
_CHANCE = random.SystemRandom()  # a generator of Python's would be the same in all processes that are forked from one


def shift() -> int:
    """Bytes by which the addresses of a worker are moved."""
    return PAGE * _CHANCE.randint(1, MOST_SHIFT_PAGES)


def toss() -> bool:
    """True or false, neither more often."""
    return _CHANCE.random() < 0.5


@contextlib.contextmanager
def ballast() -> Iterator[None]:
    """Holds some of the pages that processes made in its block would have been given."""
    with mmap.mmap(-1, PAGE * _CHANCE.randint(1, MOST_BALLAST_PAGES)) as held:
        for page in range(0, len(held), PAGE):
            held[page] = 1
        yield
