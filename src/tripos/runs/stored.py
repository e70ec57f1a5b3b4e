"""A stored run as lines of a results file, whoever made it; and what an export needs beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import JSON
from tripos.interop.exporting import Exported, Key
from tripos.results.result_file import ResultFile
from tripos.runs.columns import Columns
from tripos.runs.lines import Header
from tripos.runs.results_file import line_of
from tripos.runs.spec import ModelSpec, RunSpec
from tripos.runs.summary import Summary, figures
from tripos.store.reading import Reader, RunRow

_HARDWARE = ("param_count_b", "active_params_b", "gpu_peak_tflops", "gpu_peak_bandwidth_gb_s", "num_gpus")


SCORER = "scorer"
"""Under which a rescored run keeps the digest of the scorer that it was graded by."""


def spec_of(config: dict[str, Any], run_id: str) -> RunSpec:
    """The specification that a run was made from, from its recorded configuration; without its keys.

    Raises:
        ConfigError: the run was imported from another tool, or its configuration cannot be read.
    """
    try:
        found: RunSpec = msgspec.convert(config, RunSpec, dec_hook=_from_text)
    except (msgspec.ValidationError, TypeError) as error:
        raise ConfigError(f"run {run_id} of {config.get('benchmark')} has no configuration that can be scored again: {error}") from error
    return found


def _from_text(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise TypeError(f"{kind.__name__} is not kept in a configuration")


def header_of(run: RunRow) -> Header:
    """What the lines of a run share, from its row."""
    config: dict[str, Any] = msgspec.json.decode(run.config)
    model = config.get("model") or {}
    known = {f.name for f in fields(ModelSpec)}
    hardware = ModelSpec(name=run.model, **{k: model[k] for k in _HARDWARE if k in known and model.get(k) is not None})
    return Header(
        benchmark=run.benchmark, model=run.model, backend=run.backend, run_id=run.run_id, seed=config.get("seed"), hardware=hardware
    )


def lines_of(reader: Reader, run: RunRow) -> Iterator[bytes]:
    """The line of each trial that was answered or failed, in the order of record ids."""
    header = header_of(run)
    for trial in reader.trials(run.run_id, run.overlay):
        text = line_of(header, trial, reader)
        if text is not None:
            yield text


def exported_run(run: RunRow, reader: Reader) -> Exported:
    """A run of the store, ready to be exported."""
    records = [msgspec.json.decode(text) for text in lines_of(reader, run)]
    return Exported(name=f"run {run.run_id}", records=records, summary=_summary(run, reader), asked=asked_in(run, reader))


def exported_file(file: ResultFile, reader: Reader | None) -> Exported:
    """A results file, with prompts and references from the store where it has the run."""
    run_id = file.records[0].get("run_id") if file.records else None
    run = next((r for r in reader.runs() if r.run_id == run_id), None) if reader is not None and run_id else None
    asked = asked_in(run, reader) if run is not None and reader is not None else {}
    return Exported(name=str(file.path), records=file.records, summary=file.summary, asked=asked)


def asked_in(run: RunRow, reader: Reader) -> dict[Key, tuple[str, JSON]]:
    """Prompt as text and reference of each trial of a run."""
    found: dict[Key, tuple[str, JSON]] = {}
    for trial in reader.trials(run.run_id, run.overlay):
        p = trial.planned
        found[p.record_id, p.prompt_variant_id, p.attempt] = (_text(reader.fetch(p.prompt)), p.reference)
    return found


def _text(prompt: str) -> str:
    """A single message as it is, several as the JSON that chat models take."""
    messages: list[dict[str, Any]] = msgspec.json.decode(prompt)
    if len(messages) == 1 and isinstance(messages[0].get("content"), str):
        return str(messages[0]["content"])
    return prompt if messages else ""


def _summary(run: RunRow, reader: Reader) -> Summary:
    columns = Columns(header_of(run).hardware)
    for trial in reader.trials(run.run_id, run.overlay):
        columns.take(trial)
    head = {"benchmark": run.benchmark, "category": run.category, "backend": run.backend, "model": run.model}
    times = {"started_at": run.started_at, "ended_at": run.ended_at}
    return head | figures(columns.close(), run.planned or columns.everyone.total) | times | {"config": msgspec.json.decode(run.config)}
