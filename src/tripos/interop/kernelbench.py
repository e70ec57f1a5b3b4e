"""KernelBench results: `eval_results.json` of a run, {problem id: [{sample_id, compiled, correctness, runtime, …}]}.

A problem is a record, a sample an attempt; correct means compiled and correct in all of its trials. `runtime_seconds` (the tool writes
milliseconds, whatever its comment says) and `compiled` are further metrics. The kernels themselves lie beside the file, one a
sample; where they do, they are the answers. The file names no model: the run's directory does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError
from tripos.core.records import Completion
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import ImportedLog, ImportedTrial, graded
from tripos.interop.loose_json import content_of, positive, read_document, whole

_LEVEL = re.compile(r"level_?(\d+)")
_KERNEL = re.compile(r"level_(\d+)_problem_(\d+)_sample_(\d+)_kernel\.py$")
_LARGEST_KERNEL_BYTES = 4 << 20


def recognises(peek: Peek) -> bool:
    """An object of problems whose entries say whether they compiled and were correct."""
    start = re.match(rb'\s*\{\s*"\d+"\s*:\s*[\[{]', peek.head)
    return peek.suffix == ".json" and start is not None and {"compiled", "correctness"} <= peek.keys


def read(path: Path) -> list[ImportedLog]:
    """The one log of a results file."""
    rows = list(_rows(read_document(path, dict), path))
    if not rows:
        raise ConfigError(f"{path} holds no evaluated kernels")
    kernels = {(int(m[2]), int(m[3])): p for p in sorted(path.parent.glob("level_*_kernel.py")) if (m := _KERNEL.search(p.name))}
    level = _level(path, kernels)
    return [
        ImportedLog(
            tool="kernelbench",
            tool_version=None,
            path=path,
            content=content_of(path, *kernels.values()),
            benchmark=f"kernelbench-{level}" if level else "kernelbench",
            model=path.resolve().parent.name,
            planned=len(rows),
            trials=lambda: (_trial(*row, kernels) for row in rows),
            scorer="correctness",
            category="kernels",
            notes=(
                "KernelBench states no figures of its own in this file, so there is nothing to check ours against.",
                "The file names no model; its directory's name stands for it (--model gives another).",
            ),
        )
    ]


def _rows(document: dict[str, Any], path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(problem, attempt, entry). The sample id is the attempt, unless a merged file has one twice: then the place is."""
    for problem, found in document.items():
        entries = found if isinstance(found, list) else [found]
        for number, entry in enumerate(entries):
            if not problem.isdigit() or not isinstance(entry, dict) or not isinstance(entry.get("correctness"), bool):
                raise ConfigError(f"{path}: entry {number} of problem {problem!r} does not say whether it was correct")
        ids = [whole(e.get("sample_id")) for e in entries]
        named = None not in ids and len(set(ids)) == len(ids)
        for number, (sample, entry) in enumerate(zip(ids, entries, strict=True)):
            yield int(problem), sample if named and sample is not None else number, entry


def _trial(problem: int, attempt: int, row: dict[str, Any], kernels: dict[tuple[int, int], Path]) -> ImportedTrial:
    metadata = row.get("metadata") if isinstance(row.get("metadata"), dict) else {}
    runtime = positive(row.get("runtime"))
    correct = row["correctness"] and row.get("compiled") is not False
    scores = {"correctness": float(correct), "compiled": _flag(row.get("compiled")), "runtime_seconds": runtime / 1e3 if runtime else None}
    return ImportedTrial(
        record_id=str(problem),
        attempt=attempt,
        completion=Completion(text=_kernel(kernels.get((problem, attempt)))),
        verdict=graded(
            scores,
            "correctness",
            shares=True,
            details={"sample_id": row.get("sample_id"), "metadata": metadata, "runtime_stats": row.get("runtime_stats")},
        ),
    )


def _flag(value: Any) -> float | None:
    return float(value) if isinstance(value, bool) else None


def _kernel(path: Path | None) -> str:
    if path is None or path.stat().st_size > _LARGEST_KERNEL_BYTES:
        return ""
    return path.read_text("utf-8", "replace")


def _level(path: Path, kernels: dict[tuple[int, int], Path]) -> str | None:
    names = [p.name for p in kernels.values()] or [path.name, path.resolve().parent.name]
    return next((f"level{m[1]}" for name in names if (m := _LEVEL.search(name))), None)


formats.register("kernelbench", Format("KernelBench: eval_results.json", recognises, read))
