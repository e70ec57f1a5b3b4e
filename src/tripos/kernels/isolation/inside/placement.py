"""Where memory lies, left to chance.

All workers are forked from one process and made in the same order, so the kernel hands out the same pages and addresses again and
again, and the heap of each role is laid out in the same way: whoever has the worse keeps it, round after round, and comes out some per
cent slower than itself, and surely so. Chance makes of that bias what the interval over the rounds can see.
"""

from __future__ import annotations

import contextlib
import mmap
import random
from collections.abc import Iterator

import torch

PAGE = mmap.PAGESIZE
MOST_SHIFT_PAGES = 1 << 14
MOST_BALLAST_PAGES = 1 << 13
PIECES, MOST_LINES, LINE = 256, 1023, 64  # of the heap, each shorter than what malloc would take from elsewhere
OBJECTS, MOST_BYTES = 4096, 512  # of Python's own pools
_CHANCE = random.SystemRandom()  # a generator of Python's would be the same in all processes that are forked from one


def draw() -> int:
    """What decides how the memory of one worker is laid out."""
    return _CHANCE.getrandbits(63)


def scattered(drawn: int) -> list[object]:
    """Takes address space, heap and objects in a worker that has just begun, so that what is allocated later lies elsewhere than in
    other workers; to be kept as long as it lives. Nothing of it is written to, but for the objects."""
    chance = random.Random(drawn)
    pieces: list[object] = [torch.empty(LINE * chance.randint(1, MOST_LINES), dtype=torch.uint8) for _ in range(PIECES)]
    pieces += [bytearray(chance.randint(1, MOST_BYTES)) for _ in range(OBJECTS)]
    kept = [piece for piece in pieces if chance.random() < 0.5]  # the others leave gaps
    return [mmap.mmap(-1, PAGE * chance.randint(1, MOST_SHIFT_PAGES), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), *kept]


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
