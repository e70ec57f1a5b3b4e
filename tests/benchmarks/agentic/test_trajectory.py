"""Trajectories: one shape for our agents' turns, chat messages, tau2's messages, native calls and calls written as text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.benchmarks.agentic.trajectory import Call, trajectory, written_calls
from tripos.core.records import Completion, ToolCall

WEATHER = {"name": "get_weather", "arguments": {"location": "Berlin"}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(WEATHER),
        json.dumps([WEATHER]),
        json.dumps({"tool_calls": [WEATHER]}),
        f"```json\n{json.dumps(WEATHER, indent=2)}\n```",
        f"<tool_call>\n{json.dumps(WEATHER)}\n</tool_call>",
        json.dumps({"type": "function", "function": {"name": "get_weather", "arguments": '{"location": "Berlin"}'}}),
        json.dumps({"tool": "get_weather", "parameters": {"location": "Berlin"}}),
    ],
)
def test_a_call_is_counted_once_however_it_is_written(text: str) -> None:
    assert written_calls(text) == ([("get_weather", {"location": "Berlin"})], "", None)


def test_several_objects_are_several_calls_and_the_words_stay() -> None:
    text = f"First this.\n{json.dumps(WEATHER)}\nThen that.\n{json.dumps(WEATHER)}\nDone."
    calls, prose, fault = written_calls(text)
    assert (len(calls), fault) == (2, None)
    assert prose.split() == ["First", "this.", "Then", "that.", "Done."]


@pytest.mark.parametrize(
    ("text", "prose"),
    [("It was 1945.", "It was 1945."), ('Data: {"a": 1}', 'Data: {"a": 1}'), ('{"tool_calls": []}', ""), ("[see {here}]", "[see {here}]")],
)
def test_what_is_no_call_is_words(text: str, prose: str) -> None:
    assert written_calls(text) == ([], prose, None)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "get_weather", "arguments": {"location": "Berlin"',
        '{"tool_calls": [{"name": get_weather}]}',
        '{"tool_calls": [{"name": "a"}]}',
        '{"name": "x", "arguments": {"a": 1, "a": 2}}',
        '{"x": ' * 400 + '"arguments": {}',
    ],
)
def test_a_call_that_cannot_be_read_is_a_fault_and_not_silence(text: str) -> None:
    calls, _, fault = written_calls(text)
    assert calls == []
    assert fault


@given(
    st.lists(st.sampled_from(['{"', "[{", '"name"', '"arguments"', ":", "{}", "}", "]", ",", "x", "\ud800", "\0"]) | st.text(max_size=3))
)
def test_reading_never_raises(pieces: list[str]) -> None:
    calls, prose, _ = written_calls("".join(pieces))
    assert isinstance(prose, str)
    assert all(isinstance(name, str) and isinstance(arguments, dict) for name, arguments in calls)


@pytest.mark.parametrize("filler", ['{"a":', '[{"', '{"name": "x", "arguments": ', '{"x": "', "[{" * 3 + '"a"', "{" * 50])
def test_reading_takes_bounded_time(filler: str) -> None:
    began = time.thread_time()
    written_calls(filler * (100_000 // len(filler)))
    assert time.thread_time() - began < 3


def test_a_reply_that_calls_has_no_final_answer() -> None:
    path = trajectory(Completion(text=""), f"Which one do you mean?\n{json.dumps(WEATHER)}")
    assert (path.answer, path.said, path.recorded) == ("", ((1, "Which one do you mean?"),), False)
    assert path.calls == (Call("get_weather", {"location": "Berlin"}, 1),)


def test_native_calls_of_a_reply() -> None:
    completion = Completion(
        text="", tool_calls=(ToolCall(id="1", name="f", arguments='{"x": 1}'), ToolCall(id="2", name="g", arguments="["))
    )
    path = trajectory(completion, "")
    assert [(call.name, call.arguments, call.turn) for call in path.calls] == [("f", {"x": 1}, 1), ("g", {}, 1)]


OURS: tuple[dict[str, Any], ...] = (
    {
        "turn": 1,
        "role": "assistant",
        "content": "Let me look.",
        "tool_calls": [{"id": "a", "name": "f", "arguments": '{"x": 1}', "result": "no", "failed": True}],
    },
    {"turn": 2, "role": "assistant", "content": "It is 3."},
)
CHAT: tuple[dict[str, Any], ...] = (
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
    {"role": "tool", "tool_call_id": "a", "content": "no"},
    {"role": "assistant", "content": [{"type": "text", "text": "It is 3."}]},
)
TAU2: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "name": "f", "arguments": {"x": 1}, "requestor": "assistant"}]},
    {"role": "tool", "id": "a", "content": "no", "error": True},
    {"role": "user", "content": None, "tool_calls": [{"id": "b", "name": "reboot", "arguments": {}, "requestor": "user"}]},
    {"role": "assistant", "content": "It is 3."},
    {"role": "environment", "db": True},
)


@pytest.mark.parametrize("turns", [OURS, CHAT, TAU2])
def test_recorded_turns_of_every_kind(turns: tuple[dict[str, Any], ...]) -> None:
    path = trajectory(Completion(text="ignored", turns=turns), "ignored")
    first = path.calls[0]
    assert (first.name, first.arguments, first.turn, first.result) == ("f", {"x": 1}, 1, "no")
    assert (path.answer, path.recorded, path.said[-1]) == ("It is 3.", True, (2, "It is 3."))


def test_a_customers_own_calls_and_the_environments_word_are_told_apart() -> None:
    path = trajectory(Completion(text="", turns=TAU2), "")
    assert [call.by for call in path.calls] == ["assistant", "user"]
    assert (path.calls[0].failed, path.notes) == (True, (TAU2[-1],))


def test_a_conversation_that_ends_in_calls_has_no_answer() -> None:
    assert trajectory(Completion(text="", turns=OURS[:1]), "").answer == ""


def test_an_agent_that_only_replied_is_read_like_a_reply() -> None:
    text = json.dumps(WEATHER)
    path = trajectory(Completion(text=text, turns=({"turn": 1, "role": "assistant", "content": text},)), text)
    assert ([call.name for call in path.calls], path.recorded) == (["get_weather"], False)
