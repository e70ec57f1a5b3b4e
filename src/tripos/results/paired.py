"""Is the treatment better than the baseline on the same items? Test, interval, wins and losses, and what the data could have shown.

| differences | p-value | interval of the mean difference |
|---|---|---|
| of 0/1 scores, independent items | exact McNemar | Bonett-Price (2012), the Laplace-adjusted Wald interval |
| graded, or in clusters | the largest of sign flips (of whole clusters), `skewed_t` and, within 0..1, `unseen` | what none rejects |
| all equal, scores within 0..1 | the larger of sign flips and what `constant_bound` gives | `constant_bound` |

Why three: sign flips are exact if the two systems are interchangeable, but reject a true mean of 0 far too often when it is made of
many small losses and a few large gains. `benchmarks/simulate_tests.py` measures what each adds, and what it costs in power.

In all cases the interval is widened to reach 0 when the test does not reject at 1 - level, so that a row never contradicts itself.
Enumerated over 70 pairs of discordance probabilities at n = 10..300, Bonett-Price so widened covers at least 92.8 % and 96-98 % on
average at level 95 %; Tango's score interval 92.4 %, Agresti-Min 87.6 %, the plain t interval far less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from tripos.core.errors import ConfigError, unknown
from tripos.results.bootstrap import bootstrap_interval
from tripos.results.distributions import fair_binomial_two_sided, normal_cdf, normal_quantile, t_quantile
from tripos.results.intervals import SAME, cautious_variance, check_level, constant_bound
from tripos.results.items import Floats, Grouping, Labels, Values, as_floats, grouping, inner, is_binary, variance_of_mean, within_unit
from tripos.results.permutation import sign_flip
from tripos.results.power import minimum_detectable_effect, pairs_needed
from tripos.results.skewed_t import SkewedT, skewness
from tripos.results.unseen import REACH, WHOLE_SCALE, unseen_interval, unseen_p_value

INTERVALS = ("auto", "bootstrap")
MUCH_LEAN = 0.3
"""Skewness / √units beyond which t, corrected or not, is an approximation: 1 to 8 in 100 samples of symmetric data lean so much."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Treatment minus baseline over the items where both were measured.

    `n_missing` planned items lack one side or both. `p_value` is two-sided for a mean difference of 0. `stderr`, `lower`, `upper`,
    `correlation`, `mde`, `n_needed` are None where the data cannot tell. `unpaired_stderr` is what ignoring the pairing would give.
    `mde` is the smallest true difference these pairs would find, `n_needed` the pairs that would decide the difference seen, both at
    alpha = 1 - level and the power asked for. `method`, the most cautious one: `mcnemar_exact`, `sign_flip_exact`,
    `sign_flip_monte_carlo`, `t` (corrected for skewness), `unseen_item`, `unseen_cluster`, `constant_bound`. `interval_method`:
    `bonett_price`, `t`, `t_clustered`, `unseen_item`, `unseen_cluster`, `constant_bound`, `bootstrap`, `undefined`.
    `notices` say in words where p-value and interval are less sure than they look.
    """

    n_pairs: int
    n_missing: int
    n_clusters: int | None
    baseline_mean: float
    treatment_mean: float
    delta: float
    stderr: float | None
    lower: float | None
    upper: float | None
    level: float
    p_value: float
    method: str
    interval_method: str
    wins: int
    losses: int
    ties: int
    correlation: float | None
    unpaired_stderr: float | None
    mde: float | None
    n_needed: int | None
    notices: tuple[str, ...] = ()


def paired(
    baseline: Values,
    treatment: Values,
    clusters: Labels | None = None,
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 9_999,
    power: float = 0.8,
    interval: Literal["auto", "bootstrap"] = "auto",
    bounded: bool | None = None,
) -> Paired | None:
    """Compare two systems item by item; None when no item was measured for both.

    Args:
        baseline, treatment: one number an item, in the same order (`item_means` reduces attempts); None or NaN was not measured.
        clusters: one label an item; a label None is an item on its own.
        seed: of random sign flips and of the bootstrap; the same arguments always give the same result.
        level: coverage of the interval; 1 - level is the alpha of `mde` and `n_needed`.
        bounded: whether values are scores that cannot leave 0..1; None means so if all lie there. Pass False for measurements
            (seconds, watts) that happen to be small.

    Swapping the two systems swaps wins and losses, negates `delta` and the interval and leaves the p-value. One million pairs take
    under 2 s. Raises ValueError for arrays of different length, infinities, a level outside 0..1;
    ConfigError for an unknown `interval`.
    """
    check_level(level)
    if interval not in INTERVALS:
        raise ConfigError(unknown("interval of a comparison", interval, INTERVALS))
    before, after = as_floats(baseline), as_floats(treatment)
    if len(before) != len(after):
        raise ValueError(f"{len(before)} baseline values but {len(after)} treatment values: give one of each an item, None where missing")
    measured = ~(np.isnan(before) | np.isnan(after))
    groups = grouping(clusters, measured)
    planned, before, after = len(before), before[measured], after[measured]
    if not len(before):
        return None
    pairs = _Pairs.of(before, after, groups, bounded)
    findings = _findings(pairs, level)
    p_value, method = max([_exact_test(pairs, seed, resamples), *((f.p_value, f.method) for f in findings)], key=lambda found: found[0])
    ends, interval_method = _interval(pairs, findings, level, interval, seed, resamples)
    if ends is not None and p_value > 1 - level:
        ends = min(ends[0], 0.0), max(ends[1], 0.0)
    n, delta = len(before), float(pairs.differences.mean())
    variance = variance_of_mean(pairs.differences, pairs.units)
    stderr = None if variance is None else math.sqrt(variance)
    room = max(((f.ends[1] - f.ends[0]) / 2 for f in findings if f.interval_method.startswith("unseen")), default=0.0)
    mde, needed = _resolution(pairs, stderr, room, 1 - level, power)
    return Paired(
        n_pairs=n,
        n_missing=planned - n,
        n_clusters=None if groups is None else groups.count,
        baseline_mean=float(before.mean()),
        treatment_mean=float(after.mean()),
        delta=delta,
        stderr=stderr,
        lower=None if ends is None else ends[0],
        upper=None if ends is None else ends[1],
        level=level,
        p_value=p_value,
        method=method,
        interval_method=interval_method,
        wins=pairs.wins,
        losses=pairs.losses,
        ties=n - pairs.wins - pairs.losses,
        correlation=_correlation(before, after),
        unpaired_stderr=_unpaired_stderr(before, after, pairs.units),
        mde=mde,
        n_needed=needed,
        notices=_notices(pairs, findings, p_value, 1 - level),
    )


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs where both sides were measured; `units` only where a cluster has more than one item."""

    differences: Floats
    sums: Floats
    """The sum of the differences in each independent unit."""
    units: Grouping | None
    wins: int
    losses: int
    binary: bool
    bounded: bool

    @classmethod
    def of(cls, before: Floats, after: Floats, groups: Grouping | None, bounded: bool | None) -> _Pairs:
        differences: Floats = after - before
        # A difference that is only the rounding of two equal means is a tie.
        differences[np.abs(differences) <= 1e-12 * np.maximum(np.abs(before), np.abs(after))] = 0.0
        within = within_unit(before) and within_unit(after)
        if bounded and not within:
            raise ValueError("bounded=True, but some values lie outside 0..1")
        units = None if groups is None or groups.count == len(before) else groups
        return cls(
            differences=differences,
            sums=differences if units is None else units.sums(differences),
            units=units,
            wins=int((differences > 0).sum()),
            losses=int((differences < 0).sum()),
            binary=is_binary(before) and is_binary(after),
            bounded=within if bounded is None else bounded,
        )

    @property
    def count(self) -> int:
        """Independent units: clusters, or items when they are independent."""
        return len(self.sums)

    @property
    def constant(self) -> bool:
        """Whether all differences are the same, but for rounding."""
        return float(self.differences.max() - self.differences.min()) < SAME


class _Finding(NamedTuple):
    """What a method says that does not take the two systems for interchangeable."""

    p_value: float
    method: str
    ends: tuple[float, float]
    interval_method: str


def _exact_test(pairs: _Pairs, seed: int, resamples: int) -> tuple[float, str]:
    if pairs.binary and pairs.units is None:
        return fair_binomial_two_sided(pairs.wins, pairs.wins + pairs.losses), "mcnemar_exact"
    test = sign_flip(pairs.sums, seed=seed, resamples=resamples)
    return test.p_value, test.method


def _findings(pairs: _Pairs, level: float) -> list[_Finding]:
    """None where McNemar's test needs no company (0/1, independent), or where there is only one unit."""
    n = len(pairs.differences)
    if pairs.bounded and pairs.constant:
        value, independent = float(pairs.differences[0]), n if pairs.units is None else pairs.units.effective_count
        ends = constant_bound(value, -1.0, 1.0, independent, level)
        # `constant_bound` leaves out 0 where z² < trials · |value|
        p_value = 0.0 if pairs.binary and pairs.units is None else 2 * normal_cdf(-math.sqrt(independent * abs(value)))
        return [_Finding(p_value, "constant_bound", ends, "constant_bound")]
    if pairs.binary and pairs.units is None:
        return [_Finding(0.0, "", bonett_price(pairs.wins, pairs.losses, n, level), "bonett_price")]
    t = _student(pairs)
    if t is None:
        return []
    found = [_Finding(t.p_value(), "t", t.interval(level), "t" if pairs.units is None else "t_clustered")]
    if pairs.bounded:
        name = "unseen_item" if pairs.units is None else "unseen_cluster"
        sizes, reach = None if pairs.units is None else pairs.units.sizes, REACH * n / pairs.count
        ends = unseen_interval(pairs.sums, sizes, reach, 1 - level)
        found.append(_Finding(unseen_p_value(pairs.sums, reach), name, ends, name))
    return found


def _interval(
    pairs: _Pairs, findings: list[_Finding], level: float, name: str, seed: int, resamples: int
) -> tuple[tuple[float, float] | None, str]:
    """The ends (None where the data cannot tell) and the method that decided the farther one."""
    if name == "bootstrap":
        sizes = None if pairs.units is None else pairs.units.sizes
        ends = bootstrap_interval(pairs.sums, sizes, level=level, seed=seed, resamples=resamples)
        return ends, "undefined" if ends is None else "bootstrap"
    if not findings:
        return None, "undefined"
    lower, upper = min(f.ends[0] for f in findings), max(f.ends[1] for f in findings)
    widest = max(findings, key=lambda f: f.ends[1] - f.ends[0])
    return (max(-1.0, lower), min(1.0, upper)) if pairs.bounded else (lower, upper), widest.interval_method


def bonett_price(wins: int, losses: int, pairs: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of the difference of two paired proportions: Wald after adding one win and one loss (Bonett & Price 2012).

    With b, c = wins + 1, losses + 1 of N = pairs + 2: (b - c)/N ± z √(((b + c)/N - ((b - c)/N)²) / N), within -1..1 and always
    containing the observed difference.
    """
    check_level(level)
    total = pairs + 2
    centre = (wins - losses) / total
    half = normal_quantile((1 + level) / 2) * math.sqrt(((wins + losses + 2) / total - centre**2) / total)
    observed = (wins - losses) / pairs
    return max(-1.0, min(centre - half, observed)), min(1.0, max(centre + half, observed))


def _student(pairs: _Pairs) -> SkewedT | None:
    """t of a mean difference, over clusters if stated, with an allowance for ties; None for one unit.

    When many units show no difference, the few that do are a poor sample of how large differences get: one more is imagined, of the
    largest size seen and of either sign, counted by the share of units that tie.
    """
    n, count, sums = len(pairs.differences), pairs.count, pairs.sums
    variance = cautious_variance(pairs.differences, pairs.units)
    if variance is None:
        return None
    imagined = float((sums == 0).mean()) * float(np.abs(sums).max()) ** 2
    variance += imagined * count / (count - 1) / n**2
    delta = float(pairs.differences.mean())
    residuals = sums - delta * (1 if pairs.units is None else pairs.units.sizes)
    return SkewedT(delta, math.sqrt(variance), count, skewness(residuals))


def _resolution(pairs: _Pairs, stderr: float | None, room: float, alpha: float, power: float) -> tuple[float | None, int | None]:
    """Minimum detectable effect and pairs needed; None where the differences show no spread to judge by.

    An item not seen can take back `room`, whatever the spread; this shrinks as 1/n.
    """
    if not stderr:
        return None, None
    n, delta = len(pairs.differences), float(pairs.differences.mean())
    effect = minimum_detectable_effect(stderr, pairs.count - 1, alpha=alpha, power=power)
    needed = pairs_needed(delta, stderr * math.sqrt(n), alpha=alpha, power=power)
    found_beside = room + t_quantile(power, pairs.count - 1) * stderr if room else 0.0
    return max(effect, found_beside), None if needed is None else max(needed, math.ceil(n * room / abs(delta)))


def _notices(pairs: _Pairs, findings: list[_Finding], p_value: float, alpha: float) -> tuple[str, ...]:
    """Where the level is not sure to hold: too few scores for rare large ones to show, or measurements that lean to one side."""
    if not findings or (pairs.binary and pairs.units is None):
        return ()
    n, delta = len(pairs.differences), abs(float(pairs.differences.mean()))
    if pairs.bounded and p_value <= alpha and unseen_p_value(pairs.sums, WHOLE_SCALE * n / pairs.count) > alpha:
        units = "items" if pairs.units is None else "clusters"
        return (
            f"{pairs.count} {units} are too few to rule out a rare one that differs by the whole scale the other way: "
            f"one such in {1 + math.ceil(1 / delta)} would undo this difference",
        )
    student = None if pairs.bounded else _student(pairs)
    if student is not None and abs(student.lean) > MUCH_LEAN:
        return (f"a few large differences on one side (skewness {student.skewness:+.1f}) make interval and p-value approximate",)
    return ()


def _correlation(before: Floats, after: Floats) -> float | None:
    """Pearson's correlation of the two systems' scores; None when either does not vary."""
    first, second = before - before.mean(), after - after.mean()
    scale = math.sqrt(inner(first, first) * inner(second, second))
    return None if scale == 0 else max(-1.0, min(1.0, inner(first, second) / scale))


def _unpaired_stderr(before: Floats, after: Floats, units: Grouping | None) -> float | None:
    """Standard error of the difference if the two means came from different items."""
    first, second = variance_of_mean(before, units), variance_of_mean(after, units)
    return None if first is None or second is None else math.sqrt(first + second)
