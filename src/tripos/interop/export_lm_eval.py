"""Results in the shape of lm-evaluation-harness: a directory with `results_<time>.json` and `samples_<task>_<time>.jsonl`.

The harness has no word for a sample that was not scored: such samples are left out of both files, and `n-samples` says how many were
planned. Attempts of a record are its responses, their mean is its value. Our own importer reads it back.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import tripos
from tripos.core.errors import ConfigError
from tripos.interop.exporting import Exported, Exporter, exporters, written
from tripos.results.direction import of_summary
from tripos.results.frames import metrics_of

_encode = msgspec.json.Encoder().encode


def write(run: Exported, folder: Path) -> list[Path]:
    """Writes both files into a directory."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; lm-eval results are a directory, name one with -o")
    items = _items(run)
    if not items:
        raise ConfigError(f"{run.name}: no record is scored, and lm-eval results hold nothing else")
    lines = [_line(number, run, item) for number, item in enumerate(items)]
    stamp = datetime.fromtimestamp(_started(run), UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    task = re.sub(r"[\"<>:/|\\?*\[\]\s]+", "_", run.benchmark)
    results, samples = folder / f"results_{stamp}.json", folder / f"samples_{task}_{stamp}.jsonl"
    with written(samples) as file:
        file.writelines(_encode(line) + b"\n" for line in lines)
    with written(results) as file:
        file.write(msgspec.json.format(_encode(_results(run, task, lines)), indent=2) + b"\n")
    return [results, samples]


def _items(run: Exported) -> list[list[dict[str, Any]]]:
    """The scored attempts of each record and prompt variant."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in run.records:
        if record.get("is_correct") is not None:
            found.setdefault((str(record["record_id"]), str(record.get("prompt_variant_id") or "default")), []).append(record)
    return list(found.values())


def _line(number: int, run: Exported, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    first = attempts[0]
    record_id, variant = str(first["record_id"]), str(first.get("prompt_variant_id") or "default")
    prompt, reference = run.asked.get((record_id, variant, int(first.get("attempt") or 0)), ("", None))
    doc = {"record_id": record_id if variant == "default" else f"{record_id}#{variant}", "subject": first.get("subject")}
    target = reference if isinstance(reference, str) else "" if reference is None else _encode(reference).decode()
    answers = [str(a.get("model_answer") or "") for a in attempts]
    values = {"acc": _mean([float(a["is_correct"]) for a in attempts])}
    for name in sorted({n for a in attempts for n in metrics_of(a)} - values.keys()):
        known = [v for a in attempts if (v := metrics_of(a).get(name)) is not None]
        if known and re.fullmatch(r"[\w@.\- ]+", name):
            values[name] = _mean(known)
    return {
        "doc_id": number,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {}}},
        "resps": [answers],
        "filtered_resps": answers[:1],
        "filter": "none",
        "metrics": list(values),
        "doc_hash": _sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _sha256(prompt),
        "target_hash": _sha256(target),
        **values,
    }


def _results(run: Exported, task: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(n for line in lines for n in line["metrics"]))
    figures: dict[str, Any] = {"alias": task, "sample_len": len(lines)}
    for name in names:
        values = [line[name] for line in lines if name in line]
        figures |= {f"{name},none": _mean(values), f"{name}_stderr,none": _stderr(values)}
    summary = run.summary or {}
    config = summary.get("config") or {}
    higher = {n: not less for n in names if (less := of_summary("accuracy" if n == "acc" else n, summary)) is not None}
    return {
        "results": {task: figures},
        "group_subtasks": {task: []},
        "configs": {
            task: {
                "task": task,
                "metric_list": [{"metric": n, "aggregation": "mean", "higher_is_better": higher.get(n)} for n in names],
                "output_type": "generate_until",
                "generation_kwargs": config.get("params") or {},
                "repeats": max(len(line["resps"][0]) for line in lines),
                "metadata": {"version": 1.0},
            }
        },
        "versions": {task: 1.0},
        "n-shot": {task: config.get("shots") or 0},
        "higher_is_better": {task: higher},
        "n-samples": {task: {"original": _planned(run), "effective": len(lines)}},
        "config": {
            "model": str(run.records[0].get("backend") or ""),
            "model_args": f"model={run.model}",
            "random_seed": config.get("seed"),
        },
        "date": _started(run),
        "model_source": "tripos",
        "model_name": run.model,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", run.model),
        "task_hashes": {},
        "tripos": {"version": tripos.__version__, "run_id": run.records[0].get("run_id"), "benchmark": run.benchmark},
    }


def _planned(run: Exported) -> int:
    stated = (run.summary or {}).get("planned")
    items = {(r["record_id"], r.get("prompt_variant_id")) for r in run.records}
    return max(len(items), round(stated * len(items) / len(run.records))) if isinstance(stated, int) else len(items)


def _started(run: Exported) -> float:
    times = [r["started_at"] for r in run.records if r.get("started_at") is not None]
    return float((run.summary or {}).get("started_at") or min(times, default=0.0))


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _stderr(values: list[float]) -> float | str:
    """As the harness: sample deviation / sqrt(n), "N/A" for one value."""
    if len(values) < 2:
        return "N/A"
    mean = _mean(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


exporters.register("lm-eval", Exporter("a directory with lm-eval's results and samples", write))
