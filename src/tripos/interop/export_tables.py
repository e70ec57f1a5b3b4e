"""Parquet, CSV and JSON Lines: the records as they are, one row a line of the results file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec

from tripos.interop.exporting import Exported, Exporter, exporters, written
from tripos.results.frames import columns, rows, to_arrow

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_parquet(run: Exported, path: Path) -> list[Path]:
    """One Parquet file (zstd), typed; unmeasured is null."""
    table = to_arrow(run.records)
    from pyarrow import parquet

    with written(path) as file:
        parquet.write_table(table, file, compression="zstd")
    return [path]


def write_csv(run: Exported, path: Path) -> list[Path]:
    """RFC 4180, UTF-8; unmeasured is empty. Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    names = columns(run.records)
    with written(path) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="surrogatepass", newline="", write_through=True)
        sheet = csv.writer(text, lineterminator="\r\n")
        sheet.writerow([cell(n) for n in names])
        sheet.writerows([cell(row.get(n)) for n in names] for row in rows(run.records))
        text.detach()
    return [path]


def cell(value: Any) -> Any:
    """A value as a CSV cell: numbers as they are, text disarmed (OWASP's list of first characters)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value


def write_jsonl(run: Exported, path: Path) -> list[Path]:
    """One record a line, every field of the results file."""
    encode = msgspec.json.Encoder().encode
    with written(path) as file:
        file.writelines(encode(r) + b"\n" for r in run.records)
    return [path]


exporters.register("parquet", Exporter("one typed Parquet file", write_parquet))
exporters.register("csv", Exporter("one CSV file", write_csv))
exporters.register("jsonl", Exporter("one JSON Lines file", write_jsonl))
