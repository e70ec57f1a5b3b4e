"""Thought, action, observation in text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.talking import hold
from scripted_server import Body, Reply, says, scripted, turn
from tripos.agents.react import read_action
from tripos.agents.toolbox import Toolbox

TOOLS = Toolbox(["calculator", "file_write", "think"])


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('Thought: add\nAction: calculator\nAction Input: {"expression": "1+1"}', "calculator", {"expression": "1+1"}),
        ('Action: `calculator`\nAction Input: ```json\n{"expression": "1+1"}\n```', "calculator", {"expression": "1+1"}),
        ('**Action:** calculator\n**Action Input:** {"expression": "1+1"}', "calculator", {"expression": "1+1"}),
        ('Action: calculator\nAction Input: {"expression": "1+1"}\n\nI will wait.', "calculator", {"expression": "1+1"}),
        ("Action: calculator\nAction Input: 1+1", "calculator", {"expression": "1+1"}),
        ("Action: think\nAction Input: ```\ntwo\nlines\n```", "think", {"thought": "two\nlines"}),
        ('<think>Action: think</think>Action: calculator\nAction Input: {"expression": "2"}', "calculator", {"expression": "2"}),
        (
            'Action: calculator\nAction Input: {"expression": "1"}\nObservation: 1\nAction: think\nAction Input: x',
            "calculator",
            {"expression": "1"},
        ),
    ],
)
def test_an_action_is_read(text: str, name: str, arguments: dict[str, str]) -> None:
    call = read_action(text, TOOLS)
    assert call is not None and call.name == name and json.loads(call.arguments) == arguments


@pytest.mark.parametrize(
    "text",
    ["FINAL ANSWER: 42", "Thought: I know.\nFinal Answer: 42", "", "The action: none was needed.", "<think>Action: calculator</think>42"],
)
def test_a_reply_without_an_action_is_the_answer(text: str) -> None:
    assert read_action(text, TOOLS) is None


def test_without_tools_everything_is_the_answer() -> None:
    assert read_action("Action: calculator\nAction Input: 1", Toolbox([])) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_read(before: str, after: str) -> None:
    call = read_action(f"{before}\nAction: calculator\nAction Input: {after}", TOOLS)
    assert call is None or isinstance(call.arguments, str)


async def test_it_goes_on_until_there_is_an_answer() -> None:
    def model(body: Body) -> Reply:
        if turn(body) == 0:
            return says('Thought: compute\nAction: calculator\nAction Input: {"expression": "6*7"}\nObservation: 41\nFINAL ANSWER: 41')
        if turn(body) == 1:
            return says("Thought: check\nAction: calculater\nAction Input: {}")
        return says(f"FINAL ANSWER: {body['messages'][3]['content'].removeprefix('Observation: ')}")

    with scripted(model) as server:
        found = await hold(server, "calculator", agent="react")
    assert found.text == "FINAL ANSWER: 42" and found.finish_reason == "stop"
    assert [[c["result"] for c in t.get("tool_calls", [])] for t in found.turns] == [
        ["42"],
        ["Error: there is no tool 'calculater'; the tools are: calculator"],
        [],
    ]
    first, second, _ = server.asked
    assert "tools" not in first and first["stop"] == ["\nObservation:"] and '"expression"' in first["messages"][0]["content"]
    assert "41" not in second["messages"][2]["content"], "the model never sees the observation that it made up"
    assert found.turns[0]["content"].endswith("FINAL ANSWER: 41"), "but the record has it"


async def test_its_turns_are_limited() -> None:
    with scripted(lambda body: says("Action: think\nAction Input: on and on")) as server:
        found = await hold(server, "think", agent="react", turns=4)
    assert (found.text, found.finish_reason, len(found.turns)) == ("", "limit", 4)


async def test_simple_asks_once() -> None:
    with scripted(lambda body: says("Action: think\nAction Input: x")) as server:
        found = await hold(server, agent="simple")
    assert found.text.startswith("Action") and len(found.turns) == 1 and "tools" not in server.asked[0]
    assert [m["role"] for m in server.asked[0]["messages"]] == ["user"]
