"""A run directory of HELM: `run_spec.json`, `scenario_state.json`, `per_instance_stats.json`, `stats.json`.

Metrics are the accuracy-like statistics of an instance; the primary one is `exact_match` (the first that there is of a short list).
The split is the slice, a perturbation the prompt variant, a training trial the attempt. `exact_match` compares the text of the chosen
option in multiple choice, as HELM maps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Extraction, Message, Usage
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import ImportedLog, ImportedTrial, Reported, are_shares, graded, scale_notes
from tripos.interop.loose_json import content_of, number, positive, read_document, whole
from tripos.interop.times import unix_seconds

_FILES = ("run_spec.json", "scenario_state.json", "per_instance_stats.json")
_PRIMARY = ("exact_match", "quasi_exact_match", "prefix_exact_match", "math_equiv_chain_of_thought", "math_equiv", "f1_score", "rouge_l")
_BOOKKEEPING = (
    "num_", "training_", "inference_", "batch_size", "finish_reason", "prompt_truncated", "max_prob", "logprob", "perplexity",
    "bits_per_byte",
)  # fmt: skip


class _State(msgspec.Struct):
    request_states: list[dict[str, Any]]


def recognises(peek: Peek) -> bool:
    """A directory with the three files."""
    return peek.is_dir and all((peek.path / name).is_file() for name in _FILES)


def read(path: Path) -> list[ImportedLog]:
    """The one log of a run directory.

    Raises:
        ConfigError: its files are unreadable or tell of no accuracy-like statistic.
    """
    spec = read_document(path / "run_spec.json", dict)
    states = read_document(path / "scenario_state.json", _State).request_states
    stats = _statistics(read_document(path / "per_instance_stats.json", list))
    names = list(dict.fromkeys(name for values in stats.values() for name in values if not name.startswith(_BOOKKEEPING)))
    primary = next((n for n in (*_PRIMARY, *names) if n in names), None)
    if primary is None or not states:
        raise ConfigError(f"{path}: no statistic of its instances says how good an answer was")
    shares = are_shares(primary, (v.get(primary) for v in stats.values()))
    files = [path / n for n in (*_FILES, "stats.json") if (path / n).is_file()]
    adapter = spec.get("adapter_spec") or {}
    times = [t for s in states if (t := unix_seconds((s.get("result") or {}).get("request_datetime"))) is not None]
    name = str(spec.get("name") or path.name)
    return [
        ImportedLog(
            tool="helm",
            tool_version=None,
            path=path,
            content=content_of(*files),
            benchmark=",".join(p for p in name.split(",") if not p.startswith(("model=", "model_deployment="))).partition(":model=")[0],
            model=str(adapter.get("model") or "unknown"),
            planned=len(states),
            trials=lambda: _trials(states, stats, names, primary, shares),
            scorer=primary,
            params={
                k: adapter[k] for k in ("method", "temperature", "max_tokens", "stop_sequences", "max_train_instances") if k in adapter
            },
            dataset={"scenario_spec": spec.get("scenario_spec")},
            started_at=min(times, default=None),
            reported=_reported(path / "stats.json", names),
            notes=scale_notes(primary, shares),
        )
    ]


_Key = tuple[str, int, str]  # instance, training trial, perturbation


def _key(row: dict[str, Any]) -> _Key:
    instance = row.get("instance") or {}
    perturbation = row.get("perturbation") or instance.get("perturbation") or {}
    return str(row.get("instance_id") or instance.get("id")), int(row.get("train_trial_index") or 0), str(perturbation.get("name") or "")


def _statistics(rows: list[Any]) -> dict[_Key, dict[str, float | None]]:
    return {_key(r): {str(s["name"]["name"]): number(s.get("mean")) for s in r.get("stats") or ()} for r in rows}


def _trials(
    states: list[dict[str, Any]], stats: dict[_Key, dict[str, float | None]], names: list[str], primary: str, shares: bool
) -> Iterator[ImportedTrial]:
    done: set[_Key] = set()
    for state in states:
        key = _key(state)
        if key in done:  # multiple_choice_separate asks once an option; the statistics are of the instance
            continue
        done.add(key)
        yield _trial(key, state, stats.get(key, {}), names, primary, shares)


def _trial(key: _Key, state: dict[str, Any], stats: dict[str, float | None], names: list[str], primary: str, shares: bool) -> ImportedTrial:
    instance, request, result = state["instance"], state.get("request") or {}, state.get("result") or {}
    correct = [r["output"]["text"] for r in instance.get("references") or () if "correct" in (r.get("tags") or ())]
    completions = result.get("completions") or []
    text = str(completions[0].get("text", "")) if completions else ""
    mapping = state.get("output_mapping") or {}
    chosen = mapping.get(text.strip())
    scores = {n: stats[n] for n in names if n in stats}
    failed = result.get("success") is False
    finish = next((r for r in ("length", "stop") if stats.get(f"finish_reason_{r}")), None)
    return ImportedTrial(
        record_id=key[0],
        attempt=key[1],
        prompt_variant_id=key[2] or "default",
        slice_id=str(instance.get("split") or "default"),
        prompt=_prompt(request),
        reference=correct[0] if len(correct) == 1 else correct,
        completion=None
        if failed
        else Completion(
            text=text,
            finish_reason=finish,
            usage=Usage(prompt_tokens=whole(stats.get("num_prompt_tokens")), completion_tokens=whole(stats.get("num_output_tokens"))),
            latency_seconds=positive(result.get("request_time")),
            started_at=unix_seconds(result.get("request_datetime")),
        ),
        extraction=Extraction(answer=chosen, how="output_mapping") if chosen is not None else Extraction(),
        verdict=None if failed else graded(scores, primary, shares=shares, finish_reason=finish),
        error=str(result.get("error") or "the request failed")[:2000] if failed else None,
    )


def _prompt(request: dict[str, Any]) -> tuple[Message, ...]:
    messages = request.get("messages")
    if messages:
        return tuple(Message(role=str(m.get("role", "user")), content=m.get("content") or "") for m in messages)
    return (Message(role="user", content=str(request["prompt"])),) if request.get("prompt") else ()


def _reported(path: Path, names: list[str]) -> tuple[Reported, ...]:
    """The figures of stats.json without perturbations, one a metric and split."""
    if not path.is_file():
        return ()
    found = []
    for row in read_document(path, list):
        name, value = row.get("name") or {}, number(row.get("mean"))
        if (
            name.get("name") in names
            and name.get("split")
            and not name.get("perturbation")
            and value is not None
            and not name.get("sub_split")
        ):
            found.append(Reported(name=f"{name['name']} on {name['split']}", value=value, ours=name["name"], slice_id=name["split"]))
    return tuple(found)


formats.register("helm", Format("HELM: a run directory with run_spec.json", recognises, read))
