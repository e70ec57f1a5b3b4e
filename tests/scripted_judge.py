"""Judges for tests: real `Judge` objects whose replies are scripted, or an honest function of the fenced material."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tripos.benchmarks.benchmark import Benchmark, Case
from tripos.core.records import Completion, Extraction, GenerationParams, Message, Sample, Usage, Verdict
from tripos.scoring.answers import visible
from tripos.scoring.judge import GUTTER, Judge
from tripos.scoring.scorer import Answer, Instruments, Transform

_FENCED = re.compile(r"^===== BEGIN ([A-Z ]+) ([0-9a-f]{16}) =====\n(.*?)\n===== END \1 \2 =====$", re.DOTALL | re.MULTILINE)


def exhibits(prompt: str) -> dict[str, str]:
    """What stands between the fences, gutter removed; fails where a line of it has no gutter."""
    found = {}
    for name, _, body in _FENCED.findall(prompt):
        lines = body.split("\n")
        assert all(line.startswith(GUTTER) for line in lines), lines
        found[name] = "\n".join(line.removeprefix(GUTTER) for line in lines)
    return found


def outside(prompt: str) -> str:
    """What the examiner itself says: the prompt without its fenced regions."""
    return _FENCED.sub("", prompt)


def honest(decide: Callable[[dict[str, str]], str], prompts: list[str] | None = None) -> Judge:
    """A judge that sees nothing but the fenced material."""

    async def ask(messages: Sequence[Message], params: GenerationParams) -> Completion:
        (message,) = messages
        assert isinstance(message.content, str)
        assert message.role == "user"
        if prompts is not None:
            prompts.append(message.content)
        return Completion(text=decide(exhibits(message.content)), finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=1))

    return Judge(ask=ask, model="scripted", params=GenerationParams(max_tokens=1024))


def replying(*texts: str, finish_reason: str = "stop", prompts: list[str] | None = None) -> Judge:
    """A judge that says these texts, one a call."""
    rest = iter(texts)

    async def ask(messages: Sequence[Message], params: GenerationParams) -> Completion:
        if prompts is not None:
            prompts.append(str(messages[0].content))
        return Completion(text=next(rest), finish_reason=finish_reason, cost_usd=0.25)

    return Judge(ask=ask, model="scripted", params=GenerationParams(max_tokens=1024))


def answer_of(sample: Sample, text: str, transform: Transform | None = None, *, finish_reason: str = "stop") -> Answer:
    """A candidate's text as a scorer sees it."""
    shown = visible(text)
    extraction = transform(sample, shown) if transform else Extraction(answer=shown or None)
    return Answer(text=shown, completion=Completion(text=text, finish_reason=finish_reason), extraction=extraction)


def with_judge(judge: Judge | None) -> Instruments:
    """The instruments of a run that has this judge."""
    return Instruments(judge=judge)


async def graded(benchmark: Benchmark, case: Case) -> Verdict:
    """The verdict on one line of a calibration; its judge says what the case has, and is not asked where it has nothing."""
    said = case.judge or ()
    judge = replying(*([said] if isinstance(said, str) else said))
    verdict = benchmark.scorer.score(case.sample, answer_of(case.sample, case.text, benchmark.transform), with_judge(judge))
    return verdict if isinstance(verdict, Verdict) else await verdict


async def assert_calibrated(benchmark: Benchmark) -> None:
    """Every case ends as it must, scored; and what any benchmark must have is there."""
    cases = list(benchmark.calibration())
    assert {"reference", "empty", "refusal", "echo", "garbage", "dump", "injection"} <= {case.name for case in cases}
    for case in cases:
        verdict = await graded(benchmark, case)
        assert (case.name, verdict.is_correct, verdict.outcome.of_model) == (case.name, case.passes, True)
        if case.name == "echo":
            prompt = benchmark.prompt(case.sample)
            assert case.text == prompt
