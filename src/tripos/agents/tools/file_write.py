"""Writing text files into the workspace."""

from __future__ import annotations

from tripos.agents.tool import ToolError, Workspace, tool

MAX_BYTES = 1 << 20


@tool("file_write")
def file_write(workspace: Workspace, path: str, content: str, append: bool = False) -> str:
    """Write a text file in your working directory; an existing one is replaced.

    Args:
        path: name of the file, relative to the working directory.
        content: the text.
        append: add the text to the end of the file instead.
    """
    data = content.encode(errors="replace")
    if len(data) > MAX_BYTES:
        raise ToolError(f"the text has {len(data)} bytes; at most {MAX_BYTES} can be written at once")
    before = workspace.read(path) if append and path in workspace.names() else b""
    workspace.write(path, before + data)
    return f"{path} has {len(before) + len(data)} bytes now."
