"""Rows of a report as Markdown, LaTeX or CSV. What was not measured is an empty cell, never 0."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.results.rows import Row

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


_MODELS = ("model_id", "baseline_model_id", "treatment_model_id")


def label_simulated(rows: Sequence[Row], simulated: Sequence[str]) -> list[Row]:
    """Rows in which models that were never asked are called so, for a table that is read elsewhere."""

    def called(name: Any) -> Any:
        made_up = any(name == model or str(name).startswith(f"{model} (") for model in simulated)
        return f"{name} (SIMULATED)" if made_up else name

    return [{key: called(value) if key in _MODELS else value for key, value in row.items()} for row in rows]


def text_of_rows(rows: Sequence[Row], form: str) -> str:
    """A table with a header, in the order of the first row's keys.

    Args:
        form: `markdown`, `latex` or `csv`.

    Raises:
        ConfigError: another form.
    """
    if form not in FORMS:
        raise ConfigError(unknown("table format", form, FORMS))
    names = list(dict.fromkeys(name for row in rows for name in row))
    return FORMS[form](names, [[row.get(name) for name in names] for row in rows])


def _markdown(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [names, ["---"] * len(names), *([_shown(cell) for cell in row] for row in rows)]
    return "".join("| " + " | ".join(_in_markdown(cell) for cell in line) + " |\n" for line in lines)


def _latex(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    columns = "".join("r" if rows and all(_is_number(row[i]) for row in rows) else "l" for i in range(len(names)))
    head = " & ".join(_in_latex(name) for name in names)
    body = "".join(" & ".join(_in_latex(_shown(cell)) for cell in row) + r" \\" + "\n" for row in rows)
    return f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{head} \\\\\n\\hline\n{body}\\hline\n\\end{{tabular}}\n"


def _csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Full precision, for another program."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # a lone carriage return would go unquoted
    writer.writerow(names)
    writer.writerows([["" if cell is None else _joined(cell, repr) for cell in row] for row in rows])
    return out.getvalue()


FORMS: dict[str, Callable[[Sequence[str], Sequence[Sequence[Any]]], str]] = {"markdown": _markdown, "latex": _latex, "csv": _csv}


def _is_number(cell: Any) -> bool:
    return cell is None or (isinstance(cell, (int, float)) and not isinstance(cell, bool))


def _joined(cell: Any, number: Callable[[float], str]) -> Any:
    """A list as one text; its floating-point numbers as `number` writes them."""
    if not isinstance(cell, (list, tuple)):
        return cell
    return "; ".join(number(c) if isinstance(c, float) else _shown(c) for c in cell)


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4f}" if cell == 0 or 1e-4 <= abs(cell) < 1e6 else f"{cell:.3g}"
    return str(_joined(cell, _shown))


def _in_markdown(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def _in_latex(cell: str) -> str:
    return "".join(_LATEX.get(c, c) for c in cell.replace("\n", " "))
