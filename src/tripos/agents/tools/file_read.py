"""Reading text files of the workspace."""

from __future__ import annotations

from tripos.agents.tool import ToolError, Workspace, page, tool

MAX_BYTES = 16 << 20


@tool("file_read")
def file_read(workspace: Workspace, path: str, offset: int = 0) -> str:
    """Read a text file in your working directory. Long files come in pages: the end of a page tells where the next begins.

    Args:
        path: name of the file, relative to the working directory.
        offset: number of characters to skip.
    """
    data = workspace.read(path, MAX_BYTES)
    if b"\0" in data[:8192] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = " It is a PDF." if data.startswith(b"%PDF") else ""
        raise ToolError(f"{path!r} is not a text file ({len(data)} bytes).{kind} A tool that runs programs may be able to read it.")
    if data.startswith(b"%PDF"):
        raise ToolError(f"{path!r} is a PDF, not a text file; pdf_extract reads it, if you have that tool")
    return page(_decoded(data), offset, repr(path)) or "(the file is empty)"


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
