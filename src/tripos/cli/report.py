"""`tripos report`: everything about results files, on the terminal or as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tripos.core.errors import ConfigError
from tripos.reports.tables import print_json, say

if TYPE_CHECKING:
    from tripos.results.comparison import ComparisonRow
    from tripos.results.result_file import ResultFile


@click.command("report")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--html", "page_path", type=click.Path(path_type=Path), help="Write one HTML page over all files instead.")
@click.option("--title", default="Tripos report", show_default=True, help="Title of the page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(files: tuple[Path, ...], page_path: Path | None, title: str, as_json: bool) -> int:
    """Accuracy with interval, latency, cost, groups and notices of results files."""
    from tripos.reports.run_report import print_run
    from tripos.results.result_file import read_results

    results = [read_results(f) for f in files]
    summaries = [_summary(r) for r in results]
    if page_path is not None:
        from tripos.reports.page import page

        try:
            page_path.write_text(page(title, summaries, _comparisons(results)))
        except OSError as error:
            raise ConfigError(f"cannot write {page_path}: {error.strerror}") from error
        say(f"{page_path}: {len(results)} runs")
    elif as_json:
        print_json(summaries[0] if len(summaries) == 1 else {"runs": summaries})
    else:
        for path, summary in zip(files, summaries, strict=True):
            print_run(summary, str(path))
    return 0


def _summary(results: ResultFile) -> dict[str, Any]:
    if not results.records:
        raise ConfigError(f"{results.path} holds no records")
    if results.summary is None:
        again = f"run the same command again, or `tripos summarize {results.path}`"
        raise ConfigError(f"{results.path} has no summary beside it, the run did not end: {again}")
    _agree(results.path, results.records, results.summary)
    return results.summary


def _agree(path: Path, records: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """A summary that is older than its records (or of another run) would be a wrong score."""
    right = [r["is_correct"] for r in records if r.get("is_correct") is not None]
    for name, counted in (("scored_samples", len(right)), ("correct", sum(map(bool, right)))):
        if name in summary and summary[name] != counted:
            raise ConfigError(
                f"{path} and its summary do not agree: {name} is {summary[name]} in the summary, {counted} in the records; "
                "run the same command again, it writes both anew"
            )


def _comparisons(results: list[ResultFile]) -> list[ComparisonRow]:
    """What `tripos compare` says of these files, all benchmarks in one family; nothing where no benchmark is shared."""
    from tripos.results.comparison import compare, in_common
    from tripos.results.contenders import contend
    from tripos.results.file_scores import SIDE, pairs_of

    table, names, _ = contend(results, "accuracy", "benchmark", store="")
    shared = len(names) > 1 and in_common(table, pairs_of(names), SIDE, "benchmark")
    return compare(table, pairs_of(names), side=SIDE, group_by="benchmark", correction="holm") if shared else []
