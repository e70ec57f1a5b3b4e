"""An agent with tools over our own engines: retries, budgets, limits and counters are those of every other request.

A sample has a conversation and a folder of its own; nothing is shared but the endpoint. Under the engine `replay` no tool
is called and no key is needed: the recorded candidate comes back with the turns that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tripos.agents.agent import agents
from tripos.agents.conversation import Conversation, Limits
from tripos.agents.toolbox import Toolbox
from tripos.agents.workspace import workspace
from tripos.backends.backend import BackendSettings, backend
from tripos.core.errors import ConfigError, EngineError
from tripos.core.identity import digest
from tripos.core.records import Completion, GenerationParams, Message, Sample
from tripos.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from tripos.engines.endpoint import Endpoint

DEFAULT = "orchestrator"


@backend("agent", summary="A tool-calling agent over the same engines: --agent, --tools (also: jarvis-agent)")
class AgentBackend:
    """See the module.

    Raises:
        ConfigError: unknown agent or tool, tools for an agent that takes none, or a tool that cannot work here.
        SandboxError: a tool runs programs and there is no sandbox.
    """

    def __init__(self, endpoint: Endpoint, params: GenerationParams, settings: BackendSettings) -> None:
        self.endpoint, self.params = endpoint, params
        self.agent = agents.get(settings.agent or DEFAULT)
        self.toolbox = Toolbox(settings.tools)
        if self.toolbox.tools and not self.agent.takes_tools:
            takers = ", ".join(name for name, other in agents.items() if other.takes_tools)
            raise ConfigError(f"the agent {self.agent.name!r} takes no tools; leave --tools away, or choose one of: {takers}")
        self.limits = Limits(turns=settings.max_turns or Limits().turns, tokens=settings.max_tokens, seconds=settings.seconds or None)
        self.instructions = self.agent.instructions(self.toolbox)
        self.sandbox: Sandbox | None = None
        self._replays = endpoint.engine.key == "replay"
        if not self._replays:
            self.toolbox.check()
            self.sandbox = _sandbox(self.toolbox)

    def identity(self) -> dict[str, Any]:
        """Agent, tools and limits, with the versions and words of each."""
        limits = {"turns": self.limits.turns, "tokens": self.limits.tokens, "seconds": self.limits.seconds}
        tools = {name: digest(described) for name, described in self.toolbox.identity().items()}
        return {"name": "agent", "agent": self.agent.identity(self.toolbox), "tools": tools, "limits": limits}

    async def answer(self, sample: Sample, messages: Sequence[Message], attempt: int, context: dict[str, Any] | None) -> Completion:
        """See `Backend.answer`. Usage, cost and latency are sums over the turns, time to first token is that of the first."""
        if self._replays:
            return await self.endpoint.generate(messages, self.params, context=context)
        async with AsyncExitStack() as stack:
            folder = None
            if self.toolbox.needs_workspace:
                try:
                    folder = await stack.enter_async_context(workspace(sample.attachments, self.sandbox))
                except OSError as error:
                    raise EngineError(f"the files of {sample.record_id} could not be laid out: {error}", kind="tool") from error
            told = introduced(messages, self.instructions)
            conversation = Conversation(self.endpoint, self.params, told, self.toolbox, folder, self.limits, context)
            try:
                return await conversation.hold(self.agent.function)
            except EngineError as error:
                if error.kind == "bad_request" and "tool" in str(error).lower() and self.agent.name == DEFAULT:
                    error.add_note("if this model or server has no function calling, use --agent react")
                raise


def introduced(messages: Sequence[Message], instructions: str) -> list[Message]:
    """The prompt with the agent's instructions before it, in the one system message that every chat template allows."""
    if not instructions:
        return list(messages)
    first, *rest = messages
    if first.role == "system" and isinstance(first.content, str):
        return [Message(role="system", content=f"{instructions}\n\n{first.content}"), *rest]
    return [Message(role="system", content=instructions), *messages]


def _sandbox(toolbox: Toolbox) -> Sandbox | None:
    if not toolbox.needs_sandbox:
        return None
    from tripos.sandbox.choose import choose

    return choose()
