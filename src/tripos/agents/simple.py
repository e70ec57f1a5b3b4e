"""One turn, no tools: the plain model, recorded as the other agents are."""

from __future__ import annotations

from tripos.agents.agent import agent
from tripos.agents.conversation import Conversation


@agent("simple", summary="One turn, no tools", takes_tools=False)
async def simple(conversation: Conversation) -> None:
    """Asks once."""
    await conversation.ask()
