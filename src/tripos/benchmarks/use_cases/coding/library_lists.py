"""Reference modules over sequences and numbers."""

from __future__ import annotations

from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.module import Draws, Module, ints


def _runny(rng: Random) -> list[int]:
    return [n for n in ints(rng, 0, 4, 7) for _ in range(rng.randint(1, 4))]


def _rising(rng: Random) -> list[int]:
    return sorted(ints(rng, 0, 30, 8))


def _meter(rng: Random, d: Draws) -> list[Any]:
    return [rng.choice((0, rng.randint(1, d["a"]), d["a"], d["a"] + rng.randint(1, d["b"]), d["a"] + d["b"] + rng.randint(0, 40)))]


SEQUENCES = (
    Module("sequences", ("long_runs", "find_runs", "steady_stretches"), '''\
def @main(@items):
    """List the long runs of equal neighbours in @items.

    Each maximal run of at least @k equal neighbouring elements gives one list [start, length], where start is the
    position (from 0) of its first element. Runs come in order; shorter runs are left out; no elements, no runs.
    """
    @out = []
    @start = 0
    for @i in range(1, len(@items) + 1):
        if @i == len(@items) or @items[@i] != @items[@start]:
            if @i - @start >= @k:
                @out.append([@start, @i - @start])
            @start = @i
    return @out
''', lambda rng, d: [_runny(rng)], {"k": (2, 3)}),
    Module("sequences", ("summits", "find_summits", "peak_positions"), '''\
def @main(@items):
    """Return the positions (from 0) of the peaks of @items, in ascending order.

    A peak is strictly greater than the element directly before it and at least as great as the one directly after
    it, and its value is @t or more. The first and the last element are never peaks.
    """
    @out = []
    for @i in range(1, len(@items) - 1):
        if @items[@i] < @t:
            continue
        if @items[@i] > @items[@i - 1] and @items[@i] >= @items[@i + 1]:
            @out.append(@i)
    return @out
''', lambda rng, d: [[rng.randint(d["t"] - 3, d["t"] + 3) for _ in range(rng.choice((0, 2, 5, 7, 9, 12, 14)))]], {"t": range(2, 9)}),
    Module("sequences", ("smoothed", "soften", "local_means"), '''\
def @main(@items):
    """Replace every number of @items by the mean of its neighbourhood.

    The neighbourhood of position i is every position from i - @back to i + @ahead, both included, that exists in
    the list. The mean is rounded down to an integer (sum // count). The list itself is not changed.
    """
    @out = []
    for @i in range(len(@items)):
        low = max(0, @i - @back)
        high = min(len(@items), @i + @ahead + 1)
        window = @items[low:high]
        @out.append(sum(window) // len(window))
    return @out
''', lambda rng, d: [ints(rng, 0, 60)], {"back": (1, 2), "ahead": (1, 2, 3)}),
    Module("sequences", ("merge_spaced", "blend_sorted", "interleave_apart"), '''\
def @main(@left, @right):
    """Merge two ascending lists of integers into one ascending list of well separated numbers.

    All numbers of both lists are considered in ascending order. The first is kept; every later one is kept only if
    it is at least @gap greater than the number kept last.
    """
    @out = []
    i = j = 0
    while i < len(@left) or j < len(@right):
        if j == len(@right) or (i < len(@left) and @left[i] <= @right[j]):
            candidate = @left[i]
            i += 1
        else:
            candidate = @right[j]
            j += 1
        if not @out or candidate - @out[-1] >= @gap:
            @out.append(candidate)
    return @out
''', lambda rng, d: [_rising(rng), _rising(rng)], {"gap": (2, 3, 4)}),
    Module("sequences", ("snake_deal", "deal_back_and_forth", "serpentine"), '''\
def @main(@items):
    """Deal @items out to hands 0 to @top in snake order and return the list of hands.

    The first round goes from hand 0 up to hand @top, the second back from hand @top to hand 0, the third up again,
    and so on. Every hand is a list in the order of dealing; hands may be empty.
    """
    hands = [[] for _ in range(@top + 1)]
    for @i, @item in enumerate(@items):
        turn, offset = divmod(@i, @top + 1)
        if turn % 2 == 0:
            hands[offset].append(@item)
        else:
            hands[@top - offset].append(@item)
    return hands
''', lambda rng, d: [ints(rng, 0, 99, 14)], {"top": (2, 3)}),
    Module("sequences", ("widest_window", "longest_within", "roomiest_stretch"), '''\
def @main(@items):
    """Find the longest stretch of neighbouring numbers in @items whose sum is at most @limit.

    The numbers are never negative. Returns [start, length]; of several longest stretches the earliest. If there is
    no stretch of at least one number, returns [0, 0].
    """
    @best = [0, 0]
    @start = 0
    @total = 0
    for @i in range(len(@items)):
        @total += @items[@i]
        while @total > @limit:
            @total -= @items[@start]
            @start += 1
        length = @i - @start + 1
        if length > @best[1]:
            @best = [@start, length]
    return @best
''', lambda rng, d: [ints(rng, 0, 12, 12)], {"limit": range(9, 25)}),
    Module("sequences", ("settle", "three_bands", "sift"), '''\
def @main(@items, pivot):
    """Reorder @items around pivot and tell how large the groups are.

    Returns [reordered, below, near]. The reordered list has the numbers less than pivot first, then those from pivot
    up to pivot + @width (both included), then the rest; each group keeps its original order. below and near are the
    sizes of the first and of the second group.
    """
    low = []
    middle = []
    high = []
    for @item in @items:
        if @item < pivot:
            low.append(@item)
        elif @item <= pivot + @width:
            middle.append(@item)
        else:
            high.append(@item)
    return [low + middle + high, len(low), len(middle)]
''', lambda rng, d: [ints(rng, 0, 16, 12), rng.randint(2, 11)], {"width": (1, 2, 3)}),
)  # fmt: skip

NUMBERS = (
    Module("numbers", ("usage_fee", "metered_price", "tariff"), '''\
def @main(units):
    """Price of a metered service, in cents.

    The first @a units cost @p cents each, the next @b units @q cents each, and every further unit @r cents. A
    reading of 0 or less costs nothing. On top of any positive reading comes a fixed fee of @fee cents.
    """
    if units <= 0:
        return 0
    cost = @fee
    cost += min(units, @a) * @p
    if units > @a:
        cost += min(units - @a, @b) * @q
    if units > @a + @b:
        cost += (units - @a - @b) * @r
    return cost
''', _meter, {"a": range(5, 30), "b": range(5, 30), "p": range(7, 12), "q": range(13, 20), "r": range(21, 35), "fee": range(40, 99)}),
    Module("numbers", ("in_units", "break_down", "mixed_parts"), '''\
def @main(@n):
    """Express a whole number of minutes in weeks of @days days, days of @hours hours, hours and minutes.

    Returns the list [weeks, days, hours, minutes], each as large as possible from left to right, so that days is
    below @days, hours below @hours and minutes below 60. For a negative number every entry of the list for its
    absolute value is negated.
    """
    sign = 1
    if @n < 0:
        sign = -1
        @n = -@n
    hours, minutes = divmod(@n, 60)
    days, hours = divmod(hours, @hours)
    weeks, days = divmod(days, @days)
    return [sign * weeks, sign * days, sign * hours, sign * minutes]
''', lambda rng, d: [rng.choice((0, 59, 60, rng.randint(-9000, 9000), rng.randint(-90000, 90000), d["hours"] * 60 * rng.randint(1, 20)))],
           {"days": (4, 5, 6, 9), "hours": (7, 8, 11, 13, 17)}),
    Module("numbers", ("check_digit", "seal_number", "guard_value"), '''\
def @main(digits):
    """Check value of a list of decimal digits.

    Going from the last digit to the first, the digits are multiplied by the weights @w1, @w2, @w3, @w1, @w2, @w3 and so
    on. Products greater than 9 are reduced by 9 once. The check value is the sum of the products modulo @m, and for
    an empty list it is 0.
    """
    weights = [@w1, @w2, @w3]
    @total = 0
    for @i, digit in enumerate(reversed(digits)):
        product = digit * weights[@i % 3]
        if product > 9:
            product -= 9
        @total += product
    return @total % @m
''', lambda rng, d: [ints(rng, 0, 9, 9)], {"w1": (1, 2), "w2": (3, 4), "w3": (5, 7), "m": (11, 13, 17, 19)}),
    Module("numbers", ("even_instalments", "share_out", "payment_plan"), '''\
def @main(@total, parts):
    """Split an amount of cents into a number of instalments.

    Instalments differ by one cent at most and the larger ones come first. No instalment may be below @least cents: as
    long as one would be, the number of instalments is lowered by one, but never below 1. Returns the list of
    instalments. Raises ValueError if parts is less than 1 or @total is negative.
    """
    if parts < 1 or @total < 0:
        raise ValueError("nothing to split")
    while parts > 1 and @total // parts < @least:
        parts -= 1
    base, extra = divmod(@total, parts)
    return [base + 1] * extra + [base] * (parts - extra)
''', lambda rng, d: [rng.choice((rng.randint(0, 300), rng.randint(-3, 60), d["least"] * 3)), rng.choice((0, 1, 2, 3, 4, 5, 6, 7))],
           {"least": range(12, 40)}),
    Module("numbers", ("to_nearest", "snap", "rounded_price"), '''\
def @main(cents):
    """Round an amount of cents to a shelf price.

    The amount is rounded to the nearest multiple of @step; exactly in between, it is rounded up. Prices of @big
    or more (after rounding) are lowered by 1. Amounts of 0 or less give 0.
    """
    if cents <= 0:
        return 0
    low = cents // @step * @step
    if (cents - low) * 2 >= @step:
        low += @step
    if low >= @big:
        return low - 1
    return low
''', lambda rng, d: [rng.choice((rng.randint(-20, 120), rng.randint(1, 2000), d["step"] * rng.randint(0, 30) + d["step"] // 2, d["big"]))],
           {"step": (10, 20, 50), "big": (300, 400, 600, 900)}),
    Module("numbers", ("bouncing", "reflect", "patrol"), '''\
def @main(moves):
    """Position of a cart on a rail with stops at both ends.

    The cart starts at position @home of a rail from 0 to @end. Each number of moves shifts it by that much. A shift
    beyond an end bounces back from it once, by the distance that was too much; if it would then still be outside, the
    cart stays at the end that it bounced off. Returns the list of positions after each move.
    """
    place = @home
    @out = []
    for move in moves:
        place += move
        if place < 0:
            place = -place
            if place > @end:
                place = 0
        elif place > @end:
            place = 2 * @end - place
            if place < 0:
                place = @end
        @out.append(place)
    return @out
''', lambda rng, d: [ints(rng, -15, 15, 9)], {"home": (1, 2, 3), "end": (6, 7, 8, 9)}),
    Module("numbers", ("spell_number", "encode_number", "to_symbols"), '''\
def @main(@n):
    """Write an integer with the symbols '@symbols', which stand for the digits 0, 1, 2 and so on of that base.

    There are no leading zeros, except that zero itself is written as its one symbol. Negative numbers get a '-' in
    front. Texts of fewer than @width symbols (the sign not counted) are filled up with '.' between sign and symbols.
    """
    symbols = "@symbols"
    sign = "-" if @n < 0 else ""
    rest = abs(@n)
    @out = ""
    while rest > 0:
        rest, digit = divmod(rest, len(symbols))
        @out = symbols[digit] + @out
    if @out == "":
        @out = symbols[0]
    return sign + "." * (@width - len(@out)) + @out
''', lambda rng, d: [rng.choice((0, rng.randint(-9, 9), rng.randint(-5000, 5000), rng.randint(0, 200)))],
           {"symbols": ("klm", "xyzw", "pqrst", "hjmnbv"), "width": (3, 4, 5)}),
)  # fmt: skip
