"""One line of a results file: every field of the seed, and ours. What was not measured is null."""

from __future__ import annotations

from typing import Any

import msgspec

from tripos.core.identity import short
from tripos.core.records import Completion, Outcome
from tripos.runs.spec import ModelSpec
from tripos.store.events import Failed, Scored, TrialPlanned

_encode = msgspec.json.Encoder().encode


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What all lines of a run share."""

    benchmark: str
    model: str
    backend: str
    run_id: str
    seed: int | None
    hardware: ModelSpec


def line(
    header: Header,
    planned: TrialPlanned,
    completion: Completion | None,
    scored: Scored | None,
    *,
    judge_reply: str | None = None,
    failed: Failed | None = None,
    telemetry: dict[str, float | None],
) -> bytes:
    """A JSON line with its newline. Without a completion it is a failure line; without a score the sample is unscored."""
    verdict = scored.verdict if scored is not None else None
    ours = Outcome.INFRASTRUCTURE_FAILED if completion is None else Outcome.JUDGE_FAILED
    outcome = verdict.outcome if verdict is not None else ours
    error = scored.error if scored is not None else failed.error if failed is not None else None
    kind = "judge" if scored is not None and scored.error else failed.error_kind if failed is not None else None
    record: dict[str, Any] = {
        "record_id": planned.record_id,
        "benchmark": header.benchmark,
        "model": header.model,
        "backend": header.backend,
        "model_answer": completion.text if completion is not None else "",
        "is_correct": verdict.is_correct if verdict is not None else None,
        "score": verdict.value if verdict is not None else None,
        "latency_seconds": completion.latency_seconds if completion is not None else None,
        "prompt_tokens": completion.usage.prompt_tokens if completion is not None else None,
        "completion_tokens": completion.usage.completion_tokens if completion is not None else None,
        "cost_usd": completion.cost_usd if completion is not None else None,
        "error": error,
        "scoring_metadata": _metadata(scored, judge_reply),
        "ttft": completion.ttft_seconds if completion is not None else None,
        **measured(header.hardware, *_pace(completion), verdict.is_correct if verdict is not None else None, telemetry),
        "run_id": header.run_id,
        "trial_hash": short(planned.trial_hash),
        "candidate_id": short(planned.candidate_id),
        "attempt": planned.attempt,
        "prompt_variant_id": planned.prompt_variant_id,
        "slice_id": planned.slice_id,
        "subject": planned.subject,
        "cluster": planned.cluster,
        "dimensions": planned.dimensions,
        "outcome": outcome.value,
        "finish_reason": completion.finish_reason if completion is not None else None,
        "started_at": completion.started_at if completion is not None else failed.started_at if failed is not None else None,
        "seed": header.seed,
        "judge_cost_usd": scored.judge_cost_usd if scored is not None else None,
        "error_kind": kind,
        "simulated": completion.simulated if completion is not None else False,
    }
    return _encode(record) + b"\n"


def _metadata(scored: Scored | None, judge_reply: str | None) -> dict[str, Any]:
    if scored is None:
        return {}
    found: dict[str, Any] = {**scored.verdict.details}
    if scored.verdict.metrics:
        found["metrics"] = scored.verdict.metrics
    if scored.extraction.how:
        found["extracted_by"] = scored.extraction.how
    if judge_reply is not None:
        found["raw_judge_output"] = judge_reply
    return found


def _pace(completion: Completion | None) -> tuple[int | None, float | None]:
    return (None, None) if completion is None else (completion.usage.completion_tokens, completion.latency_seconds)


def measured(
    hardware: ModelSpec, tokens: int | None, seconds: float | None, is_correct: bool | None, telemetry: dict[str, float | None]
) -> dict[str, float | None]:
    """The seed's efficiency fields, from completion tokens and latency.

    mfu_pct = 100 · 2 · active parameters · tokens/s / (peak FLOP/s · GPUs): two operations a parameter and token (Kaplan
    et al. 2020, arXiv 2001.08361, §2.1); mbu_pct = 100 · active parameters · 2 bytes · tokens/s / (peak bytes/s · GPUs):
    every active weight is read once a token, in 16 bits. Both describe one stream, as the seed has them.
    """
    rate = tokens / seconds if tokens and seconds else None
    energy, power = telemetry.get("energy_joules"), telemetry.get("power_watts")
    active = (hardware.active_params_b or hardware.param_count_b) * 1e9
    flops, bandwidth = hardware.gpu_peak_tflops * 1e12 * hardware.num_gpus, hardware.gpu_peak_bandwidth_gb_s * 1e9 * hardware.num_gpus
    right = None if is_correct is None else float(is_correct)
    return {
        "energy_joules": energy,
        "power_watts": power,
        "gpu_utilization_pct": telemetry.get("gpu_utilization_pct"),
        "throughput_tok_per_sec": rate,
        "mfu_pct": 100 * 2 * active * rate / flops if rate and active and flops else None,
        "mbu_pct": 100 * 2 * active * rate / bandwidth if rate and active and bandwidth else None,
        "ipw": right / power if right is not None and power else None,
        "ipj": right / energy if right is not None and energy else None,
    }
