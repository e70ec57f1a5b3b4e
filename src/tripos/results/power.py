"""What a comparison could have seen: the smallest detectable effect, the number of pairs that would decide it, equivalence.

All effects are on the scale of the score (0.02 = two points of accuracy), never per discordant pair.
"""

from __future__ import annotations

import math

from tripos.results.distributions import normal_quantile, t_cdf, t_quantile

OUT_OF_REACH = 10**12
"""More pairs than this are no plan."""


def difference_sd(wins: int, losses: int, pairs: int) -> float:
    """Standard deviation (n - 1) of paired 0/1 differences from their discordance: √((b + c - (b - c)²/n) / (n - 1))."""
    if pairs < 2 or wins < 0 or losses < 0 or wins + losses > pairs:
        raise ValueError(f"difference_sd needs at least 2 pairs and wins + losses within them, got {wins} + {losses} of {pairs}")
    return math.sqrt((wins + losses - (wins - losses) ** 2 / pairs) / (pairs - 1))


def minimum_detectable_effect(stderr: float, df: float | None = None, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided test at `alpha` finds with probability `power`: (t_{1-α/2} + t_power) · stderr (Bloom 1995).

    Args:
        stderr: standard error of the mean paired difference (sd / √n, or cluster-robust).
        df: degrees of freedom behind `stderr` (pairs or clusters - 1); None uses the normal distribution.
    """
    return _multiplier(df, alpha, power) * stderr


def pairs_needed(delta: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Pairs for which a true difference `delta` would be found: ⌈((z_{1-α/2} + z_power) · sd / delta)²⌉; None beyond 10¹² (delta = 0).

    Args:
        sd: standard deviation of one paired difference; for clustered pairs stderr · √n, which keeps the design effect.
    """
    if abs(delta) * math.sqrt(OUT_OF_REACH) <= _multiplier(None, alpha, power) * sd:
        return None
    return max(2, math.ceil((_multiplier(None, alpha, power) * sd / delta) ** 2))


def _multiplier(df: float | None, alpha: float, power: float) -> float:
    if not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"alpha and power must lie strictly between 0 and 1, got alpha={alpha}, power={power}")
    if df is None:
        return normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return t_quantile(1 - alpha / 2, df) + t_quantile(power, df)


def equivalence_p_value(delta: float, stderr: float, margin: float, df: float) -> float:
    """p-value of the two one-sided tests that the true difference lies within ±`margin` (TOST; Schuirmann 1987).

    The larger of P(T >= (delta + margin)/stderr) and P(T <= (delta - margin)/stderr). At stderr = 0 it is 0 or 1.
    """
    if margin <= 0:
        raise ValueError(f"an equivalence margin must be positive, got {margin}: name the largest difference that does not matter")
    if stderr == 0:
        return 0.0 if abs(delta) < margin else 1.0
    return max(t_cdf(-(delta + margin) / stderr, df), t_cdf((delta - margin) / stderr, df))
