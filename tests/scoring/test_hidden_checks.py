"""Hidden checks: what the value is, and when it is our failure and not the code's."""

from __future__ import annotations

from typing import Any

import pytest

from tripos.core.errors import SandboxError, ScorerError
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.scoring.code_tests import Check, encode_checks
from tripos.scoring.hidden_checks import HiddenChecks, PythonCode
from tripos.scoring.scorer import Answer, Instruments, scorers

CHECKS = encode_checks([Check("double", [n], expected=2 * n) for n in (0, 1, 2, 3)])
RIGHT = "def double(n):\n    return 2 * n\n"
PLUS = "def double(n):\n    return n + 2\n"  # right for 2 alone
SQUARE = "def double(n):\n    return n * n\n"  # right for 0 and 2


def sample(**reference: Any) -> Sample:
    return Sample(record_id="double", input="Double a number.", reference={"solution": RIGHT, "checks": CHECKS, **reference})


async def score(sandbox: Bubblewrap | None, of: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    answer = Answer(text, Completion(text=text, finish_reason=finish_reason), PythonCode()(of, text))
    return await HiddenChecks().score(of, answer, Instruments(sandbox=sandbox))


async def test_the_value_of_new_code_is_its_pass_rate(sandbox: Bubblewrap) -> None:
    assert (await score(sandbox, sample(), RIGHT)).value == 1.0
    half = await score(sandbox, sample(), SQUARE)
    assert (half.value, half.is_correct, half.outcome) == (0.5, False, Outcome.SCORED)
    assert half.details["passed"] == 2 and "expected int 2" in half.details["failures"][0]


async def test_the_value_of_a_repair_counts_from_what_was_shown(sandbox: Bubblewrap) -> None:
    shown_passes_one = sample(passed_before=[False, False, True, False])
    assert (await score(sandbox, shown_passes_one, PLUS)).value == 0.0
    better = await score(sandbox, shown_passes_one, SQUARE)
    assert better.value == pytest.approx((2 / 4 - 1 / 4) / (1 - 1 / 4))
    assert better.metrics == {"hidden_pass_rate": 0.5, "fix_rate": pytest.approx(1 / 3), "regression_rate": 0.0}
    assert (await score(sandbox, shown_passes_one, RIGHT)).value == 1.0


async def test_a_repair_worse_than_what_was_shown_is_worth_nothing(sandbox: Bubblewrap) -> None:
    verdict = await score(sandbox, sample(passed_before=[True, False, True, False]), PLUS)
    assert verdict.value == 0.0 and verdict.metrics["regression_rate"] == 0.5


async def test_without_a_bug_the_value_is_the_pass_rate(sandbox: Bubblewrap) -> None:
    verdict = await score(sandbox, sample(passed_before=[True] * 4), SQUARE)
    assert verdict.value == 0.5 and verdict.metrics == {"hidden_pass_rate": 0.5}


@pytest.mark.parametrize("code", ["def double(n:\n", "1 / 0\n" + RIGHT, "import nowhere\n" + RIGHT, "def triple(n):\n    return 3 * n\n"])
async def test_code_that_cannot_run_is_wrong_and_scored(sandbox: Bubblewrap, code: str) -> None:
    verdict = await score(sandbox, sample(), f"```python\n{code}```")
    assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.SCORED)


async def test_no_code_needs_no_sandbox() -> None:
    assert (await score(None, sample(), "Sorry.")).outcome is Outcome.WRONG_FORMAT
    assert (await score(None, sample(), "  ")).outcome is Outcome.REFUSED
    assert (await score(None, sample(), "Let me think", "length")).outcome is Outcome.TRUNCATED


async def test_our_own_failures_are_never_the_codes() -> None:
    class Broken:
        name = "broken"

        async def run(self, *args: Any, **kwargs: Any) -> Any:
            raise SandboxError("no sandbox here")

    answer = Answer(RIGHT, Completion(text=RIGHT), PythonCode()(sample(), RIGHT))
    with pytest.raises(SandboxError):
        await HiddenChecks().score(sample(), answer, Instruments(sandbox=Broken()))
    with pytest.raises(ScorerError, match="needs a sandbox"):
        await HiddenChecks().score(sample(), answer, Instruments())
    for reference in ({}, {"checks": []}, {"checks": [{"no": "call"}]}, None):
        with pytest.raises(ScorerError, match="double"):
            bad = Sample(record_id="double", input="", reference=reference)
            await HiddenChecks().score(bad, answer, Instruments(sandbox=Broken()))


def test_it_is_found_by_name() -> None:
    assert scorers.get("hidden_checks") is HiddenChecks
    assert HiddenChecks().needs == {"sandbox"}
