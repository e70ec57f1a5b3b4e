"""A conversation of an agent with a scripted model, as the agent backend holds it."""

from __future__ import annotations

from typing import Any

from scripted_server import Scripted
from tripos.agents.agent import agents
from tripos.agents.conversation import Conversation, Limits
from tripos.agents.toolbox import Toolbox
from tripos.agents.workspace import Workspace
from tripos.backends.agent import introduced
from tripos.core.records import Completion, GenerationParams, Message
from tripos.engines.endpoint import Endpoint, RetryPolicy
from tripos.engines.engine import EngineSettings
from tripos.engines.limiter import Limiter
from tripos.engines.openai import OpenAICompatible


def endpoint(server: Scripted, **more: Any) -> Endpoint:
    """An endpoint to a server; short back-off."""
    engine = OpenAICompatible(EngineSettings(model="scripted", base_url=server.url, **more))
    return Endpoint(engine, Limiter(8), policy=RetryPolicy(tries=3, base_seconds=0.01))


async def hold(
    server: Scripted, *tools: str, agent: str = "orchestrator", prompt: str = "What is it?", workspace: Workspace | None = None,
    through: Endpoint | None = None, **limits: Any,
) -> Completion:  # fmt: skip
    """The completion of one conversation; `limits` are those of `Limits`."""
    toolbox, chosen = Toolbox(tools), agents.get(agent)
    messages = introduced([Message(role="user", content=prompt)], chosen.instructions(toolbox))
    ask = through or endpoint(server)
    try:
        conversation = Conversation(ask, GenerationParams(), messages, toolbox, workspace, Limits(**limits))
        return await conversation.hold(chosen.function)
    finally:
        await ask.engine.close()
