"""`tripos compare`: is B better than A?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tripos.reports.tables import out, print_json, print_table, shown

if TYPE_CHECKING:
    from tripos.results.comparison import ComparisonRow


@click.command("compare")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--metric", default="accuracy", show_default=True, help="accuracy, score, or any number of the records.")
@click.option("--by", "group_by", default="benchmark", show_default=True, help="benchmark, subject, slice_id or prompt_variant_id.")
@click.option("--correction", default="holm", show_default=True, help="none, bonferroni, holm, bh or by; over all rows.")
@click.option("--margin", default=0.0, show_default=True, type=click.FloatRange(min=0), help="Largest difference that does not matter.")
@click.option("--level", default=0.95, show_default=True, type=click.FloatRange(0, 1, min_open=True, max_open=True))
@click.option("--all-pairs", is_flag=True, help="Every file with every other, not only the first with the rest.")
@click.option("--fail-if-worse", type=click.FloatRange(min=0), help="Exit 1 if a treatment is worse than the baseline by more than this.")
@click.option("--show-disagreements", is_flag=True, help="List the records on which two files disagree.")
@click.option("--json", "as_json", is_flag=True, help='Print {"rows": [...]}.')
def command(
    files: tuple[Path, ...],
    metric: str,
    group_by: str,
    correction: str,
    margin: float,
    level: float,
    all_pairs: bool,
    fail_if_worse: float | None,
    show_disagreements: bool,
    as_json: bool,
) -> int:
    """Compare results files, paired by sample: the first with each of the others."""
    from tripos.results.comparison import compare_files, disagreements
    from tripos.results.result_file import by_model, read_results

    read = by_model([read_results(f) for f in files])
    rows = compare_files(read, metric=metric, group_by=group_by, correction=correction, margin=margin, level=level, every_pair=all_pairs)
    if as_json:
        print_json({"rows": [r.plain(group_by) for r in rows]})
    else:
        _print(rows, group_by, metric)
        if show_disagreements:
            split = disagreements(read[0], read[1])
            print_table(f"{len(split)} disagreements of {read[0].model} and {read[1].model}", ["Record", "First", "Second"], split)
    return 1 if fail_if_worse is not None and any(_fails(r, fail_if_worse) for r in rows) else 0


def _print(rows: list[ComparisonRow], group_by: str, metric: str) -> None:
    columns = [group_by, "Baseline", "Treatment", "Pairs", "Base", "Treat", "Delta", "95 % interval", "p", "p adj.", "W/L/T", "Verdict"]
    columns[7] = f"{rows[0].ci_level:.0%} interval"
    table = []
    for r in rows:
        span = f"[{r.ci_lower:+.4f}, {r.ci_upper:+.4f}]" if r.ci_lower is not None else None
        delta = f"{r.delta_mean:+.4f}" if r.delta_mean is not None else None
        tally = f"{r.wins}/{r.losses}/{r.ties}"
        numbers = [r.pair_count, r.baseline_mean, r.treatment_mean, delta, span, r.p_value, r.adjusted_p_value]
        table.append([r.group, r.baseline_model_id, r.treatment_model_id, *numbers, tally, r.decision])
    print_table(
        f"Paired comparison of {metric} ({rows[0].adjustment_method} over {rows[0].family_size})", columns, table, right=range(3, 10)
    )
    console = out()
    for r in rows:
        console.print(sentence(r), markup=False)
        for notice in r.notices:
            console.print(f"! {notice}", style="yellow", markup=False)


def sentence(row: ComparisonRow) -> str:
    """The verdict in words."""
    who = f"{row.treatment_model_id} vs {row.baseline_model_id} on {row.group}: "
    if row.decision == "undecided":
        more = f"; about {row.more_pairs} more samples would decide" if row.more_pairs else ""
        mde = f" (the smallest difference this many samples find with 80 % power is {shown(row.minimum_detectable_effect)})"
        return f"{who}undecided{more}{mde if row.minimum_detectable_effect is not None else ''}"
    if row.decision == "equivalent":
        return f"{who}equivalent within the margin"
    span = f"[{row.ci_lower:+.4f}, {row.ci_upper:+.4f}]"
    return f"{who}{row.decision} by {abs(row.delta_mean or 0.0):.4f} {span}, p = {row.adjusted_p_value:.3g}"


def _fails(row: ComparisonRow, margin: float) -> bool:
    """Worse by more than the margin for sure, or not shown to be within it by a decided comparison."""
    return row.decision == "worse" and row.delta_mean is not None and abs(row.delta_mean) > margin
