"""Tiny logs in the formats of other tools, written by us for the tests."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import zstandard


def write_json(path: Path, value: Any) -> Path:
    """A JSON document; NaN is written as Python writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def write_lines(path: Path, rows: list[Any]) -> Path:
    """A JSON Lines file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def zip_of(path: Path, members: dict[str, bytes], *, method: int = 93, claimed: int | None = None, flags: int = 0) -> Path:
    """A zip archive whose members are compressed with zstd (93), deflate (8) or stored (0).

    `claimed` lies about the size of every member in the directory.
    """
    body, directory = b"", b""
    for name, data in members.items():
        packed = _pack(data, method)
        size, crc, label = len(data) if claimed is None else claimed, zlib.crc32(data), name.encode()
        common = struct.pack("<5H3I2H", 63, flags, method, 0, 33, crc, len(packed), size, len(label), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + common + struct.pack("<3H2I", 0, 0, 0, 0, len(body)) + label
        body += b"PK\x03\x04" + common + label + packed
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def _pack(data: bytes, method: int) -> bytes:
    if method == 93:  # in two frames, as large members are
        half = len(data) // 2
        return zstandard.compress(data[:half]) + zstandard.compress(data[half:])
    if method == 8:
        deflate = zlib.compressobj(wbits=-15)
        return deflate.compress(data) + deflate.flush()
    return data


def inspect_sample(sample_id: Any, score: Any, *, epoch: int = 1, text: str = "Paris", stop: str = "stop", **more: Any) -> dict[str, Any]:
    """A sample of an Inspect log; `score` is one value, or {scorer: value}."""
    scores = score if isinstance(score, dict) else {"match": score}
    return {
        "id": sample_id,
        "epoch": epoch,
        "input": "Capital of France?",
        "target": "Paris",
        "messages": [
            {"role": "system", "content": "Be brief.", "source": "input"},
            {"role": "user", "content": "attachment://a1", "source": "input"},
            {"role": "assistant", "content": text, "source": "generate"},
        ],
        "output": {
            "model": "acme/large",
            "choices": [{"message": {"role": "assistant", "content": text}, "stop_reason": stop}],
            "completion": text,
            "usage": {"input_tokens": 7, "input_tokens_cache_read": 3, "output_tokens": 2, "reasoning_tokens": 1},
            "time": 0.5,
        },
        "scores": {name: {"value": value, "answer": text, "explanation": "because"} for name, value in scores.items()},
        "metadata": {"subject": "geography"},
        "started_at": "2026-01-02T03:04:05+00:00",
        "attachments": {"a1": "Capital of France?"},
        **more,
    }


def inspect_log(samples: list[dict[str, Any]], figures: dict[str, float], *, epochs: int = 1, **config: Any) -> dict[str, Any]:
    """An Inspect log; `figures` are accuracies by scorer."""
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "capitals",
            "model": "acme/large",
            "dataset": {"name": "capitals", "sample_ids": list(dict.fromkeys(s["id"] for s in samples))},
            "config": {"epochs": epochs, **config},
            "packages": {"inspect_ai": "0.3.285"},
        },
        "plan": {"config": {"temperature": 0.5, "seed": 11}},
        "results": {
            "total_samples": len(samples),
            "completed_samples": len(samples),
            "scores": [{"name": n, "scorer": n, "metrics": {"accuracy": {"name": "accuracy", "value": v}}} for n, v in figures.items()],
        },
        "stats": {"started_at": "2026-01-02T03:04:00+00:00", "completed_at": "2026-01-02T03:05:00+00:00"},
        "samples": samples,
    }


def inspect_eval(path: Path, log: dict[str, Any], method: int = 93) -> Path:
    """The `.eval` archive of a log."""
    head = {k: v for k, v in log.items() if k != "samples"}
    members = {"_journal/start.json": json.dumps({"version": 2, "eval": log["eval"], "plan": log["plan"]}).encode()}
    members |= {f"samples/{s['id']}_epoch_{s['epoch']}.json": json.dumps(s).encode() for s in log["samples"]}
    return zip_of(path, members | {"header.json": json.dumps(head).encode()}, method=method)


def lm_eval_run(folder: Path, task: str, lines: list[dict[str, Any]], figures: dict[str, Any], config: dict[str, Any]) -> Path:
    """A results file with the samples of one task beside it."""
    stamp = "2026-01-02T03-04-05.678901"
    docs = {line["doc_id"] for line in lines}
    write_lines(folder / f"samples_{task}_{stamp}.jsonl", lines)
    results = {
        "results": {task: {"alias": task, **figures}},
        "configs": {task: {"task": task, **config}},
        "n-shot": {task: 0},
        "n-samples": {task: {"original": len(docs), "effective": len(docs)}},
        "config": {"model": "hf", "model_args": "pretrained=acme/small,dtype=auto", "random_seed": 7},
        "date": 1767323045.0,
        "lm_eval_version": "0.4.13",
        "model_source": "hf",
        "model_name": "acme/small",
        "total_evaluation_time_seconds": "12.5",
    }
    return write_json(folder / f"results_{stamp}.json", results)


def generated(doc_id: int, text: str, answer: str, filter_name: str, value: float) -> dict[str, Any]:
    """A line of a task that generates text."""
    return {
        "doc_id": doc_id,
        "doc": {"question": f"{doc_id} + 1?", "category": "sums"},
        "target": str(doc_id + 1),
        "arguments": {"gen_args_0": {"arg_0": f"Question: {doc_id} + 1?\nAnswer:", "arg_1": {"until": ["\n"]}}},
        "resps": [[text]],
        "filtered_resps": [answer],
        "filter": filter_name,
        "metrics": ["exact_match"],
        "exact_match": value,
    }


def chosen(doc_id: int, likelihoods: list[float], acc: float, acc_norm: float) -> dict[str, Any]:
    """A line of a task that compares log-likelihoods."""
    pairs = [[str(v), "False"] for v in likelihoods]
    return {
        "doc_id": doc_id,
        "doc": {"question": "Which?"},
        "target": "0",
        "arguments": {f"gen_args_{i}": {"arg_0": "Which?", "arg_1": f" {i}"} for i in range(len(pairs))},
        "resps": [[p] for p in pairs],
        "filtered_resps": pairs,
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "acc": acc,
        "acc_norm": acc_norm,
    }


def openjarvis_line(record_id: str, correct: bool | None, **more: Any) -> dict[str, Any]:
    """A line of OpenJarvis; what was not measured is 0.0, as it writes it."""
    line = {
        "record_id": record_id, "benchmark": "supergpqa", "model": "qwen3:8b", "backend": "jarvis-direct", "model_answer": "B",
        "is_correct": correct, "score": None if correct is None else float(correct), "latency_seconds": 1.5, "prompt_tokens": 20,
        "completion_tokens": 0, "cost_usd": 0.0, "error": None, "scoring_metadata": {"reference_letter": "B", "candidate_letter": "B"},
        "ttft": 0.0, "energy_joules": 0.0, "power_watts": 0.0, "gpu_utilization_pct": 0.0, "throughput_tok_per_sec": 0.0,
        "mfu_pct": 0.0, "mbu_pct": 0.0, "ipw": 0.0, "ipj": 0.0,
    }  # fmt: skip
    return line | more


def kernel(sample_id: int, *, compiled: bool = True, correct: bool = True, runtime: float = 2.5) -> dict[str, Any]:
    """An entry of KernelBench's eval_results.json."""
    return {
        "sample_id": sample_id,
        "compiled": compiled,
        "correctness": correct,
        "metadata": {"hardware": "NVIDIA RTX A6000"},
        "runtime": runtime,
        "runtime_stats": {},
    }
