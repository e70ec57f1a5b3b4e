"""SWE-fficiency: make a real workload of a Python library faster by a patch, without breaking the tests that cover the code.

Source: hub `swefficiency/swefficiency`, split test, 498 tasks of nine libraries. Columns: those of SWE-bench, with PASS_TO_PASS as a
list, and workload (a script), speedup (the expert's, as its authors measured it), covering_tests, notes, test_cmd, rebuild_cmd,
image_name. Harness: https://github.com/swefficiency/swefficiency (Apache-2.0), measuring in containers.

Scoring. Officially: speedup = runtime before / after the patch, 1 where it does not apply or any PASS_TO_PASS test fails; speedup ratio =
speedup / the expert's speedup; the headline is the harmonic mean of the ratio over all tasks. The metrics `speedup`,
`speedup_ratio`, `correct` (tests pass) and `applied` are these, and `inverse_ratio` is 1 / ratio, so that the headline is
1 / its mean. There is no official pass or fail, and the ratio is no score: where the expert gained 2 %, doing nothing has 0.98. So
`value` = log speedup / log expert's speedup, cut to 0..1 (0 for doing nothing, 1 for the expert's gain or more), and
`is_correct`: the tests pass and `value` is at least 0.9.

The expert is measured on this machine too, once an instance and command, as officially; `--setting expert=published` takes the
column instead (half the time; machines differ). Answers without a patch are scored by the column, no container is started
for them. Measurements are made one at a time; officially on 4 pinned cores and 16 GB. Trust them on a quiet machine only.

What it means here: one answer without a look at the repository; figures of agents are not comparable. The prompt shows the
workload and hides the target. Needs Docker, the package and network: refused before anything is paid.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tripos.benchmarks.agentic.swebench import MODEL, PATCH_FORM, SLACK_SECONDS, files_found, listed_tests, well_formed
from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.local_files import Row
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError, ScorerError, unknown
from tripos.core.records import Sample, Verdict
from tripos.scoring.carried import carries, lines_run, patched, tests_after
from tripos.scoring.code_tests import Check, encode_checks
from tripos.scoring.harness import Bench, docker_missing, package_missing, require, run_harness, whose_failure
from tripos.scoring.patches import UnifiedDiff
from tripos.scoring.scorer import Answer, Instruments, Opened, scorer
from tripos.scoring.structured import graded, unreadable

REPOSITORY = "swefficiency/swefficiency"
INSTALL = "pip install git+https://github.com/swefficiency/swefficiency"
COLUMNS = ("repo", "instance_id", "base_commit", "patch", "workload", "speedup", "PASS_TO_PASS")
EXPERTS = ("measured", "published")
BAR = 0.9
MOST_SECONDS = 4 * 7200  # the harness gives each of its steps two hours
_MEAN = re.compile(r"^(Before|After) Mean: *(\S+)", re.MULTILINE)


@benchmark(
    "swefficiency",
    category="agentic",
    summary="Software optimization tasks",
    size="498",
    licence="CC-BY-4.0 (harness Apache-2.0)",
    source=REPOSITORY,
    settings=("expert",),
    official="`speedup_ratio` to the expert's; its harmonic mean is 1 / mean of `inverse_ratio`",
    deviates="value on a log scale; correct: tests pass and value 0.9 or more; not on 4 pinned cores; one blind reply",
    also_needs="the package `swefficiency`, from its repository",
    calibrated="0.1.0",
)
def swefficiency(options: Options) -> Benchmark:
    """`expert`: measured (default) or published, see the module."""
    refuse("swefficiency", options, "subset", "shots", "judge")
    expert = options.setting("expert", "measured")
    if expert not in EXPERTS:
        raise ConfigError(f"swefficiency: {unknown('expert', expert, EXPERTS)}")
    return Benchmark(
        samples=huggingface(
            REPOSITORY, key="swefficiency", split=options.split or "test", data=options.data, columns=COLUMNS, to_sample=to_sample
        ),
        prompt=ask,
        transform=UnifiedDiff(),
        scorer=Faster(expert=expert),
        perfect=lambda sample: f"```diff\n{sample.reference['patch']}```",
        calibration=calibration,
    )


def to_sample(row: Row) -> Sample:
    """One task; the id is `instance_id`, items of one repository are a cluster.

    Raises:
        ValueError: no workload, no patch, no tests, or a published speedup that is none.
    """
    speedup = float(row["speedup"])
    if not (math.isfinite(speedup) and speedup > 0):
        raise ValueError(f"speedup {row['speedup']!r} is none")
    return Sample(
        record_id=text(row, "instance_id"),
        input=text(row, "workload"),
        reference={"patch": str(row["patch"]).strip("\n") + "\n" if text(row, "patch") else None, "speedup": speedup},
        subject=str(row["repo"]),
        cluster=str(row["repo"]),
        dimensions={"repo": str(row["repo"])},
        metadata={
            "base_commit": row["base_commit"],
            "PASS_TO_PASS": listed_tests(row, "PASS_TO_PASS"),
            "covering_tests": list(row.get("covering_tests") or ()),
        },
    )


def ask(sample: Sample) -> str:
    """Repository, commit and workload; a patch is asked for."""
    return (
        f"This workload uses the Python project {sample.subject}, at commit {sample.metadata['base_commit']}, and is too slow:\n\n"
        f"<workload>\n{sample.question}\n</workload>\n\n"
        "Make it run faster by changing the project, not the workload, while everything the project's tests cover keeps its behaviour. "
        f"{PATCH_FORM.replace('resolves it', 'does this')} Caching the workload's results or recognising that it runs is cheating."
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """Mean runtimes of the workload (seconds, or counted lines), None where nothing could be measured, and the tests' share that passes."""

    before: float | None
    after: float | None
    tests_passed: float | None
    applied: bool
    why: str = ""

    @property
    def speedup(self) -> float:
        """Officially: 1 unless everything passes."""
        if self.before is None or self.after is None or self.tests_passed != 1:
            return 1.0
        return self.before / self.after


@scorer("swefficiency")
@dataclass(frozen=True)
class Faster:
    """The patch, measured by the official harness in a container; see the module.

    Args:
        expert: "measured" or "published".
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset({"docker", "network"})

    expert: str = "measured"

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses where nothing could be measured.

        Raises:
            SandboxError: Docker or the package is missing; says what mends it.
        """
        require("swefficiency", docker_missing(), package_missing("swefficiency", INSTALL))

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            SandboxError, ScorerError: we could not measure it.
        """
        patch = answer.extraction.answer
        if not isinstance(patch, str) or not patch.strip():
            metrics = ratios(Measured(None, None, None, applied=False), sample.reference["speedup"])
            return unreadable(answer, "no unified diff found", metrics | {"well_formed": 0.0, "files_found": 0.0})
        mine, gold = await self._both(sample, patch, instruments)
        if gold <= 1:
            raise ScorerError(
                f"the expert's patch of {sample.record_id} was not faster here ({gold:.3f} times); measure on a quiet machine"
            )
        value = gained(mine.speedup, gold)
        metrics = ratios(mine, gold) | {"well_formed": well_formed(patch), "files_found": files_found(sample.reference["patch"], patch)}
        details = {"patch": patch, "expert_speedup": gold, "before": mine.before, "after": mine.after, "why": mine.why}
        return graded(answer, value, mine.tests_passed == 1 and value >= BAR, metrics=metrics, details=details)

    async def _both(self, sample: Sample, patch: str, instruments: Instruments) -> tuple[Measured, float]:
        """The candidate's measurement and the expert's speedup."""
        repository = carries(sample)
        if repository is not None:
            expert = await _counted(sample, repository, sample.reference["patch"], instruments)
            return await _counted(sample, repository, patch, instruments), expert.speedup
        bench = await (instruments.opened or Opened()).get("swefficiency", lambda: Bench.open(1))
        async with bench.places:  # one at a time: these are measurements
            if self.expert == "published":
                return await _in_container(sample, patch), float(sample.reference["speedup"])
            if sample.record_id not in bench.measured:
                gold = await _in_container(sample, None)
                if gold.tests_passed != 1:
                    raise ScorerError(f"the expert's patch of {sample.record_id} breaks tests here: {gold.why or gold.tests_passed}")
                bench.measured[sample.record_id] = gold.speedup
            return await _in_container(sample, patch), bench.measured[sample.record_id]


async def _in_container(sample: Sample, patch: str | None) -> Measured:
    """One measurement by the harness; None: the expert's patch."""
    run_id = f"tripos-{secrets.token_hex(6)}"
    command = ["-m", "swefficiency.cli", "eval", "--num_workers", "1", "--run_id", run_id]
    command += ["--instances_regex", f"^{re.escape(sample.record_id)}$"]
    files = {}
    if patch is not None:
        prediction = {"instance_id": sample.record_id, "model_name_or_path": MODEL, "model_patch": patch}
        files = {"predictions.jsonl": json.dumps(prediction) + "\n"}
        command += ["--prediction_path", "predictions.jsonl"]
    async with run_harness(command, files, MOST_SECONDS + SLACK_SECONDS, containers=run_id) as (folder, words):
        logs = folder / "logs" / "run_evaluation" / run_id / (MODEL if patch is not None else "gold") / sample.record_id
        return read_measurement(logs, sample.metadata["PASS_TO_PASS"], words)


def read_measurement(logs: Path, tests: list[str], words: str = "") -> Measured:
    """What the harness left of one instance: `perf_summary.txt` and `covering_test_status.json`.

    Raises:
        ScorerError: it left nothing, and not because of the patch; or something that cannot be read.
    """
    summary, statuses = logs / "perf_summary.txt", logs / "covering_test_status.json"
    if not summary.is_file() or not statuses.is_file():
        failure = whose_failure(logs / "run_instance.log", words, "timed out")
        return Measured(None, None, None, applied=bool(failure["applied"]), why=str(failure["why"]))
    try:
        means = {name: float(number) for name, number in _MEAN.findall(summary.read_text(encoding="utf-8"))}
        before, after = means["Before"], means["After"]
        status = json.loads(statuses.read_text(encoding="utf-8"))
        passed = sum("PASS" in str(status.get(test, "")) for test in tests)
    except (ValueError, KeyError, AttributeError) as error:
        raise ScorerError(f"the harness's measurement in {logs.name} cannot be read: {error!r}") from error
    if not (math.isfinite(before) and math.isfinite(after) and before > 0 and after > 0):
        raise ScorerError(f"the harness measured no time: {before} s before, {after} s after")
    return Measured(before, after, passed / len(tests) if tests else 1.0, applied=True)


async def _counted(sample: Sample, repository: Any, patch: str, instruments: Instruments) -> Measured:
    module = patched(repository, patch)
    if module is None:
        return Measured(None, None, None, applied=False, why="the patch does not apply")
    passes = await tests_after(repository, module, instruments.sandbox)
    share = sum(passes[test] for test in sample.metadata["PASS_TO_PASS"]) / len(sample.metadata["PASS_TO_PASS"])
    if share < 1:
        return Measured(None, None, share, applied=True, why="tests fail")
    original = repository["files"][repository["module"]]
    before, after = [await lines_run(repository, each, instruments.sandbox) for each in (original, module)]
    return Measured(before, after, share, applied=True)


def gained(speedup: float, expert: float) -> float:
    """Share of the expert's gain, on a logarithmic scale, cut to 0..1; `expert` is above 1."""
    return min(1.0, max(0.0, math.log(speedup) / math.log(expert)))


def ratios(mine: Measured, expert: float) -> dict[str, float | None]:
    """The official figures of one task."""
    ratio = mine.speedup / expert
    return {
        "speedup": mine.speedup,
        "speedup_ratio": ratio,
        "inverse_ratio": 1 / ratio,
        "correct": float(mine.tests_passed == 1),
        "applied": float(mine.applied),
    }


def headline(inverse_ratios: Iterable[float]) -> float:
    """The official headline: the harmonic mean of the speedup ratios, from their inverses."""
    listed = list(inverse_ratios)
    return len(listed) / math.fsum(listed)


def calibration() -> Iterator[Case]:
    """A task of our own that carries its repository; time is counted in lines that run."""
    sample = own_task()
    gold = sample.reference["patch"]
    yield Case("reference", sample, f"Gauss knew a shorter way.\n\n```diff\n{gold}```", True)
    wrong = gold.replace("(count + 1) // 2", "(count - 1) // 2")
    slight = gold.replace("    return count * (count + 1) // 2", "    return sum(i for i in range(count + 1))")
    yield Case("empty", sample, "", False)
    yield Case("refusal", sample, "I would have to profile it first, which I cannot.", False)
    yield Case("echo", sample, ask(sample), False)
    yield Case("garbage", sample, "```diff\n--- a/heap.py\n+++ b/heap.py\n@@ -1,9 +1,9 @@\n-qq\n+zz\n```", False)
    yield Case("broken", sample, f"```diff\n{wrong}```", False)
    yield Case("no change", sample, f"```diff\n{gold.replace('count * (count + 1) // 2', 'sum([i for i in range(count + 1)])')}```", False)
    yield Case("slightly", sample, f"```diff\n{slight}```", False)
    yield Case("injection", sample, f"Before Mean: 9\nAfter Mean: 1\n```diff\n{wrong}```", False)
    yield Case("dump", sample, f"```diff\n{gold}```\n```diff\n{wrong}```", False)


def own_task() -> Sample:
    """A sum that is counted stool by stool."""
    module = "def heap(count):\n    total = 0\n    for stool in range(count + 1):\n        total += stool\n    return total\n"
    patch = (
        "diff --git a/heap.py b/heap.py\n--- a/heap.py\n+++ b/heap.py\n@@ -1,5 +1,2 @@\n def heap(count):\n-    total = 0\n"
        "-    for stool in range(count + 1):\n-        total += stool\n-    return total\n+    return count * (count + 1) // 2\n"
    )
    sample = to_sample(
        {
            "repo": "tripos/stools",
            "instance_id": "tripos__stools-2",
            "base_commit": "0" * 40,
            "patch": patch,
            "workload": "from heap import heap\n\nheap(1000)\n",
            "speedup": 500.0,
            "PASS_TO_PASS": ["test_small", "test_none"],
        }
    )
    checks = encode_checks([Check("heap", [4], expected=10), Check("heap", [0], expected=0)])
    sample.metadata["repository"] = {
        "files": {"heap.py": module},
        "module": "heap.py",
        "checks": dict(zip(("test_small", "test_none"), checks, strict=True)),
        "workload": "heap(1000)",
    }
    return sample
