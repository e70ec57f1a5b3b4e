"""Stable sort of each row by integer keys with many equals; the payload moves along and positions are returned.

Outputs: sorted keys (int64), payload in that order (float32), position each one came from (int64). Equal keys keep their order.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 32, "length": 1024, "keys": 300},
    "gpu": {"rows": 4096, "length": 8192, "keys": 1000},
    "odd": {"rows": 7, "length": 1019, "keys": 97},
}


class Model(nn.Module):
    def forward(self, keys: torch.Tensor, payload: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        ordered, origin = torch.sort(keys, dim=-1, stable=True)
        return ordered, payload.gather(-1, origin), origin


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["rows"], shape["length"])
    return [torch.randint(0, shape["keys"], dims), torch.randn(dims)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
