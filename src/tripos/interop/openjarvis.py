"""OpenJarvis results: a JSON Lines file and its summary. In and, to the letter of its published format, out (`export_openjarvis`).

The tool writes 0.0 for what it did not measure. Where a measurement cannot be zero (a latency, a token count of a prompt, energy,
power, a price) it becomes None; a sample with an error has no measurements at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Usage, Verdict
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import NO_SCORE, ImportedLog, ImportedTrial, Reported
from tripos.interop.loose_json import content_of, number, positive, read_document, read_lines, whole

_TELEMETRY = ("energy_joules", "power_watts", "gpu_utilization_pct")
_FURTHER = (
    "cpu_energy_joules", "gpu_energy_joules", "dram_energy_joules", "ane_energy_joules", "soc_energy_joules", "throughput_tok_per_sec",
    "mfu_pct", "mbu_pct", "energy_per_output_token_joules", "throughput_per_watt", "mean_itl_ms", "estimated_flops",
)  # fmt: skip


def recognises(peek: Peek) -> bool:
    """A JSON Lines file whose lines are results, and not our own."""
    if peek.suffix != ".jsonl":
        return False
    line = peek.first_line
    return {"record_id", "benchmark", "model_answer", "is_correct"} <= line.keys() and "trial_hash" not in line


def read(path: Path) -> list[ImportedLog]:
    """The log of a results file, with the summary beside it if there is one."""
    names = (path.with_suffix(".summary.json"), path.with_name(path.name + ".summary.json"))
    beside = next((p for p in names if p.is_file()), None)
    summary = read_document(beside, dict) if beside is not None else {}
    newest = {str(r["record_id"]): r for r in _records(path)}
    if not newest:
        raise ConfigError(f"{path} holds no records")
    first = next(iter(newest.values()))
    return [
        ImportedLog(
            tool="openjarvis",
            tool_version=None,
            path=path,
            content=content_of(path, *([beside] if beside is not None else [])),
            benchmark=str(first["benchmark"]),
            model=str(first.get("model") or summary.get("model") or "unknown"),
            planned=max(len(newest), whole(summary.get("total_samples")) or 0),
            trials=lambda: (_trial(r) for r in newest.values()),
            scorer="score",
            backend=str(first.get("backend") or "imported"),
            category=str(summary.get("category") or ""),
            started_at=number(summary.get("started_at")),
            ended_at=number(summary.get("ended_at")),
            reported=_reported(summary, len(newest)),
            notes=_notes(summary),
        )
    ]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for count, record in enumerate(read_lines(path), 1):
        if "record_id" not in record or "benchmark" not in record:
            raise ConfigError(f"{path}, record {count}: no record_id or no benchmark; this is not a results file")
        yield record


def _trial(r: dict[str, Any]) -> ImportedTrial:
    record_id, error = str(r["record_id"]), r.get("error")
    answer = str(r.get("model_answer") or "")
    if error and not answer:
        return ImportedTrial(record_id=record_id, error=str(error)[:2000], error_kind="sample_error")
    metadata = r.get("scoring_metadata")
    details = dict(metadata) if isinstance(metadata, dict) else {}
    details |= {k: v for k in _FURTHER if (v := positive(r.get(k))) is not None}
    verdict = None
    if r.get("is_correct") is not None:
        # is_correct is the tool's own verdict and decides; the score may be a part of the marks
        correct, value = bool(r["is_correct"]), number(r.get("score"))
        verdict = Verdict(value=value if value is not None else float(correct), is_correct=correct, details=details)
    extracted = details.get("extracted", details.get("candidate_letter"))
    return ImportedTrial(
        record_id=record_id,
        reference=details.get("reference_letter", details.get("reference")),
        completion=_completion(r, answer),
        extraction=Extraction(answer=extracted, how="as OpenJarvis extracted it" if extracted is not None else ""),
        verdict=verdict,
        error=None if verdict is not None else str(error)[:2000] if error else NO_SCORE,
        telemetry={k: positive(r.get(k)) for k in _TELEMETRY},
    )


def _completion(r: dict[str, Any], answer: str) -> Completion:
    prompt = positive(r.get("prompt_tokens"))
    return Completion(
        text=answer,
        usage=Usage(
            prompt_tokens=whole(prompt),
            # a model may well answer nothing: with a counted prompt, 0 is a count
            completion_tokens=whole(r.get("completion_tokens")) if prompt is not None else whole(positive(r.get("completion_tokens"))),
        ),
        cost_usd=positive(r.get("cost_usd")),
        latency_seconds=positive(r.get("latency_seconds")),
        ttft_seconds=positive(r.get("ttft")),
        model=str(r["model"]) if r.get("model") else None,
    )


def _reported(summary: dict[str, Any], held: int) -> tuple[Reported, ...]:
    value, total = number(summary.get("accuracy")), whole(summary.get("total_samples"))
    if value is None:
        return ()
    why = f"the figure is of {total} samples, the file holds {held}" if total not in (None, held) else ""
    return (Reported(name="accuracy", value=value, ours="accuracy", digits=4, why=why),)


def _notes(summary: dict[str, Any]) -> tuple[str, ...]:
    if len(summary.get("per_subject") or {}) > 1:
        return ("OpenJarvis keeps subjects in its summary only, so the records have none.",)
    return ()


formats.register("openjarvis", Format("OpenJarvis: results .jsonl", recognises, read))
