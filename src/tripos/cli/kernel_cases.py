"""`tripos kernels list` and `check`: which cases there are, and whether they are fair."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tripos.core.errors import SandboxError
from tripos.kernels.targets import TARGETS

if TYPE_CHECKING:
    from tripos.kernels.case import Case, Discovery

F = TypeVar("F", bound=Callable[..., Any])
_o = click.option


def group_of(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class Place(click.Path):
    """A path; one with a NUL byte, which no file can have, is a mistake in the command."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "\0" in os.fsdecode(value):
            self.fail("a path cannot hold a NUL byte", param, ctx)
        return super().convert(value, param, ctx)


which = group_of(
    _o("--cases-dir", type=Place(path_type=Path), help="Directory of cases {tier}/{case}.py.  [default: ours]"),
    _o("--tiers", multiple=True, help="Only this tier (t1, t2, ...); may be repeated."),
    _o("--cases", multiple=True, help="Only this case (gelu, t1/gelu); may be repeated."),
    _o("--filter", "substring", help="Only cases whose name contains this text."),
)
_backend = _o("--backend", type=click.Choice(list(TARGETS)), default="cpu", show_default=True, help="What the kernels would run on.")


@click.command("list")
@which
@_backend
@_o("--json", "as_json", is_flag=True, help="Print JSON.")
def list_cases(as_json: bool, **chosen: Any) -> int:
    """The cases of a directory, and why some are skipped."""
    from tripos.kernels.contract import read_contract
    from tripos.kernels.payload import strict
    from tripos.reports.tables import print_json, print_table

    root, found = _found(**chosen)
    about = {case.label: read_contract(case.file_path.read_text("utf-8-sig"), case.label) for case in found.cases}
    if as_json:
        rows = [{**case.row(), "summary": about[case.label].summary, "sizes": about[case.label].sizes} for case in found.cases]
        print_json(strict({"cases": rows, "skipped_cases": [case.row() for case in found.skipped]}))
        return 0
    rows_shown = [[c.tier, c.case_name, about[c.label].summary] for c in found.cases]
    print_table(f"{len(found.cases)} cases in {root}", ["Tier", "Case", "What it computes"], rows_shown)
    _print_skipped(found)
    return 0


@click.command("check")
@which
@_backend
@_o("--json", "as_json", is_flag=True, help="Print JSON.")
def check_cases(as_json: bool, **chosen: Any) -> int:
    """Is each case fair? Runs its reference in the sandbox: wrong answers must fail, and the right one must repeat itself.

    A case with an `error` would let work that was not done pass, so its verdicts are worth nothing; a `warning` is for a reader to judge.
    """
    from tripos.kernels.payload import strict
    from tripos.reports.tables import print_json, print_table, say
    from tripos.runs.runner import run_in_loop

    _, found = _found(**chosen)
    reports = run_in_loop(lambda: _examined(chosen["backend"], found.cases))
    failed = [report for report in reports if report["outcome"] != "ok" or any(f["severity"] == "error" for f in report["findings"])]
    if as_json:
        print_json(strict({"cases": reports, "skipped_cases": [case.row() for case in found.skipped]}))
        return 1 if failed else 0
    rows = [[report["case"], "error", report["error"]] for report in reports if report["outcome"] != "ok"]
    rows += [[report["case"], finding["severity"], finding["sentence"]] for report in reports for finding in report["findings"]]
    if rows:
        print_table("Findings", ["Case", "Severity", "What"], rows)
    _print_skipped(found)
    say(f"{len(reports) - len(failed)} of {len(reports)} cases are fair")
    return 1 if failed else 0


async def _examined(backend: str, cases: tuple[Case, ...]) -> list[dict[str, Any]]:
    import asyncio

    from rich.progress import track

    from tripos.kernels.devices import resolve_devices
    from tripos.kernels.evaluate import Conditions, Evaluator
    from tripos.kernels.payload import strict
    from tripos.reports.tables import err

    target = TARGETS[backend]
    conditions = Conditions(device=target.device, devices=resolve_devices(target, None).ids)
    async with Evaluator.open(conditions) as evaluator:

        async def one(case: Case) -> dict[str, Any]:
            try:
                found = await evaluator.examine(case.file_path.read_text("utf-8-sig"), strict(case.label))
            except SandboxError as error:
                found = {"outcome": "infrastructure_failed", "error": str(error), "findings": []}
            return {"case": case.label, **found}

        waiting = [asyncio.ensure_future(one(case)) for case in cases]
        return [await each for each in track(waiting, "examining cases", console=err(), transient=True)]


def _found(
    cases_dir: Path | None, tiers: tuple[str, ...], cases: tuple[str, ...], substring: str | None, backend: str
) -> tuple[Path, Discovery]:
    from tripos.kernels.case import discover, own_cases

    root = cases_dir or own_cases()
    return root, discover(root, tiers=tiers or None, cases=cases or None, substring=substring, skip_npu=TARGETS[backend].skip_npu)


def _print_skipped(found: Discovery) -> None:
    from tripos.reports.tables import print_table

    if found.skipped:
        print_table("Skipped", ["Tier", "Case", "Why"], [[c.tier, c.case_name, c.skip_reason] for c in found.skipped])
