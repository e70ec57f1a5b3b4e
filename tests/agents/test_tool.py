"""A tool is a typed function: schema, checks and words for the model come from it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.agents.tool import ToolError, Workspace, tool, tools
from tripos.agents.toolbox import LONGEST, Toolbox
from tripos.core.errors import ConfigError


@tool("test_shop")
def shop(workspace: Workspace, item: str, count: int = 1, size: Literal["small", "large"] = "small") -> str:
    """Buy something. It is not delivered.

    Args:
        item: what to buy,
            in plain words.
        count: how many.
    """
    return f"{count} {size} {item}"


@tool("test_broken")
def broken(n: int) -> str:
    """Breaks."""
    raise KeyError(n)


@tool("test_slow", seconds=0.05)
async def slow() -> str:
    """Takes its time."""
    import asyncio

    await asyncio.sleep(30)
    return "done"


@tool("test_flood")
def flood(n: int) -> str:
    """Says much."""
    return "x" * n


def test_the_schema_says_what_signature_and_docstring_say() -> None:
    assert shop.schema == {
        "type": "function",
        "function": {
            "name": "test_shop",
            "description": "Buy something. It is not delivered.",
            "parameters": {
                "type": "object",
                "properties": {
                    "item": {"type": "string", "description": "what to buy, in plain words."},
                    "count": {"type": "integer", "description": "how many.", "default": 1},
                    "size": {"enum": ["large", "small"], "default": "small"},
                },
                "required": ["item"],
                "additionalProperties": False,
            },
        },
    }
    assert shop.summary == "Buy something."


def test_arguments_are_read_with_defaults_and_numbers_in_quotes() -> None:
    assert shop.read('{"item": "tea", "count": "3"}') == {"item": "tea", "count": 3, "size": "small"}
    assert slow.read("") == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"item": "tea"', "JSON"),
        ("tea", "JSON"),
        ("[]", "object"),
        ("{}", "missing required field `item`"),
        ('{"item": "tea", "colour": "green"}', "unknown field `colour`"),
        ('{"item": "tea", "count": "many"}', "int"),
        ('{"item": "tea", "size": "huge"}', "huge"),
        ("[" * 100_000, ""),
    ],
)
def test_wrong_arguments_are_explained_with_the_schema(arguments: str, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        shop.read(arguments)
    assert said in str(caught.value) and '"additionalProperties":false' in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_arguments(text: str) -> None:
    with suppress(ToolError):
        assert set(shop.read(text)) == {"item", "count", "size"}


def test_a_function_that_cannot_be_a_tool_is_refused() -> None:
    def untyped(x) -> str:  # type: ignore[no-untyped-def]
        """Has no type."""
        return ""

    def silent(x: int) -> str:
        return ""

    for function, said in ((untyped, "has no type"), (silent, "no docstring")):
        with pytest.raises(ConfigError, match=said):
            tool(f"test_{function.__name__}")(function)


def test_an_unknown_tool_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'calculator'"):
        Toolbox(["calculater"])


def test_every_tool_of_ours_describes_itself_and_all_its_arguments() -> None:
    for name, ours in tools.items():
        if name.startswith("test_"):
            continue
        function = ours.schema["function"]
        assert len(function["description"]) > 20, name
        for parameter, described in function["parameters"]["properties"].items():
            assert described.get("description"), (name, parameter)


async def call(name: str, **arguments: Any) -> tuple[str, bool]:
    found = await Toolbox([name]).call(name, json.dumps(arguments), None)
    return found.text, found.failed


async def test_a_tool_that_breaks_is_our_failure_not_a_result() -> None:
    with pytest.raises(KeyError):
        await call("test_broken", n=1)


async def test_a_slow_tool_is_stopped_and_the_model_told() -> None:
    text, failed = await call("test_slow")
    assert failed and "longer than 0.05 s" in text


async def test_a_long_result_is_cut_and_says_so() -> None:
    text, failed = await call("test_flood", n=LONGEST + 5)
    assert not failed and text.endswith("[… 5 more characters left out]")


async def test_a_tool_that_is_not_given_is_not_called() -> None:
    found = await Toolbox(["think"]).call("calculator", '{"expression": "1"}', None)
    assert found.failed and "there is no tool 'calculator'; the tools are: think" in found.text


def test_the_order_in_which_tools_are_named_is_no_difference() -> None:
    assert Toolbox(["think", "calculator", "think"]).schemas == Toolbox(["calculator", "think"]).schemas
