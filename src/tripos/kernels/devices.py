"""Which devices a backend may use. None is invented: where there is none, that is said at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tripos.core.errors import ConfigError
from tripos.kernels.environment import TorchFacts, torch_facts
from tripos.kernels.targets import Target

VARIABLES = {"gpu": ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"), "npu": ("ASCEND_RT_VISIBLE_DEVICES", "ASCEND_VISIBLE_DEVICES")}
_ALL = "all"
_NONE = frozenset({"none", "void", "nodevfiles"})
_PREFIXES = ("GPU-", "MIG-")


class NoDevice(ConfigError):
    """There is no device of the kind at all: nothing was asked for wrongly."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Ordinals as torch counts them (`cuda:0` is 0), and what was left out with a sentence each."""

    ids: tuple[int, ...]
    notices: tuple[str, ...] = ()


def visible_devices(value: str | None) -> list[str] | None:
    """The devices that a variable like CUDA_VISIBLE_DEVICES allows, in order; None where it restricts nothing.

    As the CUDA driver reads it: indices, or names such as `GPU-8932f937…` and `MIG-…`; the first entry that is neither (-1, say)
    ends the list; a device named twice leaves none; an empty value allows none. Blanks between commas are passed over.
    """
    if value is None or value.strip().lower() == _ALL:
        return None
    found: list[str] = []
    if value.strip().lower() in _NONE:
        return found
    for entry in (part.strip() for part in value.split(",")):
        if not entry:
            continue
        if not (entry.isascii() and entry.isdecimal()) and not entry.startswith(_PREFIXES):
            break
        found.append(str(int(entry)) if entry.isdecimal() else entry)
    return found if len(set(found)) == len(found) else []


def resolve_devices(
    target: Target,
    requested: Sequence[int] | None = None,
    facts: TorchFacts | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Devices:
    """The devices to use.

    Args:
        requested: ordinals by `--devices`; None or empty means all that are there.
        facts: what torch sees; None asks a Python process of its own, and only for backends other than cpu.
        environ: where the variables are read that may explain why a device is not there.

    A requested device that is not there is left out with a notice, as long as another one is.

    Raises:
        ConfigError: negative or repeated ids, another CPU than 0, none of the requested devices there.
        NoDevice: no device at all.
    """
    wanted = list(requested or ())
    for device in wanted:
        if isinstance(device, bool) or not isinstance(device, int) or device < 0:
            raise ConfigError(f"--devices {device!r}: a device is a number from 0")
    if len(set(wanted)) < len(wanted):
        raise ConfigError(f"--devices {' '.join(map(str, wanted))}: a device is named twice")
    if target.key == "cpu":
        if wanted not in ([], [0]):
            raise ConfigError(f"--devices {' '.join(map(str, wanted))}: the CPU is one device, 0")
        return Devices((0,))
    facts = facts or torch_facts()
    count = facts.cuda_count if target.key == "gpu" else facts.npu_count
    if not count:
        raise NoDevice(_nothing(target, facts, environ))
    there = tuple(d for d in wanted if d < count) if wanted else tuple(range(count))
    if not there:
        raise ConfigError(f"--devices {' '.join(map(str, wanted))}: {_range(target, count)}")
    return Devices(there, tuple(f"device {d} is left out: {_range(target, count)}" for d in wanted if d >= count))


def shown_to_worker(device: str, number: int, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables by which a process sees this one device only, as its device 0.

    Args:
        device: torch's type of device.
        number: as torch counts them here, that is, within what the variable allows here; the process starts without our variables.
    """
    variable = {"cuda": VARIABLES["gpu"][0], "npu": VARIABLES["npu"][0]}.get(device)
    if variable is None:
        return {}
    allowed = visible_devices(environ.get(variable))
    order = {name: environ[name] for name in ("CUDA_DEVICE_ORDER",) if device == "cuda" and name in environ}
    return {variable: allowed[number] if allowed and number < len(allowed) else str(number), **order}


def _range(target: Target, count: int) -> str:
    return f"torch sees {count} {target.device} device{'s' * (count > 1)}, {'0' if count == 1 else f'0 to {count - 1}'}"


def _nothing(target: Target, facts: TorchFacts, environ: Mapping[str, str]) -> str:
    if facts.error is not None:
        return f"backend {target.key} needs torch: {facts.error}"
    said = [f"{name}={environ[name]!r}" for name in VARIABLES[target.key] if name in environ]
    hidden = any(visible_devices(environ.get(name)) == [] for name in VARIABLES[target.key])
    cause = f" ({', '.join(said)}{' hides all of them' if hidden else ''})" if said else ""
    build = " with torch_npu" if target.key == "npu" else "" if facts.cuda_version else ", which is built without CUDA,"
    return f"backend {target.key}: torch {facts.torch_version}{build} sees no {target.device} device here{cause}"
