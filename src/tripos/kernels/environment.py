"""The machine that kernels were measured on. torch is asked in a process of its own, so that ours never imports it."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from tripos.kernels.targets import Target

_ASK = """
import json, sys
facts = {}
try:
    import torch
except Exception as error:
    facts["error"] = f"{type(error).__name__}: {error}"
else:
    facts["torch_version"] = str(torch.__version__)
    facts["cuda_version"] = torch.version.cuda
    facts["threads"] = torch.get_num_threads()
    try:
        import torch_npu
    except Exception:
        pass
    try:
        if torch.cuda.is_available():
            cudnn = torch.backends.cudnn
            facts["cudnn_version"] = str(cudnn.version()) if cudnn.is_available() else None
            facts["cuda_count"] = torch.cuda.device_count()
            facts["gpu_devices"] = []
            for index in range(facts["cuda_count"]):
                seen = torch.cuda.get_device_properties(index)
                facts["gpu_devices"].append({
                    "index": index, "name": seen.name, "total_memory_mb": round(seen.total_memory / 2**20),
                    "compute_capability": f"{seen.major}.{seen.minor}",
                })
        npu = getattr(torch, "npu", None)
        if npu is not None and npu.is_available():
            facts["npu_count"] = npu.device_count()
    except Exception as error:
        facts["device_error"] = f"{type(error).__name__}: {error}"
print("\\x1e" + json.dumps(facts))
"""
_MARK = "\x1e"  # torch and its plug-ins may print lines of their own


class TorchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What torch says of itself. `error`: why it could not be asked; `device_error`: why its devices could not. Counts are of devices
    that torch can use now, after variables such as CUDA_VISIBLE_DEVICES."""

    torch_version: str | None = None
    cuda_version: str | None = None
    cudnn_version: str | None = None
    threads: int | None = None
    cuda_count: int = 0
    npu_count: int = 0
    gpu_devices: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    device_error: str | None = None


@cache
def torch_facts(python: str = sys.executable, limit_seconds: float = 120.0) -> TorchFacts:
    """Asks torch in a fresh interpreter (about 2 s, once). Never raises: what went wrong stands in `error`."""
    try:
        done = subprocess.run(
            [python, "-P", "-c", _ASK], capture_output=True, text=True, timeout=limit_seconds, errors="replace", check=False
        )
        return msgspec.json.decode(done.stdout.rpartition(_MARK)[2].strip(), type=TorchFacts)
    except subprocess.TimeoutExpired:
        return TorchFacts(error=f"importing torch took longer than {limit_seconds:g} s")
    except OSError as error:
        return TorchFacts(error=f"cannot run {python}: {error.strerror}")
    except msgspec.DecodeError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:500]
        return TorchFacts(error=f"importing torch ended with exit code {done.returncode}: {last}")


def system_info(facts: TorchFacts) -> dict[str, Any]:
    """Hardware and software, what could not be learned as None."""
    info: dict[str, Any] = {
        "python_version": sys.version,
        "platform": platform.platform(),
        "cpu": platform.processor() or platform.machine(),
        "torch_version": facts.torch_version or "unavailable",
        "cuda_version": facts.cuda_version,
        "cudnn_version": facts.cudnn_version,
        "gpu_count": facts.cuda_count,
        "gpu_devices": [dict(device) for device in facts.gpu_devices],
        "npu_available": facts.npu_count > 0,
        "torch_error": facts.error or facts.device_error,
        "torch_threads": facts.threads,
        "packages": _versions("torch", "triton", "numpy", "ninja"),
        "cpu_model": _first_value("/proc/cpuinfo", "model name"),
        "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu_governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "gpu_driver": _text("/proc/driver/nvidia/version"),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }
    return info


def environment_of(target: Target, devices: tuple[int, ...], facts: TorchFacts | None = None) -> dict[str, Any]:
    """The `environment` of a payload; without facts torch is asked."""
    return {
        "framework": "torch",
        "dsl": target.dsl,
        "backend": target.backend,
        "visible_devices": list(devices),
        "system": system_info(facts or torch_facts()),
    }


def _versions(*names: str) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip() or None
    except OSError:
        return None


def _first_value(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
