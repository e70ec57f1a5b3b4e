"""Executing a suite for a person: progress on stderr, results on stdout, an exit code that tells the truth."""

from __future__ import annotations

import logging
from typing import Any

import click
import msgspec

from tripos.cli.progress import Progress
from tripos.config.suite import remarks
from tripos.core.errors import ConfigError
from tripos.engines.endpoint import Budget
from tripos.reports.run_report import print_run, print_suite
from tripos.reports.tables import print_json, print_table, warn
from tripos.reports.trackers import Tracking, require
from tripos.runs.endpoints import Endpoints
from tripos.runs.runner import RunResult, run_all, run_in_loop
from tripos.runs.spec import RunSpec, SuiteSpec, public


def execute(suite: SuiteSpec, *, dry_run: bool, as_json: bool, compact: bool, trace_detail: bool, verbose: bool) -> int:
    """Runs a suite and prints how it went, or only its plan. Returns the exit code: 0, 1 or 130.

    Raises:
        ConfigError: a single run could not start (a suite goes on and says so at its end).
    """
    if dry_run:
        return _show_plan(suite, as_json=as_json)
    if verbose:
        logging.basicConfig(level=logging.DEBUG)
    results = run_suite(suite)
    if len(results) == 1 and results[0].status == "failed":
        raise ConfigError(str(results[0].error))
    if as_json:
        print_json({"runs": [_plain(r) for r in results]})
    else:
        for result in results:
            if result.summary is not None and (len(results) == 1 or compact):
                print_run(result.summary, str(result.path), compact=compact)
            if trace_detail and result.path is not None:
                _trace(result)
        if len(results) > 1:
            print_suite(results)
    return exit_code(results)


def run_suite(suite: SuiteSpec) -> list[RunResult]:
    """Runs a suite with a live display, after what should be said of it beforehand."""
    first = suite.runs[0]
    for warning in [*remarks(suite), *require(suite.runs)]:
        warn(warning)
    with Progress(suite) as progress, Tracking(progress) as watcher:

        async def work() -> list[RunResult]:
            endpoints = Endpoints(Budget(first.max_cost_usd, first.max_tokens_total))
            return await run_all(suite.runs, first.store, endpoints, watcher)

        results: list[RunResult] = run_in_loop(work)
    return results


def exit_code(results: list[RunResult]) -> int:
    """0: everything asked for was scored, or enough to be as sure as asked. 1: something was not. 130: interrupted."""
    if any(r.status == "interrupted" for r in results):
        warn("interrupted: what was done is kept; run the same command again to go on")
        return 130
    return 0 if all(_asked_for(r) for r in results) else 1


def _asked_for(result: RunResult) -> bool:
    sure = result.status == "until" and result.tally is not None and not result.tally.unscored
    return result.status == "complete" or sure


def _show_plan(suite: SuiteSpec, *, as_json: bool) -> int:
    """The resolved plan, nothing asked."""
    if as_json:
        print_json({"suite": suite.name, "runs": [public(r) | {"output": str(r.output_path())} for r in suite.runs]})
        return 0
    rows = [_plan_row(r) for r in suite.runs]
    title = f"{suite.name or 'Plan'}: {len(rows)} runs"
    print_table(title, ["Benchmark", "Model", "Engine", "Backend", "Samples", "Temp.", "Max tokens", "Judge", "Output"], rows)
    return 0


def _plan_row(r: RunSpec) -> list[Any]:
    samples = f"{r.max_samples or 'all'}" + (f" x {r.attempts}" if r.attempts > 1 else "")
    engine = r.model.engine or ("openai-compatible" if r.model.base_url else "auto")
    params = (f"{r.params.temperature:g}", r.params.max_tokens)
    return [r.benchmark, r.model.name, engine, r.backend, samples, *params, r.judge.model.name, str(r.output_path())]


def _plain(result: RunResult) -> dict[str, Any]:
    spec = {"benchmark": result.spec.benchmark, "model": result.spec.model.name}
    path = str(result.path) if result.path else None
    return {**spec, "status": result.status, "error": result.error, "output": path, "summary": result.summary}


def _trace(result: RunResult) -> None:
    assert result.path is not None
    rows = []
    with result.path.open("rb") as file:
        for text in file:
            r = msgspec.json.decode(text)
            rows.append(
                [
                    r["record_id"],
                    f"{r['prompt_variant_id']} {r['attempt']}",
                    r["outcome"],
                    r["score"],
                    r["latency_seconds"],
                    r["ttft"],
                    r["completion_tokens"],
                    r["error"],
                ]
            )
    click.echo()
    print_table("Samples", ["Record", "Way", "Outcome", "Score", "Latency s", "TTFT s", "Tokens", "Error"], rows, right=(3, 4, 5, 6))
