"""The tools of one run, and the calling of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from tripos.agents.tool import Tool, ToolError, Workspace, tools

LONGEST = 20_000  # characters of one result


class Result(NamedTuple):
    """What a call gave back to the model; `failed` when it is a complaint."""

    text: str
    failed: bool = False


class Toolbox:
    """The named tools in the order of their names.

    Raises:
        ConfigError: there is no such tool.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.tools: dict[str, Tool] = {name: tools.get(name) for name in sorted(set(names))}
        self.schemas = tuple(tool.schema for tool in self.tools.values())

    def check(self) -> None:
        """Before the first sample.

        Raises:
            ConfigError: a tool cannot work here.
        """
        for tool in self.tools.values():
            if tool.check is not None:
                tool.check()

    @property
    def needs_workspace(self) -> bool:
        """Whether a tool touches files."""
        return any(tool.workspace for tool in self.tools.values())

    @property
    def needs_sandbox(self) -> bool:
        """Whether a tool runs programs."""
        return any(tool.sandbox for tool in self.tools.values())

    def identity(self) -> dict[str, Any]:
        """What of the tools changes an answer."""
        return {name: tool.identity() for name, tool in self.tools.items()}

    async def call(self, name: str, arguments: str, workspace: Workspace | None) -> Result:
        """Calls a tool as the model asked for it. Its mistakes are results.

        Raises:
            Exception: the tool itself broke, see `tripos.agents.tool`.
        """
        tool = self.tools.get(name)
        if tool is None:
            return Result(f"Error: there is no tool {name[:100]!r}; the tools are: {', '.join(self.tools) or '(none)'}", failed=True)
        try:
            text = await self._call(tool, tool.read(arguments), workspace)
        except ToolError as error:
            return Result(_fit(f"Error: {error}"), failed=True)
        return Result(_fit(text))

    async def _call(self, tool: Tool, arguments: dict[str, Any], workspace: Workspace | None) -> str:
        if tool.workspace is None:
            return await _within(tool, arguments)
        assert workspace is not None
        async with workspace.lock:
            return await _within(tool, {tool.workspace: workspace, **arguments})


async def _within(tool: Tool, arguments: dict[str, Any]) -> str:
    clock = asyncio.timeout(tool.seconds)
    try:
        async with clock:
            if inspect.iscoroutinefunction(tool.function):
                return str(await tool.function(**arguments))
            return str(await asyncio.to_thread(tool.function, **arguments))
    except TimeoutError:
        if not clock.expired():  # the tool's own: it broke
            raise
        raise ToolError(f"{tool.name} took longer than {tool.seconds:g} s and was stopped") from None


def _fit(text: str) -> str:
    text = text.encode(errors="replace").decode()  # half a surrogate pair cannot be sent
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n[… {len(text) - LONGEST} more characters left out]"
