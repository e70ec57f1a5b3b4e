"""How often do the intervals contain the truth, and how often do the tests cry wolf? Simulated, seeded, written as JSON.

    python benchmarks/simulate_coverage.py --experiments 2000 --out coverage.json

Every setting draws data with a known mean (or mean difference), asks `tripos.results` as a user would, and counts. Clustered items
copy their cluster's draw with probability 0.6 (intra-cluster correlation 0.36), 5 items a cluster on average, sizes uneven. Missing
items are 10 %, at random. A setting is flagged when it is worse than nominal by more than three Monte-Carlo standard errors.

For comparisons of graded scores the sign-flip test alone is asked too, on the same data: what its companions add and what they cost.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripos.results.intervals import mean_interval
from tripos.results.items import grouping
from tripos.results.paired import paired
from tripos.results.permutation import sign_flip
from tripos.results.sequential import ConfidenceSequence

LEVEL = 0.95
FLIPS = 999
COPY_PROBABILITY = 0.6
ITEMS_PER_CLUSTER = 5
RUBRIC = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]


@dataclass(frozen=True)
class Row:
    """`coverage` of the 95 % interval; `false_positive_rate` at 0.05, None where the truth is not 0; `flag` if worse than nominal.

    `rejected`: the share of experiments with p <= 0.05, which is the power where the truth is not 0; `rejected_by_sign_flips`: by the
    sign-flip test alone, None for 0/1 scores.
    """

    what: str
    data: str
    n: int
    clustered: bool
    missing: float
    experiments: int
    coverage: float
    mean_width: float
    false_positive_rate: float | None
    flag: str
    rejected: float | None = None
    rejected_by_sign_flips: float | None = None


def categories(table: dict[tuple[float, ...], float]) -> tuple[Draw, Array]:
    """Draws rows of `table` with its probabilities; and the true mean of a row."""
    rows, weights = np.array(list(table)), np.array(list(table.values()))
    return lambda generator, n: rows[generator.choice(len(rows), n, p=weights)], weights @ rows


def independent(*draws: Callable[[np.random.Generator, int], Array]) -> Draw:
    return lambda generator, n: np.column_stack([draw(generator, n) for draw in draws])


def discordant(wins: float, losses: float) -> tuple[Draw, Array]:
    """0/1 pairs (baseline, treatment) with the given discordance; the rest is half both right, half both wrong."""
    rest = (1 - wins - losses) / 2
    return categories({(0, 1): wins, (1, 0): losses, (0, 0): rest, (1, 1): rest})


SINGLE: dict[str, tuple[Draw, Array]] = {
    "binary 0.5": categories({(0,): 0.5, (1,): 0.5}),
    "binary 0.8": categories({(0,): 0.2, (1,): 0.8}),
    "binary 0.95": categories({(0,): 0.05, (1,): 0.95}),
    "graded beta(2,2)": (independent(lambda g, n: g.beta(2, 2, n)), np.array([0.5])),
    "graded beta(8,1)": (independent(lambda g, n: g.beta(8, 1, n)), np.array([8 / 9])),
    "mean of 4 attempts": (independent(lambda g, n: g.binomial(4, g.random(n)) / 4), np.array([0.5])),
    "rubric near ceiling": categories(dict(zip(((v,) for v in RUBRIC), (0.01, 0.01, 0.03, 0.05, 0.9), strict=True))),
}
PAIRS: dict[str, tuple[Draw, Array]] = {
    "binary null 10+10 %": discordant(0.1, 0.1),
    "binary null sparse 2+2 %": discordant(0.02, 0.02),
    "binary 20-10 %": discordant(0.2, 0.1),
    "binary sparse 4-1 %": discordant(0.04, 0.01),
    "graded null uniform": (independent(lambda g, n: g.random(n), lambda g, n: g.random(n)), np.array([0.5, 0.5])),
    "graded null ties 94 %": categories({(0.5, 1.0): 0.03, (0.5, 0.0): 0.03, (0.5, 0.5): 0.94}),
    # Not interchangeable systems: a rare large gain, a frequent small loss. 20 items often miss the gain.
    "graded mean 0 but skewed": categories({(0.5, 0.9): 0.1, (0.5, 0.45): 0.8, (0.5, 0.5): 0.1}),
    "graded mean 0, skewed, spread": (
        independent(lambda g, n: np.full(n, 0.4), lambda g, n: 0.4 + g.normal(0, 0.03, n) + np.where(g.random(n) < 0.1, 0.4, -0.4 / 9)),
        np.array([0.4, 0.4]),
    ),
    "graded mean 0, rare collapse": (
        independent(
            lambda g, n: np.full(n, 0.8), lambda g, n: 0.8 + np.where(g.random(n) < 0.05, -0.7, 0.7 / 19) + g.uniform(-0.1, 0.1, n)
        ),
        np.array([0.8, 0.8]),
    ),
    "seconds, mean 0, long tail": (
        independent(lambda g, n: np.full(n, 9.0), lambda g, n: 9 - math.exp(0.5) + g.lognormal(0, 1, n)),
        np.array([9.0, 9.0]),
    ),
    "rubric +0.1": (independent(lambda g, n: g.binomial(4, 0.6, n) / 4, lambda g, n: g.binomial(4, 0.7, n) / 4), np.array([0.6, 0.7])),
    "graded ties 90 %, +0.03": categories({(0.5, 1.0): 0.08, (0.5, 0.0): 0.02, (0.5, 0.5): 0.9}),
}


def detectable(deviation: float) -> Callable[[int, bool], tuple[Draw, Array]]:
    """Evenly spread differences of the given standard deviation, with a mean of 2.8 standard errors: t finds it in 80 of 100 samples."""

    def made(n: int, clustered: bool) -> tuple[Draw, Array]:
        inflation = 1 + (1.2 * ITEMS_PER_CLUSTER - 1) * COPY_PROBABILITY**2 if clustered else 1.0
        gain, half = 2.8 * deviation * math.sqrt(inflation / n), math.sqrt(3) * deviation
        draw = independent(lambda g, k: np.full(k, 0.4), lambda g, k: 0.4 + gain + g.uniform(-half, half, k))
        return draw, np.array([0.4, 0.4 + gain])

    return made


SIZED: dict[str, Callable[[int, bool], tuple[Draw, Array]]] = {
    "graded, sd 0.2, 2.8 errors": detectable(0.2),
    "graded, sd 0.1, 2.8 errors": detectable(0.1),
    "graded, sd 0.05, 2.8 errors": detectable(0.05),
}
"""Paired data whose mean difference depends on how many items there are, and whether in clusters."""


def clustered_draw(draw: Draw, generator: np.random.Generator, n: int) -> tuple[Array, NDArray[np.int64]]:
    labels = np.sort(generator.integers(0, max(2, n // ITEMS_PER_CLUSTER), n))
    shared = draw(generator, int(labels.max()) + 1)[labels]
    copies = generator.random(n) < COPY_PROBABILITY
    return np.where(copies[:, None], shared, draw(generator, n)), labels


def experiments(
    draw: Draw, n: int, clustered: bool, missing: float, count: int, seed: int
) -> Iterator[tuple[Array, NDArray[np.int64] | None]]:
    generator = np.random.default_rng(seed)
    for _ in range(count):
        data, labels = clustered_draw(draw, generator, n) if clustered else (draw(generator, n), None)
        data = data.astype(np.float64)
        data[generator.random(data.shape) < missing] = np.nan
        yield data, labels


def flags(coverage: float, false_positives: float | None, count: int) -> str:
    error = 3 * math.sqrt(LEVEL * (1 - LEVEL) / count)
    found = ["covers too little"] if coverage < LEVEL - error else []
    if false_positives is not None and false_positives > 1 - LEVEL + error:
        found.append("too many false positives")
    return ", ".join(found)


def single(data: str, n: int, clustered: bool, missing: float, count: int) -> Row:
    draw, truth = SINGLE[data]
    covered, width = 0, 0.0
    for values, labels in experiments(draw, n, clustered, missing, count, zlib.crc32(f"{data}{n}{clustered}{missing}".encode())):
        estimate = mean_interval(values[:, 0], labels)
        assert estimate is not None and estimate.lower is not None and estimate.upper is not None
        covered += estimate.lower <= truth[0] <= estimate.upper
        width += estimate.upper - estimate.lower
    return Row("mean", data, n, clustered, missing, count, covered / count, width / count, None, flags(covered / count, None, count))


def pairs(data: str, n: int, clustered: bool, missing: float, count: int) -> Row:
    draw, truth = SIZED[data](n, clustered) if data in SIZED else PAIRS[data]
    delta = float(truth[1] - truth[0])
    null, graded = abs(delta) < 1e-12, not data.startswith("binary")
    covered, width, positives, flipped = 0, 0.0, 0, 0
    drawn = experiments(draw, n, clustered, missing, count, zlib.crc32(f"{data}{n}{clustered}{missing}".encode()))
    for seed, (values, labels) in enumerate(drawn):
        result = paired(values[:, 0], values[:, 1], labels, seed=seed, resamples=FLIPS)
        assert result is not None and result.lower is not None and result.upper is not None
        covered += result.lower - 1e-12 <= delta <= result.upper + 1e-12
        width += result.upper - result.lower
        positives += result.p_value <= 1 - LEVEL
        flipped += graded and alone(values, labels, seed) <= 1 - LEVEL
    rate = positives / count if null else None
    flag = flags(covered / count, rate, count)
    by_flips = flipped / count if graded else None
    return Row("paired", data, n, clustered, missing, count, covered / count, width / count, rate, flag, positives / count, by_flips)


def alone(values: Array, labels: NDArray[np.int64] | None, seed: int) -> float:
    """The p-value of sign flips without company."""
    kept: NDArray[np.bool_] = ~np.isnan(values.sum(axis=1))
    differences = values[kept, 1] - values[kept, 0]
    differences[np.abs(differences) < 1e-12] = 0.0
    units = grouping(labels, kept)
    return sign_flip(differences if units is None else units.sums(differences), seed=seed, resamples=FLIPS).p_value


def sequence(data: str, n: int, target: float | None, shuffled: bool, count: int) -> Row:
    """Coverage here is the share of experiments in which the interval held the truth at every one of n looks."""
    draw, truth = SINGLE[data]
    generator = np.random.default_rng(zlib.crc32(f"sequence{data}{n}{target}{shuffled}".encode()))
    held, width = 0, 0.0
    for _ in range(count):
        values = draw(generator, n)[:, 0].astype(np.float64)
        mean = float(values.mean()) if shuffled else float(truth[0])
        running = ConfidenceSequence(1 - LEVEL, target=target)
        running.extend(values.tolist())
        lower, upper = running.interval()  # the running intersection: it holds the mean now if and only if it always did
        held += lower <= mean <= upper
        width += upper - lower
    kind = f"{data}, target {target}" + (", without replacement" if shuffled else "")
    return Row("every look", kind, n, False, 0.0, count, held / count, width / count, None, flags(held / count, None, count))


Setting = tuple[Callable[..., Row], tuple[str | int | float | bool | None, ...]]


def settings(count: int, sizes: tuple[int, ...]) -> Iterator[Setting]:
    """What to measure, and of what."""
    for measure, table in ((single, list(SINGLE)), (pairs, [*PAIRS, *SIZED])):
        for data in table:
            for n in sizes:
                for clustered in (False, True):
                    for missing in (0.0, 0.1) if n == 100 else (0.0,):
                        yield measure, (data, n, clustered, missing, count)
    for data in ("binary 0.5", "binary 0.95", "graded beta(8,1)", "rubric near ceiling"):
        for target in (None, 0.05):
            for shuffled in (False, True):
                yield sequence, (data, 1_000, target, shuffled, count)


def measured(setting: Setting) -> Row:
    measure, arguments = setting
    return measure(*arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2_000, help="per setting (default 2000)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 100, 1_000], help="items per experiment (default 20 100 1000)")
    parser.add_argument("--processes", type=int, default=1, help="side by side (default 1); the figures are the same")
    parser.add_argument("--out", type=Path, default=Path("coverage.json"), help="where the JSON goes (default coverage.json)")
    arguments = parser.parse_args()
    rows, started = [], time.monotonic()
    pool = ProcessPoolExecutor(arguments.processes)
    for row in pool.map(measured, settings(arguments.experiments, tuple(arguments.sizes))):
        rows.append(row)
        rate = "" if row.rejected is None else f"  rejected {row.rejected:.3f} (by flips {row.rejected_by_sign_flips})"
        where = f"n={row.n:<5d}{' clustered' if row.clustered else ''}{' missing 10 %' if row.missing else ''}"
        print(
            f"{row.what:10s} {row.data:42s} {where:33s} covers {row.coverage:.3f} width {row.mean_width:.3f}{rate} {row.flag}",
            file=sys.stderr,
            flush=True,
        )
    document = {"level": LEVEL, "seconds": round(time.monotonic() - started, 1), "rows": [asdict(row) for row in rows]}
    arguments.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
