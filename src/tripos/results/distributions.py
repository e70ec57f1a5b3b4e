"""Quantiles and tails of the normal, Student's t and the fair binomial, without SciPy (whose import takes seconds).

Accuracy is about 1e-9 relative or better over the range used here; SciPy is the oracle in the tests.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()
_TINY = 1e-300
_INTEGER_TRIALS = 1_000
_SERIES_DF = 1_000  # from here on the expansion in 1/df is more exact than root finding


def normal_quantile(probability: float) -> float:
    """The z below which a standard normal value falls with `probability` (0 < probability < 1)."""
    return _NORMAL.inv_cdf(probability)


def normal_cdf(z: float) -> float:
    """P(Z <= z), exact in the far lower tail too."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t with `df` > 0 degrees of freedom, by the incomplete beta function (DLMF 8.17)."""
    if math.isinf(t):
        return 0.0 if t < 0 else 1.0
    tail = 0.5 * _incomplete_beta(df / (df + t * t), t * t / (df + t * t), df / 2) if t else 0.5
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=4096)
def t_quantile(probability: float, df: float) -> float:
    """The t below which Student's t with `df` degrees of freedom falls with `probability`.

    Raises ValueError outside 0 < probability < 1 or df > 0. Large df: Cornish-Fisher expansion (Abramowitz & Stegun 26.7.5).
    """
    if not 0 < probability < 1 or df <= 0:
        raise ValueError(f"t_quantile needs 0 < probability < 1 and df > 0, got probability={probability}, df={df}")
    if probability == 0.5:
        return 0.0
    if probability > 0.5:
        return -_lower_t_quantile(1 - probability, df)
    return _lower_t_quantile(probability, df)


def _lower_t_quantile(probability: float, df: float) -> float:
    if df >= _SERIES_DF:
        return _t_series(normal_quantile(probability), df)
    low, high = -1.0, 0.0
    while t_cdf(low, df) > probability:
        low, high = low * 2, low
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, df) < probability else (low, middle)
    return (low + high) / 2


def _t_series(z: float, df: float) -> float:
    square = z * z
    terms = (
        z * (square + 1) / 4,
        z * ((5 * square + 16) * square + 3) / 96,
        z * (((3 * square + 19) * square + 17) * square - 15) / 384,
        z * ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160,
    )
    return z + sum(term / df ** (power + 1) for power, term in enumerate(terms))


def _incomplete_beta(x: float, rest: float, a: float) -> float:
    """Regularised incomplete beta I_x(a, 1/2); `rest` is 1 - x, given apart because near x = 1 the difference would lose digits."""
    if rest == 0:
        return 1.0
    log_x = math.log1p(-rest) if rest < 0.5 else math.log(max(x, _TINY))
    front = math.exp(a * log_x + 0.5 * math.log(rest) - _log_beta_half(a))
    if x < (a + 1) / (a + 2.5):
        return front * _beta_fraction(x, a, 0.5) / a
    return 1 - front * _beta_fraction(rest, 0.5, a) / 0.5


def _log_beta_half(a: float) -> float:
    """log B(a, 1/2); for large a by the expansion of the gamma ratio, where lgamma would cancel (DLMF 5.11.13)."""
    if a < 500:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    ratio = 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)
    return math.lgamma(0.5) - ratio


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated by Lentz's method."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for coefficient in (even, odd):
            d = 1 / _away_from_zero(1 + coefficient * d)
            c = _away_from_zero(1 + coefficient / c)
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def fair_binomial_two_sided(successes: int, trials: int) -> float:
    """Exact two-sided p-value of `successes` in `trials` tosses of a fair coin: min(1, 2 P(X <= min(k, n - k))).

    Integer arithmetic up to 1,000 trials; then one probability times a rapidly falling series of ratios, O(√trials). 1.0 for 0 trials.
    """
    k = min(successes, trials - successes)
    if k < 0:
        raise ValueError(f"successes must lie in 0..{trials}, got {successes}")
    if 2 * k == trials:
        return 1.0
    if trials <= _INTEGER_TRIALS:
        tail = sum(math.comb(trials, i) for i in range(k + 1))
        return min(1.0, tail / (1 << (trials - 1)))
    log_point = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) - trials * math.log(2)
    steps = np.arange(min(k, 100 + 50 * math.isqrt(trials)), dtype=np.float64)
    ratios = np.cumprod((k - steps) / (trials - k + steps + 1))
    return min(1.0, 2 * math.exp(log_point) * (1 + float(ratios.sum())))
