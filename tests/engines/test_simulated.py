"""Simulated candidates: right as often as they say, alike in what they find hard, the same every time, always labelled."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.engine import EngineSettings
from tripos.engines.simulated import Simulated, _draw

ASK = (Message(role="user", content="Which letter?"),)


def candidate(model: str = "a", **options: Any) -> Simulated:
    return Simulated(EngineSettings(model=model, options=options))


async def answer(engine: Simulated, record_id: str = "r1", attempt: int = 0, **more: Any) -> Completion:
    context = {"record_id": record_id, "attempt": attempt, "perfect": "ANSWER: C", **more}
    return await engine.generate(ASK, GenerationParams(), context=context)


def rights(engine: Simulated, n: int, attempt: int = 0) -> np.ndarray[Any, Any]:
    context = {"attempt": attempt, "perfect": "+", "wrong": "-"}
    return np.array([engine._answer(ASK, {**context, "record_id": f"r{i}"}) == "+" for i in range(n)])


@pytest.mark.parametrize("skill", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_a_candidate_is_right_as_often_as_its_skill(skill: float) -> None:
    """Exact binomial test over 20,000 samples."""
    right = int(rights(candidate(skill=skill), 20_000).sum())
    assert stats.binomtest(right, 20_000, skill).pvalue > 0.001


@pytest.mark.parametrize(("skill", "share"), [(0.0, 0), (1.0, 2000), (1, 2000)])
def test_no_skill_and_full_skill_are_exact(skill: float, share: int) -> None:
    assert rights(candidate(skill=skill), 2000).sum() == share


def test_two_candidates_find_the_same_samples_hard() -> None:
    """The latent correlation is 0.6, so the phi coefficient of right and wrong at skill 0.5 is 2 asin(0.6) / pi."""
    a, b = rights(candidate("a", skill=0.5), 20_000), rights(candidate("b", skill=0.5), 20_000)
    phi = float(np.corrcoef(a, b)[0, 1])
    assert phi == pytest.approx(2 * math.asin(0.6) / math.pi, abs=0.02)


def test_attempts_differ_and_are_alike_too() -> None:
    engine = candidate(skill=0.5)
    first, second = rights(engine, 5000), rights(engine, 5000, attempt=1)
    assert 0.3 < float(np.corrcoef(first, second)[0, 1]) < 0.6


def test_a_better_candidate_is_better_on_the_same_samples() -> None:
    worse, better = rights(candidate(skill=0.6), 2000), rights(candidate(skill=0.8), 2000)
    assert (worse <= better).all(), "same model, same luck: more skill never loses a sample"


@pytest.mark.parametrize("other", [{"model": "b"}, {"seed": 1}])
def test_another_model_or_seed_draws_anew(other: dict[str, Any]) -> None:
    assert (rights(candidate(skill=0.5), 500) != rights(candidate(**{"skill": 0.5, **other}), 500)).any()


def test_the_draws_are_standard_normal_and_the_same_everywhere() -> None:
    draws = np.array([_draw(f"n{i}") for i in range(20_000)])
    assert stats.kstest(draws, "norm").pvalue > 0.001
    code = "from tripos.engines.simulated import _draw; print(_draw('sample/r1'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == str(
        _draw("sample/r1")
    )


async def test_every_answer_says_that_it_is_simulated() -> None:
    done = await answer(candidate(skill=1.0))
    assert (done.simulated, done.text, done.finish_reason, done.model, done.cost_usd) == (True, "ANSWER: C", "stop", "a", None)
    (warning,) = (await candidate().preflight()).warnings
    assert "SIMULATED" in warning and Simulated.simulated


async def test_a_wrong_answer_is_not_the_right_one() -> None:
    assert (await answer(candidate(skill=0.0))).text != "ANSWER: C"
    assert (await answer(candidate(skill=0.0), wrong="ANSWER: D")).text == "ANSWER: D"


async def test_without_a_right_answer_none_is_made_up() -> None:
    assert "not certain" in (await candidate(skill=1.0).generate(ASK, GenerationParams())).text


async def test_it_can_be_told_what_to_say_and_how_long_to_take() -> None:
    done = await answer(candidate(text="always this", latency_seconds=0.05))
    assert done.text == "always this" and done.latency_seconds is not None and done.latency_seconds >= 0.05


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"skil": 0.5}, "unknown option of the simulated engine 'skil'; did you mean 'skill'?"),
        ({"skill": 1.5}, "option skill = 1.5 of the simulated engine: must be a number in 0..1"),
        ({"skill": -0.1}, "must be a number in 0..1"),
        ({"skill": float("nan")}, "must be a number in 0..1"),
        ({"skill": "good"}, "option skill = 'good'"),
        ({"skill": None}, "option skill = None"),
        ({"latency_seconds": -1}, "option latency_seconds = -1"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        candidate(**options)
    assert said in str(caught.value)


async def test_options_may_come_as_text_from_the_command_line() -> None:
    assert candidate(skill="0.25", latency_seconds="0", seed="3", engine="simulated").skill == 0.25
