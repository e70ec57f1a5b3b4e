"""Distinct files for runs that would write the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tripos.runs.spec import RunSpec, slug

_LONGEST = 40  # characters of one part of a suffix
_TRAITS: tuple[Callable[[RunSpec], str], ...] = (
    lambda run: run.backend,
    lambda run: run.agent or "",
    lambda run: "+".join(run.tools),
    lambda run: run.model.engine or "",
    lambda run: run.model.base_url or "",
    lambda run: run.split or "",
    lambda run: run.subset or "",
    lambda run: run.partition,
    lambda run: "+".join(run.prompt_variants),
    lambda run: f"{run.shots}shot",
    lambda run: run.data.name if run.data else "",
    lambda run: run.choice_judge or "",
    lambda run: "+".join(f"{name}-{value}" for name, value in sorted(run.settings.items())),
    lambda run: run.judge.model.name,
    lambda run: f"t{run.params.temperature:g}",
    lambda run: f"max{run.params.max_tokens}",
    lambda run: f"x{run.attempts}",
    lambda run: f"n{run.max_samples}" if run.max_samples else "all",
)


def distinct(runs: Sequence[RunSpec]) -> list[RunSpec]:
    """The runs, each with a file of its own.

    Runs whose file is theirs alone keep it. The others get a suffix of the fewest traits that tell them apart
    (`gaia_qwen3-8b_simple.jsonl`), and a number where nothing does. Case is ignored, as some file systems do.
    """
    groups: dict[str, list[int]] = {}
    for i, run in enumerate(runs):
        groups.setdefault(_fold(run.output_path()), []).append(i)
    taken = {path for path, members in groups.items() if len(members) == 1}
    named = list(runs)
    for members in groups.values():
        if len(members) == 1:
            continue
        for i, suffix in zip(members, _suffixes([runs[i] for i in members]), strict=True):
            path = _free(runs[i].output_path(), suffix, taken)
            taken.add(_fold(path))
            named[i] = replace(runs[i], output=path)
    return named


def _suffixes(runs: Sequence[RunSpec]) -> list[str]:
    parts: list[tuple[str, ...]] = [()] * len(runs)
    for trait in _TRAITS:
        finer = [(*p, trait(run)) for p, run in zip(parts, runs, strict=True)]
        if len(set(finer)) > len(set(parts)):
            parts = finer
    return ["_".join(slug(part or "default")[:_LONGEST] for part in p) for p in parts]


def _free(path: Path, suffix: str, taken: set[str]) -> Path:
    stem = f"{path.stem}_{suffix}" if suffix else path.stem
    candidate, number = path.with_name(f"{stem}{path.suffix}") if suffix else None, 1
    while candidate is None or _fold(candidate) in taken:
        candidate = path.with_name(f"{stem}_{number}{path.suffix}")
        number += 1
    return candidate


def _fold(path: Path) -> str:
    return str(path).casefold()
