"""Shell commands of the model, in the sandbox."""

from __future__ import annotations

from tripos.agents.tool import Workspace, tool
from tripos.agents.tools.code_interpreter import told


@tool("shell_exec", sandbox=True, seconds=600.0)
async def shell_exec(workspace: Workspace, command: str) -> str:
    """Run a shell command and get what it prints. It starts in your working directory; files that it writes there are kept.
    There is no network, nothing can be installed, and it is stopped after 30 seconds.

    Args:
        command: a command line for /bin/sh.
    """
    return told(await workspace.run(["/bin/sh", ".command.sh"], {".command.sh": command.encode(errors="replace")}))
