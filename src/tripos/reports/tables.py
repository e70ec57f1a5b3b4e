"""Tables for people on stdout, JSON for programs; both honest about what was not measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import click
import msgspec

_FOLDED = 14  # characters: a column of texts is not folded to less


def print_json(value: Any) -> None:
    """Indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A table; numbers to the right where told. Nothing in a cell or title is read as markup.

    A number that is folded reads as another number, so where the terminal is too narrow each row becomes lines of its own.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    say(title, style="bold")  # a title of the table itself would be folded to its width
    texts = [[shown(cell) for cell in row] for row in rows]
    table, width = Table(header_style="bold"), 1
    for number, name in enumerate(columns):
        numeric = number in right
        longest = max(cell_len(line) for text in (name, *(row[number] for row in texts)) for line in text.split("\n"))
        least = longest if numeric else min(longest, _FOLDED)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric, min_width=least)
        width += least + 3
    for row in texts:
        table.add_row(*map(Text, row))
    if width <= out().width:
        out().print(table)
        return
    for row in texts:
        for number, (name, text) in enumerate(zip(columns, row, strict=True)):
            say(f"{'' if number == 0 else '  '}{name}{': ' if name else ''}{text}")


def say(text: str, *, style: str | None = None) -> None:
    """Lines on stdout, whoever wrote them: nothing in them is markup or drives the terminal."""
    out().print(clean(text), style=style, markup=False)


@cache
def out() -> Any:
    """The console of stdout; when nobody looks, lines are not folded to a terminal's width."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


@cache
def err() -> Any:
    """The console of stderr: progress, warnings."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"! {clean(message)}", err=True)


def shown(value: Any, digits: int = 4) -> str:
    """A cell: `–` for what was not measured."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        fits = value == 0 or 10.0**-digits <= abs(value) < 10**digits
        return f"{value:.{digits}f}" if fits else f"{value:.3g}"
    return clean(str(value))


def clean(text: str) -> str:
    """Text that may come from a model or a server, without control characters that would drive a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
