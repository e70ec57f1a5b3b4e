"""Numbers that follow from a key, and from nothing else."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tripos.kernels.isolation.inside.keyed import Keyed


def test_the_same_key_gives_the_same_numbers_and_another_one_others() -> None:
    def drawn(key: int) -> list[float]:
        chance = Keyed(key)
        return [chance.random(), chance.getrandbits(48), chance.randrange(1000), *chance.sample(range(100), 5)]

    assert drawn(7) == drawn(7) != drawn(8)


@given(st.integers(0, 2**48 - 1), st.integers(1, 700))
def test_so_many_bits_and_no_more(key: int, bits: int) -> None:
    assert 0 <= Keyed(key).getrandbits(bits) < 2**bits


def test_they_are_even() -> None:
    chance = Keyed(1)
    counts = Counter(chance.randrange(10) for _ in range(10_000))
    assert all(850 < counts[digit] < 1150 for digit in range(10))  # 5 standard deviations
    order = list(range(50))
    chance.shuffle(order)
    assert sorted(order) == list(range(50)) != order


def test_what_was_seen_does_not_tell_what_comes() -> None:
    """624 words of 32 bits are the whole state of Python's own generator; set to them, it does not go on as this one does."""
    chance = Keyed(12345)
    seen = [chance.getrandbits(32) for _ in range(624)]

    def untempered(word: int) -> int:
        word ^= word >> 18
        word ^= (word << 15) & 0xEFC60000
        guess = word
        for _ in range(7):
            guess = word ^ ((guess << 7) & 0x9D2C5680)
        word = guess & 0xFFFFFFFF
        guess = word
        for _ in range(3):
            guess = word ^ (guess >> 11)
        return guess & 0xFFFFFFFF

    def continued(words: list[int]) -> list[int]:
        twister = random.Random()
        twister.setstate((3, (*map(untempered, words), 624), None))
        return [twister.getrandbits(32) for _ in range(4)]

    twister = random.Random(12345)
    known = [twister.getrandbits(32) for _ in range(624)]
    assert continued(known) == [twister.getrandbits(32) for _ in range(4)]  # that generator can be continued
    assert continued(seen) != [chance.getrandbits(32) for _ in range(4)]
