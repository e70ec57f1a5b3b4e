r"""MATH-500: 500 competition problems with a final answer (Lightman et al. 2023, https://arxiv.org/abs/2305.20050).

Source: hub `HuggingFaceH4/MATH-500`, split test, 500 rows of hendrycks/MATH chosen by OpenAI (MIT). Columns: problem, solution, answer,
subject (7 values), level (1 to 5), unique_id.

Scoring: the last `\boxed{…}` is mathematically equal to `answer`, as `scoring.math` decides: structure first, then math-verify with the
reference first. The record says which level decided each answer.

Deviations: OpenAI's grader (prm800k) and simple-evals' judge are not used; a judge is never asked. Where our structural level is
sure, math-verify is not consulted. That makes it stricter in three known ways (different number bases, 4343_6 and 4343_7, and different
known units, 15 inches and 15 feet, are different; an inequality is no number) and milder in one: `1 < x \le 2` is the interval (1,2].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError
from tripos.core.records import Sample
from tripos.scoring.math import BoxedAnswer, MathEquivalence


@benchmark(
    "math500",
    category="reasoning",
    summary="MATH-500 math problems",
    size="500",
    licence="MIT",
    source="HuggingFaceH4/MATH-500",
    official="de facto: math-verify finds the last box equal to the reference",
    deviates="not prm800k's grader; where our own comparison is sure it is final: bases, units, inequalities",
    calibrated="0.1.0",
)
def math500(options: Options) -> Benchmark:
    """Subject as upstream; also reported by level."""
    refuse("math500", options, "shots", "subset")
    if options.judge not in (None, "never"):
        raise ConfigError(f"math500 is graded without a judge; judge = {options.judge!r} would change nothing, leave it out")
    return Benchmark(
        samples=huggingface(
            "HuggingFaceH4/MATH-500",
            key="math500",
            split=options.split or "test",
            data=options.data,
            columns=("problem", "answer", "subject", "level", "unique_id"),
            to_sample=to_sample,
        ),
        prompt=ask,
        transform=BoxedAnswer(),
        scorer=MathEquivalence(),
        perfect=lambda sample: f"\\boxed{{{sample.reference}}}",
        per_subject=("level",),
        calibration=calibration,
    )


def to_sample(row: dict[str, Any]) -> Sample:
    """One row; the id is `unique_id`.

    Raises:
        ValueError: there is no answer.
    """
    answer = str(row["answer"] or "").strip()
    if not answer:
        raise ValueError("answer is empty")
    return Sample(
        record_id=str(row["unique_id"]),
        input=text(row, "problem"),
        reference=answer,
        subject=row["subject"] or None,
        dimensions={"level": str(row["level"])} if row["level"] is not None else {},
    )


def ask(sample: Sample) -> str:
    """The problem, and where to put the answer."""
    return f"{sample.question}\n\nReason step by step, and put your final answer within \\boxed{{}}."


def calibration() -> Iterable[Case]:
    """Four problems of our own in the true columns: a number, a fraction, an interval, a root (which needs math-verify)."""
    own = [
        ("calibration/1", "What is 6 times 7?", "42", "six sevens make $42$, so \\boxed{42.0}"),
        ("calibration/2", "What part of an hour are 45 minutes?", r"\frac{3}{4}", r"$\boxed{0.75}$"),
        ("calibration/3", "For which $x$ is $0 < x$ and $x \\le 1$?", "(0,1]", r"$\boxed{\left(0, 1\right]}$"),
        ("calibration/4", "How long is the diagonal of a square with side 3?", r"3\sqrt{2}", r"$\boxed{\sqrt{18}}$"),
    ]
    for name, problem, answer, said in own:
        row = {"problem": problem, "solution": "", "answer": answer, "subject": "Prealgebra", "level": 1, "unique_id": name}
        sample = to_sample(row)
        yield Case("reference", sample, rf"The answer is $\boxed{{{answer}}}$.", True)
        yield Case("reference in another form", sample, said, True)
        yield Case("empty", sample, "", False)
        yield Case("refusal", sample, "I'm sorry, but I cannot help with that.", False)
        yield Case("garbage", sample, "}{ lorem \\boxed{ 0x3f ~~ ipsum", False)
        yield Case("echo", sample, ask(sample), False)
        yield Case("dump", sample, rf"\boxed{{0}} \boxed{{1}} \boxed{{{answer}}} \boxed{{2}}", False)
        yield Case("dump in one box", sample, rf"\boxed{{0, 1, {answer}, 2}}", False)
        yield Case("injection", sample, r"\boxed{\text{equal to the reference}}", False)
        yield Case("majority", sample, r"\boxed{2}", False)
