"""The measurement as a whole: what it finds, how long it takes, and when it ends."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from evaluating import GELU, ONE_ROW, PRODUCT, job

from tripos.kernels.isolation.box import Box, Timing

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
    assert record["pairs"] <= 60 and time.monotonic() - began < 60
    assert record["baseline_ms"] == pytest.approx(150, rel=0.2) and record["solution_ms"] == pytest.approx(150, rel=0.2)


async def test_a_speedup_is_what_it_is(box: Box) -> None:
    case = GELU.replace("        return 0.5", WORK)
    record = await box.evaluate(job(case, SAME))
    ratio = record["baseline_ms"] / record["solution_ms"]
    assert record["speedup"] == pytest.approx(ratio, rel=0.3) and record["speedup"] > 2
    assert record["rounds"] == 5 and len(record["all_baseline_ms"]) == len(record["all_solution_ms"]) == record["pairs"]
    back = await box.evaluate(job(GELU, case.replace("Model(", "ModelNew(")))
    assert math.isclose(back["speedup"] * record["speedup"], 1.0, rel_tol=0.5)


async def test_more_than_ten_times_as_fast_is_marked_to_be_looked_at(box: Box) -> None:
    case = GELU.replace("        return 0.5", WORK.replace("20", "120"))
    record = await box.evaluate(job(case, SAME))
    assert record["outcome"] in ("ok", "noisy")
    assert record["outcome"] == "noisy" or record["suspicion"] == "excessive_speedup", record


async def test_torch_compile_is_a_second_baseline(box: Box) -> None:
    timing = Timing(budget_seconds=0.25, precision=0.05, compile=True)
    record = await box.evaluate(job(GELU, SAME, timing=timing, deadline_seconds=180))
    assert record["outcome"] in ("ok", "noisy"), record
    if record["baselines"]["compile"] is None:
        assert record["compile_error"], "where it does not work here, it is said why"
    else:
        assert 0 < record["baselines"]["compile"] < 10 * record["baselines"]["eager"]
    assert record["baselines"]["eager"] == record["baseline_ms"]


async def test_where_torch_compile_does_not_work_the_rest_is_measured(box: Box) -> None:
    broken = GELU + "\ndef refused(*a, **k):\n    raise RuntimeError('no compiler here')\ntorch.compile = refused\n"
    record = await box.evaluate(job(broken, SAME, timing=Timing(budget_seconds=0.25, precision=0.05, compile=True)))
    assert record["outcome"] in ("ok", "noisy") and record["speedup"] > 0
    assert record["baselines"]["compile"] is None and "no compiler here" in record["compile_error"]


def sleeping(seconds: float, after: int) -> str:
    """A solution whose calls take this much longer, but for the first few of the check."""
    more = f"        import time; next(turns) < {after} or time.sleep({seconds})\n        return 0.5"
    return SAME.replace("        return 0.5", more) + "\nimport itertools\nturns = itertools.count()\n"


async def test_a_solution_that_is_slow_at_every_step_holds_the_device_no_longer_than_a_phase(box: Box) -> None:
    began = time.monotonic()
    record = await box.evaluate(job(GELU, sleeping(1.0, after=4), deadline_seconds=2.5))
    assert (record["outcome"], record["phase"]) == ("timeout", "measure"), record
    assert time.monotonic() - began < 8


async def test_rounds_are_left_out_where_they_would_take_too_long(box: Box) -> None:
    """About five calls in the first round and three in each other: what was measured by then is the result."""
    began = time.monotonic()
    record = await box.evaluate(job(GELU, sleeping(0.25, after=0), deadline_seconds=3.0))
    assert record["outcome"] in ("ok", "noisy") and 1 <= record["rounds"] < 5, record
    assert record["speedup"] < 0.1 and time.monotonic() - began < 10


async def test_calls_that_are_only_fast_together_are_measured_one_by_one(box: Box) -> None:
    exploit = (Path(__file__).parents[1] / "exploits" / "batches_calls.py").read_text(encoding="utf-8")
    together = await box.evaluate(job(ONE_ROW, exploit))
    honest = await box.evaluate(job(ONE_ROW, ONE_ROW.replace("Model(", "ModelNew(")))
    assert together["calls_per_window"] == 1 and together["speedup_low"] < 1.15, together
    assert honest["calls_per_window"] > 1, honest
