"""The tables of a result in one object that writes itself as Markdown, LaTeX or CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tripos.results.artifacts import write_atomically
from tripos.results.rows import Row
from tripos.results.table_text import text_of_rows


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


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_atomically(Path(path), text.encode())
    return text
