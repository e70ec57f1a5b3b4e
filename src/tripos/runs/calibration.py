"""Running a benchmark's calibration: what must pass passes, what must fail fails, nothing stays unscored."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from tripos.benchmarks.benchmark import Benchmark, Case
from tripos.core.errors import TriposError
from tripos.core.records import Completion, GenerationParams, Message
from tripos.sandbox.sandbox import Sandbox
from tripos.scoring.answers import visible
from tripos.scoring.judge import Judge
from tripos.scoring.scorer import Answer, Instruments, Opened, check_extraction, check_verdict


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One line of a self-test; `ok` says whether the scorer did what the case demands."""

    name: str
    record_id: str
    expected: str
    got: str
    outcome: str
    ok: bool
    problem: str | None = None


async def calibrate(benchmark: Benchmark) -> list[CaseResult]:
    """Scores every case of a benchmark's calibration with its own transform, scorer and a scripted judge.

    Raises:
        SandboxError: the scorer needs a sandbox and there is none.
    """
    sandbox: Sandbox | None = None
    if "sandbox" in benchmark.scorer.needs:
        from tripos.sandbox.choose import choose

        sandbox = choose()
    opened = Opened()
    try:
        results = [await _run(benchmark, case, sandbox, opened) for case in benchmark.calibration()]
    finally:
        await opened.close()
    if not any(c.name == "reference" for c in results) or not any(c.expected == "fail" for c in results):
        results.append(
            CaseResult("coverage", "", "cases", "too few", "", ok=False, problem="needs a reference that passes and one that fails")
        )
    return results


async def lacking(benchmark: Benchmark) -> str | None:
    """What this machine lacks for a real run, as the scorer's `prepare` says it; None where nothing is missing."""
    prepare = getattr(benchmark.scorer, "prepare", None)
    if prepare is None:
        return None
    opened = Opened()
    try:
        await prepare(Instruments(opened=opened))
    except TriposError as error:
        return str(error)
    finally:
        await opened.close()
    return None


async def _run(benchmark: Benchmark, case: Case, sandbox: Sandbox | None, opened: Opened) -> CaseResult:
    expected = "pass" if case.passes else "fail"
    instruments = Instruments(judge=_scripted(case.judge), sandbox=sandbox, opened=opened)
    text = visible(case.text)
    try:
        answer = Answer(text, Completion(text=case.text, finish_reason="stop"), check_extraction(benchmark.transform(case.sample, text)))
        scored = benchmark.scorer.score(case.sample, answer, instruments)
        verdict = check_verdict(await scored if inspect.isawaitable(scored) else scored)
    except TriposError as error:
        return CaseResult(case.name, case.sample.record_id, expected, "unscored", "judge_failed", ok=False, problem=str(error))
    got = "unscored" if verdict.is_correct is None else "pass" if verdict.is_correct else "fail"
    return CaseResult(case.name, case.sample.record_id, expected, got, verdict.outcome.value, ok=got == expected)


def _scripted(replies: str | Sequence[str] | None) -> Judge | None:
    """A judge that says what the case lets it say, in order, the last one again and again; none where the case has none."""
    if replies is None:
        return None
    script = [replies] if isinstance(replies, str) else list(replies)
    asked = 0

    async def ask(messages: Sequence[Message], params: GenerationParams) -> Completion:
        nonlocal asked
        reply = script[min(asked, len(script) - 1)]
        asked += 1
        return Completion(text=reply, finish_reason="stop")

    return Judge(ask=ask, model="scripted", params=GenerationParams())
