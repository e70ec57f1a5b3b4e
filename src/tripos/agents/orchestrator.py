"""The function-calling loop: the model calls tools, several at a time if it likes, until it answers without calling one."""

from __future__ import annotations

from tripos.agents.agent import agent
from tripos.agents.conversation import Conversation
from tripos.agents.toolbox import Toolbox
from tripos.core.records import Message


def instructions(toolbox: Toolbox) -> str:
    """Short and neutral: the benchmark's prompt says what is wanted."""
    if not toolbox.tools:
        return ""
    files = " Files of the task lie in your working directory; name them relative to it." if toolbox.needs_workspace else ""
    return (
        "You solve a task. Call the tools you are given wherever they help; calls that do not depend on each other can be made "
        f"together.{files} When you know the answer, reply without calling a tool, in the form that the task asks for."
    )


@agent("orchestrator", summary="Function-calling loop with parallel tool calls", instructions=instructions)
async def orchestrator(conversation: Conversation) -> None:
    """Until there is a reply without tool calls."""
    while True:
        reply = await conversation.ask(tools=True)
        if not reply.tool_calls:
            return
        for call, result in zip(reply.tool_calls, await conversation.call(reply.tool_calls), strict=True):
            conversation.say(Message(role="tool", content=result, tool_call_id=call.id))
