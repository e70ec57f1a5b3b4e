"""Which devices are used. Where there is none, none is invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.core.errors import ConfigError
from tripos.kernels.devices import NoDevice, resolve_devices, shown_to_worker, visible_devices
from tripos.kernels.environment import TorchFacts
from tripos.kernels.targets import TARGETS

CPU, GPU, NPU = TARGETS["cpu"], TARGETS["gpu"], TARGETS["npu"]
FOUR = TorchFacts(torch_version="2.9", cuda_version="12.8", cuda_count=4)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        ("all", None),
        (" ALL ", None),
        ("", []),
        ("none", []),
        ("NoDevFiles", []),
        ("0,1,2", ["0", "1", "2"]),
        (" 2 , 0 ,", ["2", "0"]),
        ("0,-1,2", ["0"]),
        ("-1", []),
        ("0,x,2", ["0"]),
        ("GPU-8932f937-d72c,GPU-1", ["GPU-8932f937-d72c", "GPU-1"]),
        ("MIG-GPU-1/2/3", ["MIG-GPU-1/2/3"]),
        ("0,0", []),
        ("01,1", []),
        ("٣", []),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(value: str | None, found: list[str] | None) -> None:
    assert visible_devices(value) == found


@given(st.text(st.sampled_from("0123456789,- GPUMIalx"), max_size=20))
def test_any_value_of_the_variable_can_be_read(value: str) -> None:
    found = visible_devices(value)
    assert found is None or (len(set(found)) == len(found) and "" not in found)


def test_all_devices_that_are_there_are_used_unless_some_are_named() -> None:
    assert resolve_devices(GPU, None, FOUR).ids == (0, 1, 2, 3)
    assert resolve_devices(GPU, [], FOUR).ids == (0, 1, 2, 3)
    assert resolve_devices(GPU, [3, 1], FOUR).ids == (3, 1)
    assert resolve_devices(NPU, None, TorchFacts(torch_version="2.9", npu_count=2)).ids == (0, 1)


def test_a_device_that_is_not_there_is_left_out_aloud_while_another_is() -> None:
    found = resolve_devices(GPU, [1, 9], FOUR)
    assert found.ids == (1,)
    assert found.notices == ("device 9 is left out: torch sees 4 cuda devices, 0 to 3",)
    with pytest.raises(ConfigError, match="--devices 8 9: torch sees 4 cuda devices, 0 to 3"):
        resolve_devices(GPU, [8, 9], FOUR)
    with pytest.raises(ConfigError, match="--devices 1: torch sees 1 cuda device, 0"):
        resolve_devices(GPU, [1], TorchFacts(torch_version="2.9", cuda_version="12", cuda_count=1))


@pytest.mark.parametrize("target", [CPU, GPU, NPU])
def test_negative_and_repeated_devices_are_errors_on_every_backend(target: object) -> None:
    with pytest.raises(ConfigError, match="a device is a number from 0"):
        resolve_devices(target, [-1], FOUR)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="named twice"):
        resolve_devices(target, [1, 1], FOUR)  # type: ignore[arg-type]


def test_the_cpu_is_one_device_and_torch_is_not_asked() -> None:
    never = TorchFacts(error="never looked at")
    assert resolve_devices(CPU, None, never).ids == (0,)
    assert resolve_devices(CPU, [0], never).ids == (0,)
    with pytest.raises(ConfigError, match="--devices 5: the CPU is one device, 0"):
        resolve_devices(CPU, [5], never)


def test_no_device_is_invented_and_the_cause_is_named() -> None:
    built = TorchFacts(torch_version="2.9+cpu")
    with pytest.raises(NoDevice, match=r"torch 2\.9\+cpu, which is built without CUDA, sees no cuda device here$"):
        resolve_devices(GPU, None, built, {})
    hidden = TorchFacts(torch_version="2.9", cuda_version="12.8")
    with pytest.raises(ConfigError, match=r"sees no cuda device here \(CUDA_VISIBLE_DEVICES='-1' hides all of them\)"):
        resolve_devices(GPU, [0], hidden, {"CUDA_VISIBLE_DEVICES": "-1"})
    with pytest.raises(ConfigError, match=r"sees no cuda device here \(CUDA_VISIBLE_DEVICES='0,1'\)"):
        resolve_devices(GPU, None, hidden, {"CUDA_VISIBLE_DEVICES": "0,1"})
    with pytest.raises(ConfigError, match="with torch_npu sees no npu device"):
        resolve_devices(NPU, None, hidden, {})
    with pytest.raises(ConfigError, match="backend gpu needs torch: ModuleNotFoundError: No module named 'torch'"):
        resolve_devices(GPU, None, TorchFacts(error="ModuleNotFoundError: No module named 'torch'"), {})


@pytest.mark.parametrize(
    ("device", "number", "environ", "shown"),
    [
        ("cpu", 0, {"CUDA_VISIBLE_DEVICES": "3"}, {}),
        ("cuda", 1, {}, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("cuda", 1, {"CUDA_VISIBLE_DEVICES": "all"}, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("cuda", 1, {"CUDA_VISIBLE_DEVICES": "6,4"}, {"CUDA_VISIBLE_DEVICES": "4"}),
        ("cuda", 0, {"CUDA_VISIBLE_DEVICES": "MIG-1/2/3"}, {"CUDA_VISIBLE_DEVICES": "MIG-1/2/3"}),
        ("cuda", 0, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        ("npu", 1, {"ASCEND_RT_VISIBLE_DEVICES": "2,3", "CUDA_DEVICE_ORDER": "x"}, {"ASCEND_RT_VISIBLE_DEVICES": "3"}),
    ],
)
def test_a_worker_sees_the_device_that_was_meant_and_no_other(
    device: str, number: int, environ: dict[str, str], shown: dict[str, str]
) -> None:
    """Numbers count within what we may use ourselves: a scheduler may have given us the machine's cards 6 and 4."""
    assert shown_to_worker(device, number, environ) == shown
