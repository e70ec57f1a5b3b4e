"""kernels: write a faster ModelNew for a PyTorch Model; judged for correctness and speed.

    tripos run -b kernels -m MODEL --attempts 3                                   our cases, on this machine's processor
    tripos run -b kernels -m MODEL --subset gpu --split t1,t2                     on a GPU, two tiers
    tripos run -b kernels -m MODEL --data KernelBench/KernelBench                 other cases with the same contract
    tripos run -b kernels -m MODEL --setting mode=correctness --setting threads=2

`--subset` is the backend (cpu, gpu, npu); `--split` chooses tiers, which are the slices; a prompt variant is a language (dsl);
settings are those of `KernelScorer`, `mode` (full, correctness) and `arch`, the hardware that the prompt names. `is_correct`
and the value are correctness, as the seed's pass@N counts it; further metrics are `speedup`, `kernel_score` (the seed's 60/40
score, 0..100), `baseline_ms`, `solution_ms`, none of which `mode=correctness` has. Where a kernel was correct but its time too
unsteady to know (`noisy`), its speedup is reported and its score is that of no speedup.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.core.errors import ConfigError, ScorerError, unknown
from tripos.core.records import Extraction, Outcome, Sample, Verdict
from tripos.kernels import case as cases
from tripos.kernels.contract import as_solution, extract_solution, read_contract
from tripos.kernels.devices import resolve_devices
from tripos.kernels.evaluate import Conditions, Evaluator
from tripos.kernels.isolation.box import Timing
from tripos.kernels.outcome import OURS, PASSING
from tripos.kernels.prompt import DSLS, dsl_of, kernel_prompt
from tripos.kernels.scoring import case_score
from tripos.kernels.targets import TARGETS, Target, resolve_target
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.structured import graded, unreadable

OPTIONAL = ("rtol", "atol", "devices")
NUMBERS = ("seed", "rtol", "atol", "input_sets", "threads", "budget_seconds", "precision", "timeout_seconds")
SETTINGS = (
    "mode",
    "arch",
    "dsl",
    "rule",
    "rtol",
    "atol",
    "input_sets",
    "threads",
    "budget_seconds",
    "precision",
    "compile",
    "timeout_seconds",
    "devices",
)


@benchmark(
    "kernels",
    category="kernels",
    summary="Compute kernels: correct, and faster than PyTorch",
    size="our cases, or a directory",
    licence="Apache-2.0",
    source="comes with Tripos",
    settings=SETTINGS,
    official="outputs are right, as the seed's pass@N counts; its 60/40 points for speed: `kernel_score`",
    deviates="bounds by data type for every element (`rule=strict`: the seed's); an unsteady time is no speedup",
    also_needs="bubblewrap for it, and the extra `kernels` (PyTorch)",
    calibrated="0.1.0",
)
def kernels(options: Options) -> Benchmark:
    """Composes the benchmark."""
    refuse("kernels", options, "shots", "judge")
    target = _target(options)
    tiers = tuple(tier.strip() for tier in options.split.split(",")) if options.split else None
    source = CaseFiles(options.data or cases.own_cases(), target, tiers)
    threads = options.setting("threads", KernelScorer().threads)
    languages = {name: _asking(target, name, threads) for name, dsl in DSLS.items() if target.key in dsl.devices}
    if target.dsl not in languages:
        raise ConfigError(unknown(f"dsl of backend {target.key}", target.dsl, languages))
    return Benchmark(
        samples=source,
        prompt=languages[target.dsl],
        variants=languages,
        transform=KernelCode(),
        scorer=_scorer(options, target),
        calibration=lambda: _calibration(source),
        per_subject=("tier",),
        perfect=lambda sample: fenced(as_solution(sample.reference["source"])),
    )


def _target(options: Options) -> Target:
    """The backend with the user's hardware and language."""
    plain = resolve_target(options.subset or "cpu")
    own = {name: options.setting(name, getattr(plain, name)) for name in ("arch", "dsl")}
    return resolve_target(plain.key, **own)


def _scorer(options: Options, target: Target) -> KernelScorer:
    """The scorer with the user's settings."""
    mode, plain = options.setting("mode", "full"), KernelScorer()
    if mode not in ("full", "performance", "correctness"):
        raise ConfigError(unknown("mode", mode, ("full", "performance", "correctness")))
    given = {
        name: options.setting(name, getattr(plain, name)) for name in SETTINGS[3:] if name in options.settings and name not in OPTIONAL
    }
    given |= {name: options.setting(name, 0.0) for name in ("rtol", "atol") if name in options.settings}
    given["devices"] = options.settings.get("devices", "")
    return replace(plain, device=target.device, dsl=target.dsl, seed=options.seed, timed=mode != "correctness", **given)


def _numbers(devices: Any) -> tuple[int, ...]:
    """Of one number, or of several between commas."""
    words = [word.strip() for word in str(devices).split(",") if word.strip()]
    if isinstance(devices, bool) or not all(word.isascii() and word.isdecimal() for word in words):
        raise ConfigError(f"setting devices = {devices!r}: numbers of devices are wanted, such as 0 or 0,1")
    return tuple(map(int, words))


def _check_number(name: str, value: Any, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"setting {name} = {value!r}: a number is wanted")


@dataclass(frozen=True)
class CaseFiles:
    """The cases of a directory as samples."""

    root: Path
    target: Target
    tiers: tuple[str, ...] | None = None
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        for case in self._found():
            text = case.file_path.read_text(encoding="utf-8-sig")
            yield Sample(
                record_id=case.label,
                input=cases.read_source(case, self.target.key),
                reference={"source": text},
                subject=case.tier,
                slice_id=case.tier,
                dimensions={"tier": case.tier},
                metadata={"tier": case.tier, "case_name": case.case_name, "summary": _summary(text, case.label)},
            )

    def fingerprint(self) -> dict[str, str | int | None]:
        """Of the text of all chosen cases."""
        found = self._found()
        content = hashlib.sha256()
        for case in found:
            content.update(case.label.encode() + b"\0" + case.file_path.read_bytes() + b"\0")
        own = self.root == cases.own_cases()
        return {"source": "tripos kernel cases" if own else str(self.root), "digest": content.hexdigest()[:16], "rows": len(found)}

    def _found(self) -> tuple[cases.Case, ...]:
        return cases.discover(self.root, tiers=self.tiers, skip_npu=self.target.skip_npu).cases


def _summary(text: str, label: str) -> str:
    """First line of a case's docstring; empty for a broken case, of which its evaluation says what is wrong."""
    try:
        return read_contract(text, label).summary
    except ConfigError:
        return ""


@dataclass(frozen=True)
class KernelCode:
    """The module of an answer: the last fenced block that defines ModelNew, else the last fenced Python, else bare code."""

    name: ClassVar[str] = "kernel_code"
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        code = extract_solution(text)
        return Extraction(answer=code, how="no code found" if code is None else "last block that defines ModelNew, or the last code")


@scorer("kernel")
@dataclass(frozen=True)
class KernelScorer:
    """Compiles, checks and times a kernel in the box.

    No code: wrong_format. A broken case: sample_invalid. Trouble of ours: unscored, tried again by the same command.

    Args:
        device: cpu, cuda, npu. dsl: language of the kernels. seed: of weights and checked inputs. timed: whether to time at all.
        rule, rtol, atol, input_sets, threads, timeout_seconds: see `evaluate.Conditions`.
        devices: numbers of the devices to use, between commas; empty = all that are there.
        budget_seconds, precision, compile: see `isolation.box.Timing`.

    Raises:
        ConfigError: an unknown device or dsl, or a setting that should be a number and is none.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "3"
    needs: ClassVar[frozenset[str]] = frozenset({"sandbox"})

    device: str = "cpu"
    dsl: str = "pytorch"
    seed: int = 42
    timed: bool = True
    rule: str = "calibrated"
    rtol: float | None = None
    atol: float | None = None
    input_sets: int = 3
    threads: int = 1
    budget_seconds: float = 2.0
    precision: float = 0.01
    compile: bool = False
    timeout_seconds: float = 120.0
    devices: str = ""

    def __post_init__(self) -> None:
        known = [target.device for target in TARGETS.values()]
        if self.device not in known:
            raise ConfigError(unknown("device", self.device, known))
        dsl_of(self.dsl)
        for name in NUMBERS:
            _check_number(name, getattr(self, name), optional=name in OPTIONAL)
        object.__setattr__(self, "devices", ",".join(map(str, _numbers(self.devices))))

    async def prepare(self, instruments: Instruments) -> None:
        """Starts the box, so that what is missing is known before the first token is paid.

        Raises:
            ConfigError: a device is not there.
            SandboxError: the box cannot be had.
        """
        await self._evaluator(instruments)

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict; `details` holds the whole record of the evaluation.

        Raises:
            ScorerError: we failed to judge it.
            SandboxError: the box cannot be had.
        """
        code = answer.extraction.answer
        if not isinstance(code, str) or not code.strip():
            return unreadable(answer, "no code found", {"kernel_score": 0.0} if self.timed else {})
        evaluator = await self._evaluator(instruments)
        tier, case_name = str(sample.metadata["tier"]), str(sample.metadata["case_name"])
        record = await evaluator.evaluate(sample.reference["source"], code, tier=tier, case_name=case_name)
        outcome = record["outcome"]
        if outcome == "case_error":
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"reason": record["error"], **record})
        if outcome in OURS:
            raise ScorerError(f"{sample.record_id} could not be judged: {record['error']}")
        metrics = metrics_of(record) if self.timed else {}
        return graded(answer, float(outcome in PASSING), outcome in PASSING, metrics=metrics, details=record)

    async def _evaluator(self, instruments: Instruments) -> Evaluator:
        if instruments.opened is None:
            raise ScorerError("the kernel scorer keeps a box open and needs `Instruments.opened`")
        target = next(target for target in TARGETS.values() if target.device == self.device)
        timing = Timing(self.budget_seconds, self.precision, self.compile) if self.timed else None
        conditions = Conditions(
            device=self.device,
            dsl=self.dsl,
            devices=resolve_devices(target, _numbers(self.devices)).ids,
            rule=self.rule,
            rtol=self.rtol,
            atol=self.atol,
            input_sets=self.input_sets,
            seed=self.seed,
            threads=self.threads,
            timing=timing,
            timeout_seconds=self.timeout_seconds,
        )
        return await instruments.opened.get(conditions, lambda: Evaluator.open(conditions))


def metrics_of(record: dict[str, Any]) -> dict[str, float | None]:
    """What a mode that times reports beside correctness. A kernel that is not correct has no speedup and scores 0; a correct one
    without a time has neither."""
    if record["outcome"] not in PASSING:
        return {"kernel_score": 0.0}
    speedup = record.get("speedup")
    if speedup is None:
        return {}
    score = case_score(speedup, noisy=record["outcome"] == "noisy")
    return {"speedup": speedup, "kernel_score": score, "baseline_ms": record["baseline_ms"], "solution_ms": record["solution_ms"]}


def fenced(code: str) -> str:
    """Code as an answer."""
    return f"```python\n{code.rstrip()}\n```\n"


def _asking(target: Target, dsl: str, threads: int) -> Any:
    def prompt(sample: Sample) -> str:
        return kernel_prompt(sample.question, dsl, arch=target.arch, device=target.device, threads=threads)

    return prompt


def _calibration(source: CaseFiles) -> Iterator[Case]:
    samples = {sample.record_id: sample for sample in source}
    if not samples:
        raise ConfigError(f"{source.root} has no cases to check the scorer with")
    first = samples.get("t1/gelu") or next(iter(samples.values()))
    solution = as_solution(first.reference["source"])
    yield Case("reference", first, "This is as fast as it gets.\n\n" + fenced(solution), passes=True)
    yield Case("empty", first, "", passes=False)
    yield Case("refusal", first, "I cannot write kernels.", passes=False)
    yield Case("echo", first, kernel_prompt(first.question, source.target.dsl, arch="x86_64", device="cpu"), passes=False)
    others = [sample for sample in samples.values() if sample is not first][:3]
    if others:
        solutions = [solution, *(as_solution(sample.reference["source"]) for sample in others)]
        yield Case("dump", first, "\n".join(map(fenced, solutions)), passes=False)
    yield Case("garbage", first, fenced("class ModelNew(:\n    pass\n"), passes=False)
    yield Case("zeros", first, fenced(_wrapped("torch.zeros_like(self.inner(*arguments))", solution)), passes=False)
    yield Case("nearly", first, fenced(_wrapped("self.inner(*arguments) * 1.01", solution)), passes=False)


def _wrapped(expression: str, solution: str) -> str:
    """A solution whose result is put through an expression."""
    return f"""{solution}

Inner = ModelNew


class ModelNew(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        self.inner = Inner(*arguments)

    def forward(self, *arguments):
        return {expression}
"""
