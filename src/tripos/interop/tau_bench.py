"""Trajectories of tau-bench: a list of {task_id, reward, info, traj, trial}. The reward is the score; the file states no figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from tripos.core.errors import ConfigError
from tripos.core.records import Completion, Message, ToolCall
from tripos.interop.formats import Format, Peek, formats
from tripos.interop.imported import ImportedLog, ImportedTrial, are_shares, graded
from tripos.interop.loose_json import content_of, number, read_document


class _Trajectory(msgspec.Struct):
    task_id: int | str
    reward: float | None = None
    info: dict[str, Any] = {}
    traj: list[dict[str, Any]] | None = None
    trial: int = 0


def recognises(peek: Peek) -> bool:
    """A list of trajectories with rewards."""
    listed = re.match(rb"\s*\[\s*\{", peek.head) is not None
    return peek.suffix == ".json" and listed and {"task_id", "reward", "info"} <= peek.keys


def read(path: Path) -> list[ImportedLog]:
    """The one log of a file. The file names neither model nor domain: its own name does (`gpt-4o-airline`)."""
    rows = read_document(path, list[_Trajectory])
    if not rows:
        raise ConfigError(f"{path} holds no trajectories")
    shares = are_shares("reward", (r.reward for r in rows))
    stem = path.name.split(".")[0] if path.name.count(".") > 1 else path.stem
    domain = next((d for d in ("airline", "retail", "telecom") if d in stem), None)
    return [
        ImportedLog(
            tool="tau-bench",
            tool_version=None,
            path=path,
            content=content_of(path),
            benchmark=f"tau-bench-{domain}" if domain else "tau-bench",
            model=stem.replace(f"-{domain}", "") if domain else stem,
            planned=len(rows),
            trials=lambda: (_trial(r, shares) for r in rows),
            scorer="reward",
            category="agentic",
            notes=("tau-bench states no figures of its own in this file, so there is nothing to check ours against.",),
        )
    ]


def _trial(row: _Trajectory, shares: bool) -> ImportedTrial:
    messages = row.traj or []
    first = next((i for i, m in enumerate(messages) if m.get("role") == "assistant"), len(messages))
    said = [m.get("content") for m in messages[first:] if m.get("role") == "assistant" and m.get("content")]
    failed = row.reward is None or ("error" in row.info and not messages)
    task = row.info.get("task") or {}
    return ImportedTrial(
        record_id=str(row.task_id),
        attempt=row.trial,
        prompt=tuple(_message(m) for m in messages[:first]),
        reference={"actions": task.get("actions"), "outputs": task.get("outputs")} if task else None,
        completion=None if failed else Completion(text=str(said[-1]) if said else "", turns=tuple(messages[first:])),
        verdict=None if failed else graded({"reward": number(row.reward)}, "reward", shares=shares),
        error=str(row.info.get("error") or "no reward")[:2000] if failed else None,
    )


def _message(m: dict[str, Any]) -> Message:
    calls = [c for c in m.get("tool_calls") or () if isinstance(c, dict)]
    return Message(
        role=str(m.get("role", "user")),
        content=m.get("content") or "",
        tool_calls=tuple(
            ToolCall(id=str(c.get("id", "")), name=str(f.get("name", "")), arguments=str(f.get("arguments", "")))
            for c in calls
            if isinstance(f := c.get("function"), dict)
        ),
        tool_call_id=m.get("tool_call_id"),
    )


formats.register("tau-bench", Format("tau-bench: a list of trajectories, .json", recognises, read))
