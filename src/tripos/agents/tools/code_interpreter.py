"""Python programs of the model, in the sandbox."""

from __future__ import annotations

from tripos.agents.tool import Workspace, tool
from tripos.agents.workspace import PROGRAM_LIMITS
from tripos.sandbox.sandbox import Completed

_SCRIPT = ".program.py"


@tool("code_interpreter", sandbox=True, seconds=600.0)
async def code_interpreter(workspace: Workspace, code: str) -> str:
    """Run a Python program and get what it prints. It starts in your working directory and sees your files; files that it
    writes there are kept, variables are not. There is no network, and it is stopped after 30 seconds.

    Args:
        code: the whole program; print what you want to see.
    """
    done = await workspace.run(["python3", _SCRIPT], {_SCRIPT: code.encode(errors="replace")})
    return told(done)


def told(done: Completed) -> str:
    """What a program did, in words for the model."""
    parts = []
    for title, text in (("", done.stdout), ("[stderr]\n", done.stderr)):
        if text.strip():
            parts.append(title + text.decode(errors="replace").rstrip())
    if done.stopped is not None:
        why = {
            "wall": f"it ran longer than {PROGRAM_LIMITS.wall_seconds:g} s",
            "cpu": f"it used more than {PROGRAM_LIMITS.cpu_seconds:g} s of computing time",
            "output": f"it printed more than {PROGRAM_LIMITS.output_bytes} bytes",
            "memory": f"it used more than {PROGRAM_LIMITS.memory_bytes >> 20} MiB of memory",
        }
        parts.append(f"[stopped: {why.get(done.stopped, done.stopped)}; files it wrote are lost]")
    elif done.returncode:
        parts.append(f"[exit status {done.returncode}]")
    return "\n".join(parts) or "(it ended without printing anything)"
