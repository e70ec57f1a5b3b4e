"""Operations on lists of integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import accumulate, groupby, pairwise
from math import prod
from random import Random

from tripos.benchmarks.use_cases.coding.steps import MODULO, POSITIONS, QUOTIENT, Op, Params, pick, positions

_PICKS: dict[str, Callable[[list[int]], int]] = {"sum": sum, "max": max, "min": min}


def _remainder(rng: Random) -> Params:
    k = rng.randint(2, 5)
    return {"k": k, "r": rng.randrange(k)}


def _bounds(rng: Random) -> Params:
    low = rng.randint(-6, 4)
    return {"low": low, "high": low + rng.randint(6, 14)}


def _latest_only(v: list[int]) -> list[int]:
    return [n for i, n in enumerate(v) if n not in v[i + 1 :]]


def _capped(v: list[int], k: int) -> list[int]:
    return [n for i, n in enumerate(v) if v[:i].count(n) < k]


def _longest_climb(v: list[int]) -> int:
    best = run = 0
    for i, n in enumerate(v):
        run = run + 1 if i and n >= v[i - 1] else 1
        best = max(best, run)
    return best


def _fold(v: list[int], s: int, k: int, m: int) -> int:
    for n in v:
        s = (s * k + n) % m
    return s


INTS_TO_INTS = (
    Op(
        "ints", "ints",
        ("Keep only the numbers whose remainder on division by {k} is {r}.",
         "Throw away every number n for which n % {k} is not {r}.",
         "Of the list, retain just those numbers that leave a remainder of {r} when divided by {k}."),
        "v = [n for n in v if n % {k} == {r}]",
        lambda v, k, r: [n for n in v if n % k == r], _remainder, notes=(MODULO,),
    ),
    Op(
        "ints", "ints",
        ("Remove all numbers below {t}.", "Drop each number that is less than {t}; {t} itself stays.",
         "Keep the numbers that are at least {t}."),
        "v = [n for n in v if n >= {t}]",
        lambda v, t: [n for n in v if n >= t], pick(t=range(-4, 8)),
    ),
    Op(
        "ints", "ints",
        ("Raise every number below {low} to {low} and lower every number above {high} to {high}.",
         "Limit each number to the range from {low} to {high}: smaller ones become {low}, larger ones become {high}."),
        "v = [min(max(n, {low}), {high}) for n in v]",
        lambda v, low, high: [low if n < low else high if n > high else n for n in v], _bounds,
    ),
    Op(
        "ints", "ints",
        ("To each number add {k} times its position in the list.",
         "Increase the number at position i by {k} times i, for every position i."),
        "v = [n + {k} * i for i, n in enumerate(v)]",
        lambda v, k: [v[i] + k * i for i in range(len(v))], pick(k=(2, 3, 4, 5)), notes=(POSITIONS,),
    ),
    Op(
        "ints", "ints",
        ("Replace each number n by {a} * n + {b}.", "Multiply every number by {a}, then add {b} to it."),
        "v = [{a} * n + {b} for n in v]",
        lambda v, a, b: [n * a + b for n in v], pick(a=(-3, -2, 2, 3), b=(-7, -4, -1, 1, 5, 8)),
    ),
    Op(
        "ints", "ints",
        ("Replace every negative number by its absolute value.", "Turn each number into its absolute value."),
        "v = [abs(n) for n in v]",
        lambda v: [-n if n < 0 else n for n in v],
    ),
    Op(
        "ints", "ints",
        ("Replace each number n by the remainder of n * n on division by {m}.", "Square every number and reduce the square modulo {m}."),
        "v = [n * n % {m} for n in v]",
        lambda v, m: [pow(n, 2) % m for n in v], pick(m=(7, 11, 13, 17, 23)), notes=(MODULO,),
    ),
    Op(
        "ints", "ints",
        ("Replace the list by its running totals: the number at position i becomes the sum of the numbers at positions 0 to i.",
         "Form the cumulative sums (each entry is the sum of all numbers up to and including that place)."),
        "total = 0\nsums = []\nfor n in v:\n    total += n\n    sums.append(total)\nv = sums",
        lambda v: list(accumulate(v)), notes=(POSITIONS,),
    ),
    Op(
        "ints", "ints",
        ("Replace the list by the differences of neighbours, later minus earlier; a list of fewer than two numbers becomes empty.",
         "Form the list of v[i + 1] - v[i] for all neighbours, v being the list so far (nothing is left of a list with fewer than two "
         "numbers)."),
        "v = [b - a for a, b in zip(v, v[1:])]",
        lambda v: [v[i + 1] - v[i] for i in range(len(v) - 1)],
    ),
    Op(
        "ints", "ints",
        ("Remove repetitions: of equal numbers only the first one stays, in its place.",
         "Delete every number that already occurred earlier in the list."),
        "v = list(dict.fromkeys(v))",
        lambda v: [n for i, n in enumerate(v) if n not in v[:i]],
    ),
    Op(
        "ints", "ints",
        ("Remove repetitions: of equal numbers only the last one stays, in its place.",
         "Delete every number that occurs again later in the list."),
        "v = list(dict.fromkeys(reversed(v)))[::-1]",
        _latest_only,
    ),
    Op(
        "ints", "ints",
        ("Sort the numbers in ascending order.", "Arrange the numbers from smallest to largest."),
        "v = sorted(v)",
        sorted,
    ),
    Op(
        "ints", "ints",
        ("Sort the numbers by their remainder on division by {k}, smallest remainder first; numbers with equal remainders stand in "
         "ascending order.",
         "Order the list by n % {k} (ascending); where that is equal, the smaller number comes first."),
        "v = sorted(v, key=lambda n: (n % {k}, n))",
        lambda v, k: sorted(sorted(v), key=lambda n: n % k), pick(k=(3, 4, 5, 7)), notes=(MODULO,),
    ),
    Op(
        "ints", "ints",
        ("Reverse the list.", "Put the list in reverse order."),
        "v = v[::-1]",
        lambda v: list(reversed(v)),
    ),
    Op(
        "ints", "ints",
        ("Rotate the list {k} places to the left: {k} times, the first number moves to the end (an empty list stays empty).",
         "Move the first number to the end of the list, {k} times over; an empty list is left alone."),
        "for _ in range({k} if v else 0):\n    v = v[1:] + v[:1]",
        lambda v, k: v[k % len(v) :] + v[: k % len(v)] if v else [], pick(k=(2, 3, 4, 5)),
    ),
    Op(
        "ints", "ints",
        ("Keep only the numbers at positions {o}, {p}, {q} and so on, always {k} further on.",
         "Keep the number at position {o} and every number a multiple of {k} places after it; drop the rest (all, if the list is too "
         "short)."),
        "v = v[{o}::{k}]",
        lambda v, o, p, q, k: [n for i, n in enumerate(v) if i >= o and (i - o) % k == 0], positions, notes=(POSITIONS,),
    ),
    Op(
        "ints", "ints",
        ("Cut the list from its start into blocks of {k} numbers (the last block may be shorter) and replace each block by its {how}.",
         "Replace every group of {k} successive numbers, counted from the start and without overlap, by its {how}; a shorter group at the "
         "end counts as a group too."),
        "v = [{fn}(v[i:i + {k}]) for i in range(0, len(v), {k})]",
        lambda v, k, how, fn: [_PICKS[fn](v[i : i + k]) for i in range(0, len(v), k)],
        lambda rng: {"k": rng.choice((2, 3)), **rng.choice(({"how": "sum", "fn": "sum"}, {"how": "largest number", "fn": "max"},
                                                         {"how": "smallest number", "fn": "min"}))},
    ),
    Op(
        "ints", "ints",
        ("Slide a window of {k} neighbouring numbers over the list, one place at a time, and replace the list by the {how} of each window; "
         "a list of fewer than {k} numbers becomes empty.",
         "Replace the list by the {how} of every {k} neighbouring numbers (windows overlap and are always full, so fewer than {k} numbers "
         "give an empty list)."),
        "v = [{fn}(v[i:i + {k}]) for i in range(len(v) - {k} + 1)]",
        lambda v, k, how, fn: [_PICKS[fn](v[i : i + k]) for i in range(len(v)) if i + k <= len(v)],
        lambda rng: {"k": rng.choice((2, 3)), **rng.choice(({"how": "sum", "fn": "sum"}, {"how": "maximum", "fn": "max"},
                                                         {"how": "minimum", "fn": "min"}))},
    ),
    Op(
        "ints", "ints",
        ("Swap the numbers at positions 0 and 1, those at positions 2 and 3, and so on; a last number without a partner stays.",
         "Exchange the members of each successive pair (positions 0 and 1, 2 and 3, …), leaving an unpaired last number where it is."),
        "v = v[:]\nfor i in range(0, len(v) - 1, 2):\n    v[i], v[i + 1] = v[i + 1], v[i]",
        lambda v: [n for i in range(0, len(v), 2) for n in reversed(v[i : i + 2])], notes=(POSITIONS,),
    ),
    Op(
        "ints", "ints",
        ("Collapse each run of equal neighbouring numbers into a single one.",
         "Delete every number that equals the number directly before it."),
        "v = [n for i, n in enumerate(v) if i == 0 or n != v[i - 1]]",
        lambda v: [n for n, _ in groupby(v)],
    ),
    Op(
        "ints", "ints",
        ("Replace each number by the largest number seen so far (itself included).",
         "Form the running maximum: every entry becomes the greatest of the numbers up to and including it."),
        "v = [max(v[:i + 1]) for i in range(len(v))]",
        lambda v: list(accumulate(v, max)),
    ),
    Op(
        "ints", "ints",
        ("Let no value occur more than {k} times: its occurrences after the first {k} are removed.",
         "Of every value keep the earliest {k} occurrences at most and remove the later ones."),
        "kept = []\nfor n in v:\n    if kept.count(n) < {k}:\n        kept.append(n)\nv = kept",
        _capped, pick(k=(1, 2)),
    ),
    Op(
        "ints", "ints",
        ("Remove each number that is strictly smaller than the number directly before it; compare with the list as it is before this step.",
         "Drop every number whose left neighbour is strictly greater; all comparisons use the list as it was before anything was dropped."),
        "v = [n for i, n in enumerate(v) if i == 0 or n >= v[i - 1]]",
        lambda v: v[:1] + [b for a, b in pairwise(v) if not b < a],
    ),
    Op(
        "ints", "ints",
        ("Replace every number by the sum of the decimal digits of its absolute value.",
         "Turn each number into its digit sum (a minus sign is ignored)."),
        "v = [sum(int(d) for d in str(abs(n))) for n in v]",
        lambda v: [sum(map(int, str(n).lstrip("-"))) for n in v],
    ),
    Op(
        "ints", "ints",
        ("Move all {what} numbers to the front; within both groups the order stays as it was.",
         "Put the {what} numbers first and the others after them, without changing the order inside either group."),
        "v = [n for n in v if n % 2 == {r}] + [n for n in v if n % 2 != {r}]",
        lambda v, what, r: sorted(v, key=lambda n: n % 2 != r),
        lambda rng: rng.choice(({"what": "even", "r": 0}, {"what": "odd", "r": 1})),
    ),
    Op(
        "ints", "ints",
        ("Replace each number n by n // {k}.", "Divide every number by {k}, rounding down to an integer."),
        "v = [n // {k} for n in v]",
        lambda v, k: [(n - n % k) // k for n in v], pick(k=(2, 3)), notes=(QUOTIENT,),
    ),
)  # fmt: skip

INTS_TO_OTHER = (
    Op(
        "ints", "int",
        ("Return the sum of the numbers (0 if there are none).", "The result is the total of the list, 0 for an empty one."),
        "v = sum(v)",
        sum,
    ),
    Op(
        "ints", "int",
        ("Return the difference between the largest and the smallest number, or 0 if the list is empty.",
         "The result is maximum minus minimum; for an empty list it is 0."),
        "v = max(v) - min(v) if v else 0",
        lambda v: sorted(v)[-1] - sorted(v)[0] if v else 0,
    ),
    Op(
        "ints", "int",
        ("Return the alternating sum: the number at position 0 minus the one at position 1 plus the one at position 2, and so on (0 if "
         "empty).",
         "Add the numbers at even positions, subtract those at odd positions, and return the outcome (0 for an empty list)."),
        "v = sum(v[::2]) - sum(v[1::2])",
        lambda v: sum(-n if i % 2 else n for i, n in enumerate(v)), notes=(POSITIONS,),
    ),
    Op(
        "ints", "int",
        ("Return the value that occurs most often; of several such values the smallest; 0 if the list is empty.",
         "The result is the most frequent value (a tie goes to the smallest value, an empty list gives 0)."),
        "v = min(v, key=lambda n: (-v.count(n), n)) if v else 0",
        lambda v: sorted(Counter(v).items(), key=lambda item: (-item[1], item[0]))[0][0] if v else 0,
    ),
    Op(
        "ints", "int",
        ("Return the length of the longest stretch of neighbouring numbers in which no number is smaller than the one before it (0 if "
         "empty).",
         "The result is the number of elements in the longest non-decreasing contiguous run; 0 for an empty list."),
        "best = run = 0\nfor i, n in enumerate(v):\n    run = run + 1 if i > 0 and n >= v[i - 1] else 1\n    best = max(best, run)\nv = "
        "best",
        _longest_climb,
    ),
    Op(
        "ints", "int",
        ("Start with h = {s}; for each number n in order replace h by (h * {k} + n) % {m}; return h.",
         "Fold the list into one number: h begins as {s}, and every number n, from first to last, turns h into (h * {k} + n) % {m}; the "
         "result is the final h."),
        "h = {s}\nfor n in v:\n    h = (h * {k} + n) % {m}\nv = h",
        _fold, pick(s=range(1, 9), k=(3, 5, 7, 11), m=(97, 101, 251, 509, 997)), notes=(MODULO,),
    ),
    Op(
        "ints", "int",
        ("Return the lower median: after sorting, the number at position (count - 1) // 2; 0 if the list is empty.",
         "The result is the middle number of the sorted list, the lower of the two middle ones if the count is even, 0 if there are none."),
        "v = sorted(v)[(len(v) - 1) // 2] if v else 0",
        lambda v: sorted(v)[len(v) // 2 - (len(v) % 2 == 0)] if v else 0, notes=(POSITIONS,),
    ),
    Op(
        "ints", "int",
        ("Return the product of the numbers modulo {m} (1 if there are none).",
         "Multiply all numbers (an empty product is 1) and return the remainder on division by {m}."),
        "p = 1\nfor n in v:\n    p = p * n % {m}\nv = p",
        lambda v, m: prod(v) % m, pick(m=(101, 211, 307, 401)), notes=(MODULO,),
    ),
    Op(
        "ints", "pairs",
        ("Return the list of its runs: for each maximal run of equal neighbouring numbers one entry [number, length of the run], in order.",
         "Describe the list by its runs of equal neighbours, each as a two-element list [number, run length], from left to right."),
        "runs = []\nfor n in v:\n    if runs and runs[-1][0] == n:\n        runs[-1][1] += 1\n    else:\n        runs.append([n, 1])\nv "
        "= runs",
        lambda v: [[n, len(list(run))] for n, run in groupby(v)],
    ),
    Op(
        "ints", "text",
        ("Make one string of the numbers, written in decimal and joined by {sep!r} (an empty list gives an empty string).",
         "Write the numbers in decimal one after another with {sep!r} between them and go on with that string (empty for an empty list)."),
        "v = {sep!r}.join(str(n) for n in v)",
        lambda v, sep: sep.join(map(str, v)), pick(sep=("/", ";", "~", " | ")),
    ),
)  # fmt: skip
