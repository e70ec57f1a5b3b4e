"""Stable partition of int64 rows by a flag: flagged values first, the others after, and how many were flagged.

The target of a flagged value is the exclusive prefix sum of flags; of another one, the count of flags plus that of the non-flags.
Source: Blelloch, "Prefix Sums and Their Applications", 1990 (split).
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 96, "length": 2048},
    "gpu": {"rows": 1024, "length": 32768},
    "odd": {"rows": 11, "length": 1021},
}


class Model(nn.Module):
    def forward(self, values: torch.Tensor, flags: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ones = flags.to(torch.int64)
        count = ones.sum(dim=-1, keepdim=True)
        before = ones.cumsum(dim=-1) - ones
        position = torch.arange(values.shape[-1], device=values.device)
        target = torch.where(flags, before, count + position - before)
        return torch.empty_like(values).scatter_(-1, target, values), count.squeeze(-1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["rows"], shape["length"])
    return [torch.randint(-(10**12), 10**12, dims), torch.rand(dims) < torch.rand(shape["rows"], 1)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
