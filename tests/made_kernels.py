"""Cases and evaluation records for the tests of the kernel leg, made without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tripos.kernels.aggregate import case_rows, summarise
from tripos.kernels.case import Case
from tripos.kernels.payload import Payload, Performance, build_payload
from tripos.kernels.performance import performance_rows
from tripos.kernels.performance_summary import performance_summary
from tripos.kernels.settings import Settings

CASE = '''"""{doc}"""
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return x

def get_inputs():
    return [torch.ones(4)]

def get_init_inputs():
    return []
'''


def case(label: str) -> Case:
    """A case that exists by name only."""
    tier, name = label.split("/")
    return Case(tier, name, Path("/cases") / tier / f"{name}.py")


def write_cases(root: Path, *labels: str, **texts: str) -> Path:
    """Files of plain cases; `texts` gives whole texts of `t1__gelu` (for t1/gelu)."""
    for label, text in [(label, CASE.format(doc=label)) for label in labels] + [(k.replace("__", "/"), v) for k, v in texts.items()]:
        file = root / f"{label}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def record(label: str, outcome: str = "ok", attempt: int = 1, speedup: float | None = None, **more: Any) -> dict[str, Any]:
    """What an evaluation returns; with a speedup it was timed against a baseline of 2 ms, ± 2 %."""
    tier, name = label.split("/")
    found = {"tier": tier, "case_name": name, "attempt": attempt, "outcome": outcome, "error": None, "phase": "measure"}
    if speedup is not None:
        found |= {"speedup": speedup, "speedup_low": speedup * 0.98, "speedup_high": speedup * 1.02, "baseline_ms": 2.0}
        found |= {"solution_ms": 2.0 / speedup if speedup else None, "timing_method": "judge_clock", "noisy": outcome == "noisy"}
    return {**found, **more}


def payload(
    records: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    *,
    team: str = "team",
    backend: str = "cpu",
    pass_n: int = 1,
    config: Mapping[str, Any] | None = None,
    environment_error: str | None = None,
) -> Payload:
    """The document of a run in mode full over `labels`."""
    cases = [case(label) for label in labels]
    settings = Settings(mode="full", pass_n=pass_n, team_name=team)
    rows = case_rows(records, cases, pass_n, backend=backend, environment_error=environment_error)
    absent = ("infrastructure_failed", environment_error) if environment_error else ("not_generated", "there is no solution for this case")
    timed = performance_rows(records, cases, pass_n, absent=absent)
    asked = settings.config(backend=backend, arch="x86_64", dsl="cpp", backend_name=None, devices=None)
    environment = {"framework": "torch", "dsl": "cpp", "backend": backend, "visible_devices": [0], "system": {"cpu_model": "Test CPU"}}
    performance = Performance(timed, performance_summary(timed), settings.performance_config())
    summary = summarise(rows, 1.5, (), environment_error)
    return build_payload({**asked, **(config or {})}, environment, summary, rows, performance)
