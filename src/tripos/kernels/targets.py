"""Backends that kernels are written for: what each is called by whom, and the overrides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tripos.core.errors import ConfigError, unknown
from tripos.kernels.conversion import TORCH_DEVICE

ALL = "all"


@dataclass(frozen=True, slots=True)
class Target:
    """One backend.

    `key` is what `--backend` chooses; `backend` the name of the toolchain; `dsl` the language that kernels are written in; `arch` the
    hardware they are written for; `skip_npu` whether cases that need torch_npu are left out.
    """

    key: str
    name: str
    backend: str
    dsl: str
    arch: str
    skip_npu: bool

    @property
    def device(self) -> str:
        """The device type torch knows it by: cpu, cuda, npu."""
        return TORCH_DEVICE[self.key]


TARGETS = {
    target.key: target
    for target in (
        Target("cpu", "CPU", "cpu", "cpp", "x86_64", skip_npu=True),
        Target("gpu", "GPU (CUDA)", "cuda", "triton_cuda", "rtx3090", skip_npu=True),
        Target("npu", "NPU (Ascend)", "ascend", "triton_ascend", "ascend910b4", skip_npu=False),
    )
}


def resolve_target(key: str, *, arch: str | None = None, dsl: str | None = None, backend_name: str | None = None) -> Target:
    """One backend with its overrides; None overrides nothing.

    Raises:
        ConfigError: unknown backend, or an override that is empty.
    """
    if key not in TARGETS:
        raise ConfigError(unknown("backend", key, [*TARGETS, ALL]))
    for option, value in (("--arch", arch), ("--dsl", dsl), ("--backend-name", backend_name)):
        if value is not None and not value.strip():
            raise ConfigError(f"{option} is empty; leave it out for {key}'s own")
    own = TARGETS[key]
    return replace(own, arch=_given(arch, own.arch), dsl=_given(dsl, own.dsl), backend=_given(backend_name, own.backend))


def _given(override: str | None, own: str) -> str:
    return own if override is None else override.strip()


def resolve_targets(
    backend: str,
    backends: Sequence[str] | None = None,
    *,
    arch: str | None = None,
    dsl: str | None = None,
    backend_name: str | None = None,
) -> list[Target]:
    """The backends of a command: one, or with `all` those of `backends` in their order (each once), or else cpu, gpu, npu.

    Raises:
        ConfigError: `backends` without `all`, an override with `all`, an unknown backend, an empty override.
    """
    if backend != ALL:
        if backends:
            raise ConfigError(f"--backends goes with --backend all only, not with --backend {backend}")
        return [resolve_target(backend, arch=arch, dsl=dsl, backend_name=backend_name)]
    for option, value in (("--arch", arch), ("--dsl", dsl), ("--backend-name", backend_name)):
        if value is not None:
            raise ConfigError(f"{option} {value!r} cannot hold for several backends; name one by --backend cpu, gpu or npu")
    return [resolve_target(key) for key in dict.fromkeys(backends or TARGETS)]
