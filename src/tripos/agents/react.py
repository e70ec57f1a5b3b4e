"""Thought, action, observation in plain text, for models without function calling.

The form is that of ReAct (Yao et al. 2022, arXiv:2210.03629). A reply without an action is the answer, as a whole: there is
no marker for it, so that it cannot clash with the form in which a benchmark wants its answers.
"""

from __future__ import annotations

import re

import msgspec

from tripos.agents.agent import agent
from tripos.agents.conversation import Conversation
from tripos.agents.toolbox import Toolbox
from tripos.core.records import Message, ToolCall
from tripos.scoring.answers import visible

_STOP = "\nObservation:"
_ACTION = re.compile(r"^[ \t*]*Action[ \t*]*:[ \t*]*([^\n]*?)[ \t*]*$", re.MULTILINE)
_INPUT = re.compile(r"^[ \t*]*Action Input[ \t*]*:[ \t*]*", re.MULTILINE)
_FENCE = re.compile(r"\A```[\w-]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def instructions(toolbox: Toolbox) -> str:
    """The form, and the tools with their schemas."""
    if not toolbox.tools:
        return ""
    described = "\n\n".join(
        f"{name}: {tool.description}\nArguments: {msgspec.json.encode(tool.schema['function']['parameters']).decode()}"
        for name, tool in toolbox.tools.items()
    )
    files = "Files of the task lie in your working directory; name them relative to it.\n" if toolbox.needs_workspace else ""
    return (
        f"You solve a task with the help of tools:\n\n{described}\n\n{files}To use a tool, write these three lines and then stop:\n\n"
        "Thought: what you want to find out and why\n"
        "Action: the name of one tool\n"
        "Action Input: its arguments as a JSON object\n\n"
        "You are then given an Observation, which is what the tool returned, and go on with the next Thought. "
        "When you know the answer, write it without an Action, in the form that the task asks for."
    )


@agent("react", summary="Thought, Action, Observation in text, for models without function calling", instructions=instructions)
async def react(conversation: Conversation) -> None:
    """Until there is a reply without an action."""
    while True:
        reply = await conversation.ask(stop=(_STOP,) if conversation.toolbox.tools else ())
        call = read_action(reply.text, conversation.toolbox)
        if call is None:
            return
        if _STOP in reply.text:  # a server that knows no stop words: the model must not see what it made up
            conversation.messages[-1] = Message(role="assistant", content=reply.text.partition(_STOP)[0])
        (result,) = await conversation.call([call])
        conversation.say(Message(role="user", content=f"Observation: {result}"))


def read_action(text: str, toolbox: Toolbox) -> ToolCall | None:
    """The first action of a reply; what follows an observation that the model made up is not read. None: it is an answer."""
    if not toolbox.tools:
        return None
    shown = f"\n{visible(text)}".partition(_STOP)[0]
    action = _ACTION.search(shown)
    if action is None:
        return None
    name = action[1].strip("`'\"[]() ")
    head = _INPUT.search(shown, action.end())
    return ToolCall(id="", name=name, arguments=_arguments(shown[head.end() :].strip() if head else "", name, toolbox))


def _arguments(text: str, name: str, toolbox: Toolbox) -> str:
    """A JSON object, perhaps in a code fence; bare text where the tool has one obligatory argument and that is a text."""
    fenced = _FENCE.match(text)
    inner = fenced[1] if fenced else text
    if inner.lstrip().startswith("{") or name not in toolbox.tools:
        try:
            return msgspec.json.encode(_first_object(inner)).decode()
        except (ValueError, RecursionError):
            return inner
    parameters = toolbox.tools[name].schema["function"]["parameters"]
    wanted = parameters.get("required", [])
    if text and len(wanted) == 1 and parameters["properties"][wanted[0]].get("type") == "string":
        return msgspec.json.encode({wanted[0]: inner}).decode()
    return inner


def _first_object(text: str) -> object:
    """The JSON value at the beginning of a text; small models go on talking after it."""
    import json

    return json.JSONDecoder().raw_decode(text.lstrip())[0]
