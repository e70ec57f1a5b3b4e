"""coding_task: write one function from a description that exists nowhere else.

The seed names the benchmark and nothing more ("Function-level code generation"); upstream it is 29 interview exercises.
Ours are generated: a random chain of typed operations, or a random set of rules for a small machine or simulation, told in
words, with an invented name and two or three examples that a reference interpreter computed. Hidden checks are the same
interpreter on other arguments, edge cases among them. `is_correct` = all pass; `value` = the share that passes.

Difficulty is the number of steps (2, 4, 6) or rules (2, 3, 4). Every step is needed: leaving one out changes at least two
hidden checks. No outcome is shared by more than 40 % of the hidden checks, so that no constant answer comes far.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.coding import tasks
from tripos.core.records import Sample
from tripos.scoring.code_tests import Check, decode_checks, encode_checks
from tripos.scoring.fenced import fenced
from tripos.scoring.hidden_checks import HiddenChecks, PythonCode

VERSION = 1  # of the generator; raise it when samples change
CANARY = "tripos-coding-task-7d1c1f0e-5b0a-4f3e-9a64-0f4f6f0c2b59"  # generated examination material: not for training

_ASKS = (
    "Answer with the complete Python code in one fenced block (```python). Only the Python standard library is available.",
    "Reply with the finished function in a single ```python block; you may use the standard library, nothing else.",
    "Put the whole implementation, imports included, into one ```python block. No packages beyond the standard library.",
)


@benchmark(
    "coding_task",
    category="use-case",
    summary="Function-level code generation",
    size="endless (generated)",
    licence="Apache-2.0",
    official="ours (generated): all hidden checks pass; value: the share that passes",
    deviates="upstream: 29 interview exercises",
    calibrated="0.1.0",
)
def coding_task(options: Options) -> Benchmark:
    """Composes the benchmark. The run's seed makes the samples."""
    refuse("coding_task", options, "data", "split", "subset", "shots", "judge")
    source = Generated("coding_task", VERSION, options.seed, make)
    return Benchmark(
        samples=source,
        prompt=prompt,
        transform=PythonCode(),
        scorer=HiddenChecks(),
        calibration=lambda: _calibration(source),
        per_subject=("family",),
        default_n=63,  # each of 7 families three times at each difficulty
        perfect=lambda sample: fenced(sample.reference["solution"]),
    )


def make(rng: Random, index: int) -> Sample:
    """Sample `index`: difficulties take turns, and so do families."""
    level = tasks.LEVELS[index % 3]
    family = tasks.FAMILIES[index // 3 % len(tasks.FAMILIES)]
    task = tasks.draw_task(rng, family, level)
    checks = [Check(task.name, [argument], expected=expected) for argument, expected in task.hidden]
    return Sample(
        record_id="",
        input=task.spec + "\n\n" + rng.choice(_ASKS),
        reference={"solution": task.solution, "checks": encode_checks(checks)},
        subject=level,
        dimensions={"difficulty": level, "family": family},
        metadata={"function": task.name, "examples": [list(example) for example in task.examples], "canary": CANARY},
    )


def prompt(sample: Sample) -> str:
    """The specification, as generated."""
    return sample.question


def _calibration(source: Generated) -> Iterator[Case]:
    for index in range(2 * len(tasks.FAMILIES)):
        sample = source.sample(index * 2)
        name, solution = sample.metadata["function"], sample.reference["solution"]
        others = [source.sample(index * 2 + offset).reference["solution"] for offset in (1, 2, 3)]
        yield Case("reference", sample, "Here is the function.\n\n" + fenced(solution), passes=True)
        if index % 4:
            continue
        table = {repr(argument): outcome for argument, outcome in sample.metadata["examples"]}
        most = _commonest(sample)
        yield Case("empty", sample, "", passes=False)
        yield Case("refusal", sample, "I am sorry, but I cannot help with writing this function.", passes=False)
        yield Case("echo", sample, prompt(sample), passes=False)
        yield Case("garbage", sample, fenced(f"def {name}(v:\n    retrun v v\n"), passes=False)
        yield Case("crash", sample, fenced(f"def {name}(v):\n    raise RuntimeError(v)\n"), passes=False)
        yield Case("examples only", sample, fenced(f"def {name}(v):\n    return {table!r}.get(repr(v))\n"), passes=False)
        yield Case("identity", sample, fenced(f"def {name}(v):\n    return v\n"), passes=False)
        yield Case("dump", sample, "\n".join(fenced(code) for code in (solution, *others)), passes=False)
        yield Case("majority", sample, fenced(f"def {name}(v):\n    return {most!r}\n"), passes=False)


def _commonest(sample: Sample) -> object:
    """The outcome that most hidden checks of a sample have."""
    outcomes = [check.expected for check in decode_checks(sample.reference["checks"])]
    return max(outcomes, key=lambda outcome: [repr(other) for other in outcomes].count(repr(outcome)))
