"""The bundle that is handed over: aggregate rows as JSON, and a summary that a person reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.results.rows import Row


@dataclass(frozen=True, slots=True)
class ArtifactBundle:
    """Paths for benchmark-native handoff artifacts."""

    aggregate_json_path: Path
    summary_markdown_path: Path


def write_bundle(
    root: Path, benchmark_id: str | None, scope: dict[str, str], rows: Sequence[Row], simulated: Sequence[str] = ()
) -> ArtifactBundle:
    """Writes `benchmark-aggregate-<scope>.json` and `benchmark-summary-<scope>.md`, each whole or not at all.

    The names say the scope alone; where they are taken by another benchmark, its own name is added instead of overwriting it.
    `simulated` are the models that were never asked; both files say so.

    Raises:
        ConfigError: the directory cannot be written.
    """
    suffix = scope["overlay_key"].replace(":", "-")
    try:
        root.mkdir(parents=True, exist_ok=True)
        if _of_another(root / f"benchmark-aggregate-{suffix}.json", benchmark_id):
            suffix = f"{suffix}-{''.join(c if c.isalnum() or c in '._-' else '-' for c in benchmark_id or 'several')}"
        aggregate, summary = root / f"benchmark-aggregate-{suffix}.json", root / f"benchmark-summary-{suffix}.md"
        document: dict[str, Any] = {"benchmark_id": benchmark_id, "scope": scope, "rows": list(rows)}
        if simulated:
            document["simulated"] = list(simulated)
        write_atomically(aggregate, msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n")
        write_atomically(summary, _markdown(scope["overlay_key"], rows, simulated).encode())
    except OSError as error:
        raise ConfigError(f"cannot write the bundle to {root}: {error.strerror}") from error
    return ArtifactBundle(aggregate, summary)


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file at once."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _of_another(path: Path, benchmark_id: str | None) -> bool:
    if not path.is_file():
        return False
    try:
        found: Any = msgspec.json.decode(path.read_bytes())
        return not isinstance(found, dict) or found.get("benchmark_id") != benchmark_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True


def _markdown(overlay_key: str, rows: Sequence[Row], simulated: Sequence[str]) -> str:
    lines = ["# Benchmark Summary", ""]
    lines += [f"SIMULATED, no model was asked: {', '.join(simulated)}", ""] if simulated else []
    for row in rows:
        mean = "not measured" if row["mean"] is None else f"{row['mean']:.4f}"
        labels = " ".join(
            f"{short}={row.get(key)}"
            for short, key in (("model", "model_id"), ("slice", "slice_id"), ("metric", "metric_id"), ("prompt", "prompt_variant_id"))
        )
        sure = "" if row["ci_lower"] is None else f" ci{row['ci_level']:.0%}=[{row['ci_lower']:.4f}, {row['ci_upper']:.4f}]"
        missing = f" failed={row['failed']}" if row["failed"] else ""
        lines.append(f"- scope={overlay_key} {labels} mean={mean} count={row['count']}{sure}{missing}")
    return "\n".join(lines) + "\n"
