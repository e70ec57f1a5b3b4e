"""Backends, their defaults, and what may override them."""

from __future__ import annotations

import pytest

from tripos.core.errors import ConfigError
from tripos.kernels.targets import resolve_target, resolve_targets


@pytest.mark.parametrize(
    ("key", "backend", "dsl", "arch", "skip_npu", "device"),
    [
        ("cpu", "cpu", "cpp", "x86_64", True, "cpu"),
        ("gpu", "cuda", "triton_cuda", "rtx3090", True, "cuda"),
        ("npu", "ascend", "triton_ascend", "ascend910b4", False, "npu"),
    ],
)
def test_the_table(key: str, backend: str, dsl: str, arch: str, skip_npu: bool, device: str) -> None:
    target = resolve_target(key)
    assert (target.backend, target.dsl, target.arch, target.skip_npu, target.device) == (backend, dsl, arch, skip_npu, device)


def test_overrides_replace_and_leave_the_table_alone() -> None:
    target = resolve_target("gpu", arch="h200", dsl="pytorch", backend_name="cuda12")
    assert (target.arch, target.dsl, target.backend) == ("h200", "pytorch", "cuda12")
    assert resolve_target("gpu").arch == "rtx3090"


def test_an_empty_override_is_an_error_not_ignored() -> None:
    with pytest.raises(ConfigError, match="--dsl is empty"):
        resolve_target("cpu", dsl=" ")


def test_an_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown backend 'gpuu'; did you mean 'gpu'"):
        resolve_target("gpuu")


def test_all_is_every_backend_or_those_named_in_their_order_each_once() -> None:
    assert [t.key for t in resolve_targets("all")] == ["cpu", "gpu", "npu"]
    assert [t.key for t in resolve_targets("all", ["npu", "cpu", "npu"])] == ["npu", "cpu"]
    assert [t.key for t in resolve_targets("cpu", arch="zen4")] == ["cpu"]


@pytest.mark.parametrize("override", [{"arch": "h100"}, {"dsl": "cpp"}, {"backend_name": "cuda"}])
def test_an_override_cannot_hold_for_all(override: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="cannot hold for several backends"):
        resolve_targets("all", **override)  # type: ignore[arg-type]


def test_a_list_of_backends_goes_with_all_only() -> None:
    with pytest.raises(ConfigError, match="--backends goes with --backend all only"):
        resolve_targets("gpu", ["cpu"])
    with pytest.raises(ConfigError, match="unknown backend 'tpu'"):
        resolve_targets("all", ["cpu", "tpu"])
