"""`tripos compare`: is B better than A?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tripos.cli.options import Finite
from tripos.core.errors import ConfigError
from tripos.reports.tables import print_json, print_table, say
from tripos.reports.verdicts import sentence
from tripos.results.table_text import FORMS, label_simulated, text_of_rows
from tripos.runs.spec import DEFAULT_STORE

if TYPE_CHECKING:
    from tripos.results.comparison import ComparisonRow


@click.command("compare")
@click.argument("sides", nargs=-1, required=True, metavar="SIDE SIDE...")
@click.option("--metric", default="accuracy", show_default=True, help="accuracy, score, or any number of the records.")
@click.option("--by", "group_by", default="benchmark", show_default=True, help="benchmark, slice_id, subject, any dimension or parameter.")
@click.option("--macro-over", metavar="KEY", help="Add to each row one in which every KEY (subject, slice_id, ...) weighs the same.")
@click.option("--correction", default="holm", show_default=True, help="none, bonferroni, holm, bh or by; over all rows.")
@click.option("--margin", default=0.0, show_default=True, type=Finite(min=0), help="Largest difference that does not matter.")
@click.option("--level", default=0.95, show_default=True, type=Finite(0, 1, min_open=True, max_open=True))
@click.option("--better", type=click.Choice(["more", "less"]), help="Of the metric, where neither the results nor its name say.")
@click.option("--all-pairs", is_flag=True, help="Every side with every other, not only the first with the rest.")
@click.option(
    "--fail-if-worse",
    type=Finite(min=0),
    help="Exit 1 if a treatment is worse by more than this, or has no score where the baseline has one.",
)
@click.option("--show-disagreements", is_flag=True, help="List the records on which the first two sides disagree.")
@click.option("-b", "--benchmark", help="Only this benchmark of a model: side.")
@click.option("--scores", default="default", show_default=True, help="Scoring of runs, by name or hash.")
@click.option("--store", default=DEFAULT_STORE, show_default=True, help="Where the runs are.")
@click.option("--format", "form", type=click.Choice(["table", *FORMS, "json"]), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help='Print {"rows": [...]}.')
def command(
    sides: tuple[str, ...],
    metric: str,
    group_by: str,
    all_pairs: bool,
    fail_if_worse: float | None,
    show_disagreements: bool,
    benchmark: str | None,
    scores: str,
    store: str,
    **how: Any,
) -> int:
    """Compare results, paired by sample: the first SIDE with each of the others.

    A SIDE is a results file, a run of the store (run:ID, or the id alone) or a model of the store (model:NAME, or the name alone).
    """
    from tripos.results.comparison import compare, disagreements
    from tripos.results.contenders import contend
    from tripos.results.file_scores import SIDE, pairs_of
    from tripos.results.group_keys import canonical

    form = "json" if how.pop("as_json") else how["form"]
    how.pop("form")
    if show_disagreements and form in FORMS:
        raise ConfigError(f"--show-disagreements goes with the table or --json, not with --format {form}")
    keys = {canonical(key): key for key in (group_by, how["macro_over"]) if key is not None}
    table, names, made_up = contend(sides, metric, *keys.values(), store=store, scores=scores, benchmark=benchmark)
    rows = compare(table, pairs_of(names, every_pair=all_pairs), side=SIDE, group_by=group_by, **how)
    split = disagreements(table, names[0], names[1], side=SIDE) if show_disagreements else []
    if form == "json":
        found: dict[str, Any] = {"rows": [r.plain(group_by) for r in rows], "simulated": made_up}
        if show_disagreements:
            columns = ("record_id", "prompt_variant_id", "baseline", "treatment")
            found["disagreements"] = [dict(zip(columns, row, strict=True)) for row in split]
        print_json(found)
    elif form != "table":
        click.echo(text_of_rows(label_simulated([r.plain(group_by) for r in rows], made_up), form), nl=False)
    else:
        _print(rows, group_by, metric)
        if made_up:
            say(f"! SIMULATED, no model was asked: {', '.join(made_up)}", style="yellow")
        if show_disagreements:
            title = f"{len(split)} disagreements of {names[0]} and {names[1]}"
            print_table(title, ["Record", "Asked", "First", "Second"], split, right=(2, 3))
    if fail_if_worse is not None and any(r.decision == "different" for r in rows):
        raise ConfigError(f"--fail-if-worse: nothing says whether more or less of {metric!r} is better; add --better more or --better less")
    return 1 if fail_if_worse is not None and any(_fails(r, fail_if_worse) for r in rows) else 0


def _print(rows: list[ComparisonRow], group_by: str, metric: str) -> None:
    interval = f"{100 * rows[0].ci_level:.6g} % interval"
    columns = [group_by, "Baseline", "Treatment", "Pairs", "Base", "Treat", "Delta", interval, "p", "p adj.", "W/L/T", "Verdict"]
    table = []
    for r in rows:
        span = f"[{r.ci_lower:+.4f}, {r.ci_upper:+.4f}]" if r.ci_lower is not None else None
        delta = f"{r.delta_mean:+.4f}" if r.delta_mean is not None else None
        tally = f"{r.wins}/{r.losses}/{r.ties}"
        numbers = [r.pair_count, r.baseline_mean, r.treatment_mean, delta, span, r.p_value, r.adjusted_p_value]
        table.append([r.group, r.baseline_model_id, r.treatment_model_id, *numbers, tally, r.decision])
    average = "micro"
    if any(r.average != average for r in rows):
        average = "micro and macro"
        columns.append("Average")
        table = [[*cells, r.average] for r, cells in zip(rows, table, strict=True)]
    title = f"Paired comparison of {metric}, {average} ({rows[0].adjustment_method} over {rows[0].family_size})"
    print_table(title, columns, table, right=range(3, 10))
    for r in rows:
        say(sentence(r))
        for notice in r.notices:
            say(f"! {notice}", style="yellow")


def _fails(row: ComparisonRow, margin: float) -> bool:
    """Surely worse, and by more than the margin; or nothing was scored to be compared with what the baseline has."""
    if not row.pair_count:
        return row.baseline_missing < row.planned
    return row.decision == "worse" and row.delta_mean is not None and abs(row.delta_mean) > margin
