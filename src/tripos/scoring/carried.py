"""Patches to a small repository that the sample carries with it: applied in memory, tested in the sandbox.

The same two steps as an official harness (apply, then test), without containers. Samples of our own calibrations carry one:

    metadata = {"repository": {"files": {name: text}, "module": name, "checks": {test: encoded check}, "workload": code or None}}

The module is loaded by itself, so it must not import its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tripos.core.errors import ScorerError
from tripos.core.records import Sample
from tripos.sandbox.choose import choose
from tripos.sandbox.sandbox import Sandbox
from tripos.scoring.code_tests import decode_checks, run_checks, run_program
from tripos.scoring.patches import PatchError, apply

_COUNTED = """
import sys
counted = 0
def _count(frame, event, argument):
    global counted
    counted += event == "line"
    return _count
sys.settrace(_count)
{workload}
sys.settrace(None)
print(counted)
"""


def patched(repository: Mapping[str, Any], patch: str) -> str | None:
    """The module after the patch, None where it does not apply."""
    try:
        return apply(repository["files"], patch).get(repository["module"], "")
    except PatchError:
        return None


async def tests_after(repository: Mapping[str, Any], module: str, sandbox: Sandbox | None) -> dict[str, bool]:
    """Whether each test passes with this module.

    Raises:
        SandboxError: there is no sandbox.
    """
    names = list(repository["checks"])
    report = await run_checks(sandbox or choose(), module, decode_checks([repository["checks"][name] for name in names]))
    return {name: result.passed for name, result in zip(names, report.results, strict=True)}


async def lines_run(repository: Mapping[str, Any], module: str, sandbox: Sandbox | None) -> int:
    """How many lines of Python the workload runs with this module: time that is the same on every machine.

    Raises:
        ScorerError: it printed something else than a number.
    """
    run = await run_program(sandbox or choose(), module + _COUNTED.format(workload=repository["workload"]), "")
    if run.reason is not None or not run.stdout.strip().isdecimal():
        raise ScorerError(f"the workload could not be counted: {run.reason or run.stdout[:200]}")
    return int(run.stdout)


def carries(sample: Sample) -> Mapping[str, Any] | None:
    """The repository that a sample carries; None for every sample of an official data set."""
    repository: Mapping[str, Any] | None = sample.metadata.get("repository")
    return repository
