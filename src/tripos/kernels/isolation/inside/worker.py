"""The shell that holds a case's reference or somebody's solution, and does what the judge says.

Nothing here is trusted by the judge: code that is loaded here may replace any of it. It can then only harm its own result,
because the judge sets the inputs and reads the outputs in this process's memory itself, and holds the clock.

Commands (`{"do": …}`) and replies are JSON; tensors are described by address, shape, strides and dtype, never sent.
`window` is the one exception: it answers with packed addresses, to be short of breath while a clock runs.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib.util
import math
import os
import random
import struct
import sys
import time
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from . import placement
from .wire import Broken, Channel

STAGED = b"s"
MOST_TRACEBACK = 20_000
MOST_ERROR = 2_000
MOST_DEPTH = 20
LARGEST = (1 << 63) - 1


class Worker:
    """State of one worker: the loaded module, the models that were built, numbered sets of inputs, the last outputs."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.module: types.ModuleType | None = None
        self.models: dict[str, Any] = {}
        self.slots: dict[int, list[Any]] = {}
        self.outputs: Any = None
        self.earlier: Any = None  # the outputs of the run before
        self.kept: list[Any] = []  # keeps described tensors alive until the judge has read them
        self.device = "cpu"
        self.scattered: list[object] = []

    def serve(self) -> None:
        """Until the judge closes the channel."""
        with torch.no_grad():
            while True:
                try:
                    message = self.channel.receive()
                except Broken:
                    return
                self.channel.send(self._answer(message))

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        self.kept.clear()  # the judge has read what was described before
        try:
            return {"ok": True, **getattr(self, "do_" + message.pop("do"))(**message)}
        except BaseException as error:
            text = "".join(traceback.format_exception(error))
            kind = "oom" if isinstance(error, MemoryError) or "can't allocate memory" in str(error) else type(error).__name__
            sentence = f"{type(error).__name__}: {error}"[:MOST_ERROR]
            return {"ok": False, "kind": kind, "error": sentence, "traceback": text[-MOST_TRACEBACK:]}

    def do_start(self, threads: int, device: str, environment: dict[str, str], layout: int) -> dict[str, Any]:
        """Settings that are the same for both sides, but for `layout`, so that what is allocated lies elsewhere than in other workers."""
        self.scattered = placement.scattered(layout)
        os.environ.update(environment)
        torch.set_num_threads(threads)
        self.device = device
        return {"threads": torch.get_num_threads(), "torch": torch.__version__}

    def do_load(self, source: str, name: str, needs: list[str]) -> dict[str, Any]:
        """Runs the source as module `name` from a file, as Triton and `inspect` want it; says which of `needs` are missing."""
        path = Path.cwd() / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
        self.module = module
        return {"missing": [each for each in needs if not hasattr(module, each)]}

    def do_initial(self, seed: int, size: str) -> dict[str, Any]:
        """Reference only: the constructor's arguments."""
        _seed(seed)
        return {"arguments": self._describe(list(_sized(self.module.get_init_inputs, size)))}  # type: ignore[union-attr]

    def do_build(self, kind: str, slot: int, seed: int) -> dict[str, Any]:
        """Constructs `Model` or `ModelNew` from the arguments in `slot`, under `seed`; tells parameters and buffers by name."""
        _seed(seed)
        model = getattr(self.module, kind)(*self.slots[slot])
        if isinstance(model, torch.nn.Module):
            model = model.to(self.device).eval()
        self.models[""] = model
        state = model.state_dict() if isinstance(model, torch.nn.Module) else {}
        return {"state": {name: self._tensor(value) for name, value in state.items() if isinstance(value, torch.Tensor)}}

    def do_double(self) -> dict[str, Any]:
        """Reference only: a float64 twin of the model."""
        self.models["double"] = copy.deepcopy(self.models[""]).double()
        return {}

    def do_compile(self) -> dict[str, Any]:
        """Reference only: the model through torch.compile from now on."""
        self.models[""] = torch.compile(self.models[""])
        return {}

    def do_copy_speed(self) -> dict[str, Any]:
        """Reference only: bytes read and written in a second by a copy that stays in the caches, the best of several."""
        on_processor = self.device.startswith("cpu")
        source = torch.zeros((1 if on_processor else 16) << 20, dtype=torch.uint8, device=self.device)
        target, best = torch.empty_like(source), math.inf
        for _ in range(8):
            _wait(self.device)
            began = time.perf_counter()
            for _ in range(8):
                target.copy_(source)
            _wait(self.device)
            best = min(best, time.perf_counter() - began)
        return {"bytes_per_second": 16 * source.numel() / best}

    def do_inputs(self, seed: int, size: str, slot: int) -> dict[str, Any]:
        """Reference only: makes the inputs of `seed` and keeps them in `slot`."""
        _seed(seed)
        made = list(_sized(self.module.get_inputs, size))  # type: ignore[union-attr]
        self.slots[slot] = made
        return {"inputs": self._describe(made)}

    def do_receive(self, slot: int, like: Any) -> dict[str, Any]:
        """Makes room for values that the judge will write; says where."""
        self.slots[slot] = _build(like)
        return {"inputs": self._describe(self.slots[slot])}

    def do_run(self, slot: int, model: str = "") -> dict[str, Any]:
        """One call; tells the outputs, and the inputs as they are afterwards."""
        arguments = [_doubled(each) for each in self.slots[slot]] if model == "double" else self.slots[slot]
        arguments = [_onto(each, self.device) for each in arguments]
        result = self.models[model](*arguments)
        _wait(self.device)
        self.earlier, self.outputs = self.outputs, result
        inputs = self._describe([_onto(each, "cpu") for each in arguments])
        return {"outputs": self._describe(_onto(result, "cpu")), "inputs": inputs}

    def do_earlier(self) -> dict[str, Any]:
        """The outputs of the run before the last, as they are now."""
        return {"outputs": self._describe(_onto(self.earlier, "cpu"))}

    def do_window(self, slots: list[int]) -> dict[str, Any]:
        """Waits for the judge's go, calls the model once a slot, answers with the addresses of all outputs, and then serves on."""
        model, batch = self.models[""], [self.slots[slot] for slot in slots]
        end, device = self.channel.end, self.device
        outputs: list[Any] = []
        gc.collect()
        gc.disable()
        self.channel.send({"ok": True})
        end.recv(1)
        try:
            if device != "cpu":  # onto the device before the clock, back to where the judge can read after it
                batch = [[_onto(each, device) for each in arguments] for arguments in batch]
                _wait(device)
                end.sendall(STAGED)
                end.recv(1)
            for arguments in batch:
                outputs.append(model(*arguments))
            if device != "cpu":
                _wait(device)
                end.sendall(STAGED)
                outputs[:] = [_onto(each, "cpu") for each in outputs]
            leaves = [leaf for each in outputs for leaf in _leaves(each)]  # held until the judge has read them
            addresses = [leaf.data_ptr() for leaf in leaves]
        except BaseException as error:
            end.sendall(struct.pack("<q", -1))
            raise error
        finally:
            gc.enable()
        end.sendall(struct.pack(f"<q{len(addresses)}Q", len(addresses), *addresses))
        end.recv(1)  # the judge is still reading
        return {}

    def _describe(self, value: Any, depth: int = 0) -> Any:
        if depth > MOST_DEPTH:
            return {"type": f"structure nested deeper than {MOST_DEPTH}"}
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, float):
            return {"value": repr(float(value)), "type": "float"}
        if value is None or isinstance(value, bool | str):
            return {"value": value, "type": type(value).__name__}
        if isinstance(value, int):
            return {"value": int(value), "type": "int"}
        if isinstance(value, dict):
            items = [self._describe(each, depth + 1) for each in value.values()]
            return {"type": "dict", "keys": [str(key) for key in value], "items": items}
        if isinstance(value, list | tuple):
            items = [self._describe(each, depth + 1) for each in value]
            return {"type": "list" if isinstance(value, list) else "tuple", "items": items}
        if isinstance(value, torch.dtype | torch.device):
            return {"type": type(value).__name__, "value": str(value)}
        return {"type": type(value).__name__}

    def _tensor(self, value: torch.Tensor) -> dict[str, Any]:
        exact = type(value) is torch.Tensor or type(value) is torch.nn.Parameter
        if value.layout is not torch.strided or not exact or value.device.type == "meta":
            return {"type": f"{type(value).__name__} ({value.layout}, {value.device})"}
        if value.device.type != "cpu":
            value = value.cpu()
        if value.is_conj() or value.is_neg():
            value = value.resolve_conj().resolve_neg()
        self.kept.append(value)
        return {
            "type": "Tensor",
            "address": value.data_ptr(),
            "shape": list(value.shape),
            "strides": list(value.stride()),
            "dtype": str(value.dtype).removeprefix("torch."),
        }


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def _sized(function: Any, size: str) -> Any:
    """Calls the case's function for that size where it knows sizes."""
    with contextlib.suppress(TypeError, ValueError):
        import inspect

        if "size" in inspect.signature(function).parameters:
            return function(size=size)
    return function()


def _build(like: Any) -> Any:
    """Empty tensors and plain values of a description."""
    if like["type"] == "Tensor":
        dtype = getattr(torch, like["dtype"])
        shape, strides = like["shape"], like["strides"]
        span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if all(shape) else 0
        return torch.zeros(span, dtype=dtype).as_strided(shape, strides)
    if like["type"] in ("list", "tuple"):
        made = [_build(each) for each in like["items"]]
        return made if like["type"] == "list" else tuple(made)
    if like["type"] == "dict":
        return dict(zip(like["keys"], (_build(each) for each in like["items"]), strict=True))
    if like["type"] == "dtype":
        return getattr(torch, like["value"].removeprefix("torch."))
    if like["type"] == "device":
        return torch.device(like["value"])
    if like["type"] == "float":
        return float(like["value"])
    if "value" not in like:
        raise TypeError(f"an argument of type {like['type']} cannot be carried between processes")
    return like["value"]


def _leaves(value: Any) -> Iterator[torch.Tensor]:
    """What a window shows: tensors, and numbers as tensors, because it is answered with addresses and nothing else."""
    if isinstance(value, torch.Tensor):
        yield value.resolve_conj().resolve_neg()  # the memory that is read must hold the values
    elif isinstance(value, float):
        yield torch.tensor(value, dtype=torch.float32)
    elif isinstance(value, int):
        yield torch.tensor(value & LARGEST, dtype=torch.int64)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)


def _doubled(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.double()
    if isinstance(value, list | tuple):
        return type(value)(_doubled(each) for each in value)
    return value.clone() if isinstance(value, torch.Tensor) else value


def _onto(value: Any, device: str, depth: int = 0) -> Any:
    if depth > MOST_DEPTH:
        return value
    if isinstance(value, torch.Tensor):
        return value if value.device.type in (device.partition(":")[0], "meta") else value.to(device)
    if isinstance(value, list | tuple):
        parts = [_onto(each, device, depth + 1) for each in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _onto(each, device, depth + 1) for key, each in value.items()}
    return value


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device.startswith("npu"):
        torch.npu.synchronize()
