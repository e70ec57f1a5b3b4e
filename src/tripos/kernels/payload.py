"""The JSON document of a kernel run, of one backend or of several: the published runner's keys, ours beside them, never NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.kernels.aggregate import Row
from tripos.kernels.combine import combine, combine_performance
from tripos.kernels.performance_summary import performance_summary

RUNNER_VERSION = "benchmark-lite-v2"
"""The shape that readers of the published runner's files know."""
SCHEMA_VERSION = 1
"""Counts up when a field of ours changes its meaning."""

UNREAD = "unread_submissions"
"""Key of a payload: what lay beside the team's submission and is none (a hostile archive, a bad team name), each with its reason."""

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Performance:
    """The second half of a payload: rows, their summary, how it was measured, where the solutions lie."""

    rows: list[Row]
    summary: Row
    config: Mapping[str, Any]
    submission_dir: Path | None = None


def build_payload(
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    summary: Row,
    results: list[Row],
    performance: Performance | None = None,
    backend_results: Mapping[str, Payload] | None = None,
) -> Payload:
    """The document of one run; `config["mode"]` is its mode. Everything in it is plain JSON: NaN and infinities become None."""
    from tripos import __version__

    payload: Payload = {
        "timestamp": datetime.now().astimezone().isoformat(),
        "runner_version": RUNNER_VERSION,
        "schema_version": SCHEMA_VERSION,
        "tripos_version": __version__,
        "mode": config["mode"],
        "config": config,
        "environment": environment,
        "summary": summary,
        "results": results,
    }
    if performance is not None:
        payload["performance_config"] = performance.config
        payload["performance_results"] = performance.rows
        payload["performance_summary"] = performance.summary
        if performance.submission_dir is not None:
            payload["submission_dir"] = performance.submission_dir
    if backend_results is not None:
        payload["backend_results"] = backend_results
    plain: Payload = strict(payload)
    return plain


def combined_payload(payloads: Mapping[str, Payload], config: Mapping[str, Any]) -> Payload:
    """The document of `--backend all`: one summary over `backend: payload`, and each backend's own document under `backend_results`.

    Args:
        config: of any of them; backend, backends and arch are filled in here, and `simulated` where any of them is.

    Raises:
        ConfigError: no backend at all.
    """
    if not payloads:
        raise ConfigError("there is no backend to combine")
    summary, results = combine(payloads)
    measured = any("performance_results" in payload for payload in payloads.values())
    rows = combine_performance(payloads)
    settings = next((dict(p["performance_config"]) for p in payloads.values() if p.get("performance_config")), {})
    shared = {name: value for name, value in config.items() if name not in ("dsl", "backend_name")}
    if any(payload["config"].get("simulated") for payload in payloads.values()):
        shared["simulated"] = True
    named = {"backend": "all", "backends": list(payloads), "arch": {key: p["config"].get("arch") for key, p in payloads.items()}}
    seen = {key: {name: p["environment"].get(name) for name in ("visible_devices", "dsl", "backend")} for key, p in payloads.items()}
    environment = {"framework": "torch", "dsl": "multiple", "backend": "all", "per_backend": seen}
    performance = Performance(rows, performance_summary(rows), settings) if measured else None
    return build_payload({**shared, **named}, environment, summary, results, performance, payloads)


def exit_code(payload: Payload) -> int:
    """1 where a case failed, a backend could not run, there was nothing to do, a submission could not be read, or correct kernels were
    not measured though asked; or 0."""
    summary, performance = payload["summary"], payload.get("performance_summary")
    failed = summary["failed_cases"] > 0 or summary["environment_error"] or not summary["total_cases"] or payload.get(UNREAD)
    if performance is not None:
        failed = failed or performance["failed_cases"] > 0 or (summary["passed_cases"] > 0 and not performance["total_cases"])
    return int(bool(failed))


def strict(value: Any) -> Any:
    """A copy made of what JSON can say: dicts with text keys, lists, numbers, texts, None.

    Raises:
        TypeError: something that has no place in JSON.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair has no UTF-8
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [strict(item) for item in (sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, PathLike):
        return fspath(value)
    raise TypeError(f"{type(value).__name__} {value!r:.80} cannot stand in a payload")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Writes a document at once, indented, and its directory where there is none.

    Raises:
        ConfigError: it cannot be written.
    """
    from tripos.results.artifacts import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.format(msgspec.json.encode(strict(document)), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def read_payload(path: Path) -> Payload:
    """A document as written by us or by the published runner.

    Raises:
        ConfigError: it cannot be read, is no JSON, or is something else.
    """
    try:
        payload = json.loads(path.read_bytes(), parse_constant=lambda _: None)  # the published runner writes Infinity and NaN
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(payload, dict) or not isinstance(payload.get("results"), list) or not isinstance(payload.get("config"), dict):
        raise ConfigError(f"{path} is no result of a kernel run (it has no 'config' and 'results'); give a file written by --output")
    version = payload.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ConfigError(f"{path} was written by a newer Tripos (schema {version}, this one reads up to {SCHEMA_VERSION})")
    return payload
