"""The tables of a result in one object that writes itself as Markdown, LaTeX or CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tripos.results.artifacts import write_atomically
from tripos.results.rows import Row
from tripos.results.table_text import label_simulated, text_of_rows

if TYPE_CHECKING:
    from tripos.results.benchmark_result import BenchmarkResult


@dataclass(frozen=True)
class EvaluationReport:
    """`tables`: `main_results` and, with two models or more, `paired_comparisons`; `metadata` says what was read."""

    tables: dict[str, list[Row]]
    metadata: dict[str, str]

    def to_markdown(self, path: str | Path | None = None) -> str:
        """All tables under headings, the metadata at the end."""
        parts = [f"## {name}\n\n{text_of_rows(rows, 'markdown')}" for name, rows in self.tables.items()]
        notes = "".join(f"- {name}: {value}\n" for name, value in self.metadata.items())
        return _written("\n".join([*parts, f"## metadata\n\n{notes}"]), path)

    def to_latex(self, path: str | Path | None = None) -> str:
        """One tabular a table, named in a comment."""
        return _written("\n".join(f"% {name}\n{text_of_rows(rows, 'latex')}" for name, rows in self.tables.items()), path)

    def to_csv(self, path: str | Path) -> list[Path]:
        """One file a table, `<stem>_<table>.csv` beside `path`."""
        target = Path(path)
        written = []
        for name, rows in self.tables.items():
            file = target.with_name(f"{target.stem}_{name}.csv")
            write_atomically(file, text_of_rows(rows, "csv").encode())
            written.append(file)
        return written


def report_of(result: BenchmarkResult, p_value_correction: str) -> EvaluationReport:
    """What `BenchmarkResult.report` gives."""
    main = result.aggregate(group_by=["model_id", "slice_id", "metric_id"])
    tables = {"main_results": main}
    if len({row["slice_id"] for row in main}) > 1:
        tables["averages_over_slices"] = result.aggregate(group_by=["model_id", "metric_id"], macro_over="slice_id")
    if len({row["model_id"] for row in main}) > 1:
        metrics = sorted({row["metric_id"] for row in main})
        first = "accuracy" if "accuracy" in metrics else metrics[0]
        tables["paired_comparisons"] = result.paired_compare(metric_id=first, p_value_correction=p_value_correction)
    labelled = {name: label_simulated(rows, result.simulated) for name, rows in tables.items()}
    return EvaluationReport(labelled, {"benchmark_id": str(result.benchmark_id), **result.scope()})


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_atomically(Path(path), text.encode())
    return text
