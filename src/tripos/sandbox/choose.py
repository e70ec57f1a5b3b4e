"""Which sandbox this machine has. The unsafe one is never chosen, only named."""

from __future__ import annotations

from collections.abc import Callable

from tripos.core.errors import ConfigError, SandboxError, unknown
from tripos.sandbox.bubblewrap import INSTALL, Bubblewrap
from tripos.sandbox.docker import Docker
from tripos.sandbox.process import Process
from tripos.sandbox.sandbox import Sandbox

KINDS: dict[str, Callable[[], Bubblewrap | Docker | Process]] = {"bubblewrap": Bubblewrap, "docker": Docker, "process": Process}
SAFE = ("bubblewrap", "docker")


def choose(name: str = "auto") -> Sandbox:
    """The sandbox of that name; `auto` is bubblewrap, else docker, never process.

    Raises:
        SandboxError: it does not work here; the message has what mends it.
        ConfigError: there is no sandbox of that name.
    """
    if name != "auto" and name not in KINDS:
        raise ConfigError(unknown("sandbox", name, ["auto", *KINDS]))
    failures = []
    for candidate in SAFE if name == "auto" else (name,):
        sandbox = KINDS[candidate]()
        reason = sandbox.missing()
        if reason is None:
            return sandbox
        failures.append(f"{candidate}: {reason}")
    if name == "auto":
        raise SandboxError(f"there is no safe place to run model-written code; {INSTALL} ({'; '.join(failures)})")
    raise SandboxError(f"the sandbox {'; '.join(failures)}")


def probe() -> dict[str, str | None]:
    """Every sandbox by name: None where it works, else why not and what mends it."""
    return {name: kind().missing() for name, kind in KINDS.items()}
