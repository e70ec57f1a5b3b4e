"""The measurement as a whole: what it finds, how long it takes, and when it ends."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import Any, cast

import pytest
from evaluating import GELU, ONE_ROW, PRODUCT, QUICK, job

pytest.importorskip("torch")

from tripos.kernels.isolation.box import Box, Timing
from tripos.kernels.isolation.inside.held import Held
from tripos.kernels.isolation.inside.measure import _Session
from tripos.kernels.isolation.inside.pairs import speedup
from tripos.kernels.isolation.inside.window import Side

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME = GELU.replace("Model(", "ModelNew(")
TINY = GELU.replace("192, 1024", "4, 8").replace("37, 509", "3, 7")
WORK = "        for _ in range(20):\n            torch.erf(x)\n        return 0.5"


async def test_a_copy_of_the_reference_is_neither_faster_nor_slower(box: Box) -> None:
    for case in (GELU, PRODUCT, ONE_ROW):
        record = await box.evaluate(job(case, case.replace("Model(", "ModelNew(")))
        assert record["outcome"] in ("ok", "noisy"), record
        assert record["speedup_low"] < 1.05 and record["speedup_high"] > 0.95, record
        assert "suspicion" not in record, record


async def test_the_plan_fits_what_is_measured(box: Box) -> None:
    """Microseconds are measured by the dozen and for no longer than asked; what takes long is measured a few times."""
    tiny = await box.evaluate(job(TINY, TINY.replace("Model(", "ModelNew(")))
    assert tiny["calls_per_window"] > 5 and tiny["pairs"] >= 5, tiny
    slow = GELU.replace("        return 0.5", "        time.sleep(0.15)\n        return 0.5").replace("import math", "import math, time")
    began = time.monotonic()
    record = await box.evaluate(job(slow, slow.replace("Model(", "ModelNew(")))
    assert record["calls_per_window"] == 1 and record["outcome"] in ("ok", "noisy"), record
    assert record["pairs"] <= 60 and time.monotonic() - began < 180
    assert record["baseline_ms"] == pytest.approx(150, rel=0.5) and record["solution_ms"] == pytest.approx(150, rel=0.5)


async def test_a_speedup_is_what_it_is(box: Box) -> None:
    case = GELU.replace("        return 0.5", WORK)
    record = await box.evaluate(job(case, SAME))
    ratio = record["baseline_ms"] / record["solution_ms"]
    assert record["speedup"] == pytest.approx(ratio, rel=0.3) and record["speedup"] > 2
    assert record["rounds"] == 5 and len(record["all_baseline_ms"]) == len(record["all_solution_ms"]) == record["pairs"]
    back = await box.evaluate(job(GELU, case.replace("Model(", "ModelNew(")))
    assert math.isclose(back["speedup"] * record["speedup"], 1.0, rel_tol=0.5)


async def test_what_is_noisy_after_five_rounds_gets_five_more(box: Box) -> None:
    wild = "\nimport random, time\npause = random.SystemRandom().choice((0.001, 0.01))\n"  # each process its own
    solution = SAME.replace("        return 0.5", "        time.sleep(pause)\n        return 0.5") + wild
    timing = dataclasses.replace(QUICK, most_rounds=10)
    for _ in range(3):  # all processes of one may happen to draw the same
        record = await box.evaluate(job(GELU, solution, timing=timing))
        if record["rounds"] == 10:
            break
    assert (record["outcome"], record["rounds"]) == ("noisy", 10), record


async def test_more_than_ten_times_as_fast_is_marked_to_be_looked_at(box: Box) -> None:
    case = GELU.replace("        return 0.5", WORK.replace("20", "120"))
    record = await box.evaluate(job(case, SAME))
    assert record["outcome"] in ("ok", "noisy")
    assert record["outcome"] == "noisy" or record["suspicion"] == "excessive_speedup", record


async def test_torch_compile_is_a_second_baseline(box: Box) -> None:
    timing = Timing(budget_seconds=0.25, precision=0.05, compile=True, most_rounds=5)
    record = await box.evaluate(job(GELU, SAME, timing=timing, deadline_seconds=180))
    assert record["outcome"] in ("ok", "noisy"), record
    if record["baselines"]["compile"] is None:
        assert record["compile_error"], "where it does not work here, it is said why"
    else:
        assert 0 < record["baselines"]["compile"] < 10 * record["baselines"]["eager"]
    assert record["baselines"]["eager"] == record["baseline_ms"]


async def test_where_torch_compile_does_not_work_the_rest_is_measured(box: Box) -> None:
    broken = GELU + "\ndef refused(*a, **k):\n    raise RuntimeError('no compiler here')\ntorch.compile = refused\n"
    record = await box.evaluate(job(broken, SAME, timing=Timing(budget_seconds=0.25, precision=0.05, compile=True, most_rounds=5)))
    assert record["outcome"] in ("ok", "noisy") and record["speedup"] > 0
    assert record["baselines"]["compile"] is None and "no compiler here" in record["compile_error"]


def sleeping(seconds: float, after: int) -> str:
    """A solution whose calls take this much longer, but for the first few of the check."""
    more = f"        import time; next(turns) < {after} or time.sleep({seconds})\n        return 0.5"
    return SAME.replace("        return 0.5", more) + "\nimport itertools\nturns = itertools.count()\n"


async def test_a_solution_that_is_slow_at_every_step_holds_the_device_no_longer_than_a_phase(box: Box) -> None:
    began = time.monotonic()
    record = await box.evaluate(job(GELU, sleeping(2.0, after=4), deadline_seconds=4.0))
    assert (record["outcome"], record["phase"]) == ("timeout", "measure"), record
    assert time.monotonic() - began < 4 * 4.0


async def test_rounds_are_left_out_where_they_would_take_too_long(box: Box) -> None:
    """About five calls in the first round and three in each other: what was measured by then is the result."""
    began = time.monotonic()
    record = await box.evaluate(job(GELU, sleeping(0.5, after=0), deadline_seconds=6.0))
    assert record["outcome"] in ("ok", "noisy") and 1 <= record["rounds"] < 5, record
    assert record["speedup"] < 0.1 and time.monotonic() - began < 4 * 6.0


async def test_calls_that_are_only_fast_together_are_measured_one_by_one(box: Box) -> None:
    exploit = (Path(__file__).parents[1] / "exploits" / "batches_calls.py").read_text(encoding="utf-8")
    together = await box.evaluate(job(ONE_ROW, exploit))
    honest = await box.evaluate(job(ONE_ROW, ONE_ROW.replace("Model(", "ModelNew(")))
    assert together["calls_per_window"] == 1 or together["outcome"] == "noisy", together
    assert together["speedup_low"] < 1.15, together
    assert honest["calls_per_window"] > 1 or honest["outcome"] == "noisy", honest


# -- what is concluded from times --------------------------------------------------------------------------------------


def session(baseline_ms: float, solution_ms: float, alone: tuple[float, float] | None = None, megabytes: float = 1.0) -> _Session:
    """A measurement that has found these times of a call: in windows of many calls, and in windows of one."""
    made = cast(Any, object.__new__(_Session))
    made.milliseconds = [[baseline_ms] * 9, [solution_ms] * 9, []]
    made.alone = [[each / 1000 for each in alone]] * 9 if alone else []
    made.copy_speed = 20e9
    made.reference = Side(cast(Held, None))
    tensor = {"type": "Tensor", "shape": [int(megabytes * 125_000)], "strides": [1], "dtype": "float32", "address": 4096}
    made.reference.slots, made.reference.layout = [[tensor]], [tensor]
    return cast(_Session, made)


@pytest.mark.parametrize(
    ("together", "alone", "adds_up"),
    [
        ((1.0, 0.5), (1.0, 0.5), True),  # twice as fast either way
        ((1.0, 0.5), (1.1, 0.6), True),  # the first call is dearer, for both by the same
        ((0.020, 0.005), (0.030, 0.015), True),  # a wait for the device at the end of a window, for both
        ((1.0, 0.5), (1.0, 0.62), True),
        ((0.010, 0.005), (0.011, 0.0105), True),  # microseconds cannot be told apart
        ((1.0, 0.1), (1.0, 1.0), False),  # ten calls computed together
        ((0.020, 0.001), (0.025, 0.025), False),
        ((1.0, 0.5), (1.0, 0.8), False),
        ((1.0, 0.95), (1.0, 3.0), True),  # nothing is gained
        ((1.0, 2.0), (1.0, 5.0), True),
    ],
)  # fmt: skip
async def test_what_is_gained_together_must_be_gained_alone(
    together: tuple[float, float], alone: tuple[float, float], adds_up: bool
) -> None:
    result = speedup([[together[0] / together[1]] * 5] * 5)
    assert session(*together, alone).adds_up(result) is adds_up
    assert session(*together).adds_up(result)


@pytest.mark.parametrize(
    ("baseline_ms", "solution_ms", "megabytes", "suspicion"),
    [
        (1.0, 0.5, 10, None),
        (1.0, 0.11, 1, None),
        (1.0, 0.05, 1, "excessive_speedup"),
        (1.0, 0.2, 20, "beyond_memory_speed"),  # 100 GB/s, where a copy in the caches has 20
        (0.1, 0.05, 20, None),  # the reference itself does not touch all of it
        (0.02, 0.01, 0.01, "short_calls"),  # mostly Python, which need not be there in a window
        (0.02, 0.0195, 0.01, None),
    ],
)
async def test_speeds_that_are_hard_to_believe_are_marked(
    baseline_ms: float, solution_ms: float, megabytes: float, suspicion: str | None
) -> None:
    ratio = baseline_ms / solution_ms
    assert session(baseline_ms, solution_ms, megabytes=megabytes)._suspicion(speedup([[ratio] * 5] * 5)) == suspicion
    assert session(baseline_ms, solution_ms, megabytes=megabytes)._suspicion(speedup([[ratio], [ratio / 3], [ratio * 3]])) is None
