"""How a model is asked for a kernel, one way a language (dsl)."""

from __future__ import annotations

from dataclasses import dataclass

from tripos.core.errors import ConfigError, unknown


@dataclass(frozen=True)
class Dsl:
    """A language that solutions are written in, as the prompt describes it."""

    name: str
    task: str
    devices: tuple[str, ...]


_DSLS = (
    Dsl(
        "pytorch",
        "Use PyTorch operations only. Fuse, reorder, avoid temporaries and copies, choose better algorithms.",
        ("cpu", "gpu", "npu"),
    ),
    Dsl(
        "cpp",
        "Write the computation in C++ and build it as an extension with torch.utils.cpp_extension.load_inline when the module is "
        "loaded (g++ with OpenMP, and ninja, are there; pass extra_cflags such as -O3 and -march=native), then call it in forward.",
        ("cpu",),
    ),
    Dsl(
        "cuda",
        "Write CUDA C++ kernels and build them with torch.utils.cpp_extension.load_inline (cuda_sources) when the module is loaded, "
        "then launch them in forward on the current stream.",
        ("gpu",),
    ),
    Dsl(
        "triton_cuda",
        "Write Triton kernels (@triton.jit) and launch them in forward, with block sizes for the shapes that get_inputs makes. Masks "
        "must cover every size.",
        ("gpu", "cpu"),
    ),
    Dsl("triton_ascend", "Write Triton kernels for Ascend (triton-ascend) and launch them in forward.", ("npu",)),
)
DSLS = {dsl.name: dsl for dsl in _DSLS}


def dsl_of(name: str) -> Dsl:
    """Raises ConfigError for an unknown name, with the nearest one."""
    if name not in DSLS:
        raise ConfigError(unknown("dsl", name, DSLS))
    return DSLS[name]


def kernel_prompt(source: str, dsl: str, *, arch: str, device: str, threads: int = 1) -> str:
    """The question that a model is asked.

    Args:
        source: the case, its devices written for this backend.
        arch: hardware, as a name.
        device: cpu, cuda or npu.
    """
    where = f"a CPU ({arch}) with {threads} thread{'s' if threads != 1 else ''}" if device == "cpu" else f"{arch} ({device})"
    return f"""The Python module below defines a PyTorch model `Model`, and functions that make its inputs. Write a module that computes \
the same, faster, on {where}.

```python
{source.strip()}
```

Your module must define `class ModelNew` with the same constructor arguments and the same `forward` arguments and results (shapes, \
data types, and changes made to inputs, if any). Parameters and buffers keep their names and shapes, or are created in the same \
order, so that both get the same weights. Both are called in evaluation mode (`eval()`), without gradients. {dsl_of(dsl).task}

It is examined on inputs it has not seen: outputs are compared with the original's element by element, as exactly as the data type \
allows, and timed against the original on fresh inputs at every call. Results kept from earlier calls are wrong, and a \
result must stay as it is when the next call is made. Inputs that the \
original leaves alone must be left alone. There is no network and no file but your module.

Answer with the complete module in one ```python block."""
