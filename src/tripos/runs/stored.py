"""A stored run as lines of a results file, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import msgspec

from tripos.runs.lines import Header
from tripos.runs.results_file import line_of
from tripos.runs.spec import ModelSpec
from tripos.store.reading import Reader, RunRow

_HARDWARE = ("param_count_b", "active_params_b", "gpu_peak_tflops", "gpu_peak_bandwidth_gb_s", "num_gpus")


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
