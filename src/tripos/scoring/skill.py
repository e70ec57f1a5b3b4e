"""How much better an answer is than one for which nobody had to think."""

from __future__ import annotations


def skill(score: float, naive: float) -> float:
    """(score - naive) / (1 - naive), not below 0: how much of the way from the naive answer's score to 1 was made.

    The skill score of weather forecasts (Murphy 1988, doi 10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2), cut at 0. Both
    arguments and the result lie in 0..1. Where the naive answer is right already, only 1 is worth 1.
    """
    return max(0.0, (score - naive) / (1.0 - naive)) if naive < 1.0 else float(score == 1.0)
