"""Our own cases in the real box: each is fair, its copy and its exact answer are right, and answers that take no work are not."""

from __future__ import annotations

import pytest

from tripos.kernels.case import discover, own_cases
from tripos.kernels.contract import as_solution
from tripos.kernels.evaluate import Conditions, Evaluator, evaluate_all
from tripos.kernels.isolation.box import Box

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIERS = ("t1", "t2", "t3", "t4", "t5")
WRAPPED = """

Inner = ModelNew


def each(function, *values):
    if isinstance(values[0], torch.Tensor):
        return function(*values)
    return tuple(each(function, *parts) for parts in zip(*values))


class ModelNew(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        self.inner = Inner(*arguments)
        self.kept = None

    def forward(self, *inputs):
        copies = [each.clone() for each in inputs]
        native = self.inner(*copies)
"""
EXACT = """
        import copy
        doubled = [each.double() if each.is_floating_point() else each.clone() for each in inputs]
        exact = copy.deepcopy(self.inner).double()(*doubled)
        for given, before, after in zip(inputs, copies, doubled):
            if not torch.equal(given, before):
                given.copy_(after)
        return each(lambda a, b: a.to(b.dtype), exact, native)
"""
# What the reference does to its inputs is done, so that nothing but the outputs is wrong.
DONE = """
        for given, after in zip(inputs, copies):
            given.copy_(after)
"""
WRONG = {
    "zeros": "return each(torch.zeros_like, native)",
    "constant": "return each(lambda t: torch.full_like(t, t.double().mean().to(t.dtype).item()), native)",
    "wider": "return each(lambda t: t.double() if t.is_floating_point() else t.to(torch.int16), native)",
    "off by two": "return each(lambda t: t + 2 if not t.is_floating_point() else t * 1.02, native)",
    "stale": "self.kept = native if self.kept is None else self.kept; return self.kept",
}


def work(tier: str, code: str) -> list[dict[str, str]]:
    """Every case of a tier with its own reference, put through some code, as its solution."""
    texts = {case.case_name: case.file_path.read_text(encoding="utf-8") for case in discover(own_cases(), tiers=[tier]).cases}
    more = WRAPPED + code if code else ""
    return [
        {"case_source": text, "solution_source": as_solution(text) + more, "tier": tier, "case_name": name} for name, text in texts.items()
    ]


async def outcomes(box: Box, tier: str, code: str = "") -> dict[str, str]:
    records = await evaluate_all(Evaluator(box, Conditions(timing=None, input_sets=2)), work(tier, code))
    return {record["case_name"]: f"{record['outcome']}: {record['error']}" for record in records}


@pytest.mark.parametrize("tier", TIERS)
async def test_every_case_is_fair(box: Box, tier: str) -> None:
    evaluator = Evaluator(box, Conditions(timing=None))
    for case in discover(own_cases(), tiers=[tier]).cases:
        report = await evaluator.examine(case.file_path.read_text(encoding="utf-8"), case.label)
        errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
        assert (report["outcome"], errors) == ("ok", []), (case.label, report)


@pytest.mark.parametrize("tier", TIERS)
async def test_copies_and_exact_answers_are_right(box: Box, tier: str) -> None:
    for code in ("", EXACT):
        found = await outcomes(box, tier, code)
        assert not {name: said for name, said in found.items() if said != "ok: None"}, "exact" if code else "copy"


@pytest.mark.parametrize("tier", TIERS)
async def test_answers_without_the_work_are_wrong(box: Box, tier: str) -> None:
    for kind, code in WRONG.items():
        found = await outcomes(box, tier, DONE + "        " + code)
        wrong = ("wrong_structure",) if kind == "wider" else ("wrong_value", "nondeterministic", "wrong_structure")
        assert not {name: said for name, said in found.items() if not said.startswith(wrong)}, kind
