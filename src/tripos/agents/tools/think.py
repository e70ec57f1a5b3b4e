"""A place to think aloud between calls."""

from __future__ import annotations

from tripos.agents.tool import tool


@tool("think")
def think(thought: str) -> str:
    """Write down a thought before you go on: a plan, a check, a summary of what is known. Nothing is looked up or changed.

    Args:
        thought: what you think.
    """
    return "Noted." if thought.strip() else "There was no thought."
