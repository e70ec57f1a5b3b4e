"""What an agent did, in one shape, wherever it was recorded: tool calls and words in the order of its turns.

    path = trajectory(answer.completion, answer.text)
    path.calls, path.said, path.answer

A trajectory comes from the turns of a completion: those of our own agent backend, or messages as chat protocols and tau-bench write
them. Without them, or where the only one called nothing, there is one turn: the native tool calls of the reply, or those that its text
holds as JSON. A reply that calls tools has not ended the conversation, so it has no final answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tripos.core.records import JSON, Completion

MAX_BROKEN = 300
_OPENER = re.compile(r'\{(?=\s*")|\[(?=\s*\{)')
_NAMES, _ARGUMENTS = ("name", "tool", "tool_name", "function"), ("arguments", "parameters", "args", "input")
_HINT = re.compile(r'"(?:tool_calls|arguments)"\s*:')
_FURNITURE = re.compile(r"</?tool_calls?>|^[ \t]*(?:`{3,}|~{3,})[\w-]*[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call.

    Attributes:
        arguments: {} where they were no JSON object.
        turn: number of the turn, from 1; calls of one turn were made without having seen each other's results.
        by: "assistant", or "user" for the tools that a simulated customer has.
        failed: the tool complained; None where the record does not say.
        result: what came back as text; None where nothing did.
    """

    name: str
    arguments: Mapping[str, JSON]
    turn: int
    by: str = "assistant"
    failed: bool | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Trajectory:
    """See the module.

    Attributes:
        said: what the assistant said, one text a turn that had words; with the turn's number.
        answer: the words of its last turn, "" where that turn called a tool.
        recorded: it came from recorded turns, so tools did answer.
        notes: what an environment recorded of itself (turns of the role "environment").
        fault: why calls written as text could not be read.
    """

    calls: tuple[Call, ...]
    said: tuple[tuple[int, str], ...]
    answer: str
    recorded: bool
    notes: tuple[Mapping[str, JSON], ...] = ()
    fault: str | None = None

    def named(self, name: str) -> tuple[Call, ...]:
        """The calls of one tool, in order."""
        return tuple(call for call in self.calls if call.name == name)


def trajectory(completion: Completion, text: str) -> Trajectory:
    """What a candidate did; `text` is its visible text. Never raises on what a model wrote."""
    if is_recorded(completion):
        return _recorded(completion.turns, text)
    if completion.tool_calls:
        calls = tuple(Call(c.name, _object(c.arguments), 1) for c in completion.tool_calls)
        return Trajectory(calls, ((1, text),) if text else (), "", recorded=False)
    written, prose, fault = written_calls(text)
    calls = tuple(Call(name, arguments, 1) for name, arguments in written)
    return Trajectory(calls, ((1, prose),) if prose else (), "" if calls else prose, recorded=False, fault=fault)


def is_recorded(completion: Completion) -> bool:
    """Whether its turns are more than one reply: a tool was called, or somebody answered. An agent that only replied has one turn."""
    turns = completion.turns
    return len(turns) > 1 or any(turn.get("tool_calls") for turn in turns)


def _recorded(turns: tuple[dict[str, JSON], ...], text: str) -> Trajectory:
    calls: list[Call] = []
    places: dict[str, int] = {}
    said: list[tuple[int, str]] = []
    number, open_turn = 0, False
    for turn in turns:
        role = turn.get("role")
        if role == "tool":
            at = places.get(str(turn.get("tool_call_id") or turn.get("id") or ""))
            if at is not None:
                calls[at] = _answered(calls[at], turn)
            continue
        asked = [entry for entry in turn.get("tool_calls") or () if isinstance(entry, dict)]
        if role == "assistant":
            number += 1
            open_turn = bool(asked)
            words = _words(turn.get("content"))
            if words.strip():
                said.append((number, words))
        for entry in asked if role in ("assistant", "user") else ():
            places[str(entry.get("id") or "")] = len(calls)
            calls.append(_call(entry, max(number, 1), str(role)))
    notes = tuple(turn for turn in turns if turn.get("role") == "environment")
    last = said[-1][1] if said and said[-1][0] == number and not open_turn else ""
    return Trajectory(tuple(calls), tuple(said), last or ("" if open_turn or number else text), recorded=True, notes=notes)


def _call(entry: Mapping[str, Any], turn: int, role: str) -> Call:
    function = entry.get("function")
    inner = function if isinstance(function, dict) else entry
    result = entry.get("result")
    failed = entry.get("failed")
    return Call(
        name=str(inner.get("name") or ""),
        arguments=_object(inner.get("arguments")),
        turn=turn,
        by=str(entry.get("requestor") or role),
        failed=failed if isinstance(failed, bool) else None,
        result=result if isinstance(result, str) else None,
    )


def _answered(call: Call, turn: Mapping[str, Any]) -> Call:
    error = turn.get("error")
    failed = error if isinstance(error, bool) else call.failed
    return Call(call.name, call.arguments, call.turn, call.by, failed, _words(turn.get("content")))


def _words(content: JSON) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _object(arguments: JSON) -> Mapping[str, JSON]:
    if isinstance(arguments, str):
        try:
            arguments = _DECODER.decode(arguments)
        except (ValueError, RecursionError):
            return {}
    return arguments if isinstance(arguments, dict) else {}


# ------------------------------------------------------------------------------------------------- calls written as text


def written_calls(text: str) -> tuple[list[tuple[str, dict[str, JSON]]], str, str | None]:
    """(tool calls, the words around them, why a call could not be read or None) of one reply.

    Every JSON object or list outside of another is looked at once, fenced or bare: `{"name": …, "arguments": {…}}`, lists of these, and
    `{"tool_calls": [...]}`. Other JSON stays among the words. What looks like a call and cannot be parsed is a fault, not silence.
    """
    found: list[tuple[str, dict[str, JSON]]] = []
    words: list[str] = []
    kept = at = broken = 0
    while opener := _OPENER.search(text, at):
        try:
            value, end = _DECODER.raw_decode(text, opener.start())
        except (ValueError, RecursionError):
            at, broken = opener.start() + 1, broken + 1
            if broken > MAX_BROKEN:
                return [], text, "too much broken JSON"
            continue
        at = end
        calls = list(_calls_in(value))
        if calls or value == {"tool_calls": []}:
            found += calls
            words.append(text[kept : opener.start()])
            kept = end
    words.append(text[kept:])
    prose = _FURNITURE.sub("", "".join(words)).strip()
    return found, prose, "a tool call cannot be read" if _HINT.search(prose) else None


def _calls_in(value: JSON) -> Iterator[tuple[str, dict[str, JSON]]]:
    if isinstance(value, list):
        calls = [_written(entry) for entry in value]
    elif isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        calls = [_written(entry) for entry in value["tool_calls"]]
    else:
        calls = [_written(value)]
    if all(call is not None for call in calls):
        yield from (call for call in calls if call is not None)


def _written(value: JSON) -> tuple[str, dict[str, JSON]] | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        return _written(value["function"])
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    given = next((value[key] for key in _ARGUMENTS if key in value), None)
    if isinstance(given, str):
        given = dict(_object(given)) or None
    return (name, given) if name and isinstance(given, dict) else None


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, strict=False)
