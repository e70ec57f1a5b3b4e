"""The reference of the suite file, generated from the schema."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from tripos.config.checking import describe, show
from tripos.config.schema import SECTIONS, Section


def reference_markdown() -> str:
    """All sections and keys as Markdown tables, one a section."""
    return "\n\n".join(_section(section) for section in SECTIONS) + "\n"


def description(kind: Any) -> str:
    """The sentence that belongs to a key's type; empty if nobody wrote one."""
    info = inspect.type_info(kind)
    extra = info.extra_json_schema if isinstance(info, inspect.Metadata) else None
    return str((extra or {}).get("description", ""))


def _section(section: Section) -> str:
    rows = ["| Key | Type | Default | Description |", "|---|---|---|---|"]
    for f in section.fields.values():
        cells = (f"`{f.name}`", describe(f.type, short=True), _default(f), description(f.type))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return f"### `{section.header}`\n\n{section.about}\n\n" + "\n".join(rows)


def _default(f: msgspec.structs.FieldInfo) -> str:
    if f.required:
        return "required"
    value = f.default if f.default is not msgspec.NODEFAULT else f.default_factory()
    if value is None:
        return "not set"
    return "`{}`" if value == {} else f"`{show(value)}`"
