"""`tripos check`: the self-test of scoring."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tripos.benchmarks.benchmark import benchmarks
from tripos.core.errors import ConfigError, SandboxError
from tripos.reports.tables import print_json, print_table, say


@click.command("check")
@click.argument("keys", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All registered benchmarks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show every case, not only the failed ones.")
def command(keys: tuple[str, ...], every: bool, as_json: bool, verbose: bool) -> int:
    """Score each benchmark's calibration: references pass; empty, refusal, echo, garbage fail; nothing stays unscored.

    KEYS are registered keys, or Python files of your own that register a benchmark.
    """
    from tripos.runs.runner import run_in_loop

    if not keys and not every:
        raise ConfigError("name benchmarks to check, or --all")
    chosen = benchmarks.names() if every else [benchmarks.import_file(Path(k)) if k.endswith(".py") else k for k in keys]
    reports: list[dict[str, Any]] = run_in_loop(lambda: _check(chosen))
    if as_json:
        print_json({"benchmarks": reports})
    else:
        _print(reports, verbose)
    return 0 if all(r["passed"] for r in reports) else 1


async def _check(keys: list[str]) -> list[dict[str, Any]]:
    from tripos.runs.calibration import calibrate, lacking

    reports = []
    for key in keys:
        built = benchmarks.get(key).build()
        try:
            cases = [asdict(c) for c in await calibrate(built)]
            problem, lacks = None, await lacking(built)
        except SandboxError as error:
            cases, problem, lacks = [], str(error), None
        passed = problem is None and all(c["ok"] for c in cases)
        reports.append({"key": key, "passed": passed, "cases": cases, "problem": problem, "lacks": lacks})
    return reports


def _print(reports: list[dict[str, Any]], verbose: bool) -> None:
    rows = [[r["key"], len(r["cases"]), sum(not c["ok"] for c in r["cases"]), "passed" if r["passed"] else "FAILED"] for r in reports]
    print_table("Calibration", ["Benchmark", "Cases", "Wrong", ""], rows, right=(1, 2))
    for report in reports:
        shown = [c for c in report["cases"] if verbose or not c["ok"]]
        if shown:
            lines = [[c["name"], c["record_id"], c["expected"], c["got"], c["outcome"], c["problem"] or ""] for c in shown]
            print_table(report["key"], ["Case", "Record", "Must", "Did", "Outcome", "Problem"], lines)
        if report["problem"]:
            say(f"{report['key']}: {report['problem']}")
        if report["lacks"]:
            say(f"{report['key']}: its scoring is sound, but it cannot run here: {report['lacks']}")
