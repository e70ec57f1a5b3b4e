"""What an agent is: a function that leads a `Conversation` until the model has answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tripos.agents.conversation import Conversation
from tripos.agents.toolbox import Toolbox
from tripos.core.registry import Registry

Lead = Callable[[Conversation], Awaitable[None]]
Instructions = Callable[[Toolbox], str]


@dataclass(frozen=True)
class Agent:
    """An agent as it is registered.

    Attributes:
        function: asks and calls tools; the answer is the model's last reply.
        instructions: what the model is told before the prompt of the sample; "" for nothing.
        takes_tools: whether tools may be given to it.
        version: raise it when the loop changes meaning: it is part of the identity of every trial.
    """

    name: str
    summary: str
    function: Lead
    instructions: Instructions
    takes_tools: bool
    version: str

    def identity(self, toolbox: Toolbox) -> dict[str, Any]:
        """What of the agent changes an answer."""
        return {"name": self.name, "version": self.version, "instructions": self.instructions(toolbox)}


agents: Registry[Agent] = Registry("agent", package="tripos.agents", group="tripos.agents")


def agent(
    name: str, *, summary: str, instructions: Instructions = lambda toolbox: "", takes_tools: bool = True, version: str = "1"
) -> Callable[[Callable[..., Any]], Agent]:
    """Registers a function as an agent; see `Agent`."""

    def wrap(function: Callable[..., Any]) -> Agent:
        return Agent(name, summary, function, instructions, takes_tools, version)

    return agents.decorate(name, wrap)
