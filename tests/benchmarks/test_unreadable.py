"""An answer that cannot be read is nothing in every figure of merit, as it is in the accuracy.

Else the means of those figures would be over the answers that could be read alone, and who answers the easy half only would shine.
"""

from __future__ import annotations

import inspect

import pytest

from scripted_judge import answer_of, replying
from tripos.benchmarks.benchmark import Benchmark, Case, benchmarks
from tripos.core.records import Outcome, Verdict
from tripos.sandbox.choose import choose
from tripos.scoring.scorer import Instruments, Opened

KEYS = [key for key in benchmarks.names() if key != "kernels"]
OF_WHAT_WAS_SAID = {"calls", "confidence", "evidence_precision", "faithfulness", "precision", "regression_rate", "superfluous"}
OF_WHAT_WAS_SAID |= {"detected", "md5_reproduced", "order_decided", "reference_mark", "unknown_tools"}
"""Of what an answer holds, or of what came of looking at it: not measured where it holds nothing, or a miss of either kind."""
OF_THE_TASK = {"complete", "expected", "looked", "one_script", "positive", "turns_of_one", "worked"}
"""The same for every answer to the task."""
OF_DOING_NOTHING = {"speedup", "speedup_ratio", "inverse_ratio", "pass_to_pass"}
"""Without a patch everything is as fast, and as right, as before."""


async def verdict_on(benchmark: Benchmark, case: Case, text: str) -> Verdict:
    opened = Opened()
    said = case.judge or ()
    judge = replying(*([said] * 3 if isinstance(said, str) else said))
    sandbox = choose() if "sandbox" in benchmark.scorer.needs else None
    try:
        given = Instruments(judge=judge, sandbox=sandbox, opened=opened)
        scored = benchmark.scorer.score(case.sample, answer_of(case.sample, text, benchmark.transform), given)
        return await scored if inspect.isawaitable(scored) else scored
    finally:
        await opened.close()


@pytest.mark.parametrize("key", KEYS)
async def test_every_figure_of_merit_counts_it_as_nothing(key: str) -> None:
    benchmark = benchmarks.get(key).build()
    cases = {case.sample.record_id: case for case in benchmark.calibration() if case.name.startswith("reference")}
    for case in list(cases.values())[:3]:
        right, nothing = await verdict_on(benchmark, case, case.text), await verdict_on(benchmark, case, "")
        assert nothing.outcome is Outcome.REFUSED
        measured = {name: value for name, value in right.metrics.items() if value is not None}
        merits = {name: 0.0 for name in measured if name not in OF_WHAT_WAS_SAID | OF_THE_TASK | OF_DOING_NOTHING}
        of_task = {name: value for name, value in measured.items() if name in OF_THE_TASK}
        wanted = merits | of_task
        assert {name: nothing.metrics.get(name) for name in wanted} == wanted
