"""`tripos rescore`: stored answers scored in another way; the model is not asked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tripos.cli.options import given
from tripos.cli.store import is_there
from tripos.reports.tables import out, print_json, print_table, shown, warn
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.runs.rescoring import Rescored

_JUDGE = ("model", "engine", "base_url", "api_key_env", "temperature", "max_tokens")


@click.command("rescore")
@click.argument("run_id", metavar="RUN")
@click.option("--name", help="What the new scoring is called, for --scores.  [default: its hash alone]")
@click.option("--scorer", help="Another registered scorer.  [default: the benchmark's]")
@click.option("--scorer-option", multiple=True, metavar="KEY=VALUE", help="Setting of the scorer; may be repeated.")
@click.option("--transform", help="Another registered transform, which reads the answer.  [default: the benchmark's]")
@click.option("--transform-option", multiple=True, metavar="KEY=VALUE", help="Setting of the transform; may be repeated.")
@click.option("--choice-judge", type=click.Choice(["never", "fallback", "always"]), help="When the judge reads the letter of a choice.")
@click.option("--judge-model", help="Model that grades.")
@click.option("--judge-engine", help="Engine of the judge.")
@click.option("--judge-base-url", help="OpenAI-compatible endpoint of the judge.")
@click.option("--judge-api-key-env", help="Environment variable that holds the judge's key.")
@click.option("--judge-temperature", type=click.FloatRange(min=0), help="Temperature of the judge.")
@click.option("--judge-max-tokens", type=click.IntRange(min=1), help="Maximum output tokens of the judge.")
@click.option("--max-cost", "max_cost_usd", type=click.FloatRange(min=0), help="Stop cleanly after so many US dollars.")
@click.option("--benchmark-file", type=click.Path(path_type=Path), help="The Python file of the run's benchmark, if it is your own.")
@click.option("--store", default=DEFAULT_STORE, show_default=True, help="Where the run is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run_id: str, store: str, max_cost_usd: float | None, benchmark_file: Path | None, as_json: bool, **flags: Any) -> int:
    """Score the stored answers of RUN (an id, its beginning, or its results file) in another way, and keep both scorings."""
    from tripos.benchmarks.benchmark import benchmarks
    from tripos.core.errors import ConfigError
    from tripos.engines.endpoint import Budget
    from tripos.runs.endpoints import Endpoints
    from tripos.runs.rescore import Change, rescore
    from tripos.runs.runner import run_in_loop
    from tripos.runs.stopping import Control, interruptible

    if not is_there(store):
        raise ConfigError(f"there is no store at {store}; name another with --store")
    if benchmark_file is not None:
        benchmarks.import_file(benchmark_file)
    if run_id.endswith(".jsonl"):
        run_id = _run_of(Path(run_id))
    judge = {name: flags[f"judge_{name}"] for name in _JUDGE if flags[f"judge_{name}"] is not None}
    change = Change(
        name=flags["name"],
        scorer=flags["scorer"],
        transform=flags["transform"],
        scorer_settings=_pairs(flags["scorer_option"]),
        transform_settings=_pairs(flags["transform_option"]),
        choice_judge=flags["choice_judge"],
        judge=judge,
    )

    async def work() -> Rescored:
        control, endpoints = Control(), Endpoints(Budget(max_cost_usd, None))
        try:
            async with interruptible(control):
                return await rescore(store, run_id, change, endpoints, control)
        finally:
            for warning in endpoints.warnings:
                warn(warning)
            await endpoints.close()

    found: Rescored = run_in_loop(work)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    return 130 if found.status == "interrupted" else int(found.status != "complete")


def _run_of(path: Path) -> str:
    """The run of a results file."""
    from tripos.core.errors import ConfigError
    from tripos.results.result_file import read_results

    read = read_results(path)
    if not read.records:
        raise ConfigError(f"{path} holds no records")
    runs = read.run_ids
    if len(runs) != 1:
        raise ConfigError(f"{path} is of {len(runs)} runs; name one by its id")
    return runs.pop()


def _pairs(texts: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE texts, numbers and flags read as such."""
    found: dict[str, Any] = given({"model_options": texts}).get("options", {})
    return found


def _print(found: Rescored) -> None:
    named = f"{found.name} ({found.overlay})" if found.name else found.overlay
    rows: list[list[Any]] = [
        ["scored now", found.graded],
        ["scored before, kept", found.reused],
        ["without an answer", found.unanswered],
        ["no longer in the benchmark", len(found.missing)],
        ["outcomes", ", ".join(f"{n} {name}" for name, n in sorted(found.outcomes.items()))],
        ["accuracy before", found.accuracy_before],
        ["accuracy now, same candidates", found.accuracy_after],
        ["verdicts that changed", found.changed],
    ]
    print_table(f"Run {found.source} scored as {named}: {found.status}", ["", ""], rows, right=(1,))
    console = out()
    for error in found.errors:
        console.print(f"! {error}", style="yellow", markup=False)
    if found.missing:
        console.print(f"! not in the benchmark any more: {', '.join(found.missing[:5])}", style="yellow", markup=False)
    scores = found.name or found.overlay
    console.print(f"see it: tripos compare run:{found.source} run:{found.run_id} · in Python: scores={shown(scores)!r}", markup=False)
