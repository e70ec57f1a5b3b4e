"""SWE-bench: an issue of a real Python project, to be resolved by a patch.

Source, by `subset`: `verified_mini` (hub MariusHobbhahn/swe-bench-verified-mini, 50, the default as upstream in OpenJarvis),
`verified` (SWE-bench/SWE-bench_Verified, 500), `lite` (SWE-bench/SWE-bench_Lite, 300), `full` (SWE-bench/SWE-bench, 2,294); split
test. Columns: repo, instance_id, base_commit, patch, test_patch, problem_statement, hints_text, created_at, version,
FAIL_TO_PASS, PASS_TO_PASS, environment_setup_commit, and difficulty in the Verified sets. Papers: Jimenez et al. 2023,
arXiv:2310.06770; Verified: OpenAI 2024.

Scoring: resolved, as the official package `swebench` says, which applies patch and test patch in the instance's container and runs
the tests: all FAIL_TO_PASS and all PASS_TO_PASS pass. Metrics: `applied`, the shares `fail_to_pass` and `pass_to_pass`,
`files_found` (share of the expert's files that the patch touches) and `well_formed` (needs no container). A patch that does not
apply or under which the tests never end is wrong; what fails before the patch is looked at is ours and unscored. The tests run
beside the candidate's code, so a patch that forges the test log is believed, as it is officially.

What it means here: one answer without a look at the repository. That measures what a model remembers of these projects;
figures of agents that could read and run the code are not comparable. The prompt is in our own words and hides the
maintainers' discussion, as the official setting does; the variant `hints` shows it.

Needs Docker, the package (4 or 5) and, for its images of about 120 GB for `verified`, network: refused before anything is
paid. Rows without the column `image` are graded by package 5 with the official set's row of the same instance_id.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.local_files import Row, shelved
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError, ScorerError, unknown
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.carried import carries, patched, tests_after
from tripos.scoring.code_tests import Check, encode_checks
from tripos.scoring.harness import Bench, docker_missing, package_missing, require, run_harness, version_of, whose_failure
from tripos.scoring.patches import PatchError, UnifiedDiff, files_of, parse
from tripos.scoring.scorer import Answer, Instruments, Opened, scorer
from tripos.scoring.structured import graded, unreadable

SUBSETS = {
    "verified_mini": "MariusHobbhahn/swe-bench-verified-mini",
    "verified": "SWE-bench/SWE-bench_Verified",
    "lite": "SWE-bench/SWE-bench_Lite",
    "full": "SWE-bench/SWE-bench",
}
COLUMNS = ("repo", "instance_id", "base_commit", "patch", "problem_statement", "FAIL_TO_PASS", "PASS_TO_PASS")
MERITS = ("applied", "fail_to_pass", "well_formed", "files_found")
MODEL = "candidate"  # the harness names folders by it
SLACK_SECONDS = 3600  # for fetching an image
BROKE = re.compile(r"^[\d-]+ [\d:,]+ - ERROR - Error in evaluating model for .*", re.MULTILINE)


@benchmark(
    "swebench",
    category="agentic",
    summary="Real-world GitHub code patches",
    size="50 (verified 500, lite 300, full 2,294)",
    licence="MIT",
    source=", ".join(SUBSETS.values()),
    settings=("timeout_seconds",),
    official="resolved, by the package swebench: all FAIL_TO_PASS and PASS_TO_PASS tests pass",
    deviates="what fails before the patch is looked at is unscored; one reply, without a look at the repository",
    also_needs="the extra `swebench`",
    calibrated="0.1.0",
)
def swebench(options: Options) -> Benchmark:
    """`subset`: see `SUBSETS`; `timeout_seconds` bounds the tests of one instance (1,800 as officially)."""
    refuse("swebench", options, "shots", "judge")
    subset = options.subset or "verified_mini"
    if subset not in SUBSETS:
        raise ConfigError(f"swebench: {unknown('subset', subset, SUBSETS)}")
    is_local = options.data is not None or shelved("swebench") is not None
    return Benchmark(
        samples=huggingface(
            SUBSETS[subset],
            key="swebench",
            split=options.split or "test",
            config=subset if is_local else None,
            data=options.data,
            columns=COLUMNS,
            to_sample=lambda row: to_sample(row, subset),
        ),
        prompt=ask,
        variants={"hints": ask_with_hints},
        transform=UnifiedDiff(),
        scorer=Resolved(timeout_seconds=options.setting("timeout_seconds", 1800.0)),
        perfect=lambda sample: f"```diff\n{sample.reference}```",
        per_subject=("difficulty", "year"),
        calibration=calibration,
    )


def to_sample(row: Row, subset: str) -> Sample:
    """One instance; the id is `instance_id`, items of one repository are a cluster.

    Raises:
        ValueError: no issue, no patch, or test lists that cannot be read.
    """
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        listed_tests(row, name)
    dimensions = {"repo": str(row["repo"])}
    if row.get("difficulty"):
        dimensions["difficulty"] = str(row["difficulty"])
    if row.get("created_at"):
        dimensions["year"] = str(row["created_at"])[:4]
    official = SUBSETS["verified" if subset.startswith("verified") else subset]
    return Sample(
        record_id=text(row, "instance_id"),
        input=text(row, "problem_statement"),
        reference=str(row["patch"]).strip("\n") + "\n" if text(row, "patch") else None,
        subject=str(row["repo"]),
        cluster=str(row["repo"]),
        dimensions=dimensions,
        metadata={"row": row, "official": official},
    )


def listed_tests(row: Row, name: str) -> list[str]:
    """A column of test names, which is a list or the JSON of one.

    Raises:
        ValueError: it is neither.
    """
    listed = json.loads(row[name]) if isinstance(row[name], str) else row[name]
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ValueError(f"{name} is no list of test names: {str(row[name])[:80]!r}")
    return listed


PATCH_FORM = (
    "Write a patch that resolves it: a unified diff as `git diff` prints it (headers `diff --git a/… b/…`, `--- a/…`, `+++ b/…`; hunks "
    "with right line counts and three unchanged lines of context copied exactly), paths relative to the project's root. Give the whole "
    "patch in one ```diff block at the end of your answer."
)


def ask(sample: Sample) -> str:
    """Repository, commit and issue; a patch is asked for."""
    row = sample.metadata["row"]
    return (
        f"The Python project {row['repo']}, at commit {row['base_commit']}, has this issue:\n\n<issue>\n{sample.question}\n</issue>\n\n"
        f"{PATCH_FORM} Change the project's code, not its tests: the tests that decide are hidden."
    )


def ask_with_hints(sample: Sample) -> str:
    """As `ask`, with what was said on the issue before it was resolved."""
    hints = str(sample.metadata["row"].get("hints_text") or "").strip()
    return ask(sample) + (f"\n\nThis was said about the issue:\n\n<discussion>\n{hints}\n</discussion>" if hints else "")


@scorer("swebench")
@dataclass(frozen=True)
class Resolved:
    """The patch, graded by the official package in a container; see the module.

    Args:
        timeout_seconds: of the tests of one instance.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset({"docker", "network"})

    timeout_seconds: float = 1800.0

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses where nothing could be graded.

        Raises:
            SandboxError: Docker or the package is missing; says what mends it.
        """
        require("swebench", docker_missing(), package_missing("swebench", "pip install swebench"))

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            SandboxError, ScorerError: we could not grade it.
        """
        patch = answer.extraction.answer
        if not isinstance(patch, str) or not patch.strip():
            return unreadable(answer, "no unified diff found", dict.fromkeys(MERITS, 0.0))
        repository = carries(sample)
        if repository is not None:
            report = await _carried_report(sample, repository, patch, instruments)
        else:
            bench = await (instruments.opened or Opened()).get("swebench", lambda: Bench.open(max(1, (os.cpu_count() or 1) * 3 // 4)))
            async with bench.places:
                report = await self._official_report(sample, patch)
        metrics = _metrics(report) | {"well_formed": well_formed(patch), "files_found": files_found(sample.reference, patch)}
        return graded(answer, float(report["resolved"]), report["resolved"], metrics=metrics, details={"patch": patch, **report})

    async def _official_report(self, sample: Sample, patch: str) -> dict[str, Any]:
        row, run_id = sample.metadata["row"], f"tripos-{secrets.token_hex(6)}"
        by_name = "image" not in row and int((version_of("swebench") or "0").split(".")[0]) >= FIRST_WITH_IMAGES
        prediction = {"instance_id": sample.record_id, "model_name_or_path": MODEL, "model_patch": patch}
        files = {"instances.jsonl": json.dumps(row, default=str) + "\n", "predictions.jsonl": json.dumps(prediction) + "\n"}
        argv = {
            "--dataset_name": sample.metadata["official"] if by_name else "instances.jsonl",
            "--split": "test",
            "--instance_ids": sample.record_id,
            "--predictions_path": "predictions.jsonl",
            "--max_workers": "1",
            "--timeout": str(int(self.timeout_seconds)),
            "--run_id": run_id,
        }
        command = ["-m", "swebench.harness.run_evaluation", *(word for option in argv.items() for word in option)]
        async with run_harness(command, files, self.timeout_seconds + SLACK_SECONDS, containers=run_id) as (folder, words):
            logs = folder / "logs" / "run_evaluation" / run_id / MODEL / sample.record_id
            if (logs / "report.json").is_file():
                return read_report((logs / "report.json").read_text(encoding="utf-8"), sample.record_id)
            failure = whose_failure(logs / "run_instance.log", words, "Test timed out", BROKE)
            return {"resolved": False, "tests_status": {}, **failure}


FIRST_WITH_IMAGES = 5  # version of the package from which rows must name their image


def read_report(content: str, instance_id: str) -> dict[str, Any]:
    """The official report of one instance: {"resolved", "applied", "tests_status", "why"}.

    Raises:
        ScorerError: it is not one.
    """
    try:
        report = json.loads(content)[instance_id]
        resolved, applied = report["resolved"], report["patch_successfully_applied"]
    except (ValueError, KeyError, TypeError) as error:
        raise ScorerError(f"the harness's report of {instance_id} cannot be read: {error!r}") from error
    if not isinstance(resolved, bool) or not isinstance(applied, bool):
        raise ScorerError(f"the harness's report of {instance_id} has no verdict: {content[:300]}")
    why = report.get("infra_failure_reason") or ("" if applied else "no test result could be read from the log")
    return {"resolved": resolved, "applied": applied, "tests_status": report.get("tests_status") or {}, "why": why}


async def _carried_report(sample: Sample, repository: Any, patch: str, instruments: Instruments) -> dict[str, Any]:
    module = patched(repository, patch)
    if module is None:
        return {"resolved": False, "applied": False, "tests_status": {}, "why": "the patch does not apply"}
    passes = await tests_after(repository, module, instruments.sandbox)
    status = {}
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        tests = listed_tests(sample.metadata["row"], name)
        status[name] = {"success": [t for t in tests if passes[t]], "failure": [t for t in tests if not passes[t]]}
    resolved = not any(part["failure"] for part in status.values())
    return {"resolved": resolved, "applied": True, "tests_status": status, "why": ""}


def _metrics(report: dict[str, JSON]) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {"applied": float(report["applied"])}
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        part = report["tests_status"].get(name, {})
        good, bad = len(part.get("success", ())), len(part.get("failure", ()))
        metrics[name.lower()] = good / (good + bad) if good + bad else None
    return metrics if metrics["applied"] else metrics | {"fail_to_pass": 0.0}


def well_formed(patch: str) -> float:
    """1 where the patch can be read strictly, else 0."""
    try:
        parse(patch)
    except PatchError:
        return 0.0
    return 1.0


def files_found(reference: str, patch: str) -> float | None:
    """Share of the expert's files that the patch touches."""
    wanted = files_of(reference)
    return len(wanted & files_of(patch)) / len(wanted) if wanted else None


def calibration() -> Iterator[Case]:
    """An instance of our own that carries its repository; everything up to the container goes the way of real ones."""
    sample, gold = own_instance(), OWN_PATCH
    yield Case("reference", sample, f"The legs were added, not multiplied.\n\n```diff\n{gold}```", True)
    yield Case("reference bare", sample, gold, True)
    yield Case("reference tagged", sample, f"<patch>\n{gold}</patch>", True)
    broken = gold.replace("stools * each", "7")
    yield Case("empty", sample, "", False)
    yield Case("refusal", sample, "I cannot see the repository, so I cannot help.", False)
    yield Case("echo", sample, ask(sample), False)
    yield Case("garbage", sample, "```diff\n--- a/stool.py\n+++ b/stool.py\n@@ -1,9 +1,9 @@\n-qq\n+zz\n```", False)
    yield Case("regression", sample, f"```diff\n{broken}```", False)
    yield Case("no change", sample, f"```diff\n{gold.replace('stools * each', 'stools + each')}```", False)
    yield Case("another file", sample, f"```diff\n{gold.replace('stool.py', 'chair.py')}```", False)
    yield Case("injection", sample, f'{{"resolved": true}} >>>>> Applied Patch\n```diff\n{broken}```', False)
    yield Case("dump", sample, f"```diff\n{gold}```\nor\n```diff\n{broken}```", False)
    yield Case("majority", sample, "```diff\n--- a/README\n+++ b/README\n@@ -1 +1 @@\n-Stools.\n+Stools!\n```", False)


OWN_PATCH = """\
diff --git a/stool.py b/stool.py
--- a/stool.py
+++ b/stool.py
@@ -1,6 +1,6 @@
 def legs(stools, each=3):
     \"\"\"How many legs they have.\"\"\"
-    return stools + each
+    return stools * each
 
 
 def seats(stools):
"""


def own_instance() -> Sample:
    """A repository of two files, with a wrong sum in one."""
    sums = 'def legs(stools, each=3):\n    """How many legs they have."""\n    return stools + each\n'
    module = f"{sums}\n\ndef seats(stools):\n    return stools\n"
    checks = {
        "test_legs": Check("legs", [2], expected=6),
        "test_none": Check("legs", [0, 4], expected=0),
        "test_seats": Check("seats", [5], expected=5),
    }
    row = {
        "repo": "tripos/stools",
        "instance_id": "tripos__stools-1",
        "base_commit": "0" * 40,
        "patch": OWN_PATCH,
        "test_patch": "",
        "problem_statement": "legs(2) is 5\nTwo stools with three legs each have six.",
        "hints_text": "The sum looks wrong.",
        "FAIL_TO_PASS": '["test_legs", "test_none"]',
        "PASS_TO_PASS": '["test_seats"]',
    }
    sample = to_sample(row, "verified_mini")
    encoded = dict(zip(checks, encode_checks(list(checks.values())), strict=True))
    sample.metadata["repository"] = {"files": {"stool.py": module, "README": "Stools.\n"}, "module": "stool.py", "checks": encoded}
    return sample
