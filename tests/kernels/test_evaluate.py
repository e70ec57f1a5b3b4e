"""One solution on one case, in the real box."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from tiny_case import CASE, CRASH, RIGHT, WRONG

from tripos.core.errors import ConfigError
from tripos.kernels.evaluate import RULES, Conditions, Evaluator, _Device, evaluate_all
from tripos.kernels.isolation.box import Box, Job, Timing

QUICK = Conditions(timing=Timing(budget_seconds=0.2, most_rounds=5))
ABOUT = {"tier": "t1", "case_name": "scale"}


async def test_a_right_solution_is_correct_and_timed() -> None:
    async with Evaluator.open(QUICK) as evaluator:
        phases: list[str] = []
        record = await evaluator.evaluate(CASE, RIGHT, **ABOUT, phase=phases.append)
    assert record["outcome"] in ("ok", "noisy"), record
    assert record["correct"] and record["speedup"] > 0 and record["baseline_ms"] > 0
    assert record["speedup_low"] <= record["speedup"] <= record["speedup_high"]
    assert record["baseline_detail"]["median_ms"] > 0
    assert phases[0] == "load" and phases[-1] == "measure" and "check" in phases
    assert {"processes", "network", "files", "privileges"} <= set(record["containment"])
    assert (record["tier"], record["case_name"]) == ("t1", "scale")


@pytest.mark.parametrize(
    ("solution", "outcome", "said"),
    [
        (WRONG, "wrong_value", "output"),
        (CRASH, "crashed", "not today"),
        ("x = 1", "load_error", "does not define ModelNew"),
        ("import nothing_of_the_kind", "load_error", "nothing_of_the_kind"),
        ("class ModelNew(:", "load_error", "SyntaxError"),
        (RIGHT.replace("torch.randn(width)", "torch.randn(width, width, wrong=1)"), "build_error", "randn"),
        ("   ", "not_generated", "no code"),
        (RIGHT + "#" * 1_000_000, "static_reject", "the most is 1,000,000"),
    ],
)
async def test_each_way_to_fail_has_its_outcome_and_a_sentence(solution: str, outcome: str, said: str) -> None:
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        record = await evaluator.evaluate(CASE, solution, **ABOUT)
    assert record["outcome"] == outcome
    assert said in record["error"]


async def test_what_a_reading_finds_odd_is_a_remark_and_no_verdict() -> None:
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        record = await evaluator.evaluate(CASE, RIGHT + "import threading\n", **ABOUT)
    assert record["outcome"] == "ok"
    assert any("threading" in remark for remark in record["remarks"])


async def test_a_broken_case_is_nobodys_mistake() -> None:
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        for broken in (
            "import not_here",
            CASE.replace("class Model(", "class Other("),
            CASE + "TOLERANCE = 3\n",
            CASE.replace("+ 1.0", "+ y"),
        ):
            record = await evaluator.evaluate(broken, RIGHT, **ABOUT)
            assert record["outcome"] == "case_error", record


async def test_the_same_seed_gives_the_same_verdict_to_the_last_bit() -> None:
    nearly = RIGHT.replace("return torch.addcmul(", "return 1.0000003 * torch.addcmul(")
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        first, second = [await evaluator.evaluate(CASE, nearly, **ABOUT) for _ in range(2)]
    assert first["max_abs_diff"] == second["max_abs_diff"] > 0
    assert first["input_seed"] == second["input_seed"]
    async with Evaluator.open(Conditions(timing=None, seed=7)) as evaluator:
        assert (await evaluator.evaluate(CASE, nearly, **ABOUT))["max_abs_diff"] != first["max_abs_diff"]


async def test_a_tolerance_of_the_user_decides() -> None:
    off = RIGHT.replace("return torch.addcmul(", "return 1.01 * torch.addcmul(")
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        assert (await evaluator.evaluate(CASE, off, **ABOUT))["outcome"] == "wrong_value"
    async with Evaluator.open(Conditions(timing=None, rtol=0.05, atol=0.05)) as evaluator:
        assert (await evaluator.evaluate(CASE, off, **ABOUT))["outcome"] == "ok"


async def test_many_go_on_where_one_fails() -> None:
    heard: list[str] = []
    work = [{"case_source": CASE, "solution_source": each, **ABOUT, "attempt": n} for n, each in enumerate((CRASH, RIGHT, WRONG), 1)]
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        records = await evaluate_all(evaluator, work, lambda record: heard.append(record["outcome"]))
    assert [record["outcome"] for record in records] == ["crashed", "ok", "wrong_value"]
    assert sorted(heard) == ["crashed", "ok", "wrong_value"]


async def test_a_device_is_alone_while_it_is_timed() -> None:
    device, seen = _Device(0), []

    async def one(name: str) -> None:
        await device.enter()
        await asyncio.sleep(0.01)
        await device.alone()
        seen.append(("in", name, device.users))
        await asyncio.sleep(0.01)
        seen.append(("out", name, device.users))
        await device.leave(alone=True)

    await asyncio.wait_for(asyncio.gather(*(one(name) for name in "abc")), 60)
    assert [kind for kind, _, _ in seen] == ["in", "out"] * 3
    assert all(users == 0 for _, _, users in seen)


async def test_who_gives_up_waiting_for_a_device_leaves_it_usable() -> None:
    device = _Device(0)
    await device.enter()
    await device.enter()
    waiting = asyncio.ensure_future(device.alone())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for _ in range(2):
        await device.leave(alone=False)
    assert device.users == 0
    await device.enter()
    await asyncio.wait_for(device.alone(), 60)


class Cards:
    """A box of graphics cards: tells on which card each evaluation is, and how many are measured there at once."""

    def __init__(self) -> None:
        self.measured: dict[str, int] = {}
        self.seen: list[tuple[str, int]] = []
        self.go_on = asyncio.Event()

    async def evaluate(self, job: Job, *, device: Callable[[], Awaitable[None]], phase: object) -> dict[str, Any]:
        card = job.environment["CUDA_VISIBLE_DEVICES"]
        assert job.device == "cuda:0" and job.size == "gpu"
        if job.timing is not None:
            await device()
            self.measured[card] = self.measured.get(card, 0) + 1
            self.seen.append((card, self.measured[card]))
            await self.go_on.wait()
            self.measured[card] -= 1
        return {"outcome": "ok", "card": card}


def on_cards(*devices: int) -> tuple[Cards, Evaluator]:
    cards = Cards()
    return cards, Evaluator(cast(Box, cards), Conditions(device="cuda", devices=devices))


async def test_each_device_of_a_pool_measures_one_at_a_time_and_all_of_them_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards, evaluator = on_cards(3, 1)
    work = [{"case_source": CASE, "solution_source": RIGHT, **ABOUT, "attempt": n} for n in range(1, 7)]
    everything = asyncio.ensure_future(evaluate_all(evaluator, work))
    for _ in range(100):
        await asyncio.sleep(0)
    assert sorted(cards.seen) == [("1", 1), ("3", 1)], "two are measured, each alone on its card; the others wait"
    cards.go_on.set()
    records = await asyncio.wait_for(everything, 60)
    assert {record["card"] for record in records} == {"1", "3"} and len(records) == len(cards.seen) == 6
    assert {at_once for _, at_once in cards.seen} == {1}


async def test_nobody_is_sent_to_a_device_that_is_measuring_while_another_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards, evaluator = on_cards(3, 1)
    first = asyncio.ensure_future(evaluator.evaluate(CASE, RIGHT, **ABOUT))
    for _ in range(20):
        await asyncio.sleep(0)
    evaluator.conditions = Conditions(device="cuda", devices=(3, 1), timing=None)
    for _ in range(3):
        assert (await asyncio.wait_for(evaluator.evaluate(CASE, RIGHT, **ABOUT), 60))["card"] == "1"
    cards.go_on.set()
    assert (await first)["card"] == "3"


async def test_a_box_that_dies_costs_what_was_in_it_and_what_follows_but_not_the_records() -> None:
    work = [{"case_source": CASE, "solution_source": RIGHT, **ABOUT, "attempt": n} for n in range(1, 6)]
    async with Evaluator.open(Conditions(timing=None)) as evaluator:

        def done(record: dict[str, Any]) -> None:
            if record["outcome"] == "ok":
                with contextlib.suppress(ProcessLookupError):  # a second one had come back before the first was told of
                    os.kill(evaluator.box._process.pid, signal.SIGKILL)

        records = await asyncio.wait_for(evaluate_all(evaluator, work, done), 600)
    found = [record["outcome"] for record in records]
    assert len(found) == 5 and "ok" in found and set(found) == {"ok", "infrastructure_failed"}
    assert all(record["error"] for record in records if record["outcome"] != "ok")


async def test_text_that_has_no_utf8_is_nobodys_downfall() -> None:
    async with Evaluator.open(Conditions(timing=None)) as evaluator:
        record = await evaluator.evaluate(CASE, RIGHT + "# half a character: \ud800\n", **ABOUT)
        assert record["outcome"] in ("ok", "load_error")
        record = await evaluator.evaluate(CASE, CRASH.replace("not today", "half \\ud800 a character"), **ABOUT)
    assert record["outcome"] == "crashed" and record["error"].encode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"input_sets": 0}, "input sets = 0: it must be at least 1"),
        ({"threads": 0}, "threads = 0"),
        ({"threads": 10_000}, "threads = 10000, but there are"),
        ({"timeout_seconds": 0}, "timeout = 0"),
        ({"rule": "calibrate"}, "unknown rule 'calibrate'; did you mean 'calibrated'?"),
        ({"rtol": -1.0}, "rtol = -1.0: it must be at least 0"),
        ({"atol": float("nan")}, "atol = nan"),
        ({"timing": Timing(budget_seconds=0.0)}, "budget = 0.0: it must be at least 0.05"),
        ({"timing": Timing(precision=-0.1)}, "precision = -0.1"),
    ],
)
def test_conditions_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Conditions(**wrong)
    assert said in str(error.value)


def test_the_rules_are_those_of_the_judge() -> None:
    assert RULES == pytest.importorskip("tripos.kernels.isolation.inside.compare").NAMES
