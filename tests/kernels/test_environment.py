"""The machine in a payload; torch is asked from outside."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tripos.kernels.environment import TorchFacts, environment_of, system_info, torch_facts
from tripos.kernels.targets import TARGETS

PUBLISHED = (
    "python_version",
    "platform",
    "cpu",
    "torch_version",
    "cuda_version",
    "cudnn_version",
    "gpu_count",
    "gpu_devices",
    "npu_available",
)


def test_torch_tells_of_itself_and_is_not_imported_here() -> None:
    pytest.importorskip("importlib.metadata").version("torch")
    script = (
        "import sys; from tripos.kernels.environment import torch_facts; f = torch_facts();"
        "print(f.error, f.torch_version, f.threads > 0, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "None" and said[1][0].isdigit() and said[2:] == ["True", "False"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "importing torch ended with exit code 3: no message"),
        ("echo 'Illegal instruction' >&2; exit 132", "importing torch ended with exit code 132: Illegal instruction"),
        ("echo hello", "importing torch ended with exit code 0: no message"),
        ("sleep 30", "importing torch took longer than 0.5 s"),
    ],
)
def test_an_interpreter_that_breaks_is_told_not_raised(tmp_path: Path, script: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {script}\n" if script.startswith("sleep") else f"#!/bin/sh\n{script}\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    assert torch_facts(str(python), 0.5).error == said


def test_an_interpreter_that_is_not_there_is_told() -> None:
    assert torch_facts("/nowhere/python").error == "cannot run /nowhere/python: No such file or directory"


def test_lines_that_torch_prints_do_not_matter(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'[WARN] no driver {}\'\nprintf \'\\036{"torch_version": "2.9", "cuda_count": 2}\\n\'\n')
    python.chmod(0o755)
    assert torch_facts(str(python)) == TorchFacts(torch_version="2.9", cuda_count=2)


def test_the_environment_has_the_published_keys_and_none_for_what_is_not_known() -> None:
    environment = environment_of(TARGETS["gpu"], (0, 1), TorchFacts(error="no torch"))
    assert list(environment) == ["framework", "dsl", "backend", "visible_devices", "system"]
    assert environment["backend"] == "cuda" and environment["visible_devices"] == [0, 1]
    system = environment["system"]
    assert set(PUBLISHED) <= set(system)
    assert (system["torch_version"], system["cuda_version"], system["gpu_count"], system["npu_available"]) == (
        "unavailable",
        None,
        0,
        False,
    )
    assert system["torch_error"] == "no torch" and system["cpu_count"] >= 1
    assert system["packages"]["numpy"][0].isdigit() and all(system["packages"].values())


def test_graphics_cards_are_listed() -> None:
    card = {"index": 0, "name": "H200", "total_memory_mb": 144_000, "compute_capability": "9.0"}
    system = system_info(TorchFacts(torch_version="2.9", cuda_version="12.8", cudnn_version="91000", cuda_count=1, gpu_devices=(card,)))
    assert system["gpu_devices"] == [card] and system["cudnn_version"] == "91000"
