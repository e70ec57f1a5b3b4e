"""`tripos summarize`: the seed's eight lines, computed from the results file."""

from __future__ import annotations

from pathlib import Path

import click

from tripos.reports.tables import clean, print_json


@click.command("summarize")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, as_json: bool) -> int:
    """Counts and accuracy of a results file."""
    from tripos.results.result_file import read_results

    results = read_results(file)
    if not results.records:
        click.echo("No records found.")
        return 1
    scored = [r for r in results.records if r.get("is_correct") is not None]
    correct = sum(bool(r["is_correct"]) for r in scored)
    facts = {
        "File": str(file),
        "Benchmark": results.benchmark,
        "Model": results.model,
        "Total": len(results.records),
        "Scored": len(scored),
        "Correct": correct,
        "Accuracy": round(correct / len(scored), 4) if scored else None,
        "Errors": sum(1 for r in results.records if r.get("error")),
    }
    simulated = any(r.get("simulated") for r in results.records)
    if as_json:
        print_json({name.lower(): value for name, value in facts.items()} | {"simulated": simulated})
        return 0
    for name, value in facts.items():
        text = "not measured" if value is None else f"{value:.4f}" if isinstance(value, float) else value
        click.echo(f"{name + ':':<11}{clean(str(text))}")
    if simulated:
        click.echo("! SIMULATED: no model was asked.")
    return 0
